package executor

import (
	"context"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// An unbegun step is a fence that a move did not come to although what it is
// for was done: a step that it needed failed, its group was halted, the
// program died. Nobody tried it, so no outcome tells of it; it is owed all the
// same (G2).
type unbegun struct {
	step  int32
	after []int32   // the steps by whose outcomes it is owed
	since time.Time // the last of them
}

// unbegun are the run's, in the plan's order. A fence whose move was not made
// is never among them: it would stop the one writer there is.
//
//   - of a secret: that was promoted
//   - of a function: all secrets were that rotated by it
//   - of alarms: all secrets of the run were, and their alarms there act, for
//     else nobody would hear; or it waited for alarms that are owed
//
// An abort takes back what was done to alarms, and owes none of it.
func (g *ledger) unbegun() []unbegun {
	if g.state == Completed || g.state == Aborted || !MovesPrimary(g.plan.Command) || len(g.made) == 0 {
		return nil
	}
	f := fences{ledger: g, of: map[topology.Name]int32{}, found: map[int32]unbegun{}}
	for i := range g.plan.Steps {
		s := &g.plan.Steps[i]
		if !g.arrives(s) {
			continue
		}
		if f.all = append(f.all, int32(i)); s.Action == planner.Promote {
			f.of[s.Secret] = int32(i)
		}
	}
	var list []unbegun
	for i := range g.plan.Steps {
		f.owedSince(int32(i))
		if u, ok := f.found[int32(i)]; ok {
			list = append(list, u)
		}
	}
	return list
}

// arrives: the step makes the target what the old primary was.
func (g *ledger) arrives(s *planner.Step) bool {
	return s.Region == g.plan.To && (s.Action == planner.Promote || s.Action == planner.EnableAlarms)
}

// fences are a move's, while it is found out which of them are owed.
type fences struct {
	*ledger
	of    map[topology.Name]int32 // promotions into the target
	all   []int32                 // these, and the alarms there
	found map[int32]unbegun
}

// owedSince says since when a step is owed, by its own outcome or without one.
func (f *fences) owedSince(i int32) (since time.Time, owed bool) {
	if d, ok := f.owed[i]; ok {
		return d.since, true
	}
	if u, ok := f.found[i]; ok {
		return u.since, true
	}
	u := unbegun{step: i, after: f.because(i)}
	for _, a := range u.after {
		at, ok := f.made[a]
		if !f.arrives(&f.plan.Steps[a]) {
			at, ok = f.owedSince(a)
		}
		if !ok {
			return time.Time{}, false
		}
		if at.After(u.since) {
			u.since = at
		}
	}
	if len(u.after) > 0 {
		f.found[i] = u
	}
	return u.since, len(u.after) > 0
}

// because names the steps that make a fence a duty once they are made, or
// owed themselves; none for what is no fence, or was tried.
func (f *fences) because(i int32) []int32 {
	s := &f.plan.Steps[i]
	promoted, moves := f.of[s.Secret]
	switch {
	case !s.Owed, !f.untried(i):
	case s.Secret != "" && moves:
		return []int32{promoted}
	case s.Secret != "":
	case s.Action == planner.RevokeInvoke:
		return f.needed(s, planner.Promote)
	case f.aborting:
	default:
		for _, need := range f.needed(s, s.Action) {
			if _, owed := f.owedSince(need); !owed {
				continue
			}
			if u, ok := f.found[need]; ok {
				return u.after
			}
			return []int32{need}
		}
		return f.all
	}
	return nil
}

// untried: no outcome tells of the step, or, in an abort, one that it was
// meant for another world, which does not tell what it is in this.
func (f *fences) untried(i int32) bool {
	return f.steps[i] == pending || f.steps[i] == intended || f.aborting && f.steps[i] == failed
}

func (g *ledger) needed(s *planner.Step, a planner.Action) []int32 {
	var list []int32
	for _, id := range s.Needs {
		if i := g.index[id]; g.plan.Steps[i].Action == a {
			list = append(list, i)
		}
	}
	return list
}

// withUnbegun adds to the deeds of a move that is not finished those fences
// that it did not come to, as owed since what they are for was done: what
// others paid since then is paid.
func withUnbegun(ctx context.Context, s journal.Store, id string, deeds []deed) ([]deed, error) {
	doc, _, err := readPlan(ctx, s, id)
	if err != nil {
		return deeds, err
	}
	book := newLedger(doc.Plan)
	if err := each(ctx, s, id, book.visit); err != nil {
		return deeds, err
	}
	place := make(map[string]int, len(deeds)) // of the first of each step
	for i := range deeds {
		if _, ok := place[deeds[i].Step]; !ok {
			place[deeds[i].Step] = i
		}
	}
	behind := map[int][]deed{}
	for _, u := range book.unbegun() {
		at, known := 0, true
		for _, a := range u.after {
			p, ok := place[doc.Plan.Steps[a].ID]
			at, known = max(at, p), known && ok // a run at work writes on meanwhile
		}
		if known {
			d := deeds[at]
			d.outcome = outcomeOf(&doc.Plan.Steps[u.step], Deferred)
			behind[at] = append(behind[at], d)
		}
	}
	list := make([]deed, 0, len(deeds)+len(behind))
	for i := range deeds {
		list = append(append(list, deeds[i]), behind[i]...)
	}
	return list, nil
}
