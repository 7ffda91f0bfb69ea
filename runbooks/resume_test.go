package runbooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// resumed goes on with a failover that ended with debts, and tells of the
// calls that a region got meanwhile.
func (w *world) resumed(run string, r topology.Region) (*executor.Report, sim.CallCount) {
	w.t.Helper()
	w.sim.ResetCalls()
	report, err := runbooks.Resume(w.t.Context(), w.env, run)
	if err != nil {
		w.t.Fatal(err)
	}
	return report, w.sim.Calls().Sum(string(r))
}

// G2, G4: what a dark region is owed is paid by a resume once it is up; until
// then it costs the resume two looks, and no step.
func TestAResumePaysADarkRegionThatIsUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.set(home, sim.RegionHang)
		_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west, AcceptStale: 99})
		if err != nil || report.Steps.Deferred == 0 {
			t.Fatalf("%v %+v", err, report)
		}
		owed, began := report.Steps.Deferred, time.Now()
		report, calls := w.resumed(report.ID, home)
		if took := time.Since(began); report.Steps.Deferred != owed || calls.Total > 6 || took > 30*time.Second {
			t.Errorf("dark still: %d calls, %v, %+v", calls.Total, took, report.Steps)
		}
		w.set(home, sim.RegionUp)
		if report, _ = w.resumed(report.ID, home); report.Steps.Deferred != 0 || len(report.Owed) != 0 {
			t.Errorf("up again: %+v owed %+v", report.Steps, report.Owed)
		}
		if placement, err := executor.Placement(t.Context(), w.store); err != nil || len(placement.Owed) != 0 {
			t.Errorf("%v, owed: %+v", err, placement.Owed)
		}
	})
}

// G4: what the operator gave up stays so, also where another region was dark.
func TestAResumeMakesNoCallToWhatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.set(ireland, sim.RegionHang)
		w.sim.ResetCalls()
		_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west, PrimaryLost: true, AcceptStale: 99})
		if err != nil || w.sim.Calls().Sum(string(home)).Total != 0 {
			t.Fatalf("%v %+v", err, report)
		}
		spec, err := executor.LoadSpec(t.Context(), w.store, report.ID)
		if err != nil || len(spec.Skip) != 1 || spec.Skip[0] != home || len(spec.Dark) != 1 || spec.Dark[0] != ireland {
			t.Fatalf("%v %+v", err, spec)
		}
		w.set(ireland, sim.RegionUp)
		for range 2 {
			owed := report.Steps.Deferred
			again, calls := w.resumed(report.ID, home)
			if calls.Total != 0 || again.Steps.Deferred != owed {
				t.Errorf("%d calls to what was given up, %+v", calls.Total, again.Steps)
			}
		}
	})
}
