package executor

import (
	"context"
	"errors"
	"fmt"
)

type guardKey struct{}

// errGuarded marks an error of Guard: the request was not sent, and the run
// ends.
var errGuarded = errors.New("no further call is made")

// Guard says whether a mutating request may be sent now: nil, or an error
// that wraps ErrLeaseLost, or that of a state store which could not be read.
// A Cloud calls it right before it hands any mutating request to the network,
// every attempt of it: between two attempts, or while it waits for a quota,
// the process may have been stopped for longer than its lease. It returns
// the error wrapped. A context that does not come from a run is never refused.
func Guard(ctx context.Context) error {
	if check, ok := ctx.Value(guardKey{}).(func(context.Context) error); ok {
		if err := check(ctx); err != nil {
			return fmt.Errorf("%w: %w", errGuarded, err)
		}
	}
	return nil
}

func withGuard(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, guardKey{}, check)
}
