package executor

import (
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
)

func TestAnAbortsProgressIsThatOfItsOwnSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(3), journal.NewMemory(), t.Context()
		rep, err := executorOn(m, s).Run(ctx, failoverPlan(3), RunSpec{})
		if err != nil {
			t.Fatal(err)
		}
		var last Event
		e := New(Options{Cloud: m, Store: s, Holder: deadHolder(), Concurrency: 1, Progress: func(e Event) {
			if e.Steps.ended() > e.Total {
				t.Errorf("%d of %d", e.Steps.ended(), e.Total)
			}
			last = e
		}})
		if _, err = e.Abort(ctx, rep.ID); err != nil {
			t.Fatal(err)
		}
		if last.Kind != RunEnded || last.Total == 0 || last.Steps.ended() != last.Total || last.Steps.Left != 0 {
			t.Errorf("at the end: %+v", last)
		}
	})
}

// G4: that the lost region was not called is in the report.
func TestARegionThatWasNotCalledIsCountedAsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := journal.NewMemory()
		e := New(Options{Cloud: failoverWorld(1), Store: s, Holder: deadHolder(), CallCounts: func() map[topology.Region]Calls {
			return map[topology.Region]Calls{west: {Total: 7}}
		}})
		rep, err := e.Run(t.Context(), failoverPlan(1), RunSpec{Skip: []topology.Region{east}})
		if err != nil {
			t.Fatal(err)
		}
		stored, _, err := Load(t.Context(), s, rep.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*Report{rep, stored} {
			if c, ok := r.Calls[east]; !ok || c != (Calls{}) {
				t.Errorf("calls: %+v", r.Calls)
			}
		}
	})
}
