package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// mostPolicy is the quota of a resource policy, in characters (AWS: Secrets
// Manager quotas).
const mostPolicy = 20480

// fencedActions are the writes that a policy fence denies: what changes a
// value, its rotation or its replicas. The old primary may still list the
// region that was promoted, and whoever removes it from replication there may
// delete the new primary. Policy calls stay allowed, or the fence could not be
// lifted, and so does CancelRotateSecret.
var fencedActions = [...]string{
	"secretsmanager:DeleteSecret",
	"secretsmanager:PutSecretValue",
	"secretsmanager:RemoveRegionsFromReplication",
	"secretsmanager:ReplicateSecretToRegions",
	"secretsmanager:RotateSecret",
	"secretsmanager:UpdateSecret",
	"secretsmanager:UpdateSecretVersionStage",
}

// fence adds a deny statement, marked by its Sid, to the resource policy of a
// copy that is no longer the primary. Everything else in it stays. AWS would
// replicate it to whatever follows that copy, so nothing may.
func (a *actions) fence(s *planner.Step) operation {
	op := a.policy(s, "PutResourcePolicy", func(policy string) (string, bool, error) {
		return addStatement(policy, s.Params.Statement)
	})
	edit := op.look
	op.look = func(ctx context.Context, p *progress) (sight, error) {
		if err := a.followed(ctx, s); err != nil && !p.acted() {
			return sight{}, err
		}
		return edit(ctx, p)
	}
	return op
}

// behindFence reports whether our policy fence stands before a copy.
func (a *actions) behindFence(ctx context.Context, r topology.Region, n topology.Name) (bool, error) {
	policy, err := a.cloud.Policy(ctx, r, n)
	if err != nil {
		return false, err
	}
	d, err := parsePolicy(policy)
	if err != nil {
		return false, err
	}
	i := d.find(planner.FenceStatement)
	if i < 0 {
		return false, nil
	}
	_, ours := fenceOf(d.statements[i])
	return ours, nil
}

// followed is the error that one of the step's regions is a replica of the
// step's, or may be.
func (a *actions) followed(ctx context.Context, s *planner.Step) error {
	for _, r := range s.Params.Regions {
		c, err := a.secret(ctx, r, s.Secret)
		if err != nil {
			return &StepError{Code: CodeStillFollowed, Err: err,
				Message: fmt.Sprintf("%s may be a replica of %s still, and can't be asked: %v", r, s.Region, err)}
		}
		if c.Role() == topology.RoleReplica && c.PrimaryRegion == s.Region {
			return failure(CodeStillFollowed, "%s is still its replica: a deny in %s would reach it", r, s.Region)
		}
	}
	return nil
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
		case utf8.RuneCountInString(next) > mostPolicy:
			return sight{}, failure(CodePolicyTooLong, "the resource policy would have %d characters, AWS takes %d: shorten it, then resume", utf8.RuneCountInString(next), mostPolicy)
		}
		if err := expect(s.Expect, c); err != nil {
			return sight{}, err
		}
		return sight{call: &call{name, func(ctx context.Context) error {
			return a.cloud.PutPolicy(ctx, s.Region, s.Secret, next)
		}}}, nil
	}}
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

// addStatement puts the fence into a policy. A statement of its name that
// fences less, as an older version wrote it, is replaced; any other one of that
// name is somebody else's, and stays.
func addStatement(policy, sid string) (string, bool, error) {
	d, err := parsePolicy(policy)
	if err != nil {
		return "", false, err
	}
	if d.text != "" && !d.list && len(d.statements) == 0 {
		return "", false, failure(CodePolicyUnreadable, "the resource policy has no statements")
	}
	want, err := fenceStatement(sid)
	if err != nil {
		return "", false, err
	}
	i := d.find(sid)
	if i < 0 {
		return d.with(string(want)), true, nil
	}
	denied, ours := fenceOf(d.statements[i])
	switch {
	case !ours:
		return "", false, failure(CodeStatementConflict, "the resource policy has another statement %s: give it another Sid, then resume", sid)
	case !slices.ContainsFunc(fencedActions[:], func(action string) bool { return !slices.Contains(denied, action) }):
		return policy, false, nil
	}
	return d.replaced(i, string(want)), true, nil
}

// dropStatement takes the fence out, and leaves the policy to the byte as it
// was before; "" if there was none.
func dropStatement(policy, sid string) (string, bool, error) {
	d, err := parsePolicy(policy)
	if err != nil {
		return "", false, err
	}
	i := d.find(sid)
	if i < 0 {
		return policy, false, nil
	}
	if _, ours := fenceOf(d.statements[i]); !ours {
		return policy, false, nil
	}
	return d.without(i), true, nil
}

// fenceOf is what a statement denies to everybody without a condition, if it
// does nothing else.
func fenceOf(raw json.RawMessage) (denied []string, ours bool) {
	var st struct {
		Effect                                 string
		Principal, Action, Resource, Condition json.RawMessage
	}
	if json.Unmarshal(raw, &st) != nil || st.Effect != "Deny" || st.Condition != nil || !slices.Equal(topology.StringOrList(st.Resource), []string{"*"}) {
		return nil, false
	}
	var by struct{ AWS json.RawMessage }
	if who := topology.StringOrList(st.Principal); !slices.Equal(who, []string{"*"}) &&
		(json.Unmarshal(st.Principal, &by) != nil || !slices.Equal(topology.StringOrList(by.AWS), []string{"*"})) {
		return nil, false
	}
	denied = topology.StringOrList(st.Action)
	foreign := slices.ContainsFunc(denied, func(action string) bool { return !strings.HasPrefix(action, "secretsmanager:") })
	return denied, len(denied) > 0 && !foreign
}
