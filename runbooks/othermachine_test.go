package runbooks_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// A colleague's machine, with a state directory of its own, knows nothing of
// the failover that was made. Whatever is typed there neither silences the new
// primary nor stops its rotation; and the way that it names leads out.
func TestAMachineThatDoesNotKnowOfTheFailover(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.set(home, sim.RegionRefuse)
		if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		w.set(home, sim.RegionUp)
		if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
			t.Fatal(err)
		}
		other := *w
		other.env.Store = journal.NewMemory()
		w.sim.ResetCalls()
		o := runbooks.ApplyOptions{AllowOverwrite: true, AllowRemove: true, AllowReplicaGap: true}
		if _, err := runbooks.Apply(t.Context(), other.env, o); err != nil {
			t.Error(err)
		}
		var refused *runbooks.Refused
		if _, _, err := runbooks.Failback(t.Context(), other.env, runbooks.FailbackOptions{To: west}); !errors.As(err, &refused) {
			t.Errorf("a failback to where all is already: %v", err)
		}
		if _, _, err := runbooks.Switchover(t.Context(), other.env, runbooks.SwitchoverOptions{To: west}); !errors.As(err, &refused) {
			t.Errorf("a switchover: %v", err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("%d mutating calls by a machine that knows nothing", n)
		}
		if _, _, err := runbooks.Failover(t.Context(), other.env, runbooks.FailoverOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("%d mutating calls to record what is so", n)
		}
		report, err := runbooks.Drift(t.Context(), other.env, runbooks.DriftOptions{})
		if err != nil || report.Verdict == drift.SplitBrain {
			t.Errorf("%v %s", err, report.Verdict)
		}
		for _, f := range report.Findings {
			if f.Code == drift.CodeRotationOff || f.Code == drift.CodeAlarmActions || f.Code == drift.CodePromotedOutside {
				t.Errorf("%+v", f)
			}
		}
	})
}
