package executor

import (
	"context"
	"errors"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// rescue copies one version into another region, where it must then be found
// by its id.
//
// A version may have no value: RotateSecret makes one, labelled AWSPENDING,
// and the function's first step fills it (AWS: Lambda functions for rotation);
// a rotation that died before leaves it empty for ever. There is nothing in it
// to lose, but as long as it has a label nobody can tell, and its copy is not
// overwritten: so the label is taken off, or, where our own policy fence denies
// that, the journal tells.
func (a *actions) rescue(s *planner.Step) operation {
	empty := false
	return operation{first: "PutSecretValue", look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		switch {
		case err != nil:
			return sight{}, err
		case !c.Writable():
			return sight{}, stale("the copy in %s takes no new version (%s)", s.Region, c.Role())
		case hasValue(c, s.Params.Version):
			return sight{done: true}, nil
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		if empty = empty || noValue(p.refused, s.Params.From); empty {
			return a.dropEmpty(ctx, s)
		}
		return sight{call: &call{"PutSecretValue", func(ctx context.Context) error {
			return a.cloud.CopyVersion(ctx, s.Secret, s.Params.From, s.Params.Version, s.Region, s.Params.Label)
		}}, waiting: "the version is not listed yet"}, nil
	}}
}

// hasValue: the copy surely holds the version with its value. Under AWSPENDING
// alone it may be one that a rotation has made and not filled yet; copying is
// then no harm (see Cloud.CopyVersion).
func hasValue(c *topology.Secret, version string) bool {
	return slices.ContainsFunc(labelsOn(c, version), func(stage string) bool { return stage != topology.StagePending })
}

// noValue: a region's Secrets Manager has no value for a version.
func noValue(err error, from topology.Region) bool {
	var op *topology.OpError
	return errors.As(err, &op) && op.Op == "GetSecretValue" && op.Region == from && errors.Is(err, topology.ErrNotFound)
}

// dropEmpty takes AWSPENDING off a version without a value.
func (a *actions) dropEmpty(ctx context.Context, s *planner.Step) (sight, error) {
	from, err := a.secret(ctx, s.Params.From, s.Secret)
	if err != nil {
		return sight{}, err
	}
	on := labelsOn(from, s.Params.Version)
	switch {
	case len(on) == 0:
		return sight{done: true, note: "version " + s.Params.Version + " had no value, so there was nothing to rescue"}, nil
	case !from.Writable() || from.Rotation.Enabled || !slices.Equal(on, []string{topology.StagePending}):
		return sight{}, failure(CodeNotFound, "version %s in %s has no value, so there is nothing to rescue; take its labels off (aws secretsmanager update-secret-version-stage), and it is in nobody's way",
			s.Params.Version, s.Params.From)
	}
	switch behind, err := a.behindFence(ctx, s.Params.From, s.Secret); {
	case err != nil:
		return sight{}, err
	case behind:
		return sight{done: true, empty: s.Params.Version,
			note: "version " + s.Params.Version + " has no value, and gets none behind the fence: nothing to rescue; its label stays"}, nil
	}
	return sight{call: &call{"UpdateSecretVersionStage", func(ctx context.Context) error {
		return a.cloud.RemoveStage(ctx, s.Params.From, s.Secret, topology.StagePending, s.Params.Version)
	}}, waiting: "the label is not off yet"}, nil
}
