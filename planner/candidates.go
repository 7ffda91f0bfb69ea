package planner

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Candidate is a region that the primary could move to.
type Candidate struct {
	Region topology.Region `json:"region"`
	// Secrets that could move there, Behind of them with versions missing;
	// whether any are missing of Unknown more, nobody knows.
	Secrets int `json:"secrets"`
	Behind  int `json:"behind"`
	Unknown int `json:"unknown"`
	// Limitations are why it, or a secret, should not; most general first.
	Limitations []Blocker `json:"limitations,omitempty"`
	// Eligible: nothing refuses the whole region, and at least one secret
	// could move.
	Eligible bool `json:"eligible"`
}

// Candidates ranks the standby regions as targets of a failover: eligible
// ones first, then by secrets that could move, by how few are behind or
// unknown, by how few limitations, and by the configuration's order of preference.
func Candidates(in Input) []Candidate {
	var out []Candidate
	for _, r := range in.Desired.Standby {
		try := in
		try.Options.To = r
		out = append(out, candidate(try))
	}
	slices.SortStableFunc(out, func(x, y Candidate) int {
		return cmp.Or(
			compareBools(y.Eligible, x.Eligible), cmp.Compare(y.Secrets, x.Secrets),
			cmp.Compare(x.Behind, y.Behind), cmp.Compare(x.Unknown, y.Unknown), cmp.Compare(len(x.Limitations), len(y.Limitations)),
		)
	})
	return out
}

func candidate(in Input) Candidate {
	b := newBuild(&in, "failover")
	m := &move{build: b, to: in.Options.To}
	c := Candidate{Region: m.to}
	if !m.targetRefused() {
		b.each(m.secret)
		m.judgeStaleness()
		for _, moving := range m.from {
			c.Secrets += moving
		}
		c.Behind = len(m.behind)
		for i := range b.plan.Notes {
			if b.plan.Notes[i].Code == codeUnknown {
				c.Unknown++
			}
		}
	}
	slices.SortFunc(b.plan.Blockers, compareBlockers)
	c.Limitations = slices.Compact(b.plan.Blockers)
	c.Eligible = c.Secrets > 0 && !slices.ContainsFunc(c.Limitations, func(x Blocker) bool { return x.Fatal })
	if m.here > 0 && len(m.from) == 0 {
		c.Limitations = append(c.Limitations, Blocker{
			Code: "already-there", Region: m.to, Message: fmt.Sprintf("is the acting primary of %s", count(m.here, "secret")),
		})
	}
	return c
}

func compareBools(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}
