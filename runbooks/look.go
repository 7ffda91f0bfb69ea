package runbooks

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/snapshot"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// look observes, and puts together what planner and drift judge.
func (env Env) look(ctx context.Context, o planner.Options, skip ...topology.Region) (planner.Input, error) {
	known, err := env.remember(ctx)
	if err != nil {
		return planner.Input{}, err
	}
	known.Options = o
	if known.Observed, err = env.Observe(ctx, skip); err != nil {
		return planner.Input{}, fmt.Errorf("observe: %w", err)
	}
	known.Now = env.now()
	return known, nil
}

// remember is what is known without asking AWS anything.
func (env Env) remember(ctx context.Context) (planner.Input, error) {
	recovery, err := snapshot.Load(ctx, env.Store)
	if err != nil {
		return planner.Input{}, err
	}
	placement, err := executor.Placement(ctx, env.Store)
	if err != nil {
		return planner.Input{}, fmt.Errorf("journal: %w; understudy runs verify says where", err)
	}
	return planner.Input{
		Desired: env.Desired, Recovery: recovery, Placement: placement, Quirks: env.Quirks, Now: env.now(),
	}, nil
}

// capture merges an observation into the recovery snapshot and returns the
// input with the result.
//
// A region that all its secrets have moved away from keeps what was known
// before the move until they come home: what it held then tells a version
// that was never replicated (to be rescued) from one that was written there
// after the move (a second writer).
func (env Env) capture(ctx context.Context, in planner.Input) (planner.Input, error) {
	fresh := *in.Observed
	fresh.Regions = maps.Clone(in.Observed.Regions)
	for _, r := range left(in) {
		delete(fresh.Regions, r)
	}
	var err error
	in.Recovery, err = snapshot.Save(ctx, env.Store, &fresh)
	return in, err
}

// left are the regions that we moved secrets away from and that are no
// secret's acting primary any more.
func left(in planner.Input) []topology.Region {
	from := map[topology.Region]bool{}
	for _, m := range in.Placement.Acting {
		from[m.From] = true
	}
	if len(from) == 0 {
		return nil
	}
	resolver := in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		if p := s.PrimarySecret(); p != nil && !p.Managed() && in.Desired.GroupOf(n, p.Tags) != nil {
			delete(from, s.Primary)
		}
	}
	return slices.Sorted(maps.Keys(from))
}

// regionsOf are the acting primaries that the journal and the recovery
// snapshot tell of, without asking any region.
func regionsOf(known planner.Input) map[topology.Region]bool {
	out := map[topology.Region]bool{}
	home := known.Desired.Primary
	for n := range known.Recovery.View(home).Secrets {
		out[known.Placement.Primary(n, home)] = true
	}
	for _, m := range known.Placement.Acting {
		out[m.To] = true
	}
	if len(out) == 0 {
		out[home] = true
	}
	return out
}
