package runbooks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A KeyPolicyReader reads the policy of a key, named by its ARN
// (GetKeyPolicy).
type KeyPolicyReader func(ctx context.Context, r topology.Region, key string) (string, error)

// keyPolicyTime is how long a failover may spend on reading the key policies
// of its target: the keys are few, and every second counts.
const keyPolicyTime = 5 * time.Second

// keyPolicies asks the regions for the policies of the keys in use there:
// nothing that listing or describing tells says whether readers may still use
// a key once they come from there. AWS keeps those of its own keys itself.
// What is not told is noted as unread, with the cause.
func (env Env) keyPolicies(ctx context.Context, in planner.Input, atMost time.Duration, regions ...topology.Region) planner.Input {
	if env.KeyPolicy == nil {
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	observed := *in.Observed
	observed.Regions = maps.Clone(observed.Regions)
	var work errgroup.Group
	for _, r := range regions {
		if v := in.Observed.View(r); !v.Lacks("kms") {
			view := *v // the observation is others' too
			view.Keys = maps.Clone(v.Keys)
			observed.Regions[r] = &view
			work.Go(func() error { env.readKeyPolicies(ctx, &view); return nil })
		}
	}
	_ = work.Wait() // what failed is noted
	in.Observed = &observed
	return in
}

// readKeyPolicies fills in those of one region. A key that is met by several
// references is asked for once.
func (env Env) readKeyPolicies(ctx context.Context, v *topology.RegionView) {
	refs := map[string][]string{}
	for ref, k := range v.Keys {
		if !k.Missing && !k.Managed && k.ARN != "" {
			refs[k.ARN] = append(refs[k.ARN], ref)
		}
	}
	arns := slices.Sorted(maps.Keys(refs))
	read := make([]topology.Key, len(arns))
	var work errgroup.Group
	work.SetLimit(16)
	for i, arn := range arns {
		work.Go(func() error {
			text, err := env.KeyPolicy(ctx, v.Region, arn)
			read[i] = topology.Key{Policy: text, PolicyKnown: err == nil, PolicyUnread: unreadCause(err)}
			return nil
		})
	}
	_ = work.Wait() // what failed is noted
	for i, arn := range arns {
		for _, ref := range refs[arn] {
			k := v.Keys[ref]
			k.Policy, k.PolicyKnown, k.PolicyUnread = read[i].Policy, read[i].PolicyKnown, read[i].PolicyUnread
			v.Keys[ref] = k
		}
	}
}

// unreadCause says why something was not read, "" if it was.
func unreadCause(err error) topology.Cause {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, topology.ErrDenied):
		return topology.CauseDenied
	case errors.Is(err, topology.ErrThrottled):
		return topology.CauseThrottled
	case errors.Is(err, topology.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return topology.CauseTimeout
	}
	return topology.CauseError
}
