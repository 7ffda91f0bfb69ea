package executor

import "context"

type guardKey struct{}

// Guard says whether a mutating request may be sent now: nil, or ErrLeaseLost.
// A Cloud that repeats requests by itself calls it before every attempt of a
// mutating one, since the process may have been stopped between two. A
// context that does not come from a run is never refused.
func Guard(ctx context.Context) error {
	if check, ok := ctx.Value(guardKey{}).(func(context.Context) error); ok {
		return check(ctx)
	}
	return nil
}

func withGuard(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, guardKey{}, check)
}
