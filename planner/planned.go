package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// What a switchover and a failback share: they have time, so they are done as
// a whole or not at all.

// allAnswer refuses where anything is unknown. ifDark is what to do about a
// region that keeps dark.
func (m *move) allAnswer(ifDark string) bool {
	all := true
	for _, r := range m.desired.Regions() {
		x := Blocker{Region: r}
		switch v := m.view(r); {
		case v.Dark != "":
			x.Code, x.Message = "region-dark", fmt.Sprintf("%s %s: what it holds is unknown", r, m.darkWords(r))
			x.Fix = ifDark
		case len(v.Partial) > 0:
			x.Code, x.Message = "service-unobserved", fmt.Sprintf("%s did not answer for %s", r, strings.Join(v.Partial, ", "))
			x.Fix = "understudy drift, once it answers"
		default:
			continue
		}
		m.block(x)
		all = false
	}
	return all
}

// allOrNothing finishes a plan whose blockers are all fatal.
func (b *build) allOrNothing() *Plan {
	for i := range b.plan.Blockers {
		b.plan.Blockers[i].Fatal = true
	}
	if len(b.plan.Blockers) > 0 {
		b.steps = nil
	}
	return b.finish()
}

// freeThirds promotes every other replica of the region that the primary
// leaves, which can become a replica only once it lists none: AWS refuses to
// overwrite a secret that has some, even with force.
func (m *moving) freeThirds(needs []string) []string {
	needs = slices.Clone(needs)
	for i := range m.s.Copies {
		c := &m.s.Copies[i]
		if c.Region == m.to || c.State != CopyReplica || !m.configured(c.Region) {
			continue
		}
		step := promoteStep(m.s, m.g, c, Step{
			Params: Params{From: m.from}, Needs: m.needs(),
			After:  "standalone, then replica of " + string(m.to),
			Reason: string(m.from) + " can become a replica only once it lists none",
		})
		step.Expect.Current = ""
		needs = append(needs, m.add(rankPromoteThird, step))
	}
	return needs
}

// outside reports whether the operator left a group out of the move.
func (m *move) outside(g *topology.Group) bool {
	chosen := m.in.Options.Groups
	return len(chosen) > 0 && !slices.Contains(chosen, g.Name)
}
