package runbooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// Right after a failover the lists are of before it: its target is no replica
// again that somebody replicated over, and the next failover leaves from it.
func TestAListThatLagsDoesNotWriteAFailoverOff(t *testing.T) { // G2 G5
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second, ListLag: 5 * time.Minute})
		time.Sleep(6 * time.Minute) // what was staged is listed by now
		if _, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil || report.State != executor.Completed {
			t.Fatalf("%v %+v", err, report)
		}
		report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{NoSnapshot: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			if f.Code == drift.CodeOverwrittenAfter || f.Code == drift.CodeSplitBrain {
				t.Errorf("%s %s %s: %s", f.Code, f.Secret, f.Region, f.Message)
			}
		}
		plan, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: ireland, AcceptStale: 99, DryRun: true})
		if plan == nil || plan.From != west {
			t.Errorf("the next failover leaves from %s, not %s: %v", plan.From, west, err)
		}
	})
}
