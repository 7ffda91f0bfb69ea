package runbooks_test

import (
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// failback to REGION [--dry-run] [--rescue NAME|*]… [--give-up NAME|*]…
func (p *player) failback(to topology.Region, flags []string) {
	p.t.Helper()
	o := runbooks.FailbackOptions{To: to, DryRun: slices.Contains(flags, "--dry-run")}
	for i, f := range flags {
		switch f {
		case "--rescue":
			o.Rescue = append(o.Rescue, topology.Name(flags[i+1]))
		case "--give-up":
			o.GiveUp = append(o.GiveUp, topology.Name(flags[i+1]))
		}
	}
	plan, report, err := runbooks.Failback(p.t.Context(), p.env, o)
	if plan != nil && (o.DryRun && err == nil || report != nil) {
		p.steps(plan)
		for _, b := range tally(plan.Notes, func(b planner.Blocker) string { return b.Code + " " + string(b.Region) }) {
			p.printf("note: %s", b)
		}
	}
	p.run(report, err)
}
