package planner

import (
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// An Input is all that a plan is made from.
type Input struct {
	Desired  *topology.Desired
	Observed *topology.Snapshot
	// Recovery is the last stored snapshot from peace time, nil if there is
	// none: what a dark primary can no longer tell.
	Recovery  *topology.Snapshot
	Placement topology.Placement
	// Histories are the versions of both sides of a split brain, by region and
	// secret, where somebody asked.
	Histories map[topology.Region]map[topology.Name]History
	Quirks    topology.Quirks
	// Now is used for ages in reasons only; it never decides a step's ID.
	Now     time.Time
	Options Options
}

// Options are the operator's words.
type Options struct {
	// Failover
	To          topology.Region
	PrimaryLost bool // make no step in the old primary at all: all of it is owed
	AcceptStale int  // secrets that may be behind
	Groups      []string

	// Failback: what becomes of versions that only a copy about to be
	// overwritten holds. All ("*") is every secret; a name goes
	// before All, and Rescue before GiveUp.
	Rescue, GiveUp []topology.Name

	// Fence: only this region; "" is all.
	Only topology.Region
	// Returning are secrets that an unfinished failback is bringing to a
	// region: no policy fence is put up there, which would be in its way.
	Returning map[topology.Name]topology.Region

	// Rescue: the region whose versions are copied.
	From topology.Region

	// Switchover, failback: how long it may wait for rotations to end and for
	// replicas to hold the same versions, before it is called off
	// (switchover) or stops (failback). 0 is the executor's own patience.
	Window time.Duration
}
