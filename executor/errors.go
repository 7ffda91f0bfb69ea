package executor

import "errors"

// Sentinels of the executor.
var (
	// ErrStalePlan: what a step expects no longer holds; nothing was changed.
	ErrStalePlan = errors.New("the world moved since the plan was made")
	// ErrStopped: the run stopped midway; `runs resume` continues it.
	ErrStopped = errors.New("stopped midway")
	// ErrLeaseHeld: another controller is at work; the error is a *journal.HeldError.
	ErrLeaseHeld = errors.New("another run holds the lease")
	// ErrLeaseLost: this run lost its lease and makes no further mutation.
	ErrLeaseLost = errors.New("lease lost")
)
