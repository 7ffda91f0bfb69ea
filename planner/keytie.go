package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A KeyTie is what of a key's policy belongs to other regions than the key's,
// or why the policy is not known.
type KeyTie struct {
	Region topology.Region
	Ref    string // as the configuration or a secret names the key
	ARN    string
	// Names are what names another region where nothing names this one.
	Names []string
	// Endpoints are VPCs and VPC endpoints. Whose they are a policy does not
	// say: Elsewhere is the region in which a key's policy names one of them
	// too; "" where no such policy is known.
	Endpoints []string
	Elsewhere topology.Region
	// Unread is why the policy was not told when it was asked for.
	Unread topology.Cause
}

// KeyTies judges the policies of all keys that were met in a region, each key
// once, against the other regions. Keys that a reader from that region can
// use, as far as their policies say, are left out; so are those whose policy
// nobody asked for.
func (in Input) KeyTies(r topology.Region, others []topology.Region) []KeyTie {
	byARN := map[string]KeyTie{}
	v := in.Observed.View(r)
	for _, ref := range slices.Sorted(maps.Keys(v.Keys)) { // aliases come before ARNs
		k := v.Keys[ref]
		if _, done := byARN[k.ARN]; done || k.Missing || k.Managed {
			continue
		}
		tie := KeyTie{Region: r, Ref: ref, ARN: k.ARN}
		policy, known := in.keyPolicy(r, ref)
		switch {
		case known:
			tie.judge(policy, others)
			tie.Elsewhere = in.endpointElsewhere(tie.Endpoints, others)
			if tie.Elsewhere == "" && in.endpointsKnown(others) || r == in.Desired.Primary {
				tie.Endpoints = nil // the region's own: at home they have worked so far
			}
		case k.PolicyUnread != "":
			tie.Unread = k.PolicyUnread
		}
		byARN[k.ARN] = tie
	}
	var list []KeyTie
	for _, arn := range slices.Sorted(maps.Keys(byARN)) {
		if t := byARN[arn]; len(t.Names)+len(t.Endpoints) > 0 || t.Unread != "" {
			list = append(list, t)
		}
	}
	return list
}

// keyPolicy is a key's policy as it was told now, else as the recovery
// snapshot has it.
func (in Input) keyPolicy(r topology.Region, ref string) (policy string, known bool) {
	now := in.Observed.View(r).Keys[ref]
	if now.PolicyKnown {
		return now.Policy, true
	}
	before := in.Recovery.View(r).Keys[ref]
	return before.Policy, before.PolicyKnown && (before.ARN == now.ARN || now.ARN == "")
}

// endpointElsewhere is another region, one of whose keys' policies names one
// of the endpoints: there they are, and the policy here is a copy.
func (in Input) endpointElsewhere(endpoints []string, others []topology.Region) topology.Region {
	for _, r := range others {
		for _, policy := range in.keyPoliciesOf(r) {
			for _, e := range endpoints {
				if strings.Contains(policy, `"`+e+`"`) {
					return r
				}
			}
		}
	}
	return ""
}

// endpointsKnown: of every other region some key's policy is known to name
// endpoints of its own.
func (in Input) endpointsKnown(others []topology.Region) bool {
	for _, r := range others {
		named := slices.ContainsFunc(in.keyPoliciesOf(r), func(policy string) bool {
			var t KeyTie
			t.judge(policy, nil)
			return len(t.Endpoints) > 0
		})
		if !named {
			return false
		}
	}
	return len(others) > 0
}

func (in Input) keyPoliciesOf(r topology.Region) []string {
	refs := map[string]bool{}
	for _, snapshot := range []*topology.Snapshot{in.Observed, in.Recovery} {
		for ref := range snapshot.View(r).Keys {
			refs[ref] = true
		}
	}
	var list []string
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if policy, known := in.keyPolicy(r, ref); known {
			list = append(list, policy)
		}
	}
	return list
}

// A policyStatement is a statement of a key policy as far as ties go.
type policyStatement struct {
	Effect    string
	Resource  anyOf
	Condition map[string]map[string]anyOf
}

// anyOf is a list that may be written without brackets if it has one element.
type anyOf []string

// UnmarshalJSON takes both forms, and numbers and booleans for what they are.
func (l *anyOf) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	for _, e := range list {
		*l = append(*l, fmt.Sprint(e))
	}
	return nil
}

// statementsOf reads a policy; one that is no policy says nothing.
func statementsOf(policy string) []policyStatement {
	var one struct{ Statement policyStatement }
	var many struct{ Statement []policyStatement }
	if json.Unmarshal([]byte(policy), &many) == nil {
		return many.Statement
	}
	if json.Unmarshal([]byte(policy), &one) == nil {
		return []policyStatement{one.Statement}
	}
	return nil
}

// judge finds in a key's policy what keeps readers out who come from the
// key's own region: an Allow on condition of another region, unless some
// other Allow is through this one's Secrets Manager, and a Deny to all that
// is not of another region.
// AWS: KMS developer guide, kms:ViaService; IAM user guide, condition operators.
func (t *KeyTie) judge(policy string, others []topology.Region) {
	names, endpoints := map[string]bool{}, map[string]bool{}
	via, viaHere := "", false
	for _, st := range statementsOf(policy) {
		if st.Effect == "Allow" {
			t.weigh(st.Resource, others, names)
		}
		for operator, keys := range st.Condition {
			if negated := strings.Contains(strings.ToLower(operator), "not"); negated == (st.Effect == "Allow") {
				continue // speaks of all but the region: this one is let in
			}
			for key, values := range keys {
				switch {
				case isNetworkKey(key):
					for _, v := range values {
						endpoints[v] = true
					}
				case strings.EqualFold(key, "kms:ViaService"):
					found, here := t.through(values, others)
					if st.Effect == "Deny" && found != "" && !here {
						names[found] = true
					}
					if st.Effect == "Allow" {
						via, viaHere = max(via, found), viaHere || here
					}
				default:
					t.weigh(values, others, names)
				}
			}
		}
	}
	if via != "" && !viaHere {
		names[via] = true
	}
	t.Names, t.Endpoints = slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(endpoints))
}

// through reads a list of kms:ViaService: which other region's Secrets
// Manager it names, and whether it names this one's.
func (t *KeyTie) through(values []string, others []topology.Region) (found string, here bool) {
	for _, v := range values {
		here = here || topology.Match(v, secretsHost(t.Region))
		for _, r := range others {
			if topology.Match(v, secretsHost(r)) {
				found = v
			}
		}
	}
	return found, here
}

func secretsHost(r topology.Region) string { return "secretsmanager." + string(r) + ".amazonaws.com" }

// weigh notes the values that name another region, unless one beside them
// names this one or any.
func (t *KeyTie) weigh(values []string, others []topology.Region, names map[string]bool) {
	var found []string
	for _, v := range values {
		if namesRegion(v, t.Region) {
			return
		}
		if slices.ContainsFunc(others, func(r topology.Region) bool { return namesRegion(v, r) }) {
			found = append(found, v)
		}
	}
	for _, v := range found {
		names[v] = true
	}
}

// Codes of what a key's policy says, for notes and findings.
const (
	KeyPolicyForeign    = "key-policy-names-other-region"
	KeyPolicyEndpoint   = "key-policy-names-endpoint" // of which region is not known
	KeyPolicyUnknown    = "key-policy-unknown"        // no answer
	KeyPolicyNotChecked = "key-policy-not-checked"    // no permission to read it
)

// Blocker words the tie. It is never fatal: the policy may let readers in by
// other ways than those it names.
func (t *KeyTie) Blocker() Blocker {
	x := Blocker{Region: t.Region}
	what := fmt.Sprintf("the policy of key %s in %s", t.Ref, t.Region)
	mend := fmt.Sprintf("aws kms put-key-policy --region %s --key-id %s --policy-name default with ", t.Region, t.ARN)
	denied := fmt.Sprintf("who reads or writes secrets under it in %s may be denied", t.Region)
	switch {
	case t.Unread == topology.CauseDenied:
		x.Code, x.Message = KeyPolicyNotChecked, what+" was not checked: permission to read it is missing"
		x.Fix = "allow kms:GetKeyPolicy on " + t.ARN
	case t.Unread != "":
		x.Code, x.Message = KeyPolicyUnknown, fmt.Sprintf("%s is unknown (%s): it may name another region", what, t.Unread)
		x.Fix = fmt.Sprintf("aws kms get-key-policy --region %s --key-id %s --policy-name default", t.Region, t.ARN)
	case len(t.Names) > 0:
		x.Code, x.Message = KeyPolicyForeign, fmt.Sprintf("%s names %s, and nothing of %s: %s", what, strings.Join(t.Names, ", "), t.Region, denied)
		x.Fix = mend + secretsHost(t.Region) + " and ARNs of " + string(t.Region)
	case t.Elsewhere != "":
		x.Code, x.Message = KeyPolicyForeign, fmt.Sprintf("%s names %s, as a key's policy in %s does, where that network is: %s", what, strings.Join(t.Endpoints, ", "), t.Elsewhere, denied)
		x.Fix = mend + "the VPC endpoint of " + string(t.Region)
	default:
		x.Code, x.Message = KeyPolicyEndpoint, fmt.Sprintf("%s names %s: if that network is not in %s, %s", what, strings.Join(t.Endpoints, ", "), t.Region, denied)
		x.Fix = fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s says whether it is there", t.Region)
	}
	return x
}

// keyNotes says what is known of the policies of the keys under which the
// promoted copies are, of each secret that they keep readers from.
func (m *move) keyNotes() {
	others := slices.DeleteFunc(m.desired.Regions(), func(r topology.Region) bool { return r == m.to })
	ties := map[string]*KeyTie{}
	for _, tie := range m.in.KeyTies(m.to, others) {
		ties[tie.ARN] = &tie
	}
	for i := range m.steps {
		s := &m.steps[i].Step
		if s.Action != Promote || s.Region != m.to {
			continue
		}
		c, _ := m.in.Observed.Secret(m.to, s.Secret)
		if c == nil {
			continue
		}
		k, _ := m.view(m.to).Key(c.KmsKeyID)
		if tie := ties[k.ARN]; tie != nil {
			x := tie.Blocker()
			if tie.Unread == "" {
				x.Secret = s.Secret
			}
			m.note(x)
		}
	}
}
