package executor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// actions makes operations out of steps.
type actions struct {
	cloud Cloud
	run   string // part of idempotency tokens: the same run sends the same one
	clock Clock
}

// operation is the one switch over what a step may be.
func (a *actions) operation(s *planner.Step) (operation, error) {
	switch s.Action {
	case planner.Replicate, planner.RetryReplica:
		return a.replicate(s, false), nil
	case planner.OverwriteReplica:
		return a.replicate(s, true), nil
	case planner.RekeyReplica:
		return a.rekey(s), nil
	case planner.RemoveReplica:
		return a.remove(s), nil
	case planner.Promote:
		return a.promote(s), nil
	case planner.AttachRotation:
		return a.attachRotation(s), nil
	case planner.CancelRotation:
		return a.cancelRotation(s), nil
	case planner.ClearPending:
		return a.clearPending(s), nil
	case planner.RescueVersion:
		return a.rescue(s), nil
	case planner.GrantInvoke:
		return a.grantInvoke(s), nil
	case planner.FencePolicy:
		return a.fence(s), nil
	case planner.UnfencePolicy:
		return a.unfence(s), nil
	case planner.MatchVersions:
		return a.matchVersions(s), nil
	case planner.AwaitEqual:
		return a.awaitEqual(s), nil
	case planner.RevokeInvoke:
		return a.revokeInvoke(s), nil
	case planner.PutAlarm:
		return a.putAlarm(s)
	case planner.PutCompositeAlarm:
		return a.putComposite(s)
	case planner.PutMetricFilter:
		return a.putFilter(s)
	case planner.EnableAlarms:
		return a.switchAlarms(s, true), nil
	case planner.DisableAlarms:
		return a.switchAlarms(s, false), nil
	}
	return operation{}, fmt.Errorf("%w: step %s has the action %q, which this version does not know", ErrBadPlan, s.ID, s.Action)
}

// secret reads one copy; nil is "the region answered and has none".
func (a *actions) secret(ctx context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	s, err := a.cloud.Secret(ctx, r, n)
	if errors.Is(err, topology.ErrNotFound) {
		return nil, nil
	}
	return s, err
}

// expect compares a fresh read with what the step was planned on.
func expect(e planner.Expect, s *topology.Secret) error {
	if e.ARN == "" && e.Current == "" && e.PrimaryRegion == "" && len(e.Versions) == 0 {
		return nil
	}
	switch {
	case s == nil:
		return stale("the secret is not there any more")
	case e.ARN != "" && s.ARN != e.ARN:
		return stale("it is another secret of that name, %s instead of %s", s.ARN, e.ARN)
	case e.PrimaryRegion != "" && s.PrimaryRegion != e.PrimaryRegion:
		return stale("its primary is %s, not %s", orNone(s.PrimaryRegion), e.PrimaryRegion)
	case e.Current != "" && s.Stage(topology.StageCurrent) != e.Current:
		return stale("AWSCURRENT is version %s, not %s", orNone(s.Stage(topology.StageCurrent)), e.Current)
	}
	if len(e.Versions) > 0 {
		if extra := versionsBeyond(s, e.Versions); len(extra) > 0 {
			return stale("it holds versions that the plan does not know: %s", strings.Join(extra, ", "))
		}
	}
	return nil
}

func versionsBeyond(s *topology.Secret, known []string) []string {
	have := make(map[string]bool, len(known))
	for _, v := range known {
		have[v] = true
	}
	var extra []string
	for _, v := range s.Versions {
		if !have[v.ID] {
			extra = append(extra, v.ID)
		}
	}
	return extra
}

func versionIDs(s *topology.Secret) []string {
	ids := make([]string, len(s.Versions))
	for i, v := range s.Versions {
		ids[i] = v.ID
	}
	return ids
}

func orNone[T ~string](s T) T {
	if s == "" {
		return "none"
	}
	return s
}

// token is a ClientRequestToken (32 to 64 characters; it becomes the version
// id of what RotateSecret makes), the same whenever this run repeats the step.
func (a *actions) token(s *planner.Step) string {
	sum := sha256.Sum256([]byte(a.run + " " + s.ID))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
