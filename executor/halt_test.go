package executor

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// An old primary that answers, and refuses every fence, costs no secret its
// promotion or rotation: what it refuses is owed, and paid by the next fence.
func TestFencesThatAreRefusedHaltNothing(t *testing.T) { // G2, G4
	synctest.Test(t, func(t *testing.T) {
		const secrets = 40
		m, s, ctx := failoverWorld(secrets), journal.NewMemory(), t.Context()
		m.refuses = east
		few := RunSpec{Default: Pace{Waves: []string{"1", "10%", "100%"}, MaxFailures: "1"}}
		rep, err := executorOn(m, s).Run(ctx, failoverPlan(secrets), few)
		if err != nil || rep.Steps.Deferred != secrets+1 || rep.Steps.Left != 0 || len(rep.Owed) != secrets+1 || rep.Owed[0].Cause == "" {
			t.Fatalf("%v %+v %s", err, rep.Steps, rep.Reason)
		}
		if owed := mustPlace(t, s).Owed; len(owed) != secrets+1 {
			t.Errorf("%d debts", len(owed))
		}
		m.refuses = ""
		b := planning{planner.Plan{ID: "fece", Command: "fence"}}
		for i := range secrets {
			m.denied[secretName(i)] = i < 3
			b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(i), Region: east, Group: "prod", Owed: true})
		}
		rep, err = executorOn(m, s).Run(ctx, &b.plan, few)
		if !errors.Is(err, ErrStopped) || rep.Steps.Failed != 3 || rep.Steps.Applied != secrets-3 {
			t.Errorf("a fence goes as far as it can: %v %+v", err, rep.Steps)
		}
		if owed := mustPlace(t, s).Owed; len(owed) != 3+1 {
			t.Errorf("%d debts", len(owed))
		}
	})
}

// An old primary that goes dark in the middle of its fence, after a call that
// it answered, does not keep the run, and the lease, for minutes.
func TestAFenceDoesNotWaitForARegionThatIsDarkAgain(t *testing.T) { // G4
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(2), journal.NewMemory()
		m.after = func(string) error { m.dark[east] = true; return nil }
		b := planning{planner.Plan{ID: "fece", Command: "fence"}}
		for i := range 2 {
			b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(i), Region: east, Owed: true})
		}
		began := time.Now()
		rep, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{})
		if err != nil || rep.State != Completed || len(rep.Owed) != 2 || len(mustPlace(t, s).Owed) != 2 {
			t.Errorf("%v %+v", err, rep)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}
