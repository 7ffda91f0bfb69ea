package runbooks

import (
	"context"
	"fmt"
	"strings"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// RescueOptions are the operator's words for Rescue.
type RescueOptions struct {
	From   topology.Region
	DryRun bool
}

// Rescue copies the versions that only region o.From holds into each secret's
// acting primary, under labels of their own (planner.RescueLabel and a
// number). AWSCURRENT stays where it is; whoever wants a rescued version to be
// current moves the label. It is idempotent: a version that the primary holds
// is not copied again. With nothing to rescue the report has no ID.
// A secret that can't be rescued holds up no other; it is named in the error,
// beside the report.
func Rescue(ctx context.Context, env Env, o RescueOptions) (*planner.Plan, *executor.Report, error) {
	env = env.counting()
	options := planner.Options{From: o.From}
	in, err := env.look(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	plan := planner.Rescue(in)
	switch err := mayRun(plan, "nothing can be rescued"); {
	case err != nil, o.DryRun:
		return plan, nil, err
	case plan.Empty() && len(plan.Blockers) > 0:
		b := plan.Blockers[0]
		return plan, nil, &Refused{Code: b.Code, Message: blockerLine(b), Hint: b.Fix}
	case plan.Empty():
		return plan, nothingDone(plan), nil
	}
	if err := env.confirm(ctx, plan); err != nil {
		return plan, nil, err
	}
	report, err := env.run(ctx, plan, executor.SpecOf(env.Desired), env.stillPlanned(plan, options, planner.Rescue))
	if err == nil {
		err = notRescued(plan)
	}
	return plan, report, err
}

// notRescued names what the plan had to leave where it is: who reads "done"
// may delete the only copy.
func notRescued(plan *planner.Plan) error {
	if len(plan.Blockers) == 0 {
		return nil
	}
	lines := make([]string, 0, len(plan.Blockers))
	for _, b := range plan.Blockers {
		lines = append(lines, blockerLine(b)+"; "+b.Fix)
	}
	return fmt.Errorf("the run ended, but not everything is rescued:\n  %s", strings.Join(firstOf(lines, 20), "\n  "))
}
