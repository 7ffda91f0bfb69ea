package drift

import (
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Move of the primary stopped midway.
type Move struct {
	GoOn     string         // the command that brings it to its end
	Aborting bool           // that takes back what it can, and does nothing more
	Steps    []planner.Step // its plan's
	Left     []planner.Step // of them, what resuming it would do
}

// pending is what moves that stopped midway mean for advice.
type pending struct {
	mends    map[string]string        // finding key → command that mends it
	protects map[topology.Name]string // secret → command that gives it a second region
	first    string                   // what must be done before apply does anything
}

// moves finds out what those that stopped midway will mend themselves, once
// somebody goes on with them. What they owe has a finding of its own, with
// what pays it at once.
func (c *check) moves() {
	p := pending{mends: map[string]string{}, protects: map[topology.Name]string{}}
	resolver := c.in.Resolver()
	for i := range c.options.Moves {
		m := &c.options.Moves[i]
		if p.first == "" && len(planner.Both(c.plan.Steps, m.Steps)) > 0 {
			p.first = m.GoOn
		}
		for j := range m.Left {
			s := &m.Left[j]
			if m.Aborting || s.Owed {
				continue
			}
			for _, f := range c.asFindings(s, resolver) {
				p.mends[f.key()] = m.GoOn
			}
			if s.Action == planner.OverwriteReplica || s.Action == planner.Replicate {
				p.protects[s.Secret] = m.GoOn
			}
		}
	}
	c.pending = p
}

// applying is advice to apply, behind what apply would refuse to go before.
func (c *check) applying(fix string) string {
	if c.pending.first == "" {
		return fix
	}
	return c.pending.first + ", then " + strings.TrimPrefix(fix, "understudy plan, then ")
}
