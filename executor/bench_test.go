package executor

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// instant answers at once: what remains is the executor's own time.
type instant struct {
	Cloud
	promoted sync.Map
}

func (c *instant) Secret(_ context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	s := &topology.Secret{Name: n, Region: r, PrimaryRegion: east}
	if _, ok := c.promoted.Load(n); ok {
		s.PrimaryRegion = ""
	}
	return s, nil
}

func (c *instant) Promote(_ context.Context, _ topology.Region, n topology.Name) error {
	c.promoted.Store(n, nil)
	return nil
}

func promotions(n int) *planner.Plan {
	b := planning{planner.Plan{ID: "benc", Command: "failover", From: east, To: west}}
	for i := range n {
		b.add(planner.Step{Action: planner.Promote, Secret: topology.Name(fmt.Sprintf("prod/service-%06d/password", i)), Region: west, Group: "prod", Phase: "promote"})
	}
	return &b.plan
}

func BenchmarkStep(b *testing.B) {
	stores := map[string]func(*testing.B) journal.Store{
		"memory": func(*testing.B) journal.Store { return journal.NewMemory() },
		"file": func(b *testing.B) journal.Store {
			s, err := journal.OpenFile(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			return s
		},
	}
	for name, open := range stores {
		b.Run(name, func(b *testing.B) {
			plan, store := promotions(b.N), open(b)
			b.ResetTimer()
			if _, err := New(Options{Cloud: &instant{}, Store: store}).Run(b.Context(), plan, RunSpec{}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

// What a run of 100,000 steps holds beside its plan, before it starts and at
// its end.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		plan := promotions(n)
		before := heapInUse()
		r := &run{e: New(Options{}), plan: plan, book: newLedger(plan)}
		q, err := newSchedule(r, plan.Steps, func(int) bool { return false }, false)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heapInUse()-before)/n, "B/step")
		runtime.KeepAlive(q)
		runtime.KeepAlive(r)
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
