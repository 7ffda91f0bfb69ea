package runbooks

import (
	"context"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// ApplyOptions are the operator's words for Apply.
type ApplyOptions struct {
	// Saved is a plan that was shown before; nil plans afresh. It is refused
	// once the world has moved.
	Saved *planner.Plan

	AllowRemove     bool // remove-replica: destroys a replica at once
	AllowOverwrite  bool // overwrite-replica: destroys another secret's versions
	AllowReplicaGap bool // re-key by removal: readers of that region see an outage
}

func (o ApplyOptions) allowed() map[string]bool {
	return map[string]bool{
		"allow-remove":      o.AllowRemove,
		"allow-overwrite":   o.AllowOverwrite,
		"allow-replica-gap": o.AllowReplicaGap,
	}
}

// DriftOptions shape Drift.
type DriftOptions struct {
	// NoSnapshot leaves the recovery snapshot as it is.
	NoSnapshot bool
}

// FailoverOptions are the operator's words for Failover.
type FailoverOptions struct {
	To topology.Region
	// PrimaryLost makes no call to the old primary at all; what it would have
	// been asked is owed.
	PrimaryLost bool
	DryRun      bool // plan and judge only
	AcceptStale int  // secrets that may lose versions
	Groups      []string
}

// A Stage is where a rehearsal plays: a simulator (later a twin, or canary
// secrets) in which a region can die, seen from an application's side. Its
// methods know nothing of what the runbooks do.
type Stage interface {
	Name() string // "simulator"

	// Kill makes a region accept connections and never answer; Revive ends
	// that.
	Kill(ctx context.Context, r topology.Region) error
	Revive(ctx context.Context, r topology.Region) error

	// Read and Write do what an application does: GetSecretValue (the value
	// is dropped) and PutSecretValue (of a made-up value).
	Read(ctx context.Context, r topology.Region, n topology.Name) error
	Write(ctx context.Context, r topology.Region, n topology.Name) error

	// Calls counts, on AWS's side, every call of everybody since ResetCalls:
	// the witness against which the runbooks' own counts are checked. Calls
	// that Read and Write make are in it.
	Calls(ctx context.Context) (map[topology.Region]CallCount, error)
	ResetCalls(ctx context.Context) error
}

// RehearseOptions shape Rehearse.
type RehearseOptions struct {
	Scenario string          // a name for the report; default "primary-lost"
	To       topology.Region // default: the first standby
	Seed     int64           // of the stage, for the report
	// Reads is how many secrets the background reader reads; 0 is 20.
	Reads int
	// Record is where the result is kept for `status`, if not in Env.Store.
	Record journal.Store
	// Phase, when set, hears of each phase as it begins.
	Phase func(name string)
}
