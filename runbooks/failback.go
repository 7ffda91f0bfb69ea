package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// FailbackOptions are the operator's words for Failback.
type FailbackOptions struct {
	To     topology.Region
	DryRun bool
	// Rescue and GiveUp decide, by name or planner.All, about versions that
	// only a copy about to be overwritten holds. A name goes before All, and
	// Rescue before GiveUp.
	Rescue, GiveUp []topology.Name
	Groups         []string
	// Window is how long a rotation under way may take to end, and the old
	// home to hold what the acting primary holds; 0 is five minutes.
	Window time.Duration
}

// Failback makes region o.To, which a failover left, the primary again, and
// loses no version. In this order:
//
//	observe (every region must answer) → plan → refuse while a version that
//	exists in one region only awaits the operator's word → confirm → fence the
//	old home → rescue → bring it up to date → freeze → equal → promote →
//	rotation and alarms there → all others its replicas → verify → capture
//
// A failback that stops is resumed like any run: up to the promotion the
// acting primary stays what it is, and an abort gives it its rotation back.
// Errors beside: *Refused with all reasons.
func Failback(ctx context.Context, env Env, o FailbackOptions) (*planner.Plan, *executor.Report, error) {
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	options := planner.Options{To: o.To, Groups: o.Groups, Rescue: o.Rescue, GiveUp: o.GiveUp, Window: o.Window}
	in, err := env.look(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	plan := planner.Failback(in)
	if err := env.noUnfinishedRun(ctx, o.DryRun, nil); err != nil {
		return plan, nil, err
	}
	if err := mayRun(plan, "a failback goes home with every version, or not at all"); err != nil || o.DryRun {
		return plan, nil, err
	}
	if plan.Empty() {
		return plan, nothingDone(plan), nil
	}
	if err := env.confirm(ctx, plan); err != nil {
		return plan, nil, err
	}
	report, err := env.run(ctx, plan, executor.SpecOf(env.Desired), env.stillPlanned(plan, options, planner.Failback))
	if err != nil {
		return plan, report, err
	}
	return plan, report, env.conclude(ctx, plan, report)
}

// mayRun refuses a plan with fatal blockers, listing all of them.
func mayRun(plan *planner.Plan, why string) error {
	fatal := plan.Refused()
	if len(fatal) == 0 {
		return nil
	}
	lines, fixes := make([]string, 0, len(fatal)), []string{}
	for _, b := range fatal {
		lines = append(lines, blockerLine(b))
		if b.Fix != "" && !slices.Contains(fixes, b.Fix) {
			fixes = append(fixes, b.Fix)
		}
	}
	return &Refused{
		Code:    fatal[0].Code,
		Message: fmt.Sprintf("%s; nothing was changed:\n  %s", why, strings.Join(firstOf(lines, 20), "\n  ")),
		Hint:    strings.Join(firstOf(fixes, 4), "; "),
	}
}

// stillPlanned returns a check that the same plan would be made now.
func (env Env) stillPlanned(plan *planner.Plan, o planner.Options, make func(planner.Input) *planner.Plan) func(context.Context) error {
	return func(ctx context.Context) error {
		in, err := env.look(ctx, o)
		if err != nil {
			return fmt.Errorf("look again: %w", err)
		}
		return stillHolds(plan, make(in))
	}
}
