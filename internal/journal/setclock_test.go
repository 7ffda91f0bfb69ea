package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/journal/journaltest"
)

const hours = 5 * time.Hour

// stopped is the clock of a process that was stopped: it never renews.
type stopped struct{ journal.RealClock }

func (stopped) Sleep(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }

func TestAClockThatIsSetMovesTheDayAndNotTheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := journaltest.NewSetClock(0, nil)
		before := c.Now()
		time.Sleep(time.Second)
		for _, by := range []time.Duration{hours, -2 * hours} {
			c.Set(by)
			if now := c.Now(); now.Sub(before) != time.Second || now.Round(0).Sub(time.Now().Round(0)) == 0 {
				t.Errorf("set by %v: %v, %v later", by, now, now.Sub(before))
			}
		}
	})
}

// G7: whoever sets whose clock, and however far: a holder that renews keeps its
// lease, and knows it.
func TestNoClockThatIsSetCostsALivingHolderItsLease(t *testing.T) {
	for _, whose := range []string{"holder", "taker", "both"} {
		for _, by := range []time.Duration{hours, -hours, 31 * time.Second, -31 * time.Second} {
			t.Run(fmt.Sprintf("%s by %v", whose, by), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := journal.NewMemory()
					holder, taker := journaltest.NewSetClock(0, nil), journaltest.NewSetClock(0, nil)
					l, err := journal.Acquire(t.Context(), s, journal.Holder{Host: "one"}, 30*time.Second, holder)
					if err != nil {
						t.Fatal(err)
					}
					defer l.Release(t.Context())
					for range 4 { // forth, and forth again, and back
						time.Sleep(7 * time.Second)
						if whose != "taker" {
							holder.Set(by)
						}
						if whose != "holder" {
							taker.Set(by)
						}
						if _, err := journal.Acquire(t.Context(), s, journal.Holder{Host: "two"}, 30*time.Second, taker); !errors.Is(err, journal.ErrLeaseHeld) {
							t.Fatalf("acquire: %v, want ErrLeaseHeld", err)
						}
						if err := l.Check(t.Context()); err != nil {
							t.Fatalf("the holder's check: %v", err)
						}
					}
				})
			})
		}
	}
}

// G7: a waiter whose clock is set while it watches watches as long as ever, and
// is not kept from a dead holder's lease by any clock either.
func TestAClockThatIsSetNeitherShortensNorProlongsAWatch(t *testing.T) {
	for _, by := range []time.Duration{hours, -hours} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const ttl = 30 * time.Second
				s := journal.NewMemory()
				dead, err := journal.Acquire(t.Context(), s, journal.Holder{Host: "one"}, ttl, stopped{})
				if err != nil {
					t.Fatal(err)
				}
				defer dead.Release(t.Context())
				time.Sleep(ttl + time.Second)
				// The readings of a watch: one to judge, one to begin, then one for each tenth.
				taker := journaltest.NewSetClock(0, map[int]time.Duration{6: by, 8: by, 9: -by})
				began := time.Now()
				l, err := journal.Acquire(t.Context(), s, journal.Holder{Host: "two"}, ttl, taker)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Release(t.Context())
				if watched := time.Since(began); watched < ttl || watched > ttl+ttl/5 {
					t.Errorf("it watched for %v, want %v", watched, ttl)
				}
			})
		})
	}
}
