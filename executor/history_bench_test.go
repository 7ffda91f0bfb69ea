package executor

import (
	"context"
	"testing"

	"github.com/understudy-dr/understudy/internal/journal"
)

// What every command pays for its history: 2,000 runs of 20 steps each.
func BenchmarkHistory(b *testing.B) {
	s, err := journal.OpenFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	runs := 2000
	if testing.Short() {
		runs = 100
	}
	for range runs {
		if _, err := New(Options{Cloud: &instant{}, Store: s}).Run(context.Background(), promotions(20), RunSpec{}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("placement", func(b *testing.B) {
		for b.Loop() {
			if _, err := Placement(context.Background(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if _, err := Runs(context.Background(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
