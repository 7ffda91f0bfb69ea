package runbooks_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// mutations counts every mutating call in the world.
func (w *world) mutations() int {
	n := 0
	calls := w.sim.Calls()
	for region := range calls {
		n += calls.Sum(region).Mutating
	}
	return n
}

func TestThePlanIsJudgedAgainOnceTheLeaseIsHeld(t *testing.T) { // G5 G7
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sim.Options{Lag: time.Second})
		w.env.Confirm = func(ctx context.Context, _ *planner.Plan) error {
			// While the operator reads the plan, somebody promotes a replica.
			name := "prod/api/mobile"
			_, err := w.app(west).StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: &name})
			w.sim.ResetCalls()
			return err
		}
		_, err := runbooks.Apply(t.Context(), w.env, runbooks.ApplyOptions{AllowReplicaGap: true, AllowOverwrite: true})
		var refused *runbooks.Refused
		if !errors.As(err, &refused) || refused.Code != "stale-plan" {
			t.Fatalf("err = %v, want a stale plan refused", err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("refused, after %d mutating calls", n)
		}
		if runs, _ := executor.Runs(t.Context(), w.store); len(runs) != 0 {
			t.Errorf("refused, and left a run: %+v", runs)
		}
		lease, err := journal.Acquire(t.Context(), w.store, journal.Self("test"), 0, nil)
		if err != nil {
			t.Fatalf("the refused run kept the lease: %v", err)
		}
		_ = lease.Release(t.Context())
	})
}

func TestAFailoverIsVerifiedByFreshReadsAndNotByItsOwnWord(t *testing.T) { // G5
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.env.Progress = func(ev executor.Event) {
			if ev.Kind != executor.RunEnded {
				return
			}
			name := "prod/db/users" // somebody undoes it at the last moment
			_, err := w.app(west).CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: &name})
			if err != nil {
				t.Error(err)
			}
			if err := w.env.Cloud.DisableAlarms(t.Context(), west, []string{"secrets-count"}); err != nil {
				t.Error(err)
			}
		}
		_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west})
		if report == nil || report.State != executor.Completed {
			t.Fatalf("%+v", report)
		}
		if len(report.ARNs) != 23 {
			t.Errorf("%d ARNs of 23 secrets that moved", len(report.ARNs))
		}
		for _, a := range report.ARNs {
			if topology.RegionOf(a.Old) != home || topology.WithRegion(a.Old, west) != a.New {
				t.Errorf("%s: %s → %s", a.Secret, a.Old, a.New)
			}
		}
		if err == nil || !strings.Contains(err.Error(), "prod/db/users does not rotate") ||
			!strings.Contains(err.Error(), "the actions of alarm secrets-count are off") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestWithoutConsentNothingIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{})
		no := errors.New("typed another region")
		w.env.Confirm = func(context.Context, *planner.Plan) error { return no }
		w.sim.ResetCalls()
		plan, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west})
		if !errors.Is(err, no) || report != nil || plan == nil {
			t.Errorf("plan %v, report %v, err %v", plan != nil, report, err)
		}
		_, _, err = runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west, DryRun: true})
		if err != nil {
			t.Error(err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("%d mutating calls", n)
		}
	})
}

func TestDriftAndStatusChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sim.Options{})
		w.env.Cloud = nil // they have nothing to change AWS with
		if _, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{NoSnapshot: true}); err != nil {
			t.Error(err)
		}
		if _, err := runbooks.ReadStatus(t.Context(), w.env); err != nil {
			t.Error(err)
		}
		if _, err := runbooks.Plan(t.Context(), w.env); err != nil {
			t.Error(err)
		}
		if n := w.mutations(); n != 0 {
			t.Errorf("%d mutating calls", n)
		}
		st, err := runbooks.ReadStatus(t.Context(), w.env)
		if err != nil || st.SnapshotTaken != nil {
			t.Errorf("a snapshot was taken although told not to: %v %v", st.SnapshotTaken, err)
		}
	})
}

// TestAFailoverEndsWhereverItIsKilled ends the program at its n-th promotion
// of 46, for some n, and resumes the run over the same store. (The executor's
// own tests cut at every call and every journal write.)
func TestAFailoverEndsWhereverItIsKilled(t *testing.T) { // G3
	for _, n := range []int{1, 5, 40} {
		synctest.Test(t, func(t *testing.T) {
			w := converged(t, sim.Options{Lag: time.Second})
			before := w.held()
			w.set(home, sim.RegionHang)
			dying := &mortal{Cloud: w.env.Cloud}
			dying.calls.Store(int64(n))
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			dying.kill = kill
			env := w.env
			env.Cloud = dying
			_, report, err := runbooks.Failover(ctx, env, runbooks.FailoverOptions{To: west})
			if err == nil {
				t.Fatalf("killed at call %d, and it says that all is well", n)
			}
			if report == nil {
				return // killed before there was a run
			}
			if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err == nil {
				t.Errorf("a second failover began over %s, which is not finished", report.ID)
			}
			report, err = runbooks.Resume(t.Context(), w.env, report.ID)
			if err != nil || report.State != executor.Completed {
				t.Fatalf("resume after call %d: %v, %+v", n, err, report)
			}
			w.nothingLost(before)
			w.oneWriter()
			w.set(home, sim.RegionUp)
			if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
				t.Fatal(err)
			}
			check, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{})
			if err != nil || check.Verdict != drift.Clean {
				t.Errorf("killed at call %d, resumed, fenced: %v %s %+v", n, err, check.Verdict, check.Findings[:min(3, len(check.Findings))])
			}
			if n := stops(w); n != 46 {
				t.Errorf("%d promotions of 23 secrets in two regions", n)
			}
		})
	}
}

// stops counts the calls of StopReplicationToReplica in all regions.
func stops(w *world) int {
	n := 0
	for _, services := range w.sim.Calls() {
		n += services["secretsmanager"]["StopReplicationToReplica"].Total
	}
	return n
}

// A mortal cloud ends the program just before its n-th promotion: then no
// call gets through any more.
type mortal struct {
	executor.Cloud
	calls atomic.Int64 // left
	kill  context.CancelFunc
}

func (m *mortal) Promote(ctx context.Context, r topology.Region, n topology.Name) error {
	if m.calls.Add(-1) == 0 {
		m.kill()
	}
	return m.Cloud.Promote(ctx, r, n)
}
