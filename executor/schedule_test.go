package executor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// throttled is a world whose old primary answers every read, after all the
// attempts of a client, with a throttle.
type throttled struct{ *model }

const attempts = 45 * time.Second

func (c throttled) Secret(ctx context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	if r == east {
		time.Sleep(attempts)
		return nil, topology.ErrThrottled
	}
	return c.model.Secret(ctx, r, n)
}

// G4.
func TestAnOldPrimaryThatThrottlesHoldsUpNoWaveAndNoTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := failoverPlan(5)
		for i := range plan.Steps {
			if plan.Steps[i].Action == planner.OverwriteReplica {
				plan.Steps[i].Tier, plan.Steps[i].Group = 1, "prod re-parent" // as the planner has it
			}
		}
		began, last := time.Now(), time.Duration(0)
		e := New(Options{Cloud: throttled{failoverWorld(5)}, Store: journal.NewMemory(), Progress: func(ev Event) {
			if ev.Kind == StepEnded && ev.Step.Region != east {
				last = time.Since(began)
			}
		}})
		rep, err := e.Run(t.Context(), plan, RunSpec{Default: Pace{Waves: []string{"1", "50%", "100%"}}})
		if err != nil || rep.State != Completed || len(rep.Owed) != 5 {
			t.Fatalf("%v %+v", err, rep)
		}
		if last > attempts/2 {
			t.Errorf("the last step elsewhere ended after %v", last)
		}
		if all := time.Since(began); all > attempts+time.Minute {
			t.Errorf("what is owed was tried for %v", all)
		}
	})
}
