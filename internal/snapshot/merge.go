package snapshot

import (
	"maps"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Merge returns what is known after a new capture: fresh wherever it saw,
// old wherever it did not. Neither argument is changed; the result shares
// their parts. Either may be nil.
func Merge(old, fresh *topology.Snapshot) *topology.Snapshot {
	switch {
	case old == nil && fresh == nil:
		return nil
	case fresh == nil:
		return old
	case old == nil:
		old = &topology.Snapshot{}
	}
	out := &topology.Snapshot{Account: fresh.Account, Taken: fresh.Taken, Regions: maps.Clone(old.Regions)}
	if out.Account == "" {
		out.Account = old.Account
	}
	if out.Regions == nil {
		out.Regions = map[topology.Region]*topology.RegionView{}
	}
	for r, v := range fresh.Regions {
		out.Regions[r] = mergeView(old.Regions[r], v, fresh.Taken)
	}
	return out
}

func mergeView(old, fresh *topology.RegionView, taken time.Time) *topology.RegionView {
	if fresh.Dark != "" {
		if old != nil {
			return old
		}
		return fresh // never seen: the cause is all that is known
	}
	v := *fresh
	if v.Taken.IsZero() {
		v.Taken = taken
	}
	if old == nil || old.Dark != "" {
		return &v
	}
	v.Secrets = mergeSecrets(old.Secrets, fresh.Secrets)
	v.Keys = mergeKeys(old.Keys, seen(&v, "kms", old.Keys, v.Keys))
	v.Functions = seen(&v, "lambda", old.Functions, v.Functions)
	v.Alarms = seen(&v, "cloudwatch", old.Alarms, v.Alarms)
	v.Composites = seen(&v, "cloudwatch", old.Composites, v.Composites)
	v.Filters = seen(&v, "logs", old.Filters, v.Filters)
	v.LogGroups = seen(&v, "logs", old.LogGroups, v.LogGroups)
	return &v
}

// seen picks the fresh map unless its service did not answer or was not
// asked (nil; an empty map says that there is none).
func seen[M ~map[K]V, K comparable, V any](v *topology.RegionView, service string, old, fresh M) M {
	if fresh == nil || v.Lacks(service) {
		return old
	}
	return fresh
}

// mergeKeys keeps the policy of a key that was read before where this capture
// did not ask, or got no answer.
func mergeKeys(old, fresh map[string]topology.Key) map[string]topology.Key {
	out := maps.Clone(fresh)
	for ref, k := range out {
		if before := old[ref]; !k.PolicyKnown && before.PolicyKnown && before.ARN == k.ARN {
			k.Policy, k.PolicyKnown = before.Policy, true
			out[ref] = k
		}
	}
	return out
}

// mergeSecrets keeps what a listing does not tell of a secret (its policy,
// the status of its replicas) where an earlier capture asked.
func mergeSecrets(old, fresh map[topology.Name]*topology.Secret) map[topology.Name]*topology.Secret {
	out := make(map[topology.Name]*topology.Secret, len(fresh))
	for n, s := range fresh {
		out[n] = mergeSecret(old[n], s)
	}
	return out
}

func mergeSecret(old, fresh *topology.Secret) *topology.Secret {
	if old == nil || old.ARN != fresh.ARN {
		return fresh
	}
	keepPolicy := !fresh.PolicyKnown && old.PolicyKnown
	keepReplicas := !fresh.Described && old.Described && old.PrimaryRegion == fresh.PrimaryRegion
	keepFunction := fresh.Role() == topology.RoleReplica && fresh.Rotation.LambdaARN == "" && old.Rotation.LambdaARN != ""
	if !keepPolicy && !keepReplicas && !keepFunction {
		return fresh
	}
	s := *fresh
	if keepFunction { // what it rotated by when it was the primary, for when it is again
		s.Rotation = topology.Rotation{LambdaARN: old.Rotation.LambdaARN, Rules: old.Rotation.Rules}
	}
	if keepPolicy {
		s.Policy, s.PolicyKnown = old.Policy, true
	}
	if keepReplicas {
		s.Replicas, s.Described = old.Replicas, true
	}
	return &s
}

// Age is how old the knowledge of one region is; known is false for a region
// that no capture has seen.
func Age(s *topology.Snapshot, r topology.Region, now time.Time) (age time.Duration, known bool) {
	v := s.View(r)
	if v.Dark != "" || v.Taken.IsZero() {
		return 0, false
	}
	return now.Sub(v.Taken), true
}
