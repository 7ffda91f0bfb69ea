package journal

import (
	"context"
	"sync"
	"testing"
)

// Two records a step, as the executor writes them, 64 steps in parallel; each
// Append returns only when its record is fsynced.
func BenchmarkSteps64(b *testing.B) {
	s, err := OpenFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(b.Context(), s, "runs/r1/journal.jsonl", nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	steps := make(chan struct{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range steps {
				for _, kind := range []string{"intent", "outcome"} {
					if _, err := l.Append(ctx, kind, note{"promote prod/database/password in eu-west-1"}); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	for b.Loop() {
		steps <- struct{}{}
	}
	close(steps)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func BenchmarkLeaseCheck(b *testing.B) {
	s, err := OpenFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := Acquire(b.Context(), s, Self("bench"), 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Release(b.Context())
	for b.Loop() {
		if err := l.Check(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
