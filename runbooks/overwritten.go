package runbooks

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// closerTime is how long a command may look at copies one by one.
const closerTime = 30 * time.Second

// lookCloser asks afresh about copies of secrets that we moved and that a list
// shows otherwise. Either somebody meddled: replicated over a promoted copy,
// say, and all that was written there is gone. Or the list is of before or
// amid the move, for it may lag five minutes behind (AWS: ListSecrets), and a
// move that is done would be taken for one that is not. What is not answered
// stays as it was listed. A region that throttles one look until it gives up is
// asked for no other.
func (env Env) lookCloser(ctx context.Context, in planner.Input) planner.Input {
	describe := env.Describe
	if describe == nil && env.Cloud != nil {
		describe = env.Cloud.Secret
	}
	ask := doubtful(in)
	if len(ask) == 0 || describe == nil {
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, closerTime)
	defer cancel()
	seen := make([]*topology.Secret, len(ask))
	var throttles sync.Map
	var g errgroup.Group
	g.SetLimit(32)
	for i, s := range ask {
		g.Go(func() error {
			if _, vain := throttles.Load(s.Region); vain {
				return nil
			}
			found, err := describe(ctx, s.Region, s.Name)
			switch {
			case err == nil:
				seen[i] = found
			case errors.Is(err, topology.ErrThrottled):
				throttles.Store(s.Region, true)
			}
			return nil
		})
	}
	_ = g.Wait()
	observed := *in.Observed
	observed.Regions = maps.Clone(observed.Regions)
	in.Observed = &observed
	own := map[topology.Region]bool{}
	for i, s := range ask {
		if seen[i] == nil {
			continue
		}
		if !own[s.Region] { // the observation is others' too
			view := *observed.Regions[s.Region]
			view.Secrets = maps.Clone(view.Secrets)
			observed.Regions[s.Region], own[s.Region] = &view, true
		}
		fresh := *seen[i]
		fresh.Policy, fresh.PolicyKnown = s.Policy, s.PolicyKnown
		observed.Regions[s.Region].Secrets[s.Name] = &fresh
	}
	return in
}

// doubtful are the copies of secrets that we moved which are listed otherwise
// than the move left them, where they were not described: the region that we
// promoted is a replica, another one is writable or follows some other region.
func doubtful(in planner.Input) []*topology.Secret {
	var ask []*topology.Secret
	for n, m := range in.Placement.Acting {
		for r := range in.Observed.Regions {
			s, _ := in.Observed.Secret(r, n)
			if s == nil || s.Described {
				continue
			}
			follows := s.Role() == topology.RoleReplica
			if r == m.To && follows || r != m.To && !(follows && s.PrimaryRegion == m.To) {
				ask = append(ask, s)
			}
		}
	}
	slices.SortFunc(ask, func(x, y *topology.Secret) int {
		return cmp.Or(cmp.Compare(x.Region, y.Region), cmp.Compare(x.Name, y.Name))
	})
	return ask
}
