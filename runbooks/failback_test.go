package runbooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// awayFromHome is a world after a failover to us-west-2 out of a region that
// hung, with the fence paid and a version at home that never replicated.
func awayFromHome(t *testing.T, q sim.Quirks) *world {
	t.Helper()
	w := converged(t, sim.Options{Lag: time.Second, Quirks: q})
	w.set(home, sim.RegionPartitioned)
	if err := w.put(home, "prod/api/gateway", "written where nobody saw it"); err != nil {
		t.Fatal(err)
	}
	w.set(home, sim.RegionHang)
	if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
		t.Fatal(err)
	}
	w.set(home, sim.RegionUp)
	if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.put(west, "prod/api/mobile", "written after the failover"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	w.sim.ResetCalls()
	return w
}

var rescueAll = runbooks.FailbackOptions{To: home, Rescue: []topology.Name{"*"}}

// atHome asserts the state that a failback must end in, however it got there.
func (w *world) atHome() {
	w.t.Helper()
	time.Sleep(time.Minute)
	in, err := w.env.Observe(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for n, p := range in.View(home).Secrets {
		if p.Managed() || w.env.Desired.GroupOf(n, p.Tags) == nil {
			continue
		}
		for _, r := range []topology.Region{west, ireland} {
			c, _ := in.Secret(r, n)
			if c.Role() != topology.RoleReplica || c.PrimaryRegion != home || !topology.SameVersions(p, c) {
				w.t.Errorf("%s in %s is no equal replica of home: %+v", n, r, c)
			}
		}
		for _, v := range p.Versions {
			for _, label := range v.Stages {
				if strings.HasPrefix(label, "UNDERSTUDY_") && label != "UNDERSTUDY_RESCUED_1" {
					w.t.Errorf("%s still has the label %s", n, label)
				}
			}
		}
		if rotates := strings.HasPrefix(string(n), "prod/db/"); p.Rotation.Enabled != rotates || rotates && topology.RegionOf(p.Rotation.LambdaARN) != home {
			w.t.Errorf("%s: rotation %+v", n, p.Rotation)
		}
		if works, err := w.sim.LoginWorks(account, string(home), string(n)); strings.HasPrefix(string(n), "prod/db/") && (!works || err != nil) {
			w.t.Errorf("%s does not log in: %v", n, err)
		}
	}
	if p, _ := in.Secret(home, "prod/api/gateway"); p.Stage("UNDERSTUDY_RESCUED_1") == "" {
		w.t.Error("what only home held was not rescued")
	}
	if plan, err := runbooks.Plan(w.t.Context(), w.env); err != nil || !plan.Empty() {
		w.t.Errorf("plan afterwards: %v %v", plan.Summary, err)
	}
	placement, err := executor.Placement(w.t.Context(), w.store)
	if err != nil || len(placement.Owed) > 0 {
		w.t.Errorf("owed: %v %v", placement.Owed, err)
	}
	for n, m := range placement.Acting {
		if m.To != home {
			w.t.Errorf("the journal says that %s is in %s", n, m.To)
		}
	}
	w.oneWriter()
	if removed := w.sim.Calls()[string(home)]["secretsmanager"]["RemoveRegionsFromReplication"]; removed.Total > 0 {
		w.t.Errorf("%d calls of RemoveRegionsFromReplication", removed.Total)
	}
}

// TestFailbackUnderEveryAnswerOfAWS: what an old primary lists, what replacing
// such an entry does, and the like.
func TestFailbackUnderEveryAnswerOfAWS(t *testing.T) { // G1, G2
	for _, set := range []string{
		"stale-entry=keep rekey=noop", "stale-entry=keep rekey=rekey", "stale-entry=keep rekey=failed",
		"stale-entry=drop primary-region=clear", "stale-entry=drop replica-status=show replica-rotation=show",
		"stale-entry=keep remove-promoted=spare overdue-rotation=wait", "stale-entry=keep stop-standalone=invalid-request promoted-policy=drop",
	} {
		t.Run(set, func(t *testing.T) {
			var q sim.Quirks
			for _, one := range strings.Fields(set) {
				if err := sim.ParseQuirk(&q, one); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				w := awayFromHome(t, q)
				held := (&player{world: w}).labelled(nil)
				if _, report, err := runbooks.Failback(t.Context(), w.env, rescueAll); err != nil {
					t.Fatalf("%v %+v", err, report)
				}
				w.nothingLost(held)
				w.atHome()
			})
		})
	}
}

// TestAFailbackCutAnywhereIsResumed: the program dies around one mutating
// call; another one, elsewhere, resumes the run.
func TestAFailbackCutAnywhereIsResumed(t *testing.T) { // G3
	for _, stale := range []string{"keep", "drop"} {
		for _, call := range []int64{1, 4, 9, 30, 75} {
			t.Run(fmt.Sprintf("stale-entry=%s call %d", stale, call), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { cutFailback(t, stale, call, call%2 == 0) })
			})
		}
	}
}

func cutFailback(t *testing.T, stale string, call int64, after bool) {
	w := awayFromHome(t, sim.Quirks{StaleEntry: stale})
	held := (&player{world: w}).labelled(nil)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	dying := &diesAnywhere{diesAt{Cloud: w.env.Cloud, after: after, kill: kill}}
	dying.call.Store(call)
	env := w.env
	env.Cloud, env.Concurrency = dying, 2
	_, report, err := runbooks.Failback(ctx, env, rescueAll)
	if err == nil || report == nil {
		t.Fatalf("not killed at call %d: %+v", call, report)
	}
	w.oneWriter()
	w.nothingLost(held)
	if _, _, err := runbooks.Failback(t.Context(), w.env, rescueAll); refusedAs(err) != "unfinished-run" {
		t.Errorf("another failback over it: %v", err)
	}
	if report, err = runbooks.Resume(t.Context(), w.env, report.ID); err != nil {
		t.Fatalf("resume: %v %+v", err, report)
	}
	w.nothingLost(held)
	w.atHome()
}

// TestHomeRefusesMidway: the run stops, nothing is lost, and goes on once home
// answers again.
func TestHomeRefusesMidway(t *testing.T) { // G2, G3
	for _, stale := range []string{"keep", "drop"} {
		for _, call := range []int64{3, 60} {
			t.Run(fmt.Sprintf("stale-entry=%s call %d", stale, call), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := awayFromHome(t, sim.Quirks{StaleEntry: stale})
					held := (&player{world: w}).labelled(nil)
					env := w.env
					cut := &diesAnywhere{diesAt{Cloud: w.env.Cloud, after: true, kill: func() { w.set(home, sim.RegionRefuse) }}}
					cut.alive = true
					cut.call.Store(call)
					env.Cloud, env.VerifyTimeout = cut, time.Minute
					_, report, err := runbooks.Failback(t.Context(), env, rescueAll)
					if err == nil || report == nil || report.State != executor.Halted {
						t.Fatalf("went on without home: %+v %v", report, err)
					}
					w.nothingLost(held)
					w.oneWriter()
					w.set(home, sim.RegionUp)
					time.Sleep(time.Minute)
					if report, err = runbooks.Resume(t.Context(), w.env, report.ID); err != nil {
						t.Fatalf("resume: %v %+v", err, report)
					}
					w.nothingLost(held)
					w.atHome()
				})
			})
		}
	}
}

// TestAnAbortedFailbackLeavesTheActingPrimary: killed as the third rotation is
// frozen, and aborted: what was not promoted rotates where it did, and
// nothing at home is woken.
func TestAnAbortedFailbackLeavesTheActingPrimary(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		w := awayFromHome(t, sim.Quirks{StaleEntry: "drop"})
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		dying := &diesAt{Cloud: w.env.Cloud, after: true, kill: kill}
		dying.call.Store(3)
		env := w.env
		env.Cloud, env.Concurrency = &diesFreezing{Cloud: w.env.Cloud, at: dying}, 1
		_, report, err := runbooks.Failback(ctx, env, rescueAll)
		if err == nil || report == nil {
			t.Fatalf("not killed: %+v", report)
		}
		if _, err := executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID); err != nil {
			t.Fatal(err)
		}
		placement, err := executor.Placement(t.Context(), w.store)
		if err != nil {
			t.Fatal(err)
		}
		for name := range w.sim.Logins()[string(west)] {
			s, _ := w.sim.State().Secret(account, string(west), name)
			if strings.HasPrefix(name, "prod/db/") && placement.Acting[topology.Name(name)].To == west && !s.Rotation.Enabled {
				t.Errorf("%s rotates no more", name)
			}
		}
		w.oneWriter()
		if _, _, err := runbooks.Failback(t.Context(), w.env, rescueAll); err != nil {
			t.Fatal(err)
		}
		w.atHome()
	})
}

// A diesFreezing cloud dies at a CancelRotateSecret only.
type diesFreezing struct {
	executor.Cloud
	at *diesAt
}

func (d *diesFreezing) CancelRotation(ctx context.Context, r topology.Region, n topology.Name) error {
	return d.at.CancelRotation(ctx, r, n)
}

// A diesAnywhere cloud ends the program, or with alive only its region, around
// one mutating call of any kind.
type diesAnywhere struct{ diesAt }

func (d *diesAnywhere) AttachRotation(ctx context.Context, r topology.Region, n topology.Name, lambda string, rules topology.RotationRules, now bool, token string) error {
	return d.around(func() error { return d.Cloud.AttachRotation(ctx, r, n, lambda, rules, now, token) })
}

func (d *diesAnywhere) Replicate(ctx context.Context, p topology.Region, n topology.Name, to topology.Region, key string, force bool) error {
	return d.around(func() error { return d.Cloud.Replicate(ctx, p, n, to, key, force) })
}

func (d *diesAnywhere) MoveStage(ctx context.Context, r topology.Region, n topology.Name, stage, from, to string) error {
	return d.around(func() error { return d.Cloud.MoveStage(ctx, r, n, stage, from, to) })
}

func (d *diesAnywhere) RemoveStage(ctx context.Context, r topology.Region, n topology.Name, stage, version string) error {
	return d.around(func() error { return d.Cloud.RemoveStage(ctx, r, n, stage, version) })
}

func (d *diesAnywhere) CopyVersion(ctx context.Context, n topology.Name, from topology.Region, version string, to topology.Region, label string) error {
	return d.around(func() error { return d.Cloud.CopyVersion(ctx, n, from, version, to, label) })
}

func (d *diesAnywhere) EnableAlarms(ctx context.Context, r topology.Region, names []string) error {
	return d.around(func() error { return d.Cloud.EnableAlarms(ctx, r, names) })
}
