package executor

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const (
	callGrant  = "AddPermission"
	callRevoke = "RemovePermission"
)

// revokeInvoke takes from a function's policy every statement that lets
// Secrets Manager invoke it, one call each; the journal remembers what they
// said, and grant-invoke puts them back. One that AddPermission could not
// write again stays, and is said.
func (a *actions) revokeInvoke(s *planner.Step) operation {
	arn := cmp.Or(s.Params.Lambda, s.Target)
	return operation{first: callRevoke, look: func(ctx context.Context, _ *progress) (sight, error) {
		f, err := a.cloud.Function(ctx, s.Region, arn)
		if err != nil {
			return sight{}, err
		}
		if f.Missing {
			return sight{done: true}, nil
		}
		known, others, err := topology.Invokers(f.Policy, arn)
		back := len(s.Params.Permissions) > 0 // what a failback gave, and nothing else, is taken again
		if back {
			known = slices.DeleteFunc(known, func(p topology.Permission) bool { return !slices.Contains(s.Params.Permissions, p) })
		}
		switch {
		case err != nil:
			return sight{}, failure(CodePolicyUnreadable, "%v", err)
		case len(known) > 0:
			return sight{takes: &known[0], call: &call{callRevoke + " " + known[0].Sid, func(ctx context.Context) error {
				return a.cloud.RevokeInvoke(ctx, s.Region, arn, known[0].Sid)
			}}, waiting: "the permission is still shown"}, nil
		case back:
			return sight{done: true}, nil
		case len(others) > 0:
			return sight{}, failure(CodeStatementConflict, "AddPermission could not put a statement of %s back, so it stays, and lets Secrets Manager invoke it: take it away by hand: %s", arn, others[0])
		case f.Invokable:
			return sight{}, failure(CodeStatementConflict, "the policy of %s lets everybody invoke it: take that statement away by hand", arn)
		}
		return sight{done: true}, nil
	}}
}

// grantInvoke lets Secrets Manager invoke a function: by the statements that a
// fence took from its policy, and, where the step names a statement, for all
// secrets of this account. What people wrote in the meantime stays.
func (a *actions) grantInvoke(s *planner.Step) operation {
	arn := cmp.Or(s.Params.Lambda, s.Target)
	return operation{first: callGrant, look: func(ctx context.Context, p *progress) (sight, error) {
		f, err := a.cloud.Function(ctx, s.Region, arn)
		switch {
		case err != nil:
			return sight{}, err
		case f.Missing && s.Params.Statement == "":
			return sight{done: true, note: "the function is gone, and its policy with it"}, nil
		case f.Missing:
			return sight{}, failure(CodeFunctionMissing, "there is no function %s: deploy it in %s, then resume", arn, s.Region)
		}
		back, err := topology.ComeBack(f.Policy, arn, s.Params.Permissions)
		note := ""
		if len(back.Theirs) > 0 {
			note = "left as found, since somebody else wrote it after the fence took what it was: " + strings.Join(back.Theirs, ", ")
		}
		switch {
		case err != nil:
			return sight{}, failure(CodePolicyUnreadable, "%v", err)
		case len(back.Lacking) > 0:
			p := back.Lacking[0]
			return sight{call: &call{callGrant + " " + p.Sid, func(ctx context.Context) error {
				return a.cloud.RestoreInvoke(ctx, s.Region, arn, p)
			}}, waiting: "the permission is not shown yet"}, nil
		case f.Invokable || s.Params.Statement == "":
			return sight{done: true, note: note}, nil
		case isCode(p.refused, "ResourceConflictException"):
			return sight{}, failure(CodeStatementConflict, "the policy of %s has another statement %s: remove it (aws lambda remove-permission), then resume", arn, s.Params.Statement)
		}
		return sight{call: &call{callGrant, func(ctx context.Context) error {
			return a.cloud.GrantInvoke(ctx, s.Region, arn, s.Params.Statement)
		}}, waiting: "the permission is not shown yet"}, nil
	}}
}
