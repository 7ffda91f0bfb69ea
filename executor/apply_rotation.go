package executor

import (
	"context"
	"errors"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// attachRotation turns rotation on with the function and the rules of the
// step. RotateSecret rotates at once unless told not to; then AWSCURRENT stays
// what it was, and a note says so if it did not (a rate() schedule may fire).
// Without a function in the step it is the one that a cancelled rotation
// still shows, with its rules (AWS: CancelRotateSecret).
func (a *actions) attachRotation(s *planner.Step) operation {
	before := ""
	return operation{first: "RotateSecret", mayPass: notYetInvokable, look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		if err != nil {
			return sight{}, err
		}
		if c == nil || c.Role() == topology.RoleReplica || !c.Deleted.IsZero() {
			return sight{}, stale("the copy in %s takes no rotation (%s)", s.Region, c.Role())
		}
		current := c.Stage(topology.StageCurrent)
		if !p.acted() {
			before = current
		}
		want := s.Params
		if want.Lambda == "" {
			want.Lambda, want.Rules = c.Rotation.LambdaARN, c.Rotation.Rules
		}
		if rotatesAs(c.Rotation, want) {
			see := sight{done: true}
			if p.acted() && !s.Params.RotateImmediately && current != before {
				see.note = "AWSCURRENT moved from " + orNone(before) + " to " + orNone(current) + " although no rotation was asked for"
			}
			return see, nil
		}
		if p.refused != nil && pendingRotation(p.refused) {
			return sight{}, failure(CodeRotationPending, "a previous rotation is not complete: version %s still holds AWSPENDING; %s; then the same again", orNone(c.Stage(topology.StagePending)), planner.PendingWayOut(c))
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		return sight{call: &call{"RotateSecret", func(ctx context.Context) error {
			return a.cloud.AttachRotation(ctx, s.Region, s.Secret, want.Lambda, want.Rules, want.RotateImmediately, a.token(s))
		}}, waiting: "rotation is not yet shown as enabled"}, nil
	}}
}

// rotatesAs compares what is set with what the step wants. Where a schedule
// is set, AWS also answers days of its own calculation; an unset window has a
// default.
func rotatesAs(have topology.Rotation, want planner.Params) bool {
	if !have.Enabled || have.LambdaARN != want.Lambda {
		return false
	}
	w := want.Rules
	switch {
	case w == (topology.RotationRules{}): // as they were
		return true
	case w.Duration != "" && w.Duration != have.Rules.Duration:
		return false
	case w.Schedule != "":
		return w.Schedule == have.Rules.Schedule
	}
	return have.Rules.Schedule == "" && w.AfterDays == have.Rules.AfterDays
}

// notYetInvokable: the answer to a function that Secrets Manager may not
// invoke, also while a permission granted a moment ago has not spread.
func notYetInvokable(err error) bool {
	return strings.Contains(err.Error(), "cannot invoke the specified Lambda function")
}

// pendingRotation: AWS answers it with a straight or a curly apostrophe.
func pendingRotation(err error) bool {
	return strings.Contains(err.Error(), "previous rotation isn") && strings.Contains(err.Error(), "complete")
}

// cancelRotation turns rotation off. Where there is no secret, or a replica,
// nothing rotates.
func (a *actions) cancelRotation(s *planner.Step) operation {
	return operation{first: "CancelRotateSecret", look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		if err != nil {
			return sight{}, err
		}
		if c == nil || c.Role() == topology.RoleReplica || !c.Rotation.Enabled {
			return sight{done: true}, nil
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		if s.Params.Settled && c.RotationInFlight() {
			return sight{waiting: "a rotation is under way: AWSPENDING is on version " + c.Stage(topology.StagePending)}, nil
		}
		return sight{call: &call{"CancelRotateSecret", func(ctx context.Context) error {
			return a.cloud.CancelRotation(ctx, s.Region, s.Secret)
		}}, waiting: "rotation is still shown as enabled"}, nil
	}}
}

// clearPending takes AWSPENDING off the one version that the plan names.
func (a *actions) clearPending(s *planner.Step) operation {
	return operation{first: "UpdateSecretVersionStage", look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		if err != nil {
			return sight{}, err
		}
		if c == nil {
			return sight{}, stale("there is no such secret in %s", s.Region)
		}
		on := c.Stage(topology.StagePending)
		switch {
		case on == "" || !c.RotationInFlight():
			return sight{done: true}, nil
		case on != s.Params.Version:
			return sight{}, stale("AWSPENDING is on version %s, not %s", on, orNone(s.Params.Version))
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		return sight{call: &call{"UpdateSecretVersionStage", func(ctx context.Context) error {
			return a.cloud.RemoveStage(ctx, s.Region, s.Secret, topology.StagePending, on)
		}}}, nil
	}}
}

func isCode(err error, code string) bool {
	var op *topology.OpError
	return errors.As(err, &op) && op.Code == code
}
