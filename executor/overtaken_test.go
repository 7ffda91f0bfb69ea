package executor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// halfMoved is a failover of one secret that made west the primary, and of
// which what concerns the old primary is owed: east does not answer.
func halfMoved(t *testing.T, m *model, s journal.Store) *Report {
	t.Helper()
	b := planning{planner.Plan{ID: "f00d", Command: "failover", From: east, To: west}}
	up := b.add(planner.Step{Action: planner.Promote, Secret: secretName(0), Region: west, Params: planner.Params{From: east}})
	b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east, Owed: true}, up)
	b.add(planner.Step{Action: planner.DisableAlarms, Alarm: "logins", Region: east, Params: planner.Params{Alarms: []string{"logins"}}, Owed: true}, up)
	rep, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{Skip: []topology.Region{east}})
	if err != nil || len(rep.Owed) != 2 {
		t.Fatalf("%v %+v", err, rep)
	}
	return rep
}

// runOne runs a plan of one step.
func runOne(ctx context.Context, t *testing.T, m *model, s journal.Store, id, command string, from, to topology.Region, step planner.Step) {
	t.Helper()
	b := planning{planner.Plan{ID: id, Command: command, From: from, To: to}}
	b.add(step)
	if _, err := executorOn(m, s).Run(ctx, &b.plan, RunSpec{}); err != nil {
		t.Fatal(err)
	}
}

// G2: a move that another run took back leaves no fence owed to the region
// that is the primary again, and cannot be resumed into owing one.
func TestAMoveThatWasTakenBackOwesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx, name := failoverWorld(1), journal.NewMemory(), t.Context(), secretName(0)
		rep := halfMoved(t, m, s)
		if p := mustPlace(t, s); p.Acting[name].To != west || len(p.Owed) != 2 {
			t.Fatalf("%+v", p)
		}
		runOne(ctx, t, m, s, "bacc", "apply", "", "", planner.Step{Action: planner.OverwriteReplica, Secret: name, Region: west,
			Params: planner.Params{From: east, Key: topology.DefaultKey}})
		check := func(when string) {
			t.Helper()
			p := mustPlace(t, s)
			for _, d := range p.Owed {
				if d.Secret == name {
					t.Errorf("%s: %s still owed to %s, which is the primary", when, d.Action, d.Region)
				}
			}
			if move, ok := p.Acting[name]; ok {
				t.Errorf("%s: still placed in %s", when, move.To)
			}
		}
		check("overwritten")
		if _, err := executorOn(m, s).Resume(ctx, rep.ID); err != nil && !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		if !m.secrets[east][name].Rotation.Enabled {
			t.Error("the rotation of the only writer was cancelled")
		}
		check("resumed")
	})
}

// G2: what was overwritten goes back to the primary before it, not to home.
func TestAMoveThatWasTakenBackLeavesTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx, name := failoverWorld(1), journal.NewMemory(), t.Context(), secretName(0)
		halfMoved(t, m, s)
		runOne(ctx, t, m, s, "beef", "failover", west, ireland, planner.Step{Action: planner.Promote, Secret: name, Region: ireland})
		if to := mustPlace(t, s).Acting[name].To; to != ireland {
			t.Fatalf("placed in %s", to)
		}
		runOne(ctx, t, m, s, "bacc", "apply", "", "", planner.Step{Action: planner.OverwriteReplica, Secret: name, Region: ireland,
			Params: planner.Params{From: west, Key: topology.DefaultKey}})
		if to := mustPlace(t, s).Acting[name].To; to != west {
			t.Errorf("placed in %q, want %s", to, west)
		}
	})
}

// G2: a completed failover still owes the silence of the old primary's alarms
// when a failback makes that the primary again: resuming it changes nothing.
func TestAnOldFailoverDoesNotSilenceARegionThatIsThePrimaryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx, name := failoverWorld(1), journal.NewMemory(), t.Context(), secretName(0)
		rep := halfMoved(t, m, s)
		runOne(ctx, t, m, s, "beef", "failback", west, east, planner.Step{Action: planner.Promote, Secret: name, Region: east})
		before := m.state()
		after, err := executorOn(m, s).Resume(ctx, rep.ID)
		if !errors.Is(err, ErrOvertaken) || m.state() != before || !m.alarms[east]["logins"].ActionsEnabled {
			t.Fatalf("%v %+v", err, after)
		}
		if list, err := Runs(ctx, s); err != nil || list[0].State != Completed {
			t.Errorf("it was completed and is %s now (%v)", list[0].State, err)
		}
	})
}

// The alarms of a region that everything has left since stay off.
func TestAnOldFailoverDoesNotWakeARegionThatWasLeftSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx, name := failoverWorld(1), journal.NewMemory(), t.Context(), secretName(0)
		halfMoved(t, m, s)
		b := planning{planner.Plan{ID: "a1a1", Command: "failover", From: east, To: west}}
		b.add(planner.Step{Action: planner.EnableAlarms, Alarm: "logins", Region: west, Params: planner.Params{Alarms: []string{"logins"}}})
		rep, err := executorOn(m, s).Run(ctx, &b.plan, RunSpec{Skip: []topology.Region{west}})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		runOne(ctx, t, m, s, "beef", "failover", west, ireland, planner.Step{Action: planner.Promote, Secret: name, Region: ireland})
		r := &run{e: executorOn(m, s), id: rep.ID, plan: &b.plan}
		if r.since, err = r.movedSince(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.superseded(&b.plan.Steps[0]); !errors.Is(err, ErrStalePlan) {
			t.Errorf("%v", err)
		}
	})
}

// A run that lifted a fence to overwrite what stood behind it, and then failed
// elsewhere, is aborted: a replica takes no fence.
func TestAbortPutsNoFenceOnWhatTheRunOverwrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx, name := failoverWorld(1), journal.NewMemory(), t.Context(), secretName(0)
		halfMoved(t, m, s)
		m.policies[string(west)+" "+string(name)], _, _ = addStatement("", "Fence")
		b := planning{planner.Plan{ID: "bacc", Command: "apply"}}
		free := b.add(planner.Step{Action: planner.UnfencePolicy, Secret: name, Region: west, Params: planner.Params{Statement: "Fence"}})
		b.add(planner.Step{Action: planner.OverwriteReplica, Secret: name, Region: west, Params: planner.Params{From: east, Key: topology.DefaultKey}}, free)
		b.add(planner.Step{Action: planner.EnableAlarms, Alarm: "none", Region: west, Params: planner.Params{Alarms: []string{"none"}}})
		rep, err := executorOn(m, s).Run(ctx, &b.plan, RunSpec{})
		if !errors.Is(err, ErrStopped) || rep.Steps.Applied != 2 {
			t.Fatalf("%v %+v", err, rep)
		}
		if rep, err = executorOn(m, s).Abort(ctx, rep.ID); err != nil || rep.State != Aborted {
			t.Fatalf("%v %+v", err, rep)
		}
	})
}
