package executor

import (
	"context"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// markLabel is put on a version and taken off again, as a change that says
// nothing: see staleEntry.
const markLabel = "UNDERSTUDY_MARK"

const (
	callAgain  = callReplicate + " (retry)"
	callMark   = "UpdateSecretVersionStage (mark)"
	callUnmark = "UpdateSecretVersionStage (unmark)"
)

// A staleEntry is a primary's entry that says InSync of a region whose copy
// is no replica any more, because it was promoted while the primary could not
// hear of it. What ReplicateSecretToRegions does for a region that is InSync
// is not documented. Removing the entry might destroy the copy, so that is
// never done; instead AWS is brought to notice by itself:
//
//	change the primary (a label, put on and later taken off): pushing the
//	change fails, and the entry turns Failed;
//	replicate with force, the documented retry of a failed replication (AWS:
//	Troubleshoot replication), which overwrites the standalone copy.
//
// Where the entry stays InSync all the same, replicating with force is tried
// as it is, and again if that makes it Failed.
type staleEntry struct {
	*actions
	s     *planner.Step
	w     *failedWatch
	since time.Time // when the mark was seen first
}

// unnoticed is how long a marked primary may take to find that it cannot
// replicate to a region.
const unnoticed = 30 * time.Second

// wake says what is to be done about such an entry; ours is false where
// nothing special is.
func (e *staleEntry) wake(both *pair, p *progress) (see sight, ours bool, err error) {
	c := both.copy
	if !both.listed || c == nil || both.attached() || c.Role() == topology.RoleReplica || len(c.Replicas) > 0 || p.acked[callAgain] {
		return sight{}, false, nil
	}
	const waiting = "InSync, but what stands there is no replica"
	failed := both.entry.Status == topology.Failed
	switch marked := both.primary.Stage(markLabel) != ""; {
	case failed && !p.acted(), p.acked[callReplicate] && !failed:
		return sight{}, false, nil
	case !failed && !marked:
		if _, err := inTheWay(e.s, both, true); err != nil {
			return sight{}, true, err
		}
		return sight{call: e.mark(both), waiting: waiting}, true, nil
	case !failed && e.since.IsZero():
		e.since = e.clock.Now()
		return sight{waiting: waiting}, true, nil
	case !failed && e.clock.Now().Sub(e.since) < unnoticed:
		return sight{waiting: waiting}, true, nil
	case failed && p.acked[callReplicate] && e.since.IsZero():
		return sight{}, false, nil // what was sent was no stale entry's
	}
	if _, err := inTheWay(e.s, both, true); err != nil {
		return sight{}, true, err
	}
	next := e.replicateCall(e.s, true)
	if failed {
		e.w.before, e.w.moving = both.entry.Message, false
	}
	if p.acked[callReplicate] {
		next.name = callAgain
	}
	return sight{call: next, waiting: waiting}, true, nil
}

func (e *staleEntry) mark(both *pair) *call {
	return &call{callMark, func(ctx context.Context) error {
		return e.cloud.MoveStage(ctx, e.s.Params.From, e.s.Secret, markLabel, "", both.primary.Stage(topology.StageCurrent))
	}}
}

// unmarked is done once the mark is off again.
func (e *staleEntry) unmarked(both *pair) sight {
	on := both.primary.Stage(markLabel)
	if on == "" {
		return sight{done: true}
	}
	return sight{call: &call{callUnmark, func(ctx context.Context) error {
		return e.cloud.RemoveStage(ctx, e.s.Params.From, e.s.Secret, markLabel, on)
	}}, waiting: "the mark is not off yet"}
}
