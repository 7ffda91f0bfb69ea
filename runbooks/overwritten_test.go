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

// Nor does it take a move that is done for one that is half done: what a
// planned move leaves is seen as it is, at once.
func TestAListThatLagsDoesNotUndoAPlannedMove(t *testing.T) { // G5
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second, ListLag: 5 * time.Minute})
		time.Sleep(6 * time.Minute)
		asItIs := func(after string) {
			t.Helper()
			plan, err := runbooks.Plan(t.Context(), w.env)
			if err != nil || !plan.Empty() || len(plan.Blockers) > 0 {
				t.Errorf("after the %s: %v, to do %v, blocked %+v", after, err, plan.Summary, plan.Blockers)
			}
			report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{NoSnapshot: true})
			if err != nil || report.Verdict != drift.Clean {
				t.Errorf("after the %s: %v, %s: %+v", after, err, report.Verdict, report.Findings)
			}
		}
		if _, _, err := runbooks.Switchover(t.Context(), w.env, runbooks.SwitchoverOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		asItIs("switchover")
		time.Sleep(6 * time.Minute)
		if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: home}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := runbooks.Failback(t.Context(), w.env, runbooks.FailbackOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		asItIs("failback")
	})
}
