package cloud

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/understudy-dr/understudy/internal/topology"
)

// How a bucket's rate adapts. A throttle takes a fifth, at most once in
// settle (one empty bucket answers many calls in flight). Growth is a share
// of the ceiling per second: quick up to just below the rate that was last
// throttled, then careful, so that a neighbour's share is found without
// hitting it all the time.
const (
	backOff     = 0.8
	settle      = 500 * time.Millisecond
	quickGrowth = 0.05
	slowGrowth  = 0.005
	kneeMargin  = 0.95
	floorShare  = 0.02
)

// limiters holds one bucket per region and quota bucket; the account is the
// client's.
type limiters struct {
	quota map[string]float64
	clock Clock
	log   *slog.Logger

	mu sync.Mutex
	by map[limiterKey]*limiter
}

type limiterKey struct {
	region topology.Region
	bucket string
}

func newLimiters(quota map[string]float64, clock Clock, log *slog.Logger) *limiters {
	return &limiters{quota: quota, clock: clock, log: log, by: map[limiterKey]*limiter{}}
}

// of returns the limiter of a bucket; nil, which limits nothing, for none.
func (l *limiters) of(r topology.Region, bucket string) *limiter {
	if bucket == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := limiterKey{r, bucket}
	if found, ok := l.by[k]; ok {
		return found
	}
	top, set := l.quota[bucket]
	if !set {
		top = ceiling(bucket)
	}
	var made *limiter
	if top > 0 {
		made = newLimiter(top, l.clock, l.log.With("region", r, "bucket", bucket))
	}
	l.by[k] = made
	return made
}

// A limiter paces one quota bucket of one region at or below its ceiling.
type limiter struct {
	ceiling float64 // calls per second
	clock   Clock
	log     *slog.Logger
	bucket  *rate.Limiter
	// turn makes callers reserve one after the other, so that at most one
	// reservation was made at a rate that a throttle has since lowered.
	turn chan struct{}

	mu      sync.Mutex
	rate    float64
	knee    float64 // the rate that was last throttled, 0 if none
	lowered time.Time
	grown   time.Time
}

func newLimiter(ceiling float64, clock Clock, log *slog.Logger) *limiter {
	return &limiter{
		ceiling: ceiling, clock: clock, log: log,
		bucket: rate.NewLimiter(rate.Limit(ceiling), int(math.Max(1, ceiling/10))),
		turn:   make(chan struct{}, 1),
		rate:   ceiling,
		grown:  clock.Now(),
	}
}

// wait takes one call's worth out of the bucket, or returns ctx's error.
func (l *limiter) wait(ctx context.Context) error {
	if l == nil {
		return ctx.Err()
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.grow()
	now := l.clock.Now()
	spot := l.bucket.ReserveN(now, 1)
	delay := spot.DelayFrom(now)
	if delay <= 0 {
		return ctx.Err()
	}
	if err := l.clock.Sleep(ctx, delay); err != nil {
		spot.CancelAt(l.clock.Now())
		return err
	}
	return nil
}

// throttled lowers the rate: AWS said that it is asked too often.
func (l *limiter) throttled() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if !l.lowered.IsZero() && now.Sub(l.lowered) < settle {
		return
	}
	l.knee = l.rate
	l.rate = math.Max(l.rate*backOff, l.ceiling*floorShare)
	l.lowered, l.grown = now, now
	l.bucket.SetLimitAt(now, rate.Limit(l.rate))
	l.log.Debug("throttled: slower", "per_second", l.rate)
}

// grow raises the rate by what the time since the last change allows.
func (l *limiter) grow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	since := now.Sub(l.grown).Seconds()
	l.grown = now
	if l.rate >= l.ceiling || since <= 0 {
		return
	}
	l.rate = l.grownBy(since)
	l.bucket.SetLimitAt(now, rate.Limit(l.rate))
}

func (l *limiter) grownBy(seconds float64) float64 {
	quick, slow := l.ceiling*quickGrowth, l.ceiling*slowGrowth
	below, beyond := l.knee*kneeMargin, l.knee/kneeMargin
	next := l.rate
	switch {
	case next < below:
		next = math.Min(next+quick*seconds, below)
	case next < beyond:
		next += slow * seconds
	default: // the neighbour has gone
		next += quick * seconds
	}
	return math.Min(next, l.ceiling)
}

// perSecond is the rate in force.
func (l *limiter) perSecond() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}
