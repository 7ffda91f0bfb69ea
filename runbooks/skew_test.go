package runbooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// aheadClock is the clock of a machine on which nobody keeps the time.
type aheadClock struct {
	journal.RealClock
	by time.Duration
}

func (c aheadClock) Now() time.Time { return c.RealClock.Now().Add(c.by) }

// What was written before the move was lost, and after it makes two writers.
// Which of the two it was, AWS's clock says, wherever ours stands.
func TestTwoWritersAreToldByTheClockOfAWS(t *testing.T) { // G2
	secrets := []string{"prod/cache/redis", "prod/db/orders"} // the fence changes the second
	for name, ours := range map[string]time.Duration{"ours is right": 0, "ours is an hour ahead": time.Hour, "ours is an hour behind": -time.Hour} {
		for _, after := range []bool{false, true} {
			when := " and it was written before"
			if after {
				when = " and it was written after"
			}
			t.Run(name+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, sim.Options{Lag: time.Second})
					w.env.Clock = aheadClock{by: ours}
					if ours < 0 { // the SDK goes by the machine's own clock
						w.sim.Advance(-ours)
						w.env.Clock = nil
					}
					if _, err := runbooks.Apply(t.Context(), w.env, runbooks.ApplyOptions{AllowReplicaGap: true}); err != nil {
						t.Fatal(err)
					}
					write := func() {
						time.Sleep(time.Minute)
						for _, name := range secrets {
							if err := w.put(home, name, "behind its back"); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(time.Minute)
					}
					w.set(home, sim.RegionPartitioned)
					if !after {
						write()
					}
					w.set(home, sim.RegionRefuse)
					if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
						t.Fatal(err)
					}
					w.set(home, sim.RegionUp)
					if after {
						write()
					}
					_, _, _ = runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}) // says the same
					report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{})
					if err != nil || (report.Verdict == drift.SplitBrain) != after {
						t.Errorf("%v, the verdict is %s", err, report.Verdict)
					}
				})
			})
		}
	}
}
