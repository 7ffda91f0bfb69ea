package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// policyNotes says of a resource policy that replicated to the target what
// in it belongs to the old region. A replica's policy cannot be changed, so
// it can be mended after the promotion only. It is known where it was asked
// for (the recovery snapshot keeps it).
func (m *moving) policyNotes() {
	what := TiedTo(m.from, m.s.Copy(m.from).Secret, m.recovered(), m.target.Secret)
	if len(what) == 0 {
		return
	}
	m.note(Blocker{
		Code: RiskPolicy, Secret: m.s.Secret, Region: m.to,
		Message: fmt.Sprintf("its resource policy names %s: who reads it in %s may be denied", strings.Join(what, ", "), m.to),
		Fix:     "aws secretsmanager put-resource-policy --region " + string(m.to) + " with what belongs there, right after the promotion",
	})
}

// PolicyGone: the move left the resource policy behind. That AWS keeps it when
// it promotes a replica is documented nowhere (AWS: StopReplicationToReplica).
const PolicyGone = "policy-gone"

// PolicyLost reports whether a secret had a resource policy where a move took
// it from, as the recovery snapshot knows, and has none where it is now.
func (in Input) PolicyLost(from topology.Region, now *topology.Secret) bool {
	if now == nil {
		return false
	}
	if last, _ := in.Recovery.Secret(now.Region, now.Name); !now.PolicyKnown && last != nil && last.Changed.Equal(now.Changed) {
		now = last // not asked again: it has not changed since
	}
	if !now.PolicyKnown || now.Policy != "" {
		return false
	}
	before, _ := in.Recovery.Secret(from, now.Name)
	return before != nil && before.PolicyKnown && before.Policy != ""
}

// TiedTo lists what of a secret's resource policy belongs to one region, by
// the first of these copies whose policy is known.
func TiedTo(r topology.Region, copies ...*topology.Secret) []string {
	for _, s := range copies {
		if s != nil && s.PolicyKnown {
			return tiedTo(s.Policy, r)
		}
	}
	return nil
}

// tiedTo lists what of a policy belongs to one region: ARNs that name it, and
// conditions on VPCs and VPC endpoints, which are regional.
// AWS: "AWS global condition context keys".
func tiedTo(policy string, r topology.Region) []string {
	var doc any
	if policy == "" || json.Unmarshal([]byte(policy), &doc) != nil {
		return nil
	}
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if isNetworkKey(key) {
					found[key] = true
				}
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		case string:
			if namesRegion(v, r) {
				found[v] = true
			}
		}
	}
	walk(doc)
	return slices.Sorted(maps.Keys(found))
}

// isNetworkKey: the condition is on a VPC, or on what is in one.
func isNetworkKey(key string) bool {
	return slices.Contains([]string{"aws:sourcevpce", "aws:sourcevpc", "aws:vpcsourceip"}, strings.ToLower(key))
}

// namesRegion: an ARN of the region, one of its host names, or the region.
func namesRegion(s string, r topology.Region) bool {
	return strings.HasPrefix(s, "arn:") && strings.Contains(s, ":"+string(r)+":") ||
		strings.Contains(s, "."+string(r)+".") || s == string(r)
}
