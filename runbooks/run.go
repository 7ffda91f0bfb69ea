package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

func (env Env) executor(recheck func(context.Context) error) *executor.Executor {
	return executor.New(executor.Options{
		Cloud: env.Cloud, Store: env.Store, Holder: env.Holder, Clock: env.Clock,
		Concurrency: env.Concurrency, VerifyTimeout: env.VerifyTimeout, LeaseTTL: env.LeaseTTL,
		Progress: env.Progress, CallCounts: env.CallCounts, Stop: env.Stop, Recheck: recheck, Waiting: env.waiting,
	})
}

// run works on a plan. recheck, if not nil, is asked once the lease is held
// and before anything is journaled: another controller may have been at work
// between the observation and this moment.
func (env Env) run(ctx context.Context, plan *planner.Plan, spec executor.RunSpec, recheck func(context.Context) error) (*executor.Report, error) {
	report, err := env.executor(recheck).Run(ctx, plan, spec)
	if errors.Is(err, executor.ErrLeaseHeld) {
		return nil, &Refused{Code: "lease-held", Message: err.Error(), Hint: "understudy runs list", Err: err}
	}
	return report, err
}

// Resume goes on with a run that stopped or whose process died. What is
// found done is not done again; what is owed is tried again, but in a region
// that was given up for lost, and in one that was dark and still is. A
// failover, switchover or failback that is completed by it is verified like one
// that ran through, and a rescue says what it had to leave.
func Resume(ctx context.Context, env Env, id string) (*executor.Report, error) {
	env = env.counting()
	spec, err := executor.LoadSpec(ctx, env.Store, id)
	if err != nil {
		return nil, err
	}
	dark, err := env.stillDark(ctx, spec.Dark)
	if err != nil {
		return nil, err
	}
	report, err := env.executor(nil).Resume(ctx, id, dark...)
	if errors.Is(err, executor.ErrLeaseHeld) {
		return nil, &Refused{Code: "lease-held", Message: err.Error(), Hint: "understudy runs list", Err: err}
	}
	switch {
	case err != nil && report != nil && report.Command == "switchover":
		return env.callOff(ctx, report, err)
	case err != nil:
		return report, err
	}
	_, plan, err := executor.Load(ctx, env.Store, report.ID)
	switch {
	case err != nil:
		return report, err
	case report.Command == "rescue":
		return report, notRescued(plan)
	case report.Command == "fence":
		return report, env.lookForTwo(ctx)
	case !executor.MovesPrimary(report.Command):
		return report, nil
	}
	return report, env.conclude(ctx, plan, report, slices.Concat(spec.Skip, dark)...) // still no call to a region given up
}

// stillDark are those of some regions that do not answer now, by one look at
// them and at no other, bounded as every look is.
func (env Env) stillDark(ctx context.Context, were []topology.Region) ([]topology.Region, error) {
	if len(were) == 0 {
		return nil, nil
	}
	others := slices.DeleteFunc(env.Desired.Regions(), func(r topology.Region) bool { return slices.Contains(were, r) })
	observed, err := env.Observe(ctx, others)
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	return dead(observed), nil
}

// FenceOptions are the operator's words for Fence.
type FenceOptions struct {
	// Region to pay debts to; "" is every region that answers.
	Region topology.Region
}

// Fence pays what is owed to old primaries that answer again: cancels their
// rotation, silences their alarms, and takes away what [failover] fence names
// beyond that. It is idempotent. With nothing to pay the report has no ID.
// Debts to regions that stay dark stay owed, and are in the report. A second
// writer does not keep it from its work; one that is there still when that is
// done is a *SplitBrain beside the report.
func Fence(ctx context.Context, env Env, o FenceOptions) (*planner.Plan, *executor.Report, error) {
	env = env.counting()
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return nil, nil, err
	}
	if in.Options.Only = o.Region; o.Region != "" {
		in.Placement.Owed = owedTo(in.Placement.Owed, o.Region)
	}
	if in.Options.Returning, err = env.returning(ctx); err != nil {
		return nil, nil, err
	}
	plan := planner.Owed(in)
	if plan.Empty() {
		report := nothingDone(plan)
		report.Owed = append(report.Owed, in.Placement.Owed...)
		return plan, report, stillTwo(in)
	}
	if err := env.confirm(ctx, plan); err != nil {
		return plan, nil, err
	}
	report, err := env.run(ctx, plan, executor.SpecOf(env.Desired), nil)
	if err != nil {
		return plan, report, err
	}
	return plan, report, env.lookForTwo(ctx)
}

// lookForTwo looks again, once a fence is up.
func (env Env) lookForTwo(ctx context.Context) error {
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return err
	}
	return stillTwo(in)
}

func owedTo(debts []topology.Debt, r topology.Region) []topology.Debt {
	var list []topology.Debt
	for _, d := range debts {
		if d.Region == r {
			list = append(list, d)
		}
	}
	return list
}

// sameWorld returns a check that the world is still the one that a plan was
// made from, and that no move stopped midway since.
func (env Env) sameWorld(plan *planner.Plan) func(context.Context) error {
	return func(ctx context.Context) error {
		in, err := env.look(ctx, planner.Options{})
		if err != nil {
			return fmt.Errorf("look again: %w", err)
		}
		if err := env.apart(ctx, plan, true); err != nil {
			return err
		}
		return stillHolds(plan, planner.Converge(in))
	}
}
