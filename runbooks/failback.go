package runbooks

import (
	"context"
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
	env = env.counting()
	return env.carryOut(ctx, plannedMove{
		options: planner.Options{To: o.To, Groups: o.Groups, Rescue: o.Rescue, GiveUp: o.GiveUp, Window: o.Window},
		dryRun:  o.DryRun, plan: planner.Failback,
		judge: func(_ planner.Input, plan *planner.Plan) error {
			return mayRun(plan, "a failback goes home with every version, or not at all")
		},
	})
}
