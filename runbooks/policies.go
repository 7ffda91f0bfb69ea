package runbooks

import (
	"context"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A PolicyReader reads one resource policy (GetResourcePolicy), "" if none is
// set.
type PolicyReader func(ctx context.Context, r topology.Region, name topology.Name) (string, error)

// policyTime is how long one check may spend on reading policies. AWS allows
// 50 such calls a second in a region (AWS: Secrets Manager quotas), so a check
// learns some 1,500 of them; the rest is the next one's.
const policyTime = 30 * time.Second

// policies asks for the resource policies that the recovery snapshot does not
// know, or whose secret was changed since: no listing tells them, a call for
// each secret is too dear to make every time, and who asks for them in a
// disaster may get no answer. What cannot be read stays unknown.
func (env Env) policies(ctx context.Context, in planner.Input) planner.Input {
	if env.Policy == nil {
		return in
	}
	ask := unknownPolicies(in)
	if len(ask) == 0 {
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	texts, known := make([]string, len(ask)), make([]bool, len(ask))
	var g errgroup.Group
	g.SetLimit(16)
	for i, s := range ask {
		g.Go(func() error {
			if ctx.Err() == nil {
				text, err := env.Policy(ctx, s.Region, s.Name)
				texts[i], known[i] = text, err == nil
			}
			return nil // denied or unanswered: unknown
		})
	}
	_ = g.Wait()
	observed := *in.Observed
	observed.Regions = maps.Clone(observed.Regions)
	in.Observed = &observed
	changed := map[topology.Region]bool{}
	for i, s := range ask {
		if !known[i] {
			continue
		}
		if !changed[s.Region] { // the observation is others' too
			view := *observed.Regions[s.Region]
			view.Secrets = maps.Clone(view.Secrets)
			observed.Regions[s.Region], changed[s.Region] = &view, true
		}
		own := *s
		own.Policy, own.PolicyKnown = texts[i], true
		observed.Regions[s.Region].Secrets[s.Name] = &own
	}
	return in
}

// unknownPolicies are the acting primaries' copies to ask about: a replica has
// its primary's policy.
func unknownPolicies(in planner.Input) []*topology.Secret {
	var ask []*topology.Secret
	resolver := in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		p := s.PrimarySecret()
		if p == nil || p.PolicyKnown || p.Managed() || in.Desired.GroupOf(n, p.Tags) == nil {
			continue
		}
		before, _ := in.Recovery.Secret(p.Region, n)
		if before == nil || !before.PolicyKnown || !before.Changed.Equal(p.Changed) {
			ask = append(ask, p)
		}
	}
	return ask
}
