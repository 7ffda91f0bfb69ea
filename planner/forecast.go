package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Forecast is how fresh the target's copy of one secret is.
type Forecast struct {
	Secret topology.Name `json:"secret"`
	// VersionsBehind counts what the target lacks of the old primary; -1 is
	// unknown.
	VersionsBehind int `json:"versions_behind"`
	// SecondsBehind is how much later the old primary was changed last; 0
	// where nothing is missing, -1 is unknown.
	SecondsBehind float64 `json:"seconds_behind"`
	// Basis is what it was compared with: "observed" (the old primary
	// answered), "snapshot" (the recovery snapshot's word), or "unknown".
	Basis string `json:"basis"`
	// UnknownSeconds is the snapshot's age: what was written in the old
	// primary since then, nobody can know. 0 where it answered.
	UnknownSeconds float64 `json:"unknown_seconds"`
}

// forecast compares the target's copy with the old primary's, else with what
// the recovery snapshot knows of it.
func (m *moving) forecast() {
	f := Forecast{Secret: m.s.Secret, VersionsBehind: -1, SecondsBehind: -1, Basis: "unknown"}
	old := m.s.Copy(m.from).Secret
	if old != nil {
		f.Basis = "observed"
		f.VersionsBehind, _ = behindObserved(old, m.target.Secret)
	} else if n, _, known := m.behindRecovery(m.s, m.target, m.from); known {
		f.Basis, f.VersionsBehind, old = "snapshot", n, m.recovered()
		if taken := m.in.Recovery.View(m.from).Taken; !taken.IsZero() && m.in.Now.After(taken) {
			f.UnknownSeconds = cents(m.in.Now.Sub(taken).Seconds())
		}
	}
	switch {
	case f.VersionsBehind == 0:
		f.SecondsBehind = 0
	case f.VersionsBehind > 0 && !old.Changed.IsZero() && !m.target.Secret.Changed.IsZero():
		f.SecondsBehind = max(0, cents(old.Changed.Sub(m.target.Secret.Changed).Seconds()))
	}
	m.build.plan.Staleness = append(m.build.plan.Staleness, f)
}

// policyNotes says of a resource policy that replicated to the target what
// in it belongs to the old region. A replica's policy cannot be changed, so
// it can be mended after the promotion only. It is known where it was asked
// for (the recovery snapshot keeps it).
func (m *moving) policyNotes() {
	policy := ""
	for _, s := range []*topology.Secret{m.target.Secret, m.s.Copy(m.from).Secret, m.recovered()} {
		if s != nil && s.PolicyKnown {
			policy = s.Policy
			break
		}
	}
	what := tiedTo(policy, m.from)
	if len(what) == 0 {
		return
	}
	m.note(Blocker{
		Code: "policy-names-old-region", Secret: m.s.Secret, Region: m.to,
		Message: fmt.Sprintf("its resource policy names %s: who reads it in %s may be denied", strings.Join(what, ", "), m.to),
		Fix:     "aws secretsmanager put-resource-policy --region " + string(m.to) + " with what belongs there, right after the promotion",
	})
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
				switch strings.ToLower(key) {
				case "aws:sourcevpce", "aws:sourcevpc", "aws:vpcsourceip":
					found[key] = true
				}
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		case string:
			if strings.HasPrefix(v, "arn:") && strings.Contains(v, ":"+string(r)+":") || strings.Contains(v, "."+string(r)+".") {
				found[v] = true
			}
		}
	}
	walk(doc)
	var list []string
	for what := range found {
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}
