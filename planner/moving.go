package planner

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// moving is one secret on its way from one region to the target.
type moving struct {
	*move
	s        *Standing
	g        *topology.Group
	from     topology.Region
	target   *Copy
	promoted string // ID of the promote step, "" if the target is the primary already
	last     string // ID of a step that rotation waits for, "" if for none but the promotion
	attached *Step  // that attaches rotation in the target, nil if none does
	lifted   string // ID of the step that lifts an old fence in the target, "" if there is none
}

func (m *moving) plan() {
	if m.target.State != CopyPrimary {
		m.promote()
		m.forecast()
		m.policyNotes()
		m.loginRisks()
	}
	m.lifted = m.inherited()
	m.arns()
	m.attachRotation()
	promoted := m.thirdRegions()
	m.cancelRotation()
	m.cancelElsewhere()
	m.fence(promoted)
}

// promote makes the target the primary. A copy that is standalone already
// gets the step too: finding it done is what records the move in the journal.
func (m *moving) promote() {
	step := promoteStep(m.s, m.g, m.target, Step{
		Params: Params{From: m.from},
		After:  "standalone, writable: the primary",
		Reason: "failover from " + string(m.from),
	})
	if m.target.Secret.Role() != topology.RoleReplica {
		step.Before = "standalone already, but in no journal"
		step.Expect.Current = ""
	}
	m.promoted = m.add(rankPromote, step)
}

// promoteStep promotes a replica as it was seen: of that primary, with that
// current version.
func promoteStep(s *Standing, g *topology.Group, c *Copy, like Step) Step {
	like.Action, like.Secret, like.Region = Promote, s.Secret, c.Region
	like.Group, like.Tier, like.Phase = g.Name, g.Priority, PhasePromote
	like.Expect = Expect{
		ARN: c.Secret.ARN, PrimaryRegion: c.Secret.PrimaryRegion, Current: c.Secret.Stage(topology.StageCurrent),
	}
	like.Before = "replica of " + string(c.Secret.PrimaryRegion)
	return like
}

func (m *moving) needs() (ids []string) {
	for _, id := range []string{m.promoted, m.lifted} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// old is the old primary's copy: as observed, else as the recovery snapshot
// has it, else nil.
func (m *moving) old() *topology.Secret {
	if c := m.s.Copy(m.from); c.Secret != nil {
		return c.Secret
	}
	return m.recovered()
}

// recovered is the old primary's copy in the recovery snapshot.
func (m *moving) recovered() *topology.Secret {
	s, _ := m.in.Recovery.Secret(m.from, m.s.Secret)
	return s
}

// rotated is the copy in the recovery snapshot that tells how the secret
// rotated: the old primary's, or, if that was a replica then, its primary's.
// What a replica says of rotation means nothing.
func (m *moving) rotated() *topology.Secret {
	s := m.recovered()
	if s.Role() == topology.RoleReplica {
		s, _ = m.in.Recovery.Secret(s.PrimaryRegion, m.s.Secret)
	}
	return s
}

func (m *moving) arns() {
	now := m.target.Secret.ARN
	before := topology.WithRegion(now, m.from)
	if old := m.old(); old != nil {
		before = old.ARN
	}
	m.build.plan.ARNs = append(m.build.plan.ARNs, ARNChange{m.s.Secret, before, now})
}

// rotation tells how the secret rotated before the move. A fence that was
// paid already turned it off in the old primary, so the snapshot's word
// counts as well.
func (m *moving) rotation() (r topology.Rotation, on, known bool) {
	now, before := m.s.Copy(m.from).Secret, m.rotated()
	switch {
	case now != nil && now.Rotation.Enabled:
		return now.Rotation, true, true
	case before != nil && before.Rotation.Enabled && (now == nil || m.s.Move != nil):
		return before.Rotation, true, true
	case now != nil && before == nil && m.s.Move != nil && now.Rotation.LambdaARN != "":
		return now.Rotation, true, true // cancelled by our fence, as far as can be told
	}
	return topology.Rotation{}, false, now != nil || before != nil
}

func (m *moving) attachRotation() {
	if m.target.Secret.Rotation.Enabled && m.target.Secret.Role() != topology.RoleReplica {
		return // attached already; what a replica says of rotation means nothing
	}
	rotation, on, known := m.rotation()
	if !known && m.g.Rotation != nil {
		m.blockRotation("rotation-unknown", fmt.Sprintf("how it rotated in %s is in no snapshot: rotation stays off", m.from),
			"aws secretsmanager rotate-secret with the rules, after the failover")
	}
	if !on {
		return
	}
	lambda, ok := m.function()
	if !ok {
		return
	}
	if m.target.Secret.RotationInFlight() {
		m.blockRotation("rotation-in-flight", "a rotation was under way: "+string(m.to)+" holds AWSPENDING "+m.target.Secret.Stage(topology.StagePending)+", and the database may have either password; rotation stays off",
			"after the promotion "+PendingWayOut(m.target.Secret)+"; then understudy failover --to "+string(m.to)+" again, which turns rotation on")
		return
	}
	if rotation.Rules == (topology.RotationRules{}) {
		m.blockRotation("rotation-unknown", "its rotation rules are not known: rotation stays off", "aws secretsmanager rotate-secret with the rules, after the failover")
		return
	}
	immediately := m.g.Rotation != nil && m.g.Rotation.RotateImmediately
	step := Step{
		Action: AttachRotation, Secret: m.s.Secret, Region: m.to, Group: m.g.Name, Tier: m.g.Priority, Phase: PhaseRotation,
		Needs:  m.needs(),
		Params: Params{Lambda: lambda, Rules: rotation.Rules, RotateImmediately: immediately},
		Expect: Expect{ARN: m.target.Secret.ARN},
		Before: "rotation off", After: rulesWords(rotation.Rules) + " by " + functionName(lambda),
		Reason: "rotated in " + string(m.from) + "; promotion leaves rotation off",
	}
	if m.last != "" { // as attachHome
		step.Needs = append(step.Needs, m.last)
		step.Group, step.Tier = m.g.Name+" re-parent", m.lastTier()+1
	}
	if immediately {
		step.After += ", at once"
	}
	if m.invokable(&step, fn{m.to, lambda}, m.g.Priority) {
		m.add(rankRotation, step)
		m.attached = &step
	}
}

// function is the target's rotation function if it can be attached, as far
// as is known.
func (m *moving) function() (arn string, ok bool) {
	arn = m.g.Rotation.LambdaIn(m.to, m.account)
	if before, _ := m.in.Recovery.Secret(m.to, m.s.Secret); arn == "" && before != nil {
		arn = before.Rotation.LambdaARN // it rotated there once: home's need not be configured
	}
	if arn == "" {
		arn = m.functionAt(m.to, m.s.Secret).arn // a cancelled rotation still shows it
	}
	f := m.view(m.to).Functions[arn]
	switch {
	case arn == "":
		m.blockRotation("rotation-function-not-configured", "the configuration names no rotation function for "+string(m.to)+": rotation stays off",
			"[group.rotation] lambda of group "+m.g.Name)
	case f == nil:
		return arn, true // unknown: the executor looks before it attaches
	case f.Missing:
		m.blockRotation("rotation-function-missing", "the rotation function "+arn+" does not exist: rotation stays off", "deploy it, then the same again")
	case f.State != "" && f.State != "Active":
		m.blockRotation("rotation-function-not-active", "the rotation function "+arn+" is "+f.State+": rotation stays off", "bring it to Active, then the same again")
	default:
		if other := endpointRegion(f.Endpoint); other != "" && other != m.to {
			m.note(Blocker{
				Code: "rotation-function-endpoint", Region: m.to,
				Message: fmt.Sprintf("%s dials Secrets Manager of %s (SECRETS_MANAGER_ENDPOINT): its rotations will fail", functionName(arn), other),
				Fix:     "set it to https://secretsmanager." + string(m.to) + ".amazonaws.com",
			})
		}
		return arn, true
	}
	return "", false
}

// blockRotation: the secret moves, its rotation does not.
func (m *moving) blockRotation(code, message, fix string) {
	m.block(Blocker{Code: code, Secret: m.s.Secret, Region: m.to, Message: message, Fix: fix})
}

// thirdRegions promotes every other replica early, and then makes it a
// replica of the target, one region at a time. It returns the promotions by
// which nothing follows the old primary any more.
func (m *moving) thirdRegions() []string {
	previous, promoted := "", m.needs()
	for i := range m.s.Copies {
		c := &m.s.Copies[i]
		if c.Region == m.to || c.Region == m.from || !m.configured(c.Region) || c.Secret == nil {
			continue
		}
		var needs []string
		switch {
		case c.Secret.Role() == topology.RoleReplica && c.Secret.PrimaryRegion == m.to:
			continue // follows the target already, whoever saw to that
		case c.State == CopyReplica, c.State == CopyStray:
			needs = append(m.needs(), m.add(rankPromoteThird, promoteStep(m.s, m.g, c, Step{
				Params: Params{From: m.from},
				After:  "standalone, then replica of " + string(m.to),
				Reason: "a recovered " + string(c.Secret.PrimaryRegion) + " would keep pushing into it",
			})))
			promoted = append(promoted, needs...)
		case c.State == CopyPromoted:
			needs = m.needs()
		default:
			continue
		}
		m.riskFiring(c.Region)
		if previous != "" {
			needs = append(needs, previous)
		}
		if id := m.reparent(c, needs); id != "" {
			previous = id
		}
	}
	return promoted
}

func (m *moving) configured(r topology.Region) bool {
	for _, known := range m.desired.Regions() {
		if r == known {
			return true
		}
	}
	return false
}

// reparent overwrites a third region's promoted copy from the target, where
// the group wants a replica there and nothing would be lost (G1).
func (m *moving) reparent(c *Copy, needs []string) string {
	if !m.wanted(m.g, m.s, c.Region) {
		return ""
	}
	if orphans := m.s.lacking(c.Secret, m.target.Secret); len(orphans) > 0 {
		m.block(thirdRegionAhead(m.s.Secret, c, m.to, orphans))
		return ""
	}
	want := m.desired.Key(m.g, c.Region)
	if k, known := m.view(c.Region).Key(want); known && !usable(want, k) {
		m.block(Blocker{
			Code: "key-unusable", Secret: m.s.Secret, Region: c.Region,
			Message: fmt.Sprintf("the key %s in %s is %s: not re-parented", want, c.Region, keyState(k)), Fix: "enable it, then understudy apply",
		})
		m.risk(LoginRisk{
			Code: RiskKey, Region: c.Region,
			Message: fmt.Sprintf("the key %s there is %s: what it serves is no replica of %s, and may be unreadable", want, keyState(k), m.to), Fix: "enable it, then understudy apply",
		}, m.s.Secret)
		return ""
	}
	return m.add(rankReparent, Step{
		Action: OverwriteReplica, Secret: m.s.Secret, Region: c.Region, Phase: PhaseReparent,
		// Behind every move, in waves of its own: a third region that is slow
		// or cut off must not hold up, or halt, what makes secrets writable.
		Group: m.g.Name + " re-parent", Tier: m.lastTier() + 1,
		Needs: needs, Params: Params{From: m.to, Key: keyParam(want)},
		Expect: Expect{ARN: c.Secret.ARN, Versions: union(VersionIDs(m.target.Secret), VersionIDs(c.Secret))},
		Before: "copy of " + string(m.from) + "'s secret", After: "replica of " + string(m.to) + " under " + keyName(want),
		Reason: "follow the new primary; it holds nothing that " + string(m.to) + " lacks",
	})
}

// union is both lists' ids, sorted.
func union(a, b []string) []string {
	ids := slices.Concat(a, b)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// cancelRotation is the fence: the old primary must not rotate once the
// target is the primary. It is owed if the old primary does not answer, also
// where nobody knows whether it rotates.
func (m *moving) cancelRotation() {
	c := m.s.Copy(m.from)
	if c.State == CopyAbsent || c.Secret != nil && (!c.Secret.Rotation.Enabled || c.Secret.Role() == topology.RoleReplica) {
		return
	}
	if before := m.rotated(); c.Secret == nil && before != nil && !before.Rotation.Enabled {
		return
	}
	if m.owedAlready(topology.Debt{Action: string(CancelRotation), Secret: m.s.Secret, Region: m.from}) {
		return
	}
	before := "rotation on"
	if _, _, known := m.rotation(); !known {
		before = "rotation unknown"
	}
	m.add(rankOldRotation, Step{
		Action: CancelRotation, Secret: m.s.Secret, Region: m.from, Group: m.g.Name, Tier: m.g.Priority, Phase: PhaseOldPrimary,
		Needs: m.needs(), Owed: true, Undo: NoUndo, // the move may be another run's, and stand
		Before: before, After: "rotation off",
		Reason: "fence: " + string(m.from) + " must not rotate beside " + string(m.to) + m.owedWords(m.from),
	})
}

// cancelElsewhere: a copy that somebody else promoted may rotate, too.
func (m *moving) cancelElsewhere() {
	for i := range m.s.Copies {
		c := &m.s.Copies[i]
		if c.Region == m.to || c.Region == m.from || !c.Secret.Writable() || !c.Secret.Rotation.Enabled || !topology.SameLineage(m.target.Secret, c.Secret) {
			continue
		}
		m.add(rankOldRotation, Step{
			Action: CancelRotation, Secret: m.s.Secret, Region: c.Region, Group: m.g.Name, Tier: m.g.Priority, Phase: PhaseOldPrimary,
			Needs: m.needs(), Owed: true, Undo: NoUndo,
			Before: "rotation on", After: "rotation off",
			Reason: "a copy of the same secret must not rotate beside " + string(m.to),
		})
	}
}

func rulesWords(r topology.RotationRules) string {
	words := r.Schedule
	if words == "" {
		words = "every " + count(int(r.AfterDays), "day")
	}
	if r.Duration != "" {
		words += " within " + r.Duration
	}
	return "rotation " + words
}
