package cloud

import (
	"errors"
	"sync"
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
		done, refused := b.admit(false)
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
	trial, refused := b.admit(false)
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

func TestAnyAnswerKeepsTheBreakerClosed(t *testing.T) {
	b := newBreakers(&manualClock{now: time.Unix(1e9, 0)}, silent()).of(west, serviceSecrets)
	for range 10 {
		for _, h := range []heard{{silent: "reset"}, {silent: "reset"}, {answered: true}, {}} {
			done, refused := b.admit(false)
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
