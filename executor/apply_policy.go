package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// mostPolicy is the quota of a resource policy, in characters (AWS: Secrets
// Manager quotas).
const mostPolicy = 20480

// fencedActions are the writes that a policy fence denies: what changes a
// value, its rotation or its replicas. Policy calls stay allowed, or the
// fence could not be lifted, and so does CancelRotateSecret.
var fencedActions = [...]string{
	"secretsmanager:DeleteSecret",
	"secretsmanager:PutSecretValue",
	"secretsmanager:ReplicateSecretToRegions",
	"secretsmanager:RotateSecret",
	"secretsmanager:UpdateSecret",
	"secretsmanager:UpdateSecretVersionStage",
}

// fence adds a deny statement, marked by its Sid, to the resource policy of a
// copy that is no longer the primary. Everything else in it stays.
func (a *actions) fence(s *planner.Step) operation {
	return a.policy(s, "PutResourcePolicy", func(policy string) (string, bool, error) {
		return addStatement(policy, s.Params.Statement)
	})
}

// unfence removes the marked statement, and the policy if nothing else is in it.
func (a *actions) unfence(s *planner.Step) operation {
	return a.policy(s, "PutResourcePolicy", func(policy string) (string, bool, error) {
		return dropStatement(policy, s.Params.Statement)
	})
}

func (a *actions) policy(s *planner.Step, name string, edit func(string) (next string, changed bool, err error)) operation {
	return operation{first: name, look: func(ctx context.Context, p *progress) (sight, error) {
		c, err := a.secret(ctx, s.Region, s.Secret)
		if err != nil {
			return sight{}, err
		}
		if s.Owed && (c == nil || c.Role() == topology.RoleReplica) {
			return sight{done: true, note: "no writer is left there to be fenced"}, nil
		}
		if c == nil || c.Role() == topology.RoleReplica {
			// A replica's policy is its primary's, and refuses nothing here.
			return sight{}, stale("the copy in %s takes no policy of its own (%s)", s.Region, c.Role())
		}
		policy, err := a.cloud.Policy(ctx, s.Region, s.Secret)
		if err != nil {
			return sight{}, err
		}
		next, changed, err := edit(policy)
		switch {
		case err != nil:
			return sight{}, err
		case !changed:
			return sight{done: true}, nil
		case len(next) > mostPolicy:
			return sight{}, failure(CodePolicyTooLong, "the resource policy would have %d characters, AWS takes %d: shorten it, then resume", len(next), mostPolicy)
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		return sight{call: &call{name, func(ctx context.Context) error {
			return a.cloud.PutPolicy(ctx, s.Region, s.Secret, next)
		}}}, nil
	}}
}

// A document is a resource policy of which only the statements matter; the
// rest is kept as it is.
type document struct {
	fields     map[string]json.RawMessage
	statements []json.RawMessage
}

func parsePolicy(policy string) (document, error) {
	d := document{fields: map[string]json.RawMessage{"Version": json.RawMessage(`"2012-10-17"`)}}
	if policy == "" {
		return d, nil
	}
	d.fields = nil
	if err := json.Unmarshal([]byte(policy), &d.fields); err != nil {
		return d, failure(CodePolicyUnreadable, "the resource policy is not JSON: %v", err)
	}
	raw := d.fields["Statement"]
	if len(raw) == 0 {
		return d, nil
	}
	if raw[0] == '{' { // IAM allows a single statement without a list
		d.statements = []json.RawMessage{raw}
		return d, nil
	}
	if err := json.Unmarshal(raw, &d.statements); err != nil {
		return d, failure(CodePolicyUnreadable, "the resource policy's statements cannot be read: %v", err)
	}
	return d, nil
}

func (d document) String() (string, error) {
	raw, err := json.Marshal(d.statements)
	if err != nil {
		return "", err
	}
	d.fields["Statement"] = raw
	out, err := json.Marshal(d.fields)
	return string(out), err
}

func (d document) find(sid string) int {
	for i, raw := range d.statements {
		var st struct{ Sid string }
		if json.Unmarshal(raw, &st) == nil && st.Sid == sid {
			return i
		}
	}
	return -1
}

func addStatement(policy, sid string) (string, bool, error) {
	d, err := parsePolicy(policy)
	if err != nil {
		return "", false, err
	}
	want, err := fenceStatement(sid)
	if err != nil {
		return "", false, err
	}
	switch i := d.find(sid); {
	case i < 0:
		d.statements = append(d.statements, want)
	case sameJSON(d.statements[i], want):
		return policy, false, nil
	default:
		d.statements[i] = want
	}
	next, err := d.String()
	return next, true, err
}

// FenceStatement is the statement that a policy fence adds, as JSON: for whoever
// writes the same down without running it.
func FenceStatement(sid string) (string, error) {
	statement, err := fenceStatement(sid)
	return string(statement), err
}

func fenceStatement(sid string) ([]byte, error) {
	statement, err := json.Marshal(map[string]any{"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": fencedActions[:], "Resource": "*"})
	if err != nil {
		return nil, fmt.Errorf("fence statement: %w", err)
	}
	return statement, nil
}

func dropStatement(policy, sid string) (string, bool, error) {
	d, err := parsePolicy(policy)
	if err != nil {
		return "", false, err
	}
	i := d.find(sid)
	if i < 0 {
		return policy, false, nil
	}
	d.statements = append(d.statements[:i:i], d.statements[i+1:]...)
	if len(d.statements) == 0 {
		return "", true, nil
	}
	next, err := d.String()
	return next, true, err
}

func sameJSON(x, y []byte) bool {
	var a, b any
	return json.Unmarshal(x, &a) == nil && json.Unmarshal(y, &b) == nil && reflect.DeepEqual(a, b)
}
