package executor

import (
	"context"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// reveal finds out what became of promotions whose end no record tells: the
// program died, or their answers were lost. One that was made is recorded, as a
// resume would; then all about its secret stays. One that was not is named in
// the answer, and what was done for its sake is taken back. Where a region does
// not tell, neither: the step stays as it was, and counts as made. So does that
// of a secret which was moved elsewhere since: a record of it now would come
// after the one of where its primary is. A region that the run was to make no
// call to is not asked: no call was made.
func (r *run) reveal(ctx context.Context, since since) (unmade map[int]bool, err error) {
	unmade = map[int]bool{}
	for i := range r.plan.Steps {
		s := &r.plan.Steps[i]
		if state := r.book.steps[i]; s.Action != planner.Promote || state != intended && state != failed {
			continue
		}
		if _, gone := since.elsewhere[s.Secret]; gone || slices.Contains(r.spec.Skip, s.Region) {
			continue
		}
		see, known := r.revealed(ctx, s)
		switch {
		case !known:
		case !see.done:
			unmade[i] = true
		default:
			out := r.succeeded(s, &progress{}, see)
			at, err := r.log.Append(ctx, kindOutcome, out)
			if err != nil {
				return nil, err
			}
			r.book.settle(int32(i), out, at)
		}
	}
	return unmade, nil
}

// revealed looks as often as after a lost answer, since reads lag behind. What
// else a promotion expects is no question here: a replica is not promoted.
func (r *run) revealed(ctx context.Context, s *planner.Step) (see sight, known bool) {
	for n := range settleLooks {
		if n > 0 && r.e.clock.Sleep(ctx, pollFirst) != nil {
			return sight{}, false
		}
		c, err := r.acts.secret(ctx, s.Region, s.Secret)
		switch {
		case err != nil || c == nil || expect(planner.Expect{ARN: s.Expect.ARN}, c) != nil:
			return sight{}, false
		case c.Role() != topology.RoleReplica:
			return sight{done: true, versions: c.Versions, seen: c.Seen}, true
		}
	}
	return sight{}, true
}
