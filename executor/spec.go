package executor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A RunSpec says how a plan is run. It is stored with the run: resuming it
// goes on in the same way.
type RunSpec struct {
	// Default is the pace of groups that Groups does not name.
	Default Pace            `json:"default,omitzero"`
	Groups  map[string]Pace `json:"groups,omitempty"`
	// Skip are regions to which no call is made at all (--primary-lost): owed
	// steps there are deferred, any other fails. Resuming keeps to it.
	Skip []topology.Region `json:"skip,omitempty"`
	// Dark are regions that did not answer just before the run began. It makes
	// no call to them either; whoever resumes it says which are dark still.
	Dark []topology.Region `json:"dark,omitempty"`
}

// A Pace is how fast a group's secrets are taken on.
type Pace struct {
	// Waves are cumulative numbers of secrets: "1", "10%", "100%". Each is
	// finished and verified before the next begins. None = all at once.
	Waves []string `json:"waves,omitempty"`
	// MaxFailures is how many of the group's secrets may fail, as "3" or
	// "5%"; one more halts the group. "" = any number.
	MaxFailures string `json:"max_failures,omitempty"`
	// Bake is the pause between two waves.
	Bake time.Duration `json:"bake,omitempty"`
}

// SpecOf is the pace that the configuration asks for.
func SpecOf(d *topology.Desired) RunSpec {
	f := d.Failover
	spec := RunSpec{Default: Pace{Waves: f.Waves, MaxFailures: f.MaxFailures, Bake: f.Bake}, Groups: map[string]Pace{}}
	for _, g := range d.Groups {
		p := spec.Default
		if g.Waves != nil {
			p.Waves = g.Waves
		}
		if g.MaxFailures != "" {
			p.MaxFailures = g.MaxFailures
		}
		spec.Groups[g.Name] = p
	}
	return spec
}

func (s RunSpec) pace(group string) Pace {
	if p, ok := s.Groups[group]; ok {
		return p
	}
	return s.Default
}

// ends turns waves into how many of n secrets have begun after each; the
// last is always n.
func (p Pace) ends(n int) ([]int, error) {
	var ends []int
	for _, w := range p.Waves {
		end, err := share(w, n)
		if err != nil {
			return nil, fmt.Errorf("wave %q: %w", w, err)
		}
		end = min(max(end, 1), n) // "10%" of three secrets is one
		if len(ends) == 0 || end > ends[len(ends)-1] {
			ends = append(ends, end)
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < n {
		ends = append(ends, n)
	}
	return ends, nil
}

// allowed is how many of n secrets may fail; n if any number may.
func (p Pace) allowed(n int) (int, error) {
	if p.MaxFailures == "" {
		return n, nil
	}
	k, err := share(p.MaxFailures, n)
	if err != nil {
		return 0, fmt.Errorf("max_failures %q: %w", p.MaxFailures, err)
	}
	return k, nil
}

// share reads "3" or "10%" of n, rounded down.
func share(s string, n int) (int, error) {
	num, percent := strings.CutSuffix(s, "%")
	k, err := strconv.Atoi(num)
	switch {
	case err != nil || k < 0, percent && k > 100:
		return 0, fmt.Errorf("want a number such as 3, or a share such as 10%%")
	case percent:
		return n * k / 100, nil
	}
	return k, nil
}
