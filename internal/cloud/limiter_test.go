package cloud

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestLimiterHoldsTheCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(50, realClock{}, silent())
		start := time.Now()
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 10 {
					if err := l.wait(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if rate := 640 / time.Since(start).Seconds(); rate > 51 || rate < 48.5 {
			t.Errorf("%.1f calls a second, want 50", rate)
		}
	})
}

func TestLimiterWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(0.1, realClock{}, silent())
		if err := l.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 { // one sleeps, two wait for their turn
			wg.Go(func() {
				if err := l.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if time.Since(start) != time.Second {
			t.Errorf("took %s", time.Since(start))
		}
		// What was given up is given back: the next token is due 10 s after the first.
		if err := l.wait(t.Context()); err != nil || time.Since(start) > 11*time.Second {
			t.Errorf("next call after %s, %v", time.Since(start), err)
		}
	})
}

// A burst of throttles is one event; the way back is quick up to just below
// the rate that was throttled, then careful, and ends at the ceiling.
func TestLimiterBacksOffAndComesBack(t *testing.T) {
	clock := &manualClock{now: time.Unix(1e9, 0)}
	l := newLimiter(50, clock, silent())
	for range 20 {
		l.throttled()
	}
	if l.perSecond() != 40 {
		t.Fatalf("after one burst %v a second, want 40", l.perSecond())
	}
	clock.now = clock.now.Add(2 * time.Second)
	l.grow()
	if got := l.perSecond(); got != 45 {
		t.Errorf("2s later %v, want 45", got)
	}
	clock.now = clock.now.Add(2 * time.Second)
	l.grow()
	if got := l.perSecond(); got != 50*kneeMargin {
		t.Errorf("4s later %v, want to stop short of the knee at %v", got, 50*kneeMargin)
	}
	clock.now = clock.now.Add(time.Minute)
	l.grow()
	if got := l.perSecond(); got != 50 {
		t.Errorf("a minute later %v, want the ceiling", got)
	}
	for range 100 {
		clock.now = clock.now.Add(time.Second)
		l.throttled()
	}
	if got := l.perSecond(); math.Abs(got-1) > 0.01 {
		t.Errorf("after endless throttles %v, want the floor of 1", got)
	}
}

// With a neighbour taking a third of the quota, few calls are throttled and
// most of what is left is used.
func TestLimiterFindsTheNeighboursShare(t *testing.T) {
	clock := &manualClock{now: time.Unix(1e9, 0)}
	l := newLimiter(50, clock, silent())
	left := 50.0 * 2 / 3
	tokens, at := left, clock.now
	sent, refused := 0, 0
	for start := clock.now; clock.now.Sub(start) < 2*time.Minute; {
		if err := l.wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		tokens = math.Min(left, tokens+left*clock.now.Sub(at).Seconds())
		at = clock.now
		if tokens < 1 {
			refused++
			l.throttled()
			continue
		}
		tokens--
		sent++
	}
	if share := float64(refused) / float64(sent+refused); share > 0.01 {
		t.Errorf("%.2f%% of calls throttled, want under 1%%", 100*share)
	}
	if rate := float64(sent) / 120; rate < 0.9*left {
		t.Errorf("%.1f calls a second of %.1f that were left", rate, left)
	}
}

func TestQuotaOverridesAndUnlimited(t *testing.T) {
	ls := newLimiters(map[string]float64{BucketList: 7, BucketKeys: 0}, realClock{}, silent())
	if got := ls.of(east, BucketList).perSecond(); got != 7 {
		t.Errorf("override: %v", got)
	}
	if ls.of(east, BucketKeys) != nil || ls.of(east, "") != nil {
		t.Error("an unlimited bucket limits")
	}
	if got := ls.of(east, BucketDescribeAlarms).perSecond(); got != 9 {
		t.Errorf("describe-alarms: %v", got)
	}
	if ls.of(east, BucketRotation) == ls.of(west, BucketRotation) || ls.of(east, BucketRotation) == ls.of(east, BucketPolicy) {
		t.Error("buckets are shared between regions or groups")
	}
}
