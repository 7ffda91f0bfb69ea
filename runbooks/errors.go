package runbooks

import "github.com/understudy-dr/understudy/planner"

// A Refused error is a guard's: nothing was changed (exit 3). Hint is what
// to do next.
type Refused struct {
	Code    string // stable, lower case: stale-plan, stale-standby, needs-flag, not-healthy, …
	Message string
	Hint    string
	Err     error // the guard's own error, such as a *journal.HeldError; may be nil
	// Plan is what was refused, where a failover's plan was: the other regions
	// and the list of all that speaks against it are there.
	Plan *planner.Plan
}

func (e *Refused) Error() string { return e.Message }

func (e *Refused) Unwrap() error { return e.Err }

// A SplitBrain error says that two writers were found (exit 6).
type SplitBrain struct {
	Message string
	Hint    string
	Secrets []planner.Diagnosis // of each secret: both sides, since when, what to do
}

func (e *SplitBrain) Error() string { return e.Message }

// An Incomplete error says that something needed could not be observed, so
// there is no verdict (exit 5).
type Incomplete struct {
	Message string
	Hint    string
}

func (e *Incomplete) Error() string { return e.Message }
