package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/planner"
)

// rotationService is the principal that invokes rotation functions.
// AWS: "Lambda rotation function execution role permissions".
const rotationService = "secretsmanager.amazonaws.com"

// revokeInvoke takes from a function's policy every statement that lets
// Secrets Manager invoke it, one call each. The note keeps what they said;
// grant-invoke gives the permission back, for all secrets of the account.
func (a *actions) revokeInvoke(s *planner.Step) operation {
	arn := cmp.Or(s.Params.Lambda, s.Target)
	var taken []string
	return operation{first: callRevoke, look: func(ctx context.Context, _ *progress) (sight, error) {
		f, err := a.cloud.Function(ctx, s.Region, arn)
		if err != nil {
			return sight{}, err
		}
		if f.Missing {
			return sight{done: true}, nil
		}
		sids, texts, err := invokers(f.Policy)
		switch {
		case err != nil:
			return sight{}, err
		case len(sids) == 0 && f.Invokable:
			return sight{}, failure(CodeStatementConflict, "the policy of %s lets everybody invoke it: take that statement away by hand", arn)
		case len(sids) == 0:
			return sight{done: true, note: strings.Join(taken, " ")}, nil
		case sids[0] == "":
			return sight{}, failure(CodeStatementConflict, "a statement of %s has no Sid and cannot be removed: %s", arn, texts[0])
		}
		if !slices.Contains(taken, texts[0]) {
			taken = append(taken, texts[0])
		}
		return sight{call: &call{fmt.Sprintf("%s %s", callRevoke, sids[0]), func(ctx context.Context) error {
			return a.cloud.RevokeInvoke(ctx, s.Region, arn, sids[0])
		}}, waiting: "the permission is still shown"}, nil
	}}
}

const callRevoke = "RemovePermission"

// invokers are the statements of a function's policy that name Secrets
// Manager, with their text.
func invokers(policy string) (sids, texts []string, err error) {
	d, err := parsePolicy(policy)
	if err != nil {
		return nil, nil, err
	}
	for _, raw := range d.statements {
		var st struct {
			Sid, Effect string
			Principal   json.RawMessage
		}
		var by struct{ Service json.RawMessage }
		if json.Unmarshal(raw, &st) != nil || st.Effect != "Allow" || json.Unmarshal(st.Principal, &by) != nil {
			continue
		}
		if slices.Contains(words(by.Service), rotationService) {
			sids, texts = append(sids, st.Sid), append(texts, string(raw))
		}
	}
	return sids, texts, nil
}

// words reads a string or a list of strings.
func words(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}
