package executor

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/planner"
)

// One wave of many secrets: all are started, few of them at the same time.
// Those that still wait for their turn when the group is halted make no call.
func TestAHaltReachesWhatHasBeenStartedAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secrets, slots = 300, 4
		m := failoverWorld(secrets)
		b := planning{planner.Plan{ID: "halt", Command: "failover", To: west}}
		for i := range secrets {
			m.denied[secretName(i)] = true
			b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: west, Group: "prod"})
		}
		e := New(Options{Cloud: m, Store: journal.NewMemory(), Concurrency: slots})
		rep, err := e.Run(t.Context(), &b.plan, RunSpec{Default: Pace{MaxFailures: "2"}})
		if !errors.Is(err, ErrStopped) || rep.Steps.Failed < 3 || rep.Steps.Failed+rep.Steps.Left != secrets {
			t.Fatalf("%v %+v", err, rep.Steps)
		}
		if n := len(m.mutations); n > 3+2*slots {
			t.Errorf("%d calls were made, want about the 3 that failed and the %d in flight", n, slots)
		}
		if want := "group prod halted: 3 of its secrets failed, max_failures allows 2"; rep.Reason != want {
			t.Errorf("reason %q, want %q", rep.Reason, want)
		}
		for i := range secrets {
			m.denied[secretName(i)] = false
		}
		if rep, err = e.Resume(t.Context(), rep.ID); err != nil || rep.Steps.Applied != secrets {
			t.Fatalf("%v %+v", err, rep.Steps)
		}
		if strings.Contains(rep.Reason, "halted") {
			t.Errorf("reason %q of a completed run", rep.Reason)
		}
	})
}
