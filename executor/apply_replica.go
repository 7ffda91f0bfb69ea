package executor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// AWS operations on replicas.
const (
	callReplicate = "ReplicateSecretToRegions"
	callRemove    = "RemoveRegionsFromReplication"
	callPromote   = "StopReplicationToReplica"
)

// oldFailure is how long a Failed entry with the words it had before the call
// is taken for the old one: reads may lag.
const oldFailure = 5 * time.Second

// A pair is both ends of a replication, read afresh.
type pair struct {
	primary *topology.Secret
	copy    *topology.Secret // nil: none there
	entry   topology.ReplicaStatus
	listed  bool
}

func (a *actions) pair(ctx context.Context, s *planner.Step) (pair, error) {
	var p pair
	var err error
	if p.primary, err = a.secret(ctx, s.Params.From, s.Secret); err != nil {
		return p, err
	}
	switch {
	case p.primary == nil:
		return p, stale("there is no such secret in %s", s.Params.From)
	case p.primary.Role() == topology.RoleReplica:
		return p, stale("%s is a replica of %s, not the primary", s.Params.From, p.primary.PrimaryRegion)
	case !p.primary.Deleted.IsZero():
		return p, stale("the primary in %s is scheduled for deletion", s.Params.From)
	}
	p.entry, p.listed = p.primary.Replica(s.Region)
	p.copy, err = a.secret(ctx, s.Region, s.Secret)
	return p, err
}

// attached: the copy is a replica of that primary, by its own word.
func (p *pair) attached() bool {
	return p.copy.Role() == topology.RoleReplica && p.copy.PrimaryRegion == p.primary.Region
}

// fresh: created, and with the primary's AWSCURRENT. InSync alone says only
// that the replica was created.
func (p *pair) fresh() bool {
	return p.listed && p.entry.Status == topology.InSync && p.attached() &&
		p.copy.Stage(topology.StageCurrent) == p.primary.Stage(topology.StageCurrent)
}

func (p *pair) status() string {
	switch {
	case !p.listed:
		return "the primary does not list the region"
	case p.entry.Status == topology.InSync && p.copy == nil:
		return "InSync, but the region has no such secret"
	case p.entry.Status == topology.InSync && p.attached():
		return "InSync, but AWSCURRENT is not yet the primary's"
	}
	return strings.TrimSpace(p.entry.Status + " " + p.entry.Message)
}

// replicate adds a replica, tries a failed one again, or (force) overwrites
// what stands in its place. An InSync replica is never sent again.
func (a *actions) replicate(s *planner.Step, force bool) operation {
	w := failedWatch{clock: a.clock}
	e := staleEntry{actions: a, s: s, w: &w}
	return operation{first: callReplicate, look: func(ctx context.Context, p *progress) (sight, error) {
		both, err := a.pair(ctx, s)
		if err == nil && force {
			p.away.notice(both.copy, a.clock.Now())
		}
		switch {
		case err != nil:
			return sight{}, err
		case both.fresh():
			return e.unmarked(&both), nil
		case both.listed && both.entry.Status == topology.InProgress,
			both.listed && both.entry.Status == topology.InSync && (both.copy == nil || both.attached()):
			w.moving = true
			return sight{waiting: both.status()}, nil
		}
		if force {
			if see, ours, err := e.wake(&both, p); ours || err != nil {
				return see, err
			}
		}
		if err := w.failed(both, p); err != nil {
			return sight{}, err
		}
		if p.acked[callReplicate] {
			return sight{waiting: both.status()}, nil
		}
		if c := both.copy; force && c != nil && !both.attached() && c.Role() != topology.RoleReplica && len(c.Replicas) > 0 {
			// A promotion takes the region off its old primary's list, but not
			// at once.
			return sight{waiting: "the copy there still lists replicas", overdue: stillLists(s, c)}, nil
		}
		over, err := inTheWay(s, &both, force)
		if err != nil {
			return sight{}, err
		}
		return sight{call: a.replicateCall(s, over)}, nil
	}}
}

func (a *actions) replicateCall(s *planner.Step, force bool) *call {
	return &call{callReplicate, func(ctx context.Context) error {
		return a.cloud.Replicate(ctx, s.Params.From, s.Secret, s.Region, s.Params.Key, force)
	}}
}

// inTheWay judges the secret that stands where a replica should go, and says
// whether it must be overwritten.
//
//	the copy there          replicate            overwrite-replica
//	none                    go on                go on
//	our own replica         go on                go on, without force
//	another's replica       name-exists          overwrite-refused: promote it first
//	primary with replicas   name-exists          overwrite-refused
//	standalone              name-exists          force, if nothing is lost (G1)
func inTheWay(s *planner.Step, both *pair, force bool) (overwrite bool, err error) {
	c := both.copy
	switch {
	case c == nil:
		return false, nil
	case both.attached():
		return false, expect(s.Expect, c)
	case !force:
		return false, failure(CodeNameExists, "a secret of that name stands in %s that is not its replica (%s): rename or delete it, or plan an overwrite", s.Region, c.Role())
	case c.Role() == topology.RoleReplica:
		return false, failure(CodeOverwriteRefused, "the copy in %s is still replicated from %s: promote it first", s.Region, c.PrimaryRegion)
	case len(c.Replicas) > 0:
		return false, stillLists(s, c)
	case !c.Deleted.IsZero():
		return false, failure(CodeOverwriteRefused, "the copy in %s is scheduled for deletion: restore it or wait", s.Region)
	}
	// What the plan lists may go, and what the source holds is not lost: a
	// version may have come after the plan, or gone unlabelled since.
	rest := s.Expect
	rest.Versions = nil
	if err := expect(rest, c); err != nil {
		return false, err
	}
	lost := versionsBeyond(c, append(versionIDs(both.primary), s.Expect.Versions...))
	if lost = append(lost, planner.Finished(nil, c, both.primary)...); len(lost) > 0 {
		return false, stale("%s holds versions that %s does not have and an overwrite would destroy: %s", s.Region, s.Params.From, strings.Join(lost, ", "))
	}
	return true, nil
}

func stillLists(s *planner.Step, c *topology.Secret) error {
	return failure(CodeOverwriteRefused, "the copy in %s still lists replicas in %s: AWS refuses to overwrite it; a list that stays is planned around: understudy runs abort, then the failback again, or, of a switchover, understudy apply --allow-overwrite and a failback", s.Region, regionList(c.Replicas))
}

func regionList(entries []topology.ReplicaStatus) string {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = string(e.Region)
	}
	return strings.Join(names, ", ")
}

// failedWatch tells the failure of our call from the one before it.
type failedWatch struct {
	clock  Clock
	before string // the message of a failure that was there before the call
	moving bool   // something else was seen since
}

func (w *failedWatch) failed(both pair, p *progress) error {
	if !both.listed || both.entry.Status != topology.Failed {
		return nil
	}
	if !p.acted() {
		w.before = both.entry.Message
		return nil
	}
	if !w.moving && both.entry.Message == w.before && w.clock.Now().Sub(p.actedAt) < oldFailure {
		return nil
	}
	return replicationFailed(both.entry.Message)
}

// replicationFailed classifies a StatusMessage. The texts are AWS's; those of
// KMS causes are not documented, so any mention of a key counts.
func replicationFailed(message string) error {
	code, lower := CodeReplicationFailed, strings.ToLower(message)
	switch {
	case strings.Contains(lower, "can't overwrite secret"):
		code = CodeOverwriteRefused
	case strings.Contains(lower, "already exists"):
		code = CodeNameExists
	case strings.Contains(lower, "kms"), strings.Contains(lower, "key"), strings.Contains(lower, "encrypt"), strings.Contains(lower, "decrypt"):
		code = CodeKMS
	}
	return failure(code, "replication ended as Failed: %s", orNone(message))
}

// rekey changes a replica's key: in place, or (ViaRemoval) by removing the
// replica, waiting until it is gone, and adding it again.
func (a *actions) rekey(s *planner.Step) operation {
	first := callReplicate
	if s.Params.ViaRemoval {
		first = callRemove
	}
	w := failedWatch{clock: a.clock}
	return operation{first: first, look: func(ctx context.Context, p *progress) (sight, error) {
		both, err := a.pair(ctx, s)
		if err != nil {
			return sight{}, err
		}
		if !both.listed {
			return a.addAgain(s, &both, p)
		}
		if both.entry.Status == topology.InProgress {
			w.moving = true
			return sight{waiting: both.status()}, nil
		}
		same, err := a.sameKey(ctx, s.Region, both.entry.KmsKeyID, s.Params.Key)
		switch {
		case err != nil:
			return sight{}, err
		case same && both.fresh():
			return sight{done: true}, nil
		case same && both.entry.Status == topology.InSync:
			return sight{waiting: both.status()}, nil
		}
		if err := w.failed(both, p); err != nil {
			return sight{}, err
		}
		if p.acked[callReplicate] {
			return sight{waiting: both.status() + ", still under " + both.entry.KmsKeyID}, nil
		}
		if both.copy != nil && !both.attached() {
			return sight{}, notItsReplica(s, &both)
		}
		if err := expect(s.Expect, both.copy); err != nil && both.copy != nil {
			return sight{}, err
		}
		if s.Params.ViaRemoval && both.entry.Status == topology.InSync {
			return sight{call: a.removeCall(s)}, nil
		}
		return sight{call: a.replicateCall(s, false)}, nil
	}}
}

// addAgain is a re-key whose replica the primary no longer lists.
func (a *actions) addAgain(s *planner.Step, both *pair, p *progress) (sight, error) {
	switch {
	case both.copy == nil && p.acked[callReplicate]:
		return sight{waiting: both.status()}, nil
	case both.copy == nil:
		return sight{call: a.replicateCall(s, false)}, nil
	case both.attached():
		return sight{waiting: "the old replica is not gone yet"}, nil
	}
	return sight{}, notItsReplica(s, both)
}

// sameKey compares two references of one region's keys.
func (a *actions) sameKey(ctx context.Context, r topology.Region, x, y string) (bool, error) {
	if x == "" {
		x = topology.DefaultKey
	}
	if y == "" {
		y = topology.DefaultKey
	}
	if x == y {
		return true, nil
	}
	kx, err := a.cloud.Key(ctx, r, x)
	if err != nil {
		return false, err
	}
	ky, err := a.cloud.Key(ctx, r, y)
	if err != nil {
		return false, err
	}
	return !kx.Missing && !ky.Missing && kx.ARN == ky.ARN, nil
}

// remove deletes a replica, at once and for good. A fresh look in its region
// must prove that it is one: after a promotion the old primary may still list
// the region, and what stands there is then the only copy.
func (a *actions) remove(s *planner.Step) operation {
	return operation{first: callRemove, look: func(ctx context.Context, p *progress) (sight, error) {
		both, err := a.pair(ctx, s)
		switch {
		case err != nil:
			return sight{}, err
		case both.copy != nil && !both.attached():
			return sight{}, notItsReplica(s, &both)
		case !both.listed && both.copy == nil:
			return sight{done: true}, nil
		case !both.listed:
			return sight{waiting: "the replica is not gone yet"}, nil
		}
		if both.copy != nil {
			if err := expect(s.Expect, both.copy); err != nil {
				return sight{}, err
			}
		}
		return sight{call: a.removeCall(s)}, nil
	}}
}

func (a *actions) removeCall(s *planner.Step) *call {
	return &call{callRemove, func(ctx context.Context) error {
		return a.cloud.RemoveReplica(ctx, s.Params.From, s.Secret, s.Region)
	}}
}

func notItsReplica(s *planner.Step, both *pair) error {
	return stale("what stands in %s is no replica of %s (%s, primary %s), so it is left alone", s.Region, s.Params.From, both.copy.Role(), orNone(both.copy.PrimaryRegion))
}

// promote makes a replica standalone and writable. Done is "not a replica",
// of the same lineage.
func (a *actions) promote(s *planner.Step) operation {
	return operation{first: callPromote, look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		switch {
		case err != nil:
			return sight{}, err
		case c == nil:
			return sight{}, stale("there is no such secret in %s", s.Region)
		case c.Role() != topology.RoleReplica:
			// Its versions may have moved on since; only the lineage counts.
			return sight{done: true, versions: c.Versions, seen: c.Seen}, expect(planner.Expect{ARN: s.Expect.ARN}, c)
		}
		if p.acted() { // ours to finish: what moved meanwhile moved under our own call
			return sight{call: a.promoteCall(s), versions: c.Versions}, nil
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		if behind, err := a.behind(ctx, s, s.Expect.SameAs, c); err != nil || behind != "" {
			return sight{waiting: behind}, err
		}
		return sight{call: a.promoteCall(s), versions: c.Versions}, nil
	}}
}

// behind says what keeps a copy from holding what another region's holds, ""
// if nothing does or no region is named.
func (a *actions) behind(ctx context.Context, s *planner.Step, as topology.Region, c *topology.Secret) (string, error) {
	if as == "" {
		return "", nil
	}
	p, err := a.secret(ctx, as, s.Secret)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", stale("there is no such secret in %s", as)
	case !topology.SameVersions(p, c):
		return fmt.Sprintf("%s does not hold the same versions as %s (AWSCURRENT %s there, %s here)", s.Region, as,
			orNone(p.Stage(topology.StageCurrent)), orNone(c.Stage(topology.StageCurrent))), nil
	}
	return "", nil
}

func (a *actions) promoteCall(s *planner.Step) *call {
	return &call{callPromote, func(ctx context.Context) error { return a.cloud.Promote(ctx, s.Region, s.Secret) }}
}
