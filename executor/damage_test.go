package executor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/planner"
)

// twoRuns are a failover that ran through and an unrelated apply after it, in
// a directory.
func twoRuns(t *testing.T) (s journal.Store, dir, failover, apply string) {
	t.Helper()
	dir = t.TempDir()
	s, err := journal.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := failoverWorld(2)
	first, err := executorOn(m, s).Run(t.Context(), failoverPlan(2), RunSpec{})
	if err != nil {
		t.Fatal(err)
	}
	b := planning{planner.Plan{ID: "aaaa", Command: "apply"}}
	b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east})
	second, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir, first.ID, second.ID
}

// reopened is the directory as another process finds it.
func reopened(t *testing.T, dir, run, file string, change func([][]byte) [][]byte) journal.Store {
	t.Helper()
	path := filepath.Join(dir, "runs", run, file)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := change(bytes.SplitAfter(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")))
	if lines == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, bytes.Join(lines, nil), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := journal.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestADamagedRunIsOneDamagedRun(t *testing.T) {
	for name, row := range map[string]struct {
		file   string
		change func([][]byte) [][]byte
		says   string
	}{
		"a changed byte":       {"journal.jsonl", func(l [][]byte) [][]byte { l[2][10]++; return l }, "journal.jsonl:3: corrupt"},
		"cut at a line":        {"journal.jsonl", func(l [][]byte) [][]byte { return l[:len(l)-1] }, "cut off"},
		"cut in the last line": {"journal.jsonl", func(l [][]byte) [][]byte { l[len(l)-1] = l[len(l)-1][:9]; return l }, "cut off"},
		"cut to empty":         {"journal.jsonl", func([][]byte) [][]byte { return [][]byte{} }, "journal.jsonl:1: corrupt: cut off"},
		"removed":              {"journal.jsonl", func([][]byte) [][]byte { return nil }, "cut off"},
		"its plan removed":     {"plan.json", func([][]byte) [][]byte { return nil }, "plan of run"},
		"its plan emptied":     {"plan.json", func([][]byte) [][]byte { return [][]byte{} }, "plan of run"},
		"its head changed":     {"head.json", func([][]byte) [][]byte { return [][]byte{[]byte("{}")} }, "head.json:1: corrupt"},
		"another head": {"head.json", func(l [][]byte) [][]byte {
			return [][]byte{bytes.Replace(l[0], []byte(`"sum":"`), []byte(`"sum":"0`), 1)}
		}, "head.json tells"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, dir, failover, apply := twoRuns(t)
				s := reopened(t, dir, apply, row.file, row.change)
				if err := Verify(t.Context(), s, apply); !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), row.says) {
					t.Errorf("verify: %v, want %q", err, row.says)
				}
				if err := Verify(t.Context(), s, failover); err != nil {
					t.Errorf("the other run: %v", err)
				}
				list, err := Runs(t.Context(), s)
				if err != nil || len(list) != 2 || list[0].State != Completed || list[1].State != Corrupt || list[1].Problem == "" || list[1].Command != "apply" {
					t.Errorf("runs: %v %+v", err, list)
				}
				if acting := mustPlace(t, s).Acting; len(acting) != 2 || acting[secretName(0)].Run != failover {
					t.Errorf("placement: %+v", acting)
				}
				if _, err := executorOn(failoverWorld(2), s).Resume(t.Context(), apply); row.file != "plan.json" && !errors.Is(err, journal.ErrCorrupt) {
					t.Errorf("resume: %v", err)
				}
			})
		})
	}
}

// What a completed failover's journal has lost is never forgotten silently,
// and what is left of it still counts.
func TestAMoveThatIsHalfForgottenIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dir, failover, _ := twoRuns(t)
		promotions := 0
		s := reopened(t, dir, failover, "journal.jsonl", func(lines [][]byte) [][]byte {
			for i, l := range lines {
				if bytes.Contains(l, []byte(`"kind":"outcome"`)) && bytes.Contains(l, []byte(`"action":"promote"`)) && bytes.Contains(l, []byte(west)) {
					promotions++
					return lines[:i+1]
				}
			}
			return lines
		})
		placement, damage, err := History(t.Context(), s)
		if err != nil || len(placement.Acting) != promotions || promotions != 1 {
			t.Fatalf("%v %+v", err, placement)
		}
		if len(damage) != 1 || damage[0].Run != failover || !damage[0].Moves() {
			t.Fatalf("damage: %+v", damage)
		}
		for _, want := range []string{"journal.jsonl:", "may have moved", "understudy runs verify " + failover} {
			if says := damage[0].String(); !strings.Contains(says, want) {
				t.Errorf("%q does not say %q", says, want)
			}
		}
	})
}

func TestNoRunIsTakenBackWhileALaterMoveIsUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dir, _, apply := twoRuns(t)
		s := reopened(t, dir, apply, "journal.jsonl", func(l [][]byte) [][]byte { return l })
		m := failoverWorld(2)
		m.denied[secretName(1)] = true
		rep, err := executorOn(m, s).Run(t.Context(), failoverPlan(2), RunSpec{})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		b := planning{planner.Plan{ID: "cccc", Command: "switchover", From: west, To: east}}
		b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east})
		last, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{})
		if err != nil {
			t.Fatal(err)
		}
		s = reopened(t, dir, last.ID, "journal.jsonl", func(l [][]byte) [][]byte { return l[:1] })
		for name, do := range map[string]func() error{
			"abort":  func() error { _, err := executorOn(m, s).Abort(t.Context(), rep.ID); return err },
			"resume": func() error { _, err := executorOn(m, s).Resume(t.Context(), rep.ID); return err },
		} {
			if err := do(); !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), last.ID) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A process that died leaves a torn tail behind the head of its begin: that
// is no damage, and it is resumed.
func TestATornTailOfADeadRunIsNoDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := journal.OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		m := failoverWorld(2)
		m.denied[secretName(1)] = true
		rep, err := executorOn(m, s).Run(t.Context(), failoverPlan(2), RunSpec{})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		var begin []byte
		reopened(t, dir, rep.ID, "journal.jsonl", func(l [][]byte) [][]byte {
			begin = l[0]
			return append(l[:len(l)-1], l[len(l)-1][:20])
		})
		_, sum, _ := bytes.Cut(bytes.TrimSpace(begin), []byte(`,"sum":`))
		again := reopened(t, dir, rep.ID, "head.json", func([][]byte) [][]byte {
			return [][]byte{[]byte(`{"seq":1,"sum":` + string(sum))}
		})
		if err := Verify(t.Context(), again, rep.ID); err != nil {
			t.Errorf("verify: %v", err)
		}
		delete(m.denied, secretName(1))
		if rep, err = executorOn(m, again).Resume(t.Context(), rep.ID); err != nil || rep.State != Completed {
			t.Errorf("resume: %v %+v", err, rep)
		}
		if err := Verify(t.Context(), again, rep.ID); err != nil {
			t.Errorf("verify after the resume: %v", err)
		}
	})
}
