package executor

import (
	"fmt"
	"sync/atomic"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A group is the pace of one group's secrets through its waves.
type group struct {
	name    string
	tier    int
	ends    []int // how many secrets have begun after each wave
	left    []int // unfinished steps by wave
	open    int   // waves 0..open may run
	parked  [][]int32
	bake    bool // a pause before the next wave is running
	pace    Pace
	allowed int
	failed  map[topology.Name]bool
	// halted is read by the goroutines of steps that wait for their turn.
	halted atomic.Bool
}

// reason says why the group was halted.
func (g *group) reason() string {
	return fmt.Sprintf("group %s halted: %d of its secrets failed, max_failures allows %d", g.name, len(g.failed), g.allowed)
}

// newGroups cuts each group's secrets into waves, in the plan's order, and
// writes the waves into the graph.
func newGroups(steps []planner.Step, wave []int, spec RunSpec) (map[string]*group, error) {
	seen := map[string]map[topology.Name]int{}
	for i := range steps {
		s := &steps[i]
		if s.Secret == "" {
			continue
		}
		if seen[s.Group] == nil {
			seen[s.Group] = map[topology.Name]int{}
		}
		if _, ok := seen[s.Group][s.Secret]; !ok {
			seen[s.Group][s.Secret] = len(seen[s.Group])
		}
	}
	groups := make(map[string]*group, len(seen))
	for name, secrets := range seen {
		g := &group{name: name, pace: spec.pace(name), failed: map[topology.Name]bool{}}
		var err error
		if g.ends, err = g.pace.ends(len(secrets)); err != nil {
			return nil, err
		}
		if g.allowed, err = g.pace.allowed(len(secrets)); err != nil {
			return nil, err
		}
		g.left, g.parked = make([]int, len(g.ends)), make([][]int32, len(g.ends))
		groups[name] = g
	}
	for i := range steps {
		if s := &steps[i]; s.Secret != "" {
			wave[i] = groups[s.Group].waveOf(seen[s.Group][s.Secret])
		}
	}
	return groups, nil
}

func (g *group) waveOf(nth int) int {
	for w, end := range g.ends {
		if nth < end {
			return w
		}
	}
	return len(g.ends) - 1
}

// over: the wave that is open, and all before it, have no step left.
func (g *group) over() bool {
	for w := 0; w <= g.open; w++ {
		if g.left[w] > 0 {
			return false
		}
	}
	return true
}
