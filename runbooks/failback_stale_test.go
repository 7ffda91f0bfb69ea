package runbooks_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// TestAnAbortedFailbackDoesNotBarTheNext: a third region was cut off from the
// region that the primary leaves while it was promoted, so that this one goes
// on listing it, for good. The failback stops there, and resuming it changes
// nothing; aborted, the next one finds its way round.
func TestAnAbortedFailbackDoesNotBarTheNext(t *testing.T) { // G1, G2
	for _, pause := range []time.Duration{0, time.Hour} {
		t.Run("after "+pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := awayFromHome(t, sim.Quirks{StaleEntry: "keep"})
				held := (&player{world: w}).labelled(nil)
				w.set(ireland, sim.RegionPartitioned)
				env := w.env
				env.VerifyTimeout = 5 * time.Minute
				_, report, err := runbooks.Failback(t.Context(), env, rescueAll)
				if err == nil || report == nil || report.State != executor.Halted {
					t.Fatalf("not halted: %+v %v", report, err)
				}
				w.set(ireland, sim.RegionUp)
				time.Sleep(pause)
				if report, err = runbooks.Resume(t.Context(), env, report.ID); err == nil {
					t.Fatal("resumed: the test needs another obstacle")
				}
				if told := report.Failures[0].Message; !strings.Contains(told, "understudy runs abort") {
					t.Errorf("the way out is not told: %s", told)
				}
				if _, err := executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID); err != nil {
					t.Fatal(err)
				}
				plan, report, err := runbooks.Failback(t.Context(), env, rescueAll)
				if err != nil {
					t.Fatalf("%v\n%+v\n%v", err, report, plan.Summary)
				}
				w.nothingLost(held)
				w.atHome()
			})
		})
	}
}
