package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// FenceStatement is the Sid of the statement that a policy fence merges into
// the resource policy of a secret's old primary copy, and that tells it from
// what people wrote there.
const FenceStatement = "UnderstudyFence"

// How far a fence goes ([failover] fence). Each does what the one before it
// does; policy does not touch functions, which secrets at home may use.
const (
	fenceLambda = "rotation+lambda" // also: Secrets Manager may not invoke the function
	fencePolicy = "policy"          // also: a deny of writes in the secret's resource policy
)

// fence plans what the configuration asks for beyond cancelling rotation:
// writes to the old primary are denied, once the target and every third
// region are promoted. Before, the statement would replicate to them. Of one
// that does not answer the executor looks again, and owes the fence till then.
func (m *moving) fence(promoted []string) {
	c := m.s.Copy(m.from)
	switch {
	case m.desired.Failover.Fence != fencePolicy,
		c.State == CopyAbsent, c.Secret != nil && (c.Secret.Role() == topology.RoleReplica || !c.Secret.Deleted.IsZero()),
		m.in.Placement.Fenced(string(m.s.Secret), m.from),
		m.owedAlready(topology.Debt{Action: string(FencePolicy), Secret: m.s.Secret, Region: m.from}):
		return
	}
	step := fenceStep(m.s.Secret, m.g, m.from, m.to, promoted, m.owedWords(m.from))
	step.Params.Regions = m.mayFollow(m.s, m.g, m.from, m.to)
	m.add(rankFence, step)
}

// mayFollow are the regions that do not answer, and whose copy may be a
// replica of the region that is left.
func (b *build) mayFollow(s *Standing, g *topology.Group, from, to topology.Region) (list []topology.Region) {
	for i := range s.Copies {
		c := &s.Copies[i]
		if c.Region == from || c.Region == to || c.State != CopyUnknown {
			continue
		}
		before, known := b.in.Recovery.Secret(c.Region, s.Secret)
		if known && before.Role() == topology.RoleReplica || !known && g != nil && slices.Contains(g.Replicas, c.Region) {
			list = append(list, c.Region)
		}
	}
	return list
}

func fenceStep(n topology.Name, g *topology.Group, from, to topology.Region, needs []string, words string) Step {
	step := Step{
		Action: FencePolicy, Secret: n, Region: from, Phase: PhaseOldPrimary, Owed: true, Needs: slices.Clone(needs),
		Params: Params{Statement: FenceStatement},
		Before: "writable", After: "writes denied by statement " + FenceStatement,
		Reason: fmt.Sprintf("fence: nothing may be written in %s beside %s, nor replicated over it%s", from, to, words),
	}
	if g != nil {
		step.Group, step.Tier = g.Name, g.Priority
	}
	return step
}

// fenceFunctions takes from the old primary's rotation functions the
// permission to be invoked, where no secret that stays there uses them.
func (m *move) fenceFunctions() {
	if m.desired.Failover.Fence != fenceLambda {
		return
	}
	used := map[fn][]string{} // promote steps that must come first
	for i := range m.steps {
		s := &m.steps[i].Step
		if s.Action != Promote || s.Region != m.to {
			continue
		}
		if f := m.functionAt(s.Params.From, s.Secret); f.arn != "" {
			used[f] = append(used[f], s.ID)
		}
	}
	for _, f := range sortedFunctions(used) {
		switch {
		case m.needed(f, used[f]), m.in.Placement.Fenced(f.arn, f.region):
		case m.view(f.region).Dark != "" && slices.ContainsFunc(m.in.Placement.Owed, func(d topology.Debt) bool {
			return d.Action == string(RevokeInvoke) && d.Target == f.arn
		}):
		default:
			m.add(rankFence, revokeStep(f.arn, f.region, m.lastTier(), used[f], m.owedWords(f.region)))
		}
	}
}

// A fn is a rotation function of a region.
type fn struct {
	region topology.Region
	arn    string
}

func sortedFunctions(set map[fn][]string) []fn {
	var list []fn
	for f := range set {
		list = append(list, f)
	}
	slices.SortFunc(list, func(x, y fn) int { return strings.Compare(x.arn, y.arn) })
	return list
}

// functionAt is the function by which a region's copy rotates, or rotated
// when it was last seen.
func (b *build) functionAt(r topology.Region, n topology.Name) fn {
	for _, look := range []*topology.Snapshot{b.in.Observed, b.in.Recovery} {
		if s, _ := look.Secret(r, n); s != nil && s.Rotation.LambdaARN != "" && s.Role() != topology.RoleReplica {
			return fn{r, s.Rotation.LambdaARN}
		}
	}
	return fn{}
}

// needed reports whether a secret that stays in the function's region rotates
// by it: one outside the chosen groups, of no group, or that cannot move.
func (b *build) needed(f fn, going []string) bool {
	leaving := map[topology.Name]bool{}
	for i := range b.steps {
		if s := &b.steps[i].Step; slices.Contains(going, s.ID) {
			leaving[s.Secret] = true
		}
	}
	var s Standing
	for _, n := range b.res.Names() {
		if leaving[n] || b.functionAt(f.region, n) != f {
			continue
		}
		if b.res.Resolve(n, &s); s.Primary == f.region {
			return true
		}
	}
	return false
}

func revokeStep(arn string, r topology.Region, tier int, needs []string, words string) Step {
	return Step{
		Action: RevokeInvoke, Target: arn, Region: r, Tier: tier, Phase: PhaseOldPrimary, Owed: true, Needs: slices.Clone(needs),
		Params: Params{Lambda: arn, Statement: GrantStatement},
		Before: "Secrets Manager may invoke it", After: "it may not",
		Reason: fmt.Sprintf("fence: no rotation may run in %s, and no secret left there uses it%s", r, words),
	}
}

// refence puts up again what was taken down since: rotation that somebody
// turned on in an old primary, and a policy fence that was not asked for, or
// not configured, when the secret moved.
func (b *build) refence(s *Standing) {
	if s.Move == nil || s.Move.To != s.Primary || b.in.Options.Only != "" && s.Move.From != b.in.Options.Only {
		return
	}
	c := s.Copy(s.Move.From)
	if c.State != CopyFenced && c.State != CopySplitBrain {
		return
	}
	if c.Secret.Rotation.Enabled && !b.owes(CancelRotation, s.Secret, c.Region) {
		b.payRotation(topology.Debt{Action: string(CancelRotation), Secret: s.Secret, Region: c.Region, Run: s.Move.Run})
	}
	if b.desired.Failover.Fence == fencePolicy && b.in.Options.Returning[s.Secret] != c.Region && !b.in.Placement.Fenced(string(s.Secret), c.Region) && !b.owes(FencePolicy, s.Secret, c.Region) {
		b.payPolicy(topology.Debt{Action: string(FencePolicy), Secret: s.Secret, Region: c.Region, Run: s.Move.Run})
	}
}

func (b *build) owes(a Action, n topology.Name, r topology.Region) bool {
	return slices.ContainsFunc(b.in.Placement.Owed, func(d topology.Debt) bool {
		return d.Action == string(a) && d.Secret == n && d.Region == r
	})
}

// payPolicy denies writes in an old primary that answers again. While a third
// region still follows it, the statement would replicate there: it stays owed.
func (b *build) payPolicy(debt topology.Debt) {
	if b.in.Options.Returning[debt.Secret] == debt.Region {
		return // it stays owed, until that is the primary or the failback is aborted
	}
	var s Standing
	b.res.Resolve(debt.Secret, &s)
	for i := range s.Copies {
		if follower := s.Copies[i].Secret; follower != nil && follower.PrimaryRegion == debt.Region && follower.Region != debt.Region {
			b.block(Blocker{Code: "still-followed", Secret: debt.Secret, Region: debt.Region,
				Message: fmt.Sprintf("%s is still its replica: a deny there would reach it, so the policy fence waits", follower.Region),
				Fix:     "understudy apply --allow-overwrite re-parents it"})
			return
		}
	}
	g, _ := b.groupOf(&s)
	if dark := b.mayFollow(&s, g, debt.Region, s.Primary); len(dark) > 0 {
		b.block(Blocker{Code: "still-followed", Secret: debt.Secret, Region: debt.Region,
			Message: fmt.Sprintf("%s does not answer and may be its replica still: a deny there would reach it, so the policy fence waits", regionList(dark)),
			Fix:     "understudy fence again, once it answers"})
		return
	}
	b.add(rankFence, fenceStep(debt.Secret, g, debt.Region, s.Primary, nil, "; owed since run "+debt.Run))
}

// payFunction takes an invoke permission that is owed.
func (b *build) payFunction(debt topology.Debt) {
	b.add(rankFence, revokeStep(debt.Target, debt.Region, b.lastTier(), nil, "; owed since run "+debt.Run))
}

// unfence lifts the policy fence of a copy that is about to be written again,
// if there is one; "" if not.
func (b *build) unfence(n topology.Name, g *topology.Group, r topology.Region, needs ...string) string {
	if !b.in.Placement.Fenced(string(n), r) {
		return ""
	}
	return b.lift(n, g, r, needs...)
}

// inherited lifts the policy fence of a copy that is about to be promoted: its
// own of old, or that of the region it follows, which it has as a replica. A
// third region that was dark during a failover goes on following the old
// primary.
func (m *moving) inherited() string {
	follows := m.target.Secret.PrimaryRegion
	if m.in.Placement.Fenced(string(m.s.Secret), m.to) || follows != "" && m.in.Placement.Fenced(string(m.s.Secret), follows) {
		return m.lift(m.s.Secret, m.g, m.to, m.needs()...)
	}
	return ""
}

func (b *build) lift(n topology.Name, g *topology.Group, r topology.Region, needs ...string) string {
	return b.add(rankUnfence, Step{
		Action: UnfencePolicy, Secret: n, Region: r, Group: g.Name, Tier: g.Priority, Phase: PhaseOldPrimary, Needs: needs,
		Params: Params{Statement: FenceStatement},
		Before: "writes denied by statement " + FenceStatement, After: "the policy as it was before the fence",
		Reason: "the fence has done its work",
	})
}
