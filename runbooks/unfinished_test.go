package runbooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// halfFailedOver is a world in which a failover to west died at its n-th
// promotion, or if that is 0 before its first re-parenting; home was in that
// state meanwhile, and is up again.
func halfFailedOver(t *testing.T, n int64, homeState string) (*world, string) {
	t.Helper()
	w := converged(t, sim.Options{Lag: time.Second})
	return w, w.failHalfOver(n, homeState)
}

func (w *world) failHalfOver(n int64, homeState string) (run string) {
	t := w.t
	t.Helper()
	dying := &mortal{Cloud: w.env.Cloud}
	dying.calls.Store(n)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	dying.kill = kill
	env := w.env
	if env.Cloud = dying; n == 0 {
		env.Cloud = neverReplicates{dying}
	}
	w.set(home, homeState)
	_, report, err := runbooks.Failover(ctx, env, runbooks.FailoverOptions{To: west, AcceptStale: 99})
	if err == nil || report == nil {
		t.Fatalf("not killed: %v %+v", err, report)
	}
	w.set(home, sim.RegionUp)
	return report.ID
}

// neverReplicates ends the program where it would re-parent a region.
type neverReplicates struct{ *mortal }

func (n neverReplicates) Replicate(context.Context, topology.Region, topology.Name, topology.Region, string, bool) error {
	time.Sleep(10 * time.Second) // virtual: the alarms, of the same tier, have changed sides by then
	n.kill()
	return context.Canceled
}

func refusedFor(err error, code string) bool {
	var refused *runbooks.Refused
	return errors.As(err, &refused) && refused.Code == code
}

func TestApplyKeepsItsHandsOffAHalfDoneMove(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		w, run := halfFailedOver(t, 5, sim.RegionHang)
		if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
			t.Errorf("a fence cannot wait: %v", err)
		}
		w.sim.ResetCalls()
		o := runbooks.ApplyOptions{AllowOverwrite: true, AllowRemove: true, AllowReplicaGap: true}
		_, err := runbooks.Apply(t.Context(), w.env, o)
		var refused *runbooks.Refused
		if !errors.As(err, &refused) || refused.Code != "unfinished-run" || !strings.Contains(refused.Message, run) ||
			!strings.Contains(refused.Hint, "runs resume "+run) || !strings.Contains(refused.Hint, "runs abort "+run) {
			t.Fatalf("apply over half a failover: %v", err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("refused, after %d mutating calls", n)
		}
		if plan, err := runbooks.Plan(t.Context(), w.env); err != nil || plan.Empty() {
			t.Errorf("a plan only looks: %v", err)
		}
		if _, err := runbooks.ReadStatus(t.Context(), w.env); err != nil {
			t.Error(err)
		}
		if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: ireland, AcceptStale: 99}); !refusedFor(err, "unfinished-run") {
			t.Errorf("a second failover although the first can be finished: %v", err)
		}
		if _, err := runbooks.Resume(t.Context(), w.env, run); err != nil {
			t.Fatal(err)
		}
		if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := runbooks.Apply(t.Context(), w.env, o); err != nil {
			t.Errorf("finished, and still: %v", err)
		}
	})
}

func TestAnEmergencyDoesNotWaitForAMoveThatCannotBeFinished(t *testing.T) {
	for name, c := range map[string]struct {
		at   int64
		home string
		end  func(t *testing.T, w *world, run string)
	}{
		"its target is dark": {5, sim.RegionHang, func(_ *testing.T, w *world, _ string) { w.set(west, sim.RegionHang) }},
		"its abort does not get through": {0, sim.RegionUp, func(t *testing.T, w *world, run string) {
			t.Helper()
			w.set(home, sim.RegionHang)
			report, err := executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), run)
			if err == nil {
				t.Fatalf("it got through: %+v", report)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, run := halfFailedOver(t, c.at, c.home)
				c.end(t, w, run)
				_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: ireland, AcceptStale: 99})
				if report == nil {
					t.Fatalf("the failover to %s was refused: %v", ireland, err)
				}
				placement, err := executor.Placement(t.Context(), w.store)
				if err != nil || len(placement.Acting) != 23 {
					t.Fatalf("%d secrets moved, %v", len(placement.Acting), err)
				}
				for n, m := range placement.Acting {
					if m.To != ireland {
						t.Errorf("%s is in %s", n, m.To)
					}
				}
			})
		})
	}
}

// G4: half of a fleet has left home, no snapshot knows the rest, and the
// operator gives the primary up.
func TestHomeIsSparedWhereNoSnapshotSaysThatAllHasLeftIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sim.Options{Lag: time.Second}) // no snapshot yet
		w.failHalfOver(5, sim.RegionHang)
		w.set(west, sim.RegionHang)
		w.set(home, sim.RegionHang)
		w.sim.ResetCalls()
		_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: ireland, PrimaryLost: true, AcceptStale: 99})
		if report == nil {
			t.Fatal(err)
		}
		for _, r := range []string{string(home), string(west)} {
			if n := w.sim.Calls().Sum(r).Total; n != 0 {
				t.Errorf("%d calls to the lost %s", n, r)
			}
		}
	})
}

// G2: a failover died; what it moved and did not come to fence is owed, and
// nothing of what it did not move.
func TestStatusShowsTheFencesThatAKilledRunDidNotComeTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, run := halfFailedOver(t, 22, sim.RegionUp) // fewer calls than secrets
		st, err := runbooks.ReadStatus(t.Context(), w.env)
		if err != nil {
			t.Fatal(err)
		}
		placement, err := executor.Placement(t.Context(), w.store)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range st.Owed {
			if placement.Acting[d.Secret].To != west || d.Run != run || d.Region != home {
				t.Errorf("%+v is shown, and its secret was not moved", d)
			}
		}
		still := 0 // moved, and rotating at home
		for n := range placement.Acting {
			if s, _ := w.sim.State().Secret(account, string(home), string(n)); s.Rotation != nil && s.Rotation.Enabled {
				still++
			}
		}
		if len(st.Owed) != still {
			t.Errorf("%d moved, %d of them rotate at home, and %d are owed", len(placement.Acting), still, len(st.Owed))
		}
		if _, report, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil || report.Steps.Applied != len(st.Owed) {
			t.Errorf("%v %+v", err, report)
		}
		if st, err = runbooks.ReadStatus(t.Context(), w.env); err != nil || len(st.Owed) != 0 {
			t.Errorf("%v, owed after the fence: %+v", err, st.Owed)
		}
		if report, err := runbooks.Resume(t.Context(), w.env, run); err != nil || len(report.Owed) != 0 {
			t.Errorf("%v %+v", err, report)
		}
	})
}

// What drift advises while a failover is unfinished: nothing that apply would
// refuse, and the run itself for what the run does.
func TestDriftAdvisesToGoOnWithAnUnfinishedMove(t *testing.T) {
	for _, at := range []int64{0, 25} {
		synctest.Test(t, func(t *testing.T) {
			w, run := halfFailedOver(t, at, sim.RegionUp)
			resume := "understudy runs resume " + run
			report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{})
			if err != nil {
				t.Fatal(err)
			}
			byRun := map[string]bool{}
			key := func(f drift.Finding) string { return f.Code + string(f.Secret) + f.Alarm + string(f.Region) }
			for _, f := range report.Findings {
				switch byRun[key(f)] = f.Fix == resume; {
				case f.Fix == resume, strings.HasPrefix(f.Fix, resume+", then understudy apply"):
				case strings.Contains(f.Fix, "understudy apply"):
					t.Errorf("%s %s in %s: %s is refused now", f.Code, f.Secret, f.Region, f.Fix)
				}
			}
			if len(codesOf(report, resume)) < 2 {
				t.Errorf("by the run: %v", codesOf(report, resume))
			}
			if _, err := runbooks.Resume(t.Context(), w.env, run); err != nil {
				t.Fatal(err)
			}
			if report, err = runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				if byRun[key(f)] || strings.Contains(f.Fix, "runs resume") {
					t.Errorf("after the resume: %s %s in %s: %s", f.Code, f.Secret, f.Region, f.Fix)
				}
			}
		})
	}
}

// codesOf are the codes of the findings with that fix.
func codesOf(r *drift.Report, fix string) map[string]int {
	codes := map[string]int{}
	for _, f := range r.Findings {
		if f.Fix == fix {
			codes[f.Code]++
		}
	}
	return codes
}
