package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// errDead is what a process that was killed would get, if it got anything.
var errDead = errors.New("the process is dead")

// A mortal is a process that dies at a chosen moment: from then on it can
// neither write nor call.
type mortal struct {
	journal.Store
	appends int64 // journal writes so far
	calls   int64 // mutating calls so far

	atAppend, atCall int64 // die there (0: never)
	// after: the write or call still takes effect; lost: the call does and
	// only its answer is lost, the process lives.
	after, lost bool
	dead        atomic.Bool
	told        atomic.Bool // the one answer was lost
}

func (p *mortal) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	if p.dead.Load() {
		return errDead
	}
	if n := atomic.AddInt64(&p.appends, 1); n != p.atAppend {
		return p.Store.Append(ctx, log, seq, lines)
	}
	p.dead.Store(true)
	if p.after {
		if err := p.Store.Append(ctx, log, seq, lines); err != nil {
			return err
		}
	}
	return errDead
}

func (p *mortal) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	if p.dead.Load() {
		return "", errDead
	}
	return p.Store.Put(ctx, key, val, rev)
}

// watch makes the model ask the process around every call.
func (p *mortal) watch(m *model) {
	m.before = func(string) error {
		if p.dead.Load() {
			return errDead
		}
		if n := atomic.AddInt64(&p.calls, 1); n == p.atCall && !p.after && !p.lost {
			p.dead.Store(true)
			return errDead
		}
		return nil
	}
	m.after = func(string) error {
		switch {
		case p.atCall == 0 || atomic.LoadInt64(&p.calls) < p.atCall || p.dead.Load():
			return nil
		case p.lost && p.told.Swap(true):
			return nil
		case p.lost:
			return fmt.Errorf("%w: connection reset", topology.ErrUnknown)
		case p.after:
			p.dead.Store(true)
			return errDead
		}
		return nil
	}
}

// deadHolder is a holder that is provably dead as soon as anybody looks: a
// process of this machine whose id nobody has.
func deadHolder() journal.Holder {
	h := journal.Self("test")
	h.PID = 1 << 30
	return h
}

func executorOn(m *model, s journal.Store) *Executor { return executorBy(m, s, nil) }

func executorBy(m *model, s journal.Store, c Clock) *Executor {
	return New(Options{Cloud: m, Store: s, Holder: deadHolder(), Concurrency: 1, Clock: c})
}

type scenario struct {
	world func() *model
	plan  func() *planner.Plan
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"failover": {func() *model { return failoverWorld(3) }, func() *planner.Plan { return failoverPlan(3) }},
		"failover with the old primary dark": {func() *model {
			m := failoverWorld(2)
			m.dark[east] = true
			return m
		}, func() *planner.Plan { return failoverPlan(2) }},
		"apply": {applyWorld, applyPlan},
	}
}

// whole runs a scenario without interruption and counts its cut points.
func whole(t *testing.T, sc scenario) (state string, mutations []string, p *mortal) {
	synctest.Test(t, func(t *testing.T) {
		m := sc.world()
		p = &mortal{Store: journal.NewMemory()}
		p.watch(m)
		rep, err := executorOn(m, p).Run(t.Context(), sc.plan(), RunSpec{})
		if err != nil || rep.State != Completed {
			t.Fatalf("%v, %+v", err, rep)
		}
		state, mutations = m.state(), slices.Sorted(slices.Values(m.mutations))
	})
	return state, mutations, p
}

// G3, G5: cut at every journal write (before it, after it) and at every call
// (before it, after it, its answer lost), resume in another process: the same
// world, by the same calls, none of them twice.
func TestCrashMatrix(t *testing.T) {
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			state, mutations, p := whole(t, sc)
			for n := int64(1); n <= p.appends; n++ {
				cut(t, sc, &mortal{atAppend: n}, state, mutations)
				cut(t, sc, &mortal{atAppend: n, after: true}, state, mutations)
			}
			for n := int64(1); n <= p.calls; n++ {
				cut(t, sc, &mortal{atCall: n}, state, mutations)
				cut(t, sc, &mortal{atCall: n, after: true}, state, mutations)
				cut(t, sc, &mortal{atCall: n, lost: true}, state, mutations)
			}
			t.Logf("%d journal writes, %d calls", p.appends, p.calls)
		})
	}
}

func cut(t *testing.T, sc scenario, p *mortal, state string, mutations []string) {
	t.Helper()
	cutBy(t, sc, p, state, mutations, nil, nil)
}

// cutBy is cut, with the clocks of the process that dies and of its successor.
func cutBy(t *testing.T, sc scenario, p *mortal, state string, mutations []string, first, second Clock) {
	t.Helper()
	at := fmt.Sprintf("append %d call %d after %v lost %v", p.atAppend, p.atCall, p.after, p.lost)
	synctest.Test(t, func(t *testing.T) {
		m, store := sc.world(), journal.NewMemory()
		p.Store = store
		p.watch(m)
		rep, err := executorBy(m, p, first).Run(t.Context(), sc.plan(), RunSpec{})
		if p.lost || !p.dead.Load() { // appends that meet share one write, so there may be fewer
			if err != nil {
				t.Fatalf("%s: a lost answer stopped the run: %v", at, err)
			}
		} else {
			if !errors.Is(err, ErrStopped) {
				t.Fatalf("%s: error is %v, want ErrStopped", at, err)
			}
			(&mortal{}).watch(m)
			// All that the next process has is the store.
			rep, err = executorBy(m, store, second).Resume(t.Context(), "r1")
			if err != nil {
				t.Fatalf("%s: resume: %v %+v", at, err, rep.Failures)
			}
		}
		if rep.State != Completed || rep.Steps.Failed+rep.Steps.Left > 0 {
			t.Fatalf("%s: %+v", at, rep)
		}
		if got := m.state(); got != state {
			t.Fatalf("%s: another world:\n%s\nwant\n%s", at, got, state)
		}
		if got := slices.Sorted(slices.Values(m.mutations)); !slices.Equal(got, mutations) {
			t.Fatalf("%s: calls\n%s\nwant\n%s", at, strings.Join(got, "\n"), strings.Join(mutations, "\n"))
		}
		if err := Verify(t.Context(), store, rep.ID); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		loaded, _, err := Load(t.Context(), store, rep.ID)
		if err != nil || loaded.Steps != rep.Steps || loaded.State != rep.State {
			t.Fatalf("%s: loaded %+v, %v; want %+v", at, loaded, err, rep)
		}
	})
}
