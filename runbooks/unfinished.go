package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// unfinished are the moves of the primary that stopped midway or whose
// process died, oldest first.
func (env Env) unfinished(ctx context.Context) ([]executor.Summary, error) {
	runs, err := executor.Runs(ctx, env.Store)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(runs, func(r executor.Summary) bool {
		open := r.State == executor.Running || r.State == executor.Halted
		return !open || !executor.MovesPrimary(r.Command)
	}), nil
}

// noUnfinishedRun refuses to begin a second move over a half-done one: its
// journal knows what the observation cannot tell. If a controller is at work
// at this moment, the refusal says who.
//
// An emergency must not wait for what can be neither finished nor unwound now:
// a move whose target is dark, or, if it was no emergency itself, whose source
// is, or one whose abort has begun and did not get through. observed says what
// is dark; nil allows none.
func (env Env) noUnfinishedRun(ctx context.Context, dryRun bool, observed *topology.Snapshot) error {
	if dryRun {
		return nil
	}
	runs, err := env.unfinished(ctx)
	if err != nil {
		return err
	}
	for i := range runs {
		if r := &runs[i]; observed == nil || !stuck(r, observed) {
			return env.refuseOver(ctx, r, "", false)
		}
	}
	return nil
}

func stuck(r *executor.Summary, observed *topology.Snapshot) bool {
	return r.Aborting || observed.View(r.To).Dark != "" || r.Command != "failover" && observed.View(r.From).Dark != ""
}

// apart refuses a plan about anything that an unfinished move is about: half
// of what it would mend is that move's doing, and would be undone, or done
// twice, when the move is resumed. leased: the lease is our own by now.
func (env Env) apart(ctx context.Context, plan *planner.Plan, leased bool) error {
	r, both, err := env.inTheWay(ctx, plan)
	if err != nil || r == nil {
		return err
	}
	return env.refuseOver(ctx, r, ", and this is about "+strings.Join(firstOf(both, 5), ", ")+" too", leased)
}

// InTheWay is the unfinished move over which Apply would refuse a plan, nil if
// there is none.
func InTheWay(ctx context.Context, env Env, plan *planner.Plan) (*executor.Summary, error) {
	r, _, err := env.inTheWay(ctx, plan)
	return r, err
}

// inTheWay is InTheWay, and what both are about.
func (env Env) inTheWay(ctx context.Context, plan *planner.Plan) (*executor.Summary, []string, error) {
	runs, err := env.unfinished(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range runs {
		_, move, err := executor.Load(ctx, env.Store, runs[i].ID)
		if err != nil {
			return nil, nil, err
		}
		if both := planner.Both(plan.Steps, move.Steps); len(both) > 0 {
			return &runs[i], both, nil
		}
	}
	return nil, nil, nil
}

// moves are the unfinished moves that nobody is at work on, for drift.
func (env Env) moves(ctx context.Context) ([]drift.Move, error) {
	runs, err := env.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	var list []drift.Move
	for i := range runs {
		r := &runs[i]
		if !r.Stopped() {
			continue
		}
		plan, left, err := executor.Left(ctx, env.Store, r.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, drift.Move{GoOn: r.GoOn(), Aborting: r.Aborting, Steps: plan.Steps, Left: left})
	}
	return list, nil
}

// returning are the secrets that unfinished failbacks are bringing home.
func (env Env) returning(ctx context.Context) (map[topology.Name]topology.Region, error) {
	runs, err := env.unfinished(ctx)
	if err != nil {
		return nil, err
	}
	var list map[topology.Name]topology.Region
	for i := range runs {
		if runs[i].Command != "failback" {
			continue
		}
		_, plan, err := executor.Load(ctx, env.Store, runs[i].ID)
		if err != nil {
			return nil, err
		}
		for j := range plan.Steps {
			if s := &plan.Steps[j]; s.Action == planner.Promote && s.Region == plan.To {
				if list == nil {
					list = map[topology.Name]topology.Region{}
				}
				list[s.Secret] = plan.To
			}
		}
	}
	return list, nil
}

// refuseOver refuses because of an unfinished run, or because of who is at work.
func (env Env) refuseOver(ctx context.Context, r *executor.Summary, why string, leased bool) error {
	if err := journal.Held(ctx, env.Store, env.Clock); errors.Is(err, journal.ErrLeaseHeld) && !leased {
		return &Refused{Code: "lease-held", Message: err.Error(), Hint: "understudy runs show " + r.ID, Err: err}
	}
	refused := &Refused{
		Code:    "unfinished-run",
		Message: fmt.Sprintf("%s %s to %s is %s and not finished%s; nothing was changed", r.Command, r.ID, r.To, r.State, why),
		Hint:    r.GoOn() + ", or understudy runs abort " + r.ID,
	}
	if r.Aborting {
		refused.Message = fmt.Sprintf("the abort of %s %s to %s is not finished%s; nothing was changed", r.Command, r.ID, r.To, why)
		refused.Hint = r.GoOn()
	}
	return refused
}
