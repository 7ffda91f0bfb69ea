package executor

import (
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/journal/journaltest"
)

// G3, G5, G7: somebody sets the clock in the middle of a run, hours forward or
// back, and the process dies; its successor's clock is hours off the other way.
// The world is the same, by the same calls, none of them twice.
func TestCrashMatrixWithClocksThatAreSet(t *testing.T) {
	const hours = 5 * time.Hour
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			state, mutations, whole := whole(t, sc)
			for _, by := range []time.Duration{hours, -hours} {
				for n := int64(1); n <= max(whole.appends, whole.calls); n++ {
					clocks := func() (first, second Clock) {
						// A reading for each record and more: it is set twice before most cuts.
						return journaltest.NewSetClock(0, map[int]time.Duration{20: by, 60: by, int(10 * n): -by}),
							journaltest.NewSetClock(-2*by, map[int]time.Duration{25: by})
					}
					for _, p := range []*mortal{{atAppend: n}, {atAppend: n, after: true}, {atCall: n, after: true}, {atCall: n, lost: true}} {
						first, second := clocks()
						cutBy(t, sc, p, state, mutations, first, second)
					}
				}
			}
		})
	}
}
