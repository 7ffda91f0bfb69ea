package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// GrantStatement is the statement id of grant-invoke: one for each function,
// since a function's policy holds 20 KB only.
const GrantStatement = "understudy-secretsmanager"

// invokable plans what lets Secrets Manager invoke a function for a secret that
// is to rotate by it, and gives the steps' IDs to the step that attaches it:
// what a fence took comes back as it was. Only where that does not do, all
// secrets of the account are let in; unless somebody has changed what was taken
// meanwhile, and wants it so: then the step can't be.
func (b *build) invokable(attach *Step, f fn, tier int) bool {
	lift := b.unfenceFunction(f, tier)
	attach.Needs = append(attach.Needs, lift...)
	seen := b.view(f.region).Functions[f.arn]
	if seen == nil || seen.Invokable {
		return true
	}
	back, _ := topology.ComeBack(seen.Policy, f.arn, b.taken(f)) // what can't be read lets nobody in
	may := func(p topology.Permission) bool { return p.May(attach.Expect.ARN) }
	rotated := b.functionAt(f.region, attach.Secret) == f
	switch {
	case rotated && (len(back.Others) > 0 || slices.ContainsFunc(back.There, may) || slices.ContainsFunc(back.Lacking, may)):
		return true // under statements of the owner's choice, if narrower than ours
	case rotated && len(back.Theirs) > 0:
		b.block(Blocker{Code: "rotation-function-not-invokable", Secret: attach.Secret, Region: f.region,
			Message: fmt.Sprintf("the policy of %s was changed while it was fenced, and its statements (%s) no longer let Secrets Manager invoke it for this secret: rotation can't be attached", functionName(f.arn), strings.Join(back.Theirs, ", ")),
			Fix:     "aws lambda add-permission for it, then the same again"})
		return false
	}
	attach.Needs = append(attach.Needs, b.grant(f.region, f.arn, "rotation is to be attached to it", tier, lift...))
	return true
}

// unfenceFunction gives back what a fence took from a function, once for all
// secrets that rotate by it; nothing if there is no fence.
func (b *build) unfenceFunction(f fn, tier int) []string {
	taken := b.taken(f)
	if !b.fenced(f) && len(taken) == 0 {
		return nil
	}
	if i, ok := b.backs[f.arn]; ok {
		b.steps[i].Tier = min(b.steps[i].Tier, tier)
		return []string{b.steps[i].ID}
	}
	b.backs[f.arn] = len(b.steps)
	after := "the statements are there that were before the fence"
	if len(taken) > 0 {
		var names []string
		for _, p := range taken {
			names = append(names, p.Sid)
		}
		after += ": " + strings.Join(names, ", ")
	}
	return []string{b.add(rankGrant, Step{
		Action: GrantInvoke, Target: f.arn, Region: f.region, Tier: tier, Phase: PhasePermissions,
		Params: Params{Lambda: f.arn, Permissions: taken}, Undo: RevokeInvoke,
		Before: "Secrets Manager may not invoke it", After: after,
		Reason: "the fence has done its work",
	})}
}

// fenced: a fence is up on the function, or owed.
func (b *build) fenced(f fn) bool {
	return b.in.Placement.Fenced(f.arn, f.region) || slices.ContainsFunc(b.in.Placement.Owed, func(d topology.Debt) bool {
		return Action(d.Action) == RevokeInvoke && d.Target == f.arn && d.Region == f.region
	})
}

// taken is what a fence took from a function: by the journal, or, where that
// tells of none (a fence put up by hand), by the last look before it.
func (b *build) taken(f fn) []topology.Permission {
	if list := b.in.Placement.TakenFrom(f.arn, f.region); len(list) > 0 {
		return list
	}
	seen, before := b.view(f.region).Functions[f.arn], b.in.Recovery.View(f.region).Functions[f.arn]
	if !b.fenced(f) || seen == nil || seen.Names() || before == nil {
		return nil
	}
	known, _, _ := topology.Invokers(before.Policy, f.arn) // what can't be read is no reason for anything
	return known
}

// grant plans grant-invoke once for a function, for all secrets that need it,
// in the first of their tiers, and returns the step's ID.
func (b *build) grant(r topology.Region, function, why string, tier int, needs ...string) string {
	if i, ok := b.grants[function]; ok {
		b.steps[i].Tier = min(b.steps[i].Tier, tier)
		return b.steps[i].ID
	}
	b.grants[function] = len(b.steps)
	return b.add(rankGrant, Step{
		Action: GrantInvoke, Target: function, Region: r, Tier: tier, Phase: PhasePermissions, Needs: slices.Clone(needs),
		Params: Params{Lambda: function, Statement: GrantStatement},
		Before: "not permitted", After: "secretsmanager.amazonaws.com may invoke it for account " + b.account,
		Reason: why,
	})
}
