package executor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

var errRefused = errors.New("InternalFailure: not now")

// fencedPlan moves n secrets and fences all that there is at the old primary:
// rotation, the function, and alarms in two levels.
func fencedPlan(m *model, n int) *planner.Plan {
	m.alarms[east]["whole"] = &topology.Alarm{Name: "whole", ActionsEnabled: true}
	m.functions[lambdaIn(east)] = &topology.Function{ARN: lambdaIn(east), Invokable: true,
		Policy: `{"Statement":[{"Sid":"ours","Effect":"Allow","Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + lambdaIn(east) + `"}]}`}
	b := planning{planner.Plan{ID: "fe4c", Command: "failover", From: east, To: west}}
	var promoted []string
	for i := range n {
		up := b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: west})
		third := b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: ireland})
		b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(i), Region: east, Owed: true}, up, third)
		promoted = append(promoted, up)
	}
	b.add(planner.Step{Action: planner.RevokeInvoke, Target: lambdaIn(east), Region: east, Owed: true,
		Params: planner.Params{Lambda: lambdaIn(east), Statement: planner.GrantStatement}}, promoted...)
	b.add(planner.Step{Action: planner.EnableAlarms, Alarm: "logins", Region: west, Tier: 1, Params: planner.Params{Alarms: []string{"logins"}}})
	quiet := func(name string, needs ...string) string {
		return b.add(planner.Step{Action: planner.DisableAlarms, Alarm: name, Region: east, Tier: 1, Owed: true, Params: planner.Params{Alarms: []string{name}}}, needs...)
	}
	quiet("logins", quiet("whole"))
	return &b.plan
}

func wordsOf(debts []topology.Debt) (list []string) {
	for _, d := range debts {
		on, _, _ := strings.Cut(string(d.Secret)+d.Alarm+d.Target, ":lambda")
		list = append(list, d.Action+" "+on)
	}
	slices.Sort(list)
	return list
}

func owedAre(t *testing.T, when string, got []topology.Debt, want ...string) {
	t.Helper()
	slices.Sort(want)
	if list := wordsOf(got); !slices.Equal(list, want) {
		t.Errorf("%s: owed %q, want %q", when, list, want)
	}
}

// G2: the alarms of the first level are refused, and those that wait for them
// are left.
func TestAlarmsThatWaitForRefusedOnesAreOwedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(2), journal.NewMemory()
		plan := fencedPlan(m, 2)
		m.before = func(call string) error {
			if strings.HasPrefix(call, "DisableAlarm") {
				return errRefused
			}
			return nil
		}
		rep, err := executorOn(m, s).Run(t.Context(), plan, RunSpec{})
		if !errors.Is(err, ErrStopped) || rep.Steps.Failed != 1 || rep.Steps.Left != 1 {
			t.Fatalf("%v %+v", err, rep)
		}
		owedAre(t, "report", rep.Owed, "disable-alarms whole", "disable-alarms logins")
		owedAre(t, "placement", mustPlace(t, s).Owed, "disable-alarms whole", "disable-alarms logins")
		m.before = nil
		if rep, err = executorOn(m, s).Resume(t.Context(), rep.ID); err != nil || len(rep.Owed)+len(mustPlace(t, s).Owed) != 0 {
			t.Fatalf("%v %+v", err, rep)
		}
	})
}

// G2: what was not moved owes nothing, nor do a function and alarms that it
// still needs.
func TestWhatARunLeftIsOwedWhereTheMoveWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(3), journal.NewMemory()
		plan := fencedPlan(m, 3)
		m.before = func(call string) error {
			switch {
			case call == fmt.Sprintf("Promote %s %s", ireland, secretName(0)), // so its fence is left, and the move made
				call == fmt.Sprintf("Promote %s %s", west, secretName(1)): // so its move is not made
				return topology.ErrDenied
			}
			return nil
		}
		rep, err := executorOn(m, s).Run(t.Context(), plan, RunSpec{})
		if !errors.Is(err, ErrStopped) || rep.Steps.Failed != 2 || rep.Steps.Left != 3 {
			t.Fatalf("%v %+v", err, rep)
		}
		owedAre(t, "report", rep.Owed, "cancel-rotation "+string(secretName(0)))
		owedAre(t, "placement", mustPlace(t, s).Owed, "cancel-rotation "+string(secretName(0)))
	})
}

// G2, G3: killed at every call: owed is what is for a secret, or all secrets,
// that were promoted by then. What another run paid stays paid, also when the
// run is resumed and killed again, and when it is aborted.
func TestAKilledRunOwesWhatItDidNotComeTo(t *testing.T) {
	for at := int64(1); at <= 10; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, s, ctx := failoverWorld(2), journal.NewMemory(), t.Context()
				plan := fencedPlan(m, 2)
				die := func(at int64, run func(e *Executor) error) {
					p := &mortal{Store: s, atCall: at}
					p.watch(m)
					if run(New(Options{Cloud: m, Store: p, Concurrency: 1, Holder: deadHolder()})) == nil {
						t.Fatal("it lived")
					}
					m.before, m.after = nil, nil
				}
				die(at, func(e *Executor) error { _, err := e.Run(ctx, plan, RunSpec{}); return err })
				rep, _, err := Load(ctx, s, "r1")
				if err != nil {
					t.Fatal(err)
				}
				want, all := undone(t, s, 2)
				owedAre(t, "report", rep.Owed, want...)
				owedAre(t, "placement", mustPlace(t, s).Owed, want...)
				if len(want) == 0 {
					return
				}
				fence := paying(want)
				if _, err := executorOn(m, s).Run(ctx, fence, RunSpec{}); err != nil {
					t.Fatal(err)
				}
				owedAre(t, "after the fence", mustPlace(t, s).Owed)
				if !all {
					die(1, func(e *Executor) error { _, err := e.Resume(ctx, "r1"); return err })
					want, _ = undone(t, s, 2) // of what it found promoted
					owedAre(t, "resumed and killed again", mustPlace(t, s).Owed, want...)
				}
				if _, err := executorOn(m, s).Abort(ctx, "r1"); err != nil {
					t.Fatal(err)
				}
				want, _ = undone(t, s, 2)
				want = slices.DeleteFunc(want, func(w string) bool { return strings.HasPrefix(w, "disable") }) // an abort gives these back
				owedAre(t, "after the abort", mustPlace(t, s).Owed, want...)
			})
		})
	}
}

// undone are the fences that no journal tells to be up, of what one tells to be moved.
func undone(t *testing.T, s journal.Store, n int) (list []string, all bool) {
	t.Helper()
	ids, err := runIDs(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, id := range ids {
		p, err := deedsOf(t.Context(), s, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range p.deeds {
			on, _, _ := strings.Cut(d.On, ":lambda")
			done[fmt.Sprintf("%s %s", d.Action, on)] = !d.open()
		}
	}
	add := func(words string, due bool) {
		if due && !done[words] {
			list = append(list, words)
		}
	}
	acting := mustPlace(t, s).Acting
	for i := range n {
		add("cancel-rotation "+string(secretName(i)), acting[secretName(i)].To == west)
	}
	all = len(acting) == n
	add("revoke-invoke arn:aws", all)
	add("disable-alarms whole", all && done["enable-alarms logins"])
	add("disable-alarms logins", all && done["enable-alarms logins"])
	return list, all
}

// paying is a fence run for debts.
func paying(words []string) *planner.Plan {
	b := planning{planner.Plan{ID: "9a1d", Command: "fence"}}
	for _, w := range words {
		action, on, _ := strings.Cut(w, " ")
		step := planner.Step{Action: planner.Action(action), Region: east, Owed: true}
		switch step.Action {
		case planner.DisableAlarms:
			step.Alarm, step.Params.Alarms = on, []string{on}
		case planner.RevokeInvoke:
			step.Target, step.Params = lambdaIn(east), planner.Params{Lambda: lambdaIn(east), Statement: planner.GrantStatement}
		default:
			step.Secret = topology.Name(on)
		}
		b.add(step)
	}
	return &b.plan
}
