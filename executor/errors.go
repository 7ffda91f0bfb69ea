package executor

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Sentinels of the executor.
var (
	// ErrStalePlan: what a step expects no longer holds; nothing was changed.
	ErrStalePlan = errors.New("the world moved since the plan was made")
	// ErrStopped: the run stopped midway; `runs resume` continues it. The
	// error is a *StoppedError.
	ErrStopped = errors.New("stopped midway")
	// ErrLeaseHeld: another controller is at work; the error is a *journal.HeldError.
	ErrLeaseHeld = journal.ErrLeaseHeld
	// ErrLeaseLost: this run lost its lease and makes no further mutation.
	ErrLeaseLost = journal.ErrLeaseLost
	// ErrBadPlan: the plan cannot be run: a need that no step meets, a cycle,
	// two steps of one ID.
	ErrBadPlan = errors.New("not a plan that can be run")
	// ErrNoRun: the store has no such run.
	ErrNoRun = errors.New("no such run")
	// ErrAborted: the run was aborted, so it cannot be resumed.
	ErrAborted = errors.New("the run was aborted")
	// ErrOvertaken: later runs have left a run nothing to do; nothing was changed.
	ErrOvertaken = errors.New("later runs have overtaken it")
)

// Codes of failures that are not AWS's own.
const (
	CodeStalePlan         = "stale-plan"
	CodeUnreachable       = "unreachable"
	CodeDenied            = "access-denied"
	CodeThrottled         = "throttled"
	CodeTimeout           = "timeout"         // the postcondition did not come true in time
	CodeUnknownOutcome    = "unknown-outcome" // answers were lost again and again
	CodeNameExists        = "name-exists"
	CodeKMS               = "kms"
	CodeOverwriteRefused  = "overwrite-refused"
	CodeReplicationFailed = "replication-failed"
	CodeFunctionMissing   = "function-missing"
	CodeStatementConflict = "statement-conflict"
	CodeRotationPending   = "rotation-incomplete"
	CodeAlarmMissing      = "alarm-missing"
	CodePolicyTooLong     = "policy-too-long"
	CodePolicyUnreadable  = "policy-unreadable"
	CodeStillFollowed     = "still-followed" // a policy fence would reach a replica
	CodeNotFound          = "not-found"
	CodeError             = "error"
)

// A StepError is a failure with a stable code.
type StepError struct {
	Code    string
	Message string
	Err     error // a sentinel, nil if there is none to test for
}

func (e *StepError) Error() string { return e.Message }

func (e *StepError) Unwrap() error { return e.Err }

func failure(code, format string, args ...any) error {
	return &StepError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// stale refuses a step: what it expects does not hold.
func stale(format string, args ...any) error {
	return &StepError{Code: CodeStalePlan, Err: ErrStalePlan,
		Message: fmt.Sprintf(format, args...) + ": " + ErrStalePlan.Error() + "; make a new plan"}
}

// codeOf is a failure's code: ours, AWS's, or that of a sentinel.
func codeOf(err error) string {
	var step *StepError
	var op *topology.OpError
	switch {
	case errors.As(err, &step):
		return step.Code
	case errors.As(err, &op) && op.Code != "":
		return op.Code
	case errors.Is(err, topology.ErrUnknown):
		return CodeUnknownOutcome
	case errors.Is(err, topology.ErrUnreachable):
		return CodeUnreachable
	case errors.Is(err, topology.ErrDenied):
		return CodeDenied
	case errors.Is(err, topology.ErrThrottled):
		return CodeThrottled
	case errors.Is(err, topology.ErrNotFound):
		return CodeNotFound
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	}
	return CodeError
}

// atStep says which step an error is of, unless it says so itself.
func atStep(s *planner.Step, err error) error {
	var op *topology.OpError
	if errors.As(err, &op) {
		return err
	}
	return &topology.OpError{Op: string(s.Action), Subject: s.Subject(), Region: s.Region, Err: err}
}

// A StoppedError says how far a run came. It is an ErrStopped, and wraps what
// stopped it: ErrLeaseLost, the journal's error, a context's.
type StoppedError struct {
	Run    string
	Steps  Counts
	Reason string
	Cause  error // nil if steps failed and nothing else did
}

func (e *StoppedError) Error() string {
	msg := fmt.Sprintf("run %s stopped midway: %d failed, %d left", e.Run, e.Steps.Failed, e.Steps.Left)
	if e.Reason != "" {
		msg += ": " + e.Reason
	}
	return msg + fmt.Sprintf("; continue with: understudy runs resume %s", e.Run)
}

func (e *StoppedError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrStopped}
	}
	return []error{ErrStopped, e.Cause}
}
