package journal

import (
	"context"
	"time"
)

// A Clock tells the time and waits. Now carries a monotonic reading where the
// platform has one; ages and time-outs are differences of two of them.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, whose cause it then returns.
	Sleep(ctx context.Context, d time.Duration) error
}

// RealClock is the machine's clock.
type RealClock struct{}

// Now is time.Now.
func (RealClock) Now() time.Time { return time.Now() }

// Sleep waits on a timer.
func (RealClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func orReal(c Clock) Clock {
	if c == nil {
		return RealClock{}
	}
	return c
}
