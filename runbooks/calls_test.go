package runbooks_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// told compares a report's calls with what AWS counted since the last time.
func (w *world) told(what string, report *executor.Report) {
	w.t.Helper()
	counts := w.sim.Calls()
	for _, r := range w.env.Desired.Regions() {
		seen, told := counts.Sum(string(r)), report.Calls[r]
		if told.Total != seen.Total || told.Mutating != seen.Mutating {
			w.t.Errorf("%s: the report tells of %d calls to %s, %d of them mutating; AWS saw %d and %d", what, told.Total, r, told.Mutating, seen.Total, seen.Mutating)
		}
	}
	w.sim.ResetCalls()
}

// A report tells of every call that its command made: the looks before the
// run, the run's own, and the verification; each of them once.
func TestAReportTellsOfEveryCallOfItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sim.Options{Lag: time.Second})
		report, err := runbooks.Apply(t.Context(), w.env, runbooks.ApplyOptions{AllowReplicaGap: true})
		if err != nil {
			t.Fatal(err)
		}
		w.told("apply", report)

		_, report, err = runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west})
		if err != nil {
			t.Fatal(err)
		}
		w.told("failover", report)
	})
}

// What a resumed run has called is what both sessions did.
func TestAResumedReportTellsOfBothSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		denied := sim.Fault{Match: sim.FaultMatch{Region: string(west), Operation: "StopReplicationToReplica"}, Fault: "error", Code: "AccessDeniedException", Count: 1}
		if err := w.sim.AddFault(denied); err != nil {
			t.Fatal(err)
		}
		w.sim.ResetCalls()
		_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west})
		if !errors.Is(err, executor.ErrStopped) {
			t.Fatal(err)
		}
		if report, err = runbooks.Resume(t.Context(), w.env, report.ID); err != nil {
			t.Fatal(err)
		}
		w.told("failover and resume", report)
	})
}

// A switchover that is called off has two sessions in one command.
func TestASwitchoverThatIsCalledOffTellsEachCallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		denied := sim.Fault{Match: sim.FaultMatch{Region: string(west), Operation: "StopReplicationToReplica"}, Fault: "error", Code: "AccessDeniedException"}
		frozen := sim.Fault{Match: sim.FaultMatch{Region: string(home), Operation: "CancelRotateSecret"}, Fault: "error", Code: "AccessDeniedException"}
		for _, f := range []sim.Fault{denied, frozen} {
			if err := w.sim.AddFault(f); err != nil {
				t.Fatal(err)
			}
		}
		w.sim.ResetCalls()
		_, report, err := runbooks.Switchover(t.Context(), w.env, runbooks.SwitchoverOptions{To: west})
		if refusedAs(err) != "called-off" {
			t.Fatal(err)
		}
		w.told("switchover", report)
	})
}
