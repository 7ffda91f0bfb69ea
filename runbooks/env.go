package runbooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// An Env is all that a runbook stands on: what is desired, the cloud, the
// state. A runbook cannot tell the simulator from AWS, which is what makes a
// rehearsal worth something (G8).
type Env struct {
	Desired *topology.Desired
	Quirks  topology.Quirks

	// Observe looks at every configured region but the skipped ones, alarms
	// included, and waits a while for the patient ones if they throttle. A region
	// that does not answer is a value in the snapshot.
	// Drift and Status use nothing but this, Describe, Policy, KeyPolicy and
	// Versions, so that a client that changes nothing suffices for them.
	Observe func(ctx context.Context, skip []topology.Region, patient ...topology.Region) (*topology.Snapshot, error)
	Cloud   executor.Cloud
	// Describe looks at one copy where the lists are in doubt; nil asks Cloud,
	// if there is one.
	Describe func(ctx context.Context, r topology.Region, n topology.Name) (*topology.Secret, error)
	// Policy reads a resource policy; nil leaves them unknown. Drift asks, for
	// the recovery snapshot, and a planned move; an emergency does not.
	Policy PolicyReader
	// KeyPolicy reads a key policy; nil leaves them unknown. Drift asks in
	// every region, Failover in its target.
	KeyPolicy KeyPolicyReader

	// Versions reads the dates of a secret's versions; nil leaves them
	// unknown. They are asked for where a secret has two writers.
	Versions VersionReader

	// ReadCurrent reads a secret's value as its consumers do, drops it, and
	// tells its version. It is asked after a move where [failover] read_check
	// wants that; nil cannot.
	ReadCurrent func(ctx context.Context, r topology.Region, n topology.Name) (version string, err error)

	Store  journal.Store
	Holder journal.Holder
	Clock  journal.Clock // nil is the machine's

	// Of executor.Options; zero values mean its defaults.
	Concurrency   int
	VerifyTimeout time.Duration
	LeaseTTL      time.Duration
	Progress      func(executor.Event)
	CallCounts    func() map[topology.Region]executor.Calls // since any moment before the command

	// Confirm is asked just before something is changed, with the plan as it
	// will run. An error stops everything, and nothing was changed. nil is
	// consent (--yes).
	Confirm func(ctx context.Context, plan *planner.Plan) error

	// Warn is told what an operator must know although the runbook goes on; nil
	// for nobody. It may be told the same again.
	Warn func(message string)

	// Tell is told what a runbook waits for before it begins; nil for nobody.
	Tell func(message string)

	// Stop, when closed, ends a run gracefully: calls in flight are finished.
	Stop <-chan struct{}

	StuckAfter     time.Duration // of drift.Options
	SnapshotMaxAge time.Duration // of drift.Options
}

func (env Env) clock() journal.Clock {
	if env.Clock == nil {
		return journal.RealClock{}
	}
	return env.Clock
}

func (env Env) now() time.Time { return env.clock().Now().UTC() }

func (env Env) confirm(ctx context.Context, plan *planner.Plan) error {
	if env.Confirm == nil {
		return nil
	}
	return env.Confirm(ctx, plan)
}

func (env Env) warn(message string) {
	if env.Warn != nil {
		env.Warn(message)
	}
}

// waiting says whose lease is being watched. It is Options.Waiting.
func (env Env) waiting(holder *journal.HeldError, atMost time.Duration) {
	if env.Tell != nil {
		env.Tell(WaitingFor(holder, atMost))
	}
}

// WaitingFor is a line for people about a lease that is about to be taken over.
func WaitingFor(h *journal.HeldError, atMost time.Duration) string {
	if h.Problem != nil {
		return fmt.Sprintf("%v. Who held the lease is not known: watching for a sign of life for %v, then it is written anew, with epoch %d, which no run has had",
			h.Problem, atMost, h.Epoch+1)
	}
	at := ""
	if h.Run != "" {
		at = ", at run " + h.Run
	}
	return fmt.Sprintf("waiting up to %v for %s on %s (pid %d%s): its lease has expired, and is taken over unless it shows a sign of life",
		atMost, cmp.Or(h.Holder, "somebody"), cmp.Or(h.Host, "a machine without a name"), h.PID, at)
}

// document reads a document of the store; nil if there is none.
func (env Env) document(ctx context.Context, key string) ([]byte, error) {
	data, _, err := env.Store.Get(ctx, key)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	return data, err
}
