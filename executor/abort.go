package executor

import (
	"context"
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Abort ends a run for good: it takes back, in reverse order, what the run
// applied and what has an undo, and reports which steps have none or stay
// because a promotion does (Report.OneWay). Every undo goes through the step
// protocol, so an abort can itself be stopped, and aborted again.
//
// Errors: ErrNoRun, ErrLeaseHeld, journal.ErrCorrupt; a *StoppedError if an
// undo failed.
func (e *Executor) Abort(ctx context.Context, id string) (*Report, error) {
	r, err := e.reopen(ctx, id)
	if err != nil {
		return nil, err
	}
	defer r.release(ctx)
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if r.book.state == Aborted {
		return r.book.report(r.id), nil
	}
	unknown := r.unknown()
	since, err := r.movedSince(ctx)
	if err != nil {
		return r.book.report(r.id), err
	}
	if err := r.session(ctx, kindAbort); err != nil {
		return r.book.report(r.id), r.stopped(err)
	}
	unmade, err := r.reveal(ctx, since)
	if err != nil {
		return r.book.report(r.id), r.stopped(err)
	}
	if err := r.oweFences(ctx); err != nil {
		return r.book.report(r.id), r.stopped(err)
	}
	defer r.watch(ctx)()
	steps := r.undoSteps(unknown, since, r.moved(unmade))
	q, err := newSchedule(r, steps, func(int) bool { return false }, true)
	if err != nil {
		return r.book.report(r.id), err
	}
	r.emit(q, Event{Kind: RunStarted})
	err = q.loop(r.ctx)                     //nolint:contextcheck // r.ctx is ctx with our own ends; what has begun is journaled whatever ends
	rep, err := r.concludeAbort(err, steps) //nolint:contextcheck // the end is journaled whatever ended it
	r.emit(q, Event{Kind: RunEnded, Message: rep.Reason})
	return rep, err
}

// unknown are the steps with an intent but no outcome: perhaps applied. Their
// undo looks first, like any step.
func (r *run) unknown() map[int]bool {
	list := map[int]bool{}
	for i, s := range r.book.steps {
		if s == intended {
			list[i] = true
		}
	}
	return list
}

// undoSteps are the undo of every applied step that has one and is not yet
// undone, each after the undo of the steps that needed it.
func (r *run) undoSteps(unknown map[int]bool, since since, moved map[topology.Name]bool) []planner.Step {
	var steps []planner.Step
	chosen, replaced := map[string]bool{}, r.replaced()
	for n := range since.elsewhere {
		moved[n] = true
	}
	for i := len(r.plan.Steps) - 1; i >= 0; i-- {
		if r.book.steps[i] != applied && !unknown[i] {
			continue
		}
		if o, ok := r.book.undone[int32(i)]; ok && stateOf[o].satisfied() {
			continue
		}
		u, ok := r.undo(i)
		if ok && u.Action == planner.FencePolicy && replaced[lockKey{u.Secret, u.Region}] {
			continue // the run itself made a replica of what stood behind the fence
		}
		if ok && !moved[u.Secret] && !r.invokedFor(&r.plan.Steps[i], moved) && !(u.Action == planner.DisableAlarms && since.leads(u.Region)) {
			chosen[u.ID] = true
			steps = append(steps, u)
		}
	}
	index := make(map[string]int, len(steps))
	for i := range steps {
		index[steps[i].ID] = i
	}
	for i := range r.plan.Steps {
		s := &r.plan.Steps[i]
		for _, need := range s.Needs {
			if at, ok := index[need]; ok && chosen[s.ID] {
				steps[at].Needs = append(steps[at].Needs, s.ID)
			}
		}
	}
	return steps
}

// moved are the secrets that the run promoted, or may have. Their fence at the
// old primary stays, and so does all else about them: a promotion is never
// taken back, and lifting the fence would leave two writers (G2).
func (r *run) moved(unmade map[int]bool) map[topology.Name]bool {
	list := map[topology.Name]bool{}
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Action == planner.Promote && (r.book.steps[i].satisfied() || r.book.steps[i] == intended && !unmade[i]) {
			list[s.Secret] = true
		}
	}
	return list
}

// replaced are the copies that the run overwrote.
func (r *run) replaced() map[lockKey]bool {
	list := map[lockKey]bool{}
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Action == planner.OverwriteReplica && r.book.steps[i].satisfied() {
			list[lockKey{s.Secret, s.Region}] = true
		}
	}
	return list
}

// oweFences journals as owed the fences that the run did not come to, of
// secrets that it did move: the new primary stays, and the old one must not
// go on rotating beside it without anybody knowing (G2). What was paid since,
// or is void, is not owed again.
func (r *run) oweFences(ctx context.Context) error {
	placement, err := Placement(ctx, r.e.opts.Store)
	if err != nil {
		return err
	}
	for _, u := range r.book.unbegun() {
		s := &r.plan.Steps[u.step]
		if !slices.ContainsFunc(placement.Owed, func(d topology.Debt) bool {
			return d.Action == string(s.Action) && d.Secret == s.Secret && d.Target == s.Target && d.Region == s.Region
		}) {
			continue
		}
		out := outcomeOf(s, Deferred)
		out.Note = "the run was aborted before it"
		at, err := r.log.Append(ctx, kindOutcome, out)
		if err != nil {
			return err
		}
		r.book.settle(u.step, out, at)
	}
	return nil
}

// invokedFor reports whether a step is about a function by which one of the
// secrets rotates: one that left, so that it may not be invoked any more, or
// one that comes, so that it may be again.
func (r *run) invokedFor(s *planner.Step, secrets map[topology.Name]bool) bool {
	if s.Action != planner.RevokeInvoke && s.Action != planner.GrantInvoke {
		return false
	}
	return slices.ContainsFunc(r.plan.Steps, func(other planner.Step) bool {
		return secrets[other.Secret] && (slices.Contains(s.Needs, other.ID) || slices.Contains(other.Needs, s.ID))
	})
}

// undo is the step that takes a step back, under the same ID. What it expects
// is what that made, so only its own effect is undone.
func (r *run) undo(i int) (planner.Step, bool) {
	s := &r.plan.Steps[i]
	if s.Undo == "" || s.Undo == planner.NoUndo {
		return planner.Step{}, false
	}
	u := *s
	u.Action, u.Needs, u.Expect, u.Tier, u.Owed = s.Undo, nil, planner.Expect{}, 0, false
	if took := r.book.taken[int32(i)]; u.Action == planner.GrantInvoke && len(took) > 0 {
		u.Params.Permissions, u.Params.Statement = took, "" // as it was, and no more
	}
	return u, true
}

// concludeAbort: aborted once every undo is through.
func (r *run) concludeAbort(fatal error, steps []planner.Step) (*Report, error) {
	open := 0
	for i := range steps {
		if !stateOf[r.book.undone[r.book.index[steps[i].ID]]].satisfied() {
			open++
		}
	}
	if fatal == nil && open > 0 && r.ctx.Err() == nil {
		what := fmt.Sprintf("%d steps", open)
		if open == 1 {
			what = "1 step"
		}
		fatal = fmt.Errorf("%s could not be undone; try again with: understudy runs abort %s", what, r.id)
	}
	return r.conclude(fatal, Aborted)
}

// oneWay are the steps that an abort left as they are.
func (g *ledger) oneWay() []OneWayStep {
	var list []OneWayStep
	for i := range g.plan.Steps {
		s := &g.plan.Steps[i]
		if g.steps[i] != applied || stateOf[g.undone[int32(i)]].satisfied() {
			continue
		}
		list = append(list, OneWayStep{Step: s.ID, Action: string(s.Action), Subject: s.Subject(), Region: s.Region, Risk: string(s.Risk)})
	}
	return list
}
