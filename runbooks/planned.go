package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/planner"
)

// A plannedMove is a move of the primary that has time: it refuses rather
// than accepts anything, and plans again before it begins.
type plannedMove struct {
	options planner.Options
	dryRun  bool
	plan    func(planner.Input) *planner.Plan
	// judge refuses the plan, with all reasons.
	judge func(planner.Input, *planner.Plan) error
	// stopped is what becomes of a run that stopped; nil leaves it to Resume.
	stopped func(context.Context, *executor.Report, error) (*executor.Report, error)
}

// carryOut is the one shape of a planned move: observe → plan → judge →
// confirm → run → verify → capture.
func (env Env) carryOut(ctx context.Context, m plannedMove) (*planner.Plan, *executor.Report, error) {
	if m.options.Window <= 0 {
		m.options.Window = DefaultWindow
	}
	in, err := env.look(ctx, m.options)
	if err != nil {
		return nil, nil, err
	}
	in = env.policies(ctx, env.keyPolicies(ctx, in, keyPolicyTime, m.options.To))
	plan := m.plan(in)
	if err := env.noUnfinishedRun(ctx, m.dryRun, nil); err != nil {
		return plan, nil, err
	}
	if err := m.judge(in, plan); err != nil || m.dryRun {
		return plan, nil, err
	}
	if plan.Empty() {
		return plan, nothingDone(plan), nil
	}
	if err := env.confirm(ctx, plan); err != nil {
		return plan, nil, err
	}
	report, err := env.run(ctx, plan, executor.SpecOf(env.Desired), env.stillPlanned(plan, m.options, m.plan))
	if err != nil && m.stopped != nil {
		report, err = m.stopped(ctx, report, err)
	}
	if err != nil {
		return plan, report, err
	}
	return plan, report, env.conclude(ctx, plan, report)
}

// stillPlanned returns a check that the same plan would be made now.
func (env Env) stillPlanned(plan *planner.Plan, o planner.Options, make func(planner.Input) *planner.Plan) func(context.Context) error {
	return func(ctx context.Context) error {
		in, err := env.look(ctx, o)
		if err != nil {
			return fmt.Errorf("look again: %w", err)
		}
		err = stillHolds(plan, make(in))
		if refused := (*Refused)(nil); errors.As(err, &refused) { // no saved plan
			refused.Hint = fmt.Sprintf("understudy status; the same %s again makes a new plan", plan.Command)
		}
		return err
	}
}

// mayRun refuses a plan with fatal blockers, listing all of them.
func mayRun(plan *planner.Plan, why string) error {
	if no := refusal(why, plan.Refused()); no != nil {
		return no
	}
	return nil
}

// refusal lists what speaks against a plan, and what to do about it; nil if
// nothing does. why, if any, is what the command stands for.
func refusal(why string, against []planner.Blocker) *Refused {
	if len(against) == 0 {
		return nil
	}
	lines, fixes := make([]string, 0, len(against)), []string{}
	for _, b := range against {
		lines = append(lines, blockerLine(b))
		if b.Fix != "" && !slices.Contains(fixes, b.Fix) {
			fixes = append(fixes, b.Fix)
		}
	}
	if why != "" {
		why += "; "
	}
	return &Refused{
		Code:    against[0].Code,
		Message: why + "nothing was changed:\n  " + strings.Join(firstOf(lines, 20), "\n  "),
		Hint:    strings.Join(firstOf(fixes, 4), "; "),
	}
}

// orElse adds another way to what to do.
func (e *Refused) orElse(way string) {
	switch {
	case way == "":
	case e.Hint == "":
		e.Hint = way
	default:
		e.Hint += "; " + way
	}
}

func blockerLine(b planner.Blocker) string {
	line := b.Message
	if b.Region != "" && !strings.Contains(line, string(b.Region)) {
		line = string(b.Region) + ": " + line
	}
	if b.Secret != "" {
		line = string(b.Secret) + ": " + line
	}
	return line
}
