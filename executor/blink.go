package executor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Blink is how long copies in a region were away while they were
// overwritten, as far as the looks of the run tell: one every 0.2 to 2 s. AWS
// replaces a copy by itself and says nothing of how (AWS:
// ReplicateSecretToRegions, ForceOverwriteReplicaSecret).
type Blink struct {
	Region  topology.Region `json:"region"`
	Secrets int             `json:"secrets"` // overwritten
	Missing int             `json:"missing"` // of them, those that some look did not find
	// LongestSeconds is at most how long, from the last look that found the
	// copy to the next that did, and Secret whose.
	LongestSeconds float64       `json:"longest_seconds"`
	Secret         topology.Name `json:"secret,omitempty"`
}

// An absence is what the looks at one copy have shown.
type absence struct {
	found   time.Time // when a look last found it
	missing bool      // since then one did not
	total   time.Duration
}

func (a *absence) notice(c *topology.Secret, now time.Time) {
	switch {
	case c == nil || !c.Deleted.IsZero():
		a.missing = !a.found.IsZero()
		return
	case a.missing:
		a.total += now.Sub(a.found)
	}
	a.found, a.missing = now, false
}

// seconds is the measure, nil where no look was before the call.
func (a *absence) seconds() *float64 {
	if a.found.IsZero() {
		return nil
	}
	s := a.total.Seconds()
	return &s
}

// blinks sums up by region.
func (g *ledger) blinks() []Blink {
	by := map[topology.Region]*Blink{}
	for _, i := range slices.Sorted(maps.Keys(g.away)) {
		s, away := &g.plan.Steps[i], g.away[i]
		b := by[s.Region]
		if b == nil {
			b = &Blink{Region: s.Region}
			by[s.Region] = b
		}
		b.Secrets++
		if away > 0 {
			b.Missing++
		}
		if away > b.LongestSeconds {
			b.LongestSeconds, b.Secret = away, s.Secret
		}
	}
	list := make([]Blink, 0, len(by))
	for _, b := range by {
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b Blink) int { return cmp.Compare(a.Region, b.Region) })
	return list
}
