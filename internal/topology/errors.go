package topology

import (
	"errors"
	"strings"
)

// Sentinels that several packages return and test for with errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrNotReplica  = errors.New("not a replica")
	ErrNotInSync   = errors.New("replica is not in sync")
	ErrUnreachable = errors.New("region does not answer")
	ErrDenied      = errors.New("access denied")
	ErrThrottled   = errors.New("throttled")
	// ErrUnknown: the answer was lost, so the call may or may not have been
	// applied. Look again, never assume.
	ErrUnknown = errors.New("answer lost: outcome unknown")
)

// An OpError says which operation on what failed: `promote prod/db in
// eu-west-1: replica is not in sync`. It is added once, at the edge.
type OpError struct {
	Op      string // an Action or an AWS operation
	Subject string // secret, alarm, function …
	Region  Region
	Code    string // AWS error code, "" if none
	Err     error
}

func (e *OpError) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Subject != "" {
		b.WriteString(" " + e.Subject)
	}
	if e.Region != "" {
		b.WriteString(" in " + string(e.Region))
	}
	return b.String() + ": " + e.Err.Error()
}

func (e *OpError) Unwrap() error { return e.Err }
