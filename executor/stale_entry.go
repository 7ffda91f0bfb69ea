package executor

import (
	"context"

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
// hear of it. What ReplicateSecretToRegions does for a region that is listed
// is not documented. Removing the entry might destroy the copy, so that is
// never done; instead AWS is brought to notice by itself:
//
//	replicate with force; where that changes nothing,
//	change the primary (a label, put on and later taken off): pushing the
//	change fails, and the entry turns Failed;
//	replicate with force, the documented retry of a failed replication (AWS:
//	Troubleshoot replication), which overwrites the standalone copy
type staleEntry struct {
	*actions
	s     *planner.Step
	w     *failedWatch
	stale bool // InSync at the first look, and no replica there
}

// wake says what is to be done about such an entry after the first call; ours
// is false where nothing special is.
func (e *staleEntry) wake(both *pair, p *progress) (see sight, ours bool, err error) {
	c := both.copy
	if !both.listed || c == nil || both.attached() || c.Role() == topology.RoleReplica {
		return sight{}, false, nil
	}
	if !p.acted() {
		e.stale = both.entry.Status == topology.InSync
		return sight{}, false, nil
	}
	switch {
	case !e.stale || p.acked[callAgain]:
		return sight{}, false, nil
	case both.entry.Status == topology.Failed:
		if _, err := inTheWay(e.s, both, true); err != nil {
			return sight{}, true, err
		}
		e.w.before, e.w.moving = both.entry.Message, false
		again := e.replicateCall(e.s, true)
		again.name = callAgain
		return sight{call: again}, true, nil
	case both.primary.Stage(markLabel) != "", e.clock.Now().Sub(p.actedAt) < oldFailure:
		return sight{waiting: "InSync, but what stands there is no replica"}, true, nil
	}
	return sight{call: e.mark(both), waiting: "InSync, but what stands there is no replica"}, true, nil
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
