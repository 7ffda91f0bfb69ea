package cloud

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

func TestBreakerOpensTriesOnceAndCloses(t *testing.T) {
	clock := &manualClock{now: time.Unix(1e9, 0)}
	b := newBreakers(clock, silent()).of(west, serviceSecrets)
	try := func(h heard) bool {
		t.Helper()
		impatient, cancel := context.WithCancel(t.Context())
		cancel() // it waits for no trial
		done, refused := b.admit(impatient, false)
		if refused != "" {
			return false
		}
		done(h)
		return true
	}
	for range tripAfter {
		if !try(heard{silent: "no answer in time"}) {
			t.Fatal("opened too early")
		}
	}
	if try(heard{answered: true}) {
		t.Fatal("an open breaker let a call through")
	}
	clock.now = clock.now.Add(cooldown)
	trial, refused := b.admit(t.Context(), false)
	if refused != "" {
		t.Fatal("no call is let through to see after the cooldown")
	}
	if try(heard{answered: true}) {
		t.Error("a second call went along with the trial")
	}
	trial(heard{silent: "no answer in time"})
	if try(heard{answered: true}) {
		t.Error("a failed trial closed the breaker")
	}
	clock.now = clock.now.Add(cooldown)
	if first, second := try(heard{answered: true}), try(heard{answered: true}); !first || !second {
		t.Error("a trial that was answered left the breaker open")
	}
}

// A region that is back fails no step that came while one call was finding
// out; one that is not fails them all.
func TestCallsWaitForTheTrial(t *testing.T) {
	for _, row := range []struct {
		name   string
		heard  heard
		passed bool
	}{
		{"the region answers", heard{answered: true}, true},
		{"the region is still silent", heard{silent: "no answer in time"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBreakers(realClock{}, silent()).of(west, serviceSecrets)
			for range tripAfter {
				done, _ := b.admit(t.Context(), false)
				done(heard{silent: "no answer in time"})
			}
			time.Sleep(cooldown)
			trial, _ := b.admit(t.Context(), false)
			var passed atomic.Int32
			for range 3 {
				go func() {
					if done, refused := b.admit(t.Context(), false); refused == "" {
						done(heard{answered: true})
						passed.Add(1)
					}
				}()
			}
			synctest.Wait()
			if passed.Load() != 0 {
				t.Errorf("%s: calls went along with the trial", row.name)
			}
			trial(row.heard)
			synctest.Wait()
			if got := passed.Load() == 3; got != row.passed {
				t.Errorf("%s: %d of 3 waiting calls passed", row.name, passed.Load())
			}
		})
	}
}

func TestAnyAnswerKeepsTheBreakerClosed(t *testing.T) {
	b := newBreakers(&manualClock{now: time.Unix(1e9, 0)}, silent()).of(west, serviceSecrets)
	for range 10 {
		for _, h := range []heard{{silent: "reset"}, {silent: "reset"}, {answered: true}, {}} {
			done, refused := b.admit(t.Context(), false)
			if refused != "" {
				t.Fatal("opened although the region answers")
			}
			done(h)
		}
	}
}

// A hundred calls to a region that hangs cost what a few attempts cost, and
// the region beside it is not held up; nor are other services of the region.
func TestHangingRegionFailsFastAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, east, sim.RegionHang, "secretsmanager")
		start := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				for range 20 {
					if _, err := c.Secret(t.Context(), east, "prod/db/orders"); !errors.Is(err, topology.ErrUnreachable) {
						t.Errorf("got %v", err)
					}
				}
			})
			wg.Go(func() {
				if _, err := c.Secret(t.Context(), west, "prod/db/orders"); err != nil || time.Since(start) > time.Second {
					t.Errorf("us-west-2: %v after %s", err, time.Since(start))
				}
				if _, err := c.Key(t.Context(), east, ""); err != nil {
					t.Errorf("KMS beside the Secrets Manager that hangs: %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("100 calls to a hanging region took %s", took)
		}
		setRegion(t, cloud, east, sim.RegionUp)
		time.Sleep(cooldown)
		if _, err := c.Secret(t.Context(), east, "prod/db/orders"); err != nil {
			t.Errorf("after the region came back: %v", err)
		}
	})
}

// An observation that found a region dark spares the calls that follow, and
// the next one looks again whatever the breaker says.
func TestObservationTripsTheBreakerAndLooksPastIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, east, sim.RegionHang)
		observe(t, c.Reader, desired(), ObserveOptions{})
		start := time.Now()
		if _, err := c.Secret(t.Context(), east, "prod/db/orders"); !errors.Is(err, topology.ErrUnreachable) || time.Since(start) > 0 {
			t.Errorf("got %v after %s, want it at once", err, time.Since(start))
		}
		setRegion(t, cloud, east, sim.RegionUp)
		if v := observe(t, c.Reader, desired(), ObserveOptions{}).View(east); v.Dark != "" {
			t.Errorf("still dark: %s", v.Detail)
		}
	})
}
