package executor

import (
	"fmt"
	"math"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A graph is a plan's order: who waits for whom, and where each step stands
// in tiers and waves. It is a few numbers a step, whatever the step holds.
type graph struct {
	steps []planner.Step
	// dependents of step i are list[first[i]:first[i+1]].
	list, first []int32
	needs       []int32 // how many of a step's needs are open
	tier        []int   // effective: a need comes no later than its dependents
	wave        []int   // from 0; noWave where no wave holds the step back
}

const noWave = math.MaxInt

// newGraph checks a plan and orders it. Errors: ErrBadPlan.
func newGraph(steps []planner.Step) (*graph, error) {
	n := len(steps)
	g := &graph{steps: steps, first: make([]int32, n+1), needs: make([]int32, n), tier: make([]int, n), wave: make([]int, n)}
	index := make(map[string]int32, n)
	for i := range steps {
		if _, twice := index[steps[i].ID]; twice || steps[i].ID == "" {
			return nil, fmt.Errorf("%w: step id %q is empty or used twice", ErrBadPlan, steps[i].ID)
		}
		index[steps[i].ID] = int32(i)
		g.tier[i], g.wave[i] = steps[i].Tier, noWave
	}
	for i := range steps {
		for _, need := range steps[i].Needs {
			j, ok := index[need]
			if !ok {
				return nil, fmt.Errorf("%w: step %s needs %s, which is not in it", ErrBadPlan, steps[i].ID, need)
			}
			g.first[j+1]++
			g.needs[i]++
		}
	}
	for i := range n {
		g.first[i+1] += g.first[i]
	}
	g.list = make([]int32, g.first[n])
	at := append([]int32(nil), g.first[:n]...)
	for i := range steps {
		for _, need := range steps[i].Needs {
			j := index[need]
			g.list[at[j]] = int32(i)
			at[j]++
		}
	}
	return g, nil
}

func (g *graph) dependents(i int32) []int32 { return g.list[g.first[i]:g.first[i+1]] }

// settle gives every step the tier and wave of its earliest dependent, so
// that no gate can hold back what an open step waits for. ErrBadPlan if steps
// need each other in a circle.
func (g *graph) settle() error {
	order := make([]int32, 0, len(g.steps))
	open := append([]int32(nil), g.needs...)
	for i := range g.steps {
		if open[i] == 0 {
			order = append(order, int32(i))
		}
	}
	for at := 0; at < len(order); at++ {
		for _, d := range g.dependents(order[at]) {
			if open[d]--; open[d] == 0 {
				order = append(order, d)
			}
		}
	}
	if len(order) < len(g.steps) {
		return fmt.Errorf("%w: %d steps need each other in a circle", ErrBadPlan, len(g.steps)-len(order))
	}
	for at := len(order) - 1; at >= 0; at-- {
		i := order[at]
		for _, d := range g.dependents(i) {
			if g.tier[d] <= g.tier[i] {
				g.tier[i], g.wave[i] = g.tier[d], min(g.wave[i], g.wave[d])
			}
		}
	}
	return nil
}

// holdsUp: whether a step must not run because a need of it was deferred.
func holdsUp(need, s *planner.Step) bool {
	switch s.Action {
	case planner.RemoveReplica, planner.OverwriteReplica, planner.RekeyReplica:
		return true
	}
	return s.Region == need.Region && !s.Owed
}

// A lockKey is something that two steps must not touch at once: one copy of
// a secret, or (the zero key) the one re-key by removal.
type lockKey struct {
	secret topology.Name
	region topology.Region
}

// locks are the keys of a step.
func locks(s *planner.Step, keys []lockKey) []lockKey {
	keys = keys[:0]
	if s.Action == planner.RekeyReplica && s.Params.ViaRemoval {
		keys = append(keys, lockKey{})
	}
	if s.Secret == "" {
		return keys
	}
	for _, r := range regionsCalled(s) {
		keys = append(keys, lockKey{s.Secret, r})
	}
	return keys
}
