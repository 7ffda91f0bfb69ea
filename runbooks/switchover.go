package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// SwitchoverOptions are the operator's words for Switchover.
type SwitchoverOptions struct {
	To topology.Region
	// Window is how long rotations may take to end and replicas to hold the
	// same versions; 0 is five minutes.
	Window time.Duration
	DryRun bool
	Groups []string
}

// DefaultWindow is how long a switchover waits for equality.
const DefaultWindow = 5 * time.Minute

// Switchover makes region o.To the primary while everything is well, and the
// old primary a replica of it. In this order:
//
//	observe → plan → refuse unless all is healthy, converged and equal →
//	confirm → freeze rotation → wait for equality, for o.Window → promote →
//	alarms there → re-parent all others → rotation there → verify → capture
//
// Until the first promotion it is called off by itself when something fails
// or the window closes: rotation is put back as it was, and the error is a
// *Refused (called-off). From the first promotion on it stops like any run,
// and Resume goes on. Killed before, Resume goes on and Abort unwinds.
//
// Errors beside: *SplitBrain; *Refused with all reasons.
func Switchover(ctx context.Context, env Env, o SwitchoverOptions) (*planner.Plan, *executor.Report, error) {
	env = env.counting()
	return env.carryOut(ctx, plannedMove{
		options: planner.Options{To: o.To, Groups: o.Groups, Window: o.Window},
		dryRun:  o.DryRun, plan: planner.Switchover, stopped: env.callOff,
		judge: func(in planner.Input, plan *planner.Plan) error {
			if err := oneWriter(in); err != nil {
				return err
			}
			return maySwitchOver(plan)
		},
	})
}

// maySwitchOver refuses with every reason there is.
func maySwitchOver(plan *planner.Plan) error {
	no := refusal("a switchover moves only what is healthy and equal everywhere", plan.Refused())
	if no == nil {
		return nil
	}
	no.Code = "not-healthy"
	no.orElse("in an emergency: understudy failover --to " + string(plan.To))
	return no
}

// callOff unwinds a switchover that stopped before its first promotion, so
// that it ends as it began. One that was interrupted, lost its lease or
// promoted something stays as it is, for Resume (or Abort) to go on.
func (env Env) callOff(ctx context.Context, report *executor.Report, cause error) (*executor.Report, error) {
	var stopped *executor.StoppedError
	if report == nil || !errors.As(cause, &stopped) || promoted(report) {
		return report, cause
	}
	if stopped.Cause != nil && !errors.Is(stopped.Cause, executor.ErrStalePlan) {
		return report, cause // interrupted, lease lost, no journal: nothing more is done
	}
	back, err := env.executor(nil).Abort(ctx, report.ID)
	if err != nil {
		return back, err
	}
	var why []string
	for _, f := range report.Failures {
		why = append(why, f.Message)
	}
	return back, &Refused{
		Code: "called-off",
		Message: fmt.Sprintf("called off before the first promotion, rotation is as it was:\n  %s",
			strings.Join(firstOf(why, 20), "\n  ")),
		Hint: "understudy drift, then the same switchover again, with a longer --window if replicas were on their way",
	}
}

// promoted reports whether a run has begun to promote.
func promoted(report *executor.Report) bool {
	return slices.ContainsFunc(report.Phases, func(p executor.Phase) bool { return p.Name == planner.PhasePromote })
}
