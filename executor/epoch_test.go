package executor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/planner"
)

// Three runs, the last resumed in a session of its own, with epoch 4; then the
// lease is destroyed. What follows has epoch 5, damaged journals or not.
func TestAfterALostLeaseNoEpochIsUsedAgain(t *testing.T) {
	for name, damage := range map[string]func([][]byte) [][]byte{
		"intact":                   func(l [][]byte) [][]byte { return l },
		"with a journal cut short": func(l [][]byte) [][]byte { l[1] = []byte("garbage\n"); return l },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, dir, failover, apply := twoRuns(t)
				m := failoverWorld(2)
				m.dark[east] = true
				rep, err := executorOn(m, s).Run(t.Context(), failoverPlan(2), RunSpec{})
				if err != nil || !strings.HasPrefix(rep.ID, "r3-") || len(rep.Owed) == 0 {
					t.Fatalf("%v %+v", err, rep)
				}
				if _, err = executorOn(m, s).Resume(t.Context(), rep.ID); err != nil { // the debts, in a session with epoch 4
					t.Fatal(err)
				}
				s = reopened(t, dir, rep.ID, "journal.jsonl", damage)
				if err := journal.Replace(t.Context(), s, journal.LeaseKey, []byte("{\"ep")); err != nil {
					t.Fatal(err)
				}
				list, err := Runs(t.Context(), s)
				if err != nil || len(list) != 3 || list[0].ID != failover || list[1].ID != apply {
					t.Fatalf("runs: %v %+v", err, list)
				}
				var told *journal.HeldError
				e := New(Options{Cloud: m, Store: s, Holder: deadHolder(), Waiting: func(h *journal.HeldError, _ time.Duration) { told = h }})
				b := planning{planner.Plan{ID: "bbbb", Command: "apply"}}
				b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(1), Region: west})
				next, err := e.Run(t.Context(), &b.plan, RunSpec{})
				if err != nil || !strings.HasPrefix(next.ID, "r5-") { // r3 was resumed as 4
					t.Errorf("%v, run %q, want r5", err, next.ID)
				}
				if told == nil || told.Problem == nil || !strings.Contains(told.Problem.Error(), "lease.json:1: corrupt") {
					t.Errorf("told %+v", told)
				}
			})
		})
	}
}
