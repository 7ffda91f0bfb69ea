package executor

import (
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// TestAnAbortFindsOutWhatBecameOfAPromotion: the program was killed around the
// call, and no record tells. A promotion that was not made does not keep the
// rotation frozen; one that was is recorded, and its fence owed (G2, G5).
func TestAnAbortFindsOutWhatBecameOfAPromotion(t *testing.T) {
	name := secretName(0)
	for _, c := range []struct {
		about        string
		after        bool
		meanwhile    func(*model)
		made, thawed bool
	}{
		{about: "killed before the call", thawed: true},
		{about: "killed before the call, and the secret was written since", thawed: true, meanwhile: func(m *model) {
			for _, r := range []topology.Region{east, west} {
				s := m.secrets[r][name]
				s.Versions = []topology.Version{{ID: "newer", Stages: []string{topology.StageCurrent}}}
			}
		}},
		{about: "killed after it", after: true, made: true},
		{about: "killed before the call, and the region does not tell", meanwhile: func(m *model) { m.dark[west] = true }},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, s := failoverWorld(1), journal.NewMemory()
				m.functions[lambdaIn(east)] = &topology.Function{ARN: lambdaIn(east), Invokable: true}
				b := planning{planner.Plan{ID: "free", Command: "switchover", From: east, To: west}}
				frozen := b.add(planner.Step{Action: planner.CancelRotation, Secret: name, Region: east})
				up := b.add(planner.Step{Action: planner.Promote, Secret: name, Region: west,
					Expect: planner.Expect{Current: m.secrets[west][name].Stage(topology.StageCurrent)}}, frozen)
				b.add(planner.Step{Action: planner.FencePolicy, Secret: name, Region: east, Owed: true}, up)
				p := &mortal{Store: s, atCall: 2, after: c.after}
				p.watch(m)
				rep, err := executorOn(m, p).Run(t.Context(), &b.plan, RunSpec{})
				if err == nil {
					t.Fatal("it was not killed")
				}
				m.before, m.after = nil, nil
				if c.meanwhile != nil {
					c.meanwhile(m)
				}
				rep, err = executorOn(m, s).Abort(t.Context(), rep.ID)
				if err != nil || rep.State != Aborted {
					t.Fatalf("%v %+v", err, rep)
				}
				placed := mustPlace(t, s)
				if made := placed.Acting[name].To == west; made != c.made {
					t.Errorf("recorded as moved: %v", made)
				}
				if dated := !placed.Acting[name].Dated.IsZero(); dated != c.made {
					t.Errorf("dated by the clock of AWS: %v", dated)
				}
				if len(placed.Owed) != map[bool]int{true: 1}[c.made] {
					t.Errorf("owed: %+v", placed.Owed)
				}
				if on := m.secrets[east][name].Rotation.Enabled; on != c.thawed {
					t.Errorf("home rotates: %v", on)
				}
			})
		})
	}
}

// TestAnAbortRecordsNoPromotionOfWhatWasMovedOn: killed after the promotion of
// one region, and before an emergency made another one the primary. The abort
// does not put the journal back to the first (G2).
func TestAnAbortRecordsNoPromotionOfWhatWasMovedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, name := failoverWorld(1), journal.NewMemory(), secretName(0)
		b := planning{planner.Plan{ID: "free", Command: "switchover", From: east, To: west}}
		b.add(planner.Step{Action: planner.Promote, Secret: name, Region: west})
		p := &mortal{Store: s, atCall: 1, after: true}
		p.watch(m)
		rep, err := executorOn(m, p).Run(t.Context(), &b.plan, RunSpec{})
		if err == nil || m.secrets[west][name].Role() == topology.RoleReplica {
			t.Fatalf("not killed after the promotion: %v", err)
		}
		m.before, m.after = nil, nil
		runOne(t.Context(), t, m, s, "beef", "failover", east, ireland, planner.Step{Action: planner.Promote, Secret: name, Region: ireland})
		if rep, err = executorOn(m, s).Abort(t.Context(), rep.ID); err != nil || rep.State != Aborted {
			t.Fatalf("%v %+v", err, rep)
		}
		if to := mustPlace(t, s).Acting[name].To; to != ireland {
			t.Errorf("placed in %s", to)
		}
	})
}

// A region that was given up as lost is not asked by the abort either: G4.
func TestAnAbortAsksNothingOfARegionGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(1), journal.NewMemory()
		b := planning{planner.Plan{ID: "free", Command: "failover", From: east, To: west}}
		b.add(planner.Step{Action: planner.Promote, Secret: secretName(0), Region: ireland})
		rep, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{Skip: []topology.Region{ireland}})
		if err == nil || rep.Steps.Failed != 1 {
			t.Fatalf("%v %+v", err, rep)
		}
		m.secrets[ireland][secretName(0)].PrimaryRegion = "" // whoever looked would take it for promoted
		if rep, err = executorOn(m, s).Abort(t.Context(), rep.ID); err != nil || rep.Steps.AlreadyDone != 0 {
			t.Errorf("%v %+v", err, rep)
		}
	})
}
