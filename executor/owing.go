package executor

import (
	"errors"
	"fmt"
	"sync"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// onlyOwed: the steps are a fence's, and no move's.
func onlyOwed(steps []planner.Step) bool {
	for i := range steps {
		if !steps[i].Owed {
			return false
		}
	}
	return true
}

// refusedOrOwed: a move needs nothing from the old primary (G4), not even a
// permission there: what it may not do is owed, and so is what must wait for
// another region. A fence that is refused has nothing else to do, and says so.
func (r *run) refusedOrOwed(s *planner.Step, err error) outcome {
	if (errors.Is(err, topology.ErrDenied) || codeOf(err) == CodeStillFollowed) && !r.book.fence {
		return r.failedOrOwed(s, err)
	}
	return r.failedWith(s, err)
}

// shutAfter is how many owed steps in a row, of one action, a region may
// throttle, each after all the attempts of a client, until the others are owed
// without being tried: thousands of them, one batch of attempts after the
// other, would keep a move that is over from ending.
const shutAfter = 3

// throttling counts them.
type throttling struct {
	mu    sync.Mutex
	inRow map[throttledKey]int
}

// A throttledKey is what has quotas of its own, near enough.
type throttledKey struct {
	region topology.Region
	action planner.Action
}

// heard takes in how an owed step ended.
func (t *throttling) heard(s *planner.Step, err error) {
	if !s.Owed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inRow == nil {
		t.inRow = map[throttledKey]int{}
	}
	k := throttledKey{s.Region, s.Action}
	if t.inRow[k]++; !errors.Is(err, topology.ErrThrottled) {
		t.inRow[k] = 0
	}
}

// shut says why an owed step need not be tried, nil if it is to be.
func (t *throttling) shut(s *planner.Step) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.Owed || t.inRow[throttledKey{s.Region, s.Action}] < shutAfter {
		return nil
	}
	return &StepError{Code: CodeThrottled, Err: topology.ErrThrottled,
		Message: fmt.Sprintf("not tried: %s throttled the last %d of the kind", s.Region, shutAfter)}
}
