package executor

import (
	"context"
	"fmt"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// awaitEqual makes no call. It is done once the copies in Params.Regions are
// replicas of Params.From, hold the same versions under the same labels, and
// no rotation is under way. Without a secret it is a gate: what needs it
// waits for all that it needs.
func (a *actions) awaitEqual(s *planner.Step) operation {
	return operation{first: "DescribeSecret", look: func(ctx context.Context, _ *progress) (sight, error) {
		if s.Secret == "" {
			return sight{done: true}, nil
		}
		p, err := a.secret(ctx, s.Params.From, s.Secret)
		switch {
		case err != nil:
			return sight{}, err
		case !p.Writable():
			return sight{}, stale("%s has no copy that can be written (%s)", s.Params.From, p.Role())
		case p.RotationInFlight():
			return sight{waiting: "a rotation is under way: AWSPENDING is on version " + p.Stage(topology.StagePending)}, nil
		}
		for _, region := range s.Params.Regions {
			waiting, err := a.unequal(ctx, s, region, p)
			if err != nil || waiting != "" {
				return sight{waiting: waiting}, err
			}
		}
		return sight{done: true, versions: p.Versions}, nil
	}}
}

// unequal says what a region's copy still lacks, "" if nothing.
func (a *actions) unequal(ctx context.Context, s *planner.Step, region topology.Region, p *topology.Secret) (string, error) {
	c, err := a.secret(ctx, region, s.Secret)
	switch {
	case err != nil:
		return "", err
	case c.Role() != topology.RoleReplica || c.PrimaryRegion != p.Region:
		return "", stale("the copy in %s is no replica of %s (%s)", region, p.Region, c.Role())
	case topology.SameVersions(p, c):
		return "", nil
	}
	why := fmt.Sprintf("%s holds %d versions of %d", region, len(c.Versions)-len(versionsBeyond(c, versionIDs(p))), len(p.Versions))
	if e, ok := p.Replica(region); ok && e.Status != topology.InSync {
		why += ", its replica is " + e.Status
	}
	return why, nil
}
