package planner

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Phases of a switchover beside those of a failover.
const (
	PhaseFreeze   = "freeze"
	PhaseEquality = "equality"
)

// Switchover plans the move of the primary to Options.To while everything is
// well. Nothing may be lost and nothing is accepted: every blocker is fatal.
//
//	cancel-rotation    in the old primary: the freeze list. Each step carries
//	                   the function and the rules that an abort puts back
//	await-equal        until every replica holds the same versions
//	await-equal        the gate: all of the above, for all secrets. Up to here
//	                   an abort leaves everything as it was
//	promote            in the target, which must still equal the old primary
//	enable-alarms      in the target; disable-alarms in the old primary
//	promote            in third regions, so that the old primary lists none
//	overwrite-replica  the old primary, from the target
//	overwrite-replica  third regions, from the target, one at a time
//	attach-rotation    in the target, with the same rules: it may fire at once
//
// The old primary ends as a replica like any other.
func Switchover(in Input) *Plan {
	b := newBuild(&in, "switchover")
	m := &move{build: b, to: in.Options.To}
	b.plan.To = m.to
	if !m.targetRefused() {
		h := &handover{move: m}
		h.allAnswer("wait for it; if it is lost, understudy failover")
		h.unpaid()
		b.each(h.secret)
		h.unconverged()
		if len(b.plan.Blockers) == 0 {
			h.steps()
		}
	}
	return b.allOrNothing()
}

// A handover is a switchover being planned.
type handover struct {
	*move
	moving []moving
	gate   string   // ID of the gate
	equal  []string // IDs of what the gate waits for
}

// unpaid refuses while an earlier failover is owed something.
func (h *handover) unpaid() {
	if n := len(h.in.Placement.Owed); n > 0 {
		h.block(Blocker{Code: "fence-owed", Region: h.in.Placement.Owed[0].Region,
			Message: count(n, "duty") + " of an earlier failover not done yet", Fix: "understudy fence"})
	}
}

// unconverged refuses what apply would change first, so that the target is
// as ready as it can be: replicas, keys, alarms, permissions.
func (h *handover) unconverged() {
	c := Converge(*h.in)
	said := map[topology.Name]bool{"": false}
	for _, x := range h.build.plan.Blockers {
		said[x.Secret] = x.Secret != ""
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		if said[s.Secret] {
			continue
		}
		if len(h.in.Options.Groups) > 0 && s.Secret != "" && !slices.Contains(h.in.Options.Groups, s.Group) {
			continue
		}
		fix := "understudy apply"
		if s.Requires != "" {
			fix += " --" + s.Requires
		}
		h.block(Blocker{Code: "not-converged", Secret: s.Secret, Region: s.Region,
			Message: fmt.Sprintf("%s %s in %s: %s", s.Action, s.Subject(), s.Region, s.Reason), Fix: fix})
	}
}

// secret judges one secret.
func (h *handover) secret(s *Standing) {
	g := h.concern(s)
	if g == nil {
		return
	}
	if h.outside(g) {
		h.stays(s)
		return
	}
	if s.Primary == h.to && s.Confirmed {
		h.here++
		return
	}
	if x := h.unwell(s); x != nil {
		h.block(*x)
		return
	}
	own := *s // the resolver reuses s
	own.Copies = slices.Clone(s.Copies)
	one := moving{move: h.move, s: &own, g: g, from: own.Primary}
	target := own.Copy(h.to)
	one.target = &target
	if !h.replicas(&one) {
		return
	}
	h.comesFrom(own.Primary)
	h.moving = append(h.moving, one)
}

// unwell is why the acting primary cannot hand over, nil if it can.
func (h *handover) unwell(s *Standing) *Blocker {
	p := s.Copy(s.Primary)
	x := &Blocker{Secret: s.Secret, Region: s.Primary}
	switch {
	case p.State != CopyPrimary || !s.Confirmed:
		x.Code, x.Message, x.Fix = "no-primary", fmt.Sprintf("%s should be its primary, and its copy there is %s", s.Primary, p.State), "understudy drift"
	case s.Overwritten:
		x.Code, x.Message, x.Fix = "promoted-became-replica", "was promoted in "+string(s.Move.To)+", and is a replica there again", "understudy drift"
	case p.Secret.RotationInFlight():
		x.Code, x.Message = "rotation-in-flight", "a rotation is under way: AWSPENDING is on "+p.Secret.Stage(topology.StagePending)
		x.Fix = "let it finish, or mend its function; else " + PendingWayOut(p.Secret)
	case h.cannotThaw(p.Secret) != "":
		x.Code, x.Fix = "rotation-function-unusable", "mend it; understudy drift says how"
		x.Message = fmt.Sprintf("its rotation function %s in %s %s: rotation that is frozen could not be put back there",
			functionName(p.Secret.Rotation.LambdaARN), s.Primary, h.cannotThaw(p.Secret))
	default:
		return nil
	}
	return x
}

// cannotThaw says why RotateSecret would be refused where a switchover that
// is called off has to put rotation back, "" if nothing speaks against it. A
// function that only some secrets may invoke may well be right for this one.
func (h *handover) cannotThaw(p *topology.Secret) string {
	f := h.view(p.Region).Functions[p.Rotation.LambdaARN]
	switch {
	case !p.Rotation.Enabled || f == nil:
		return ""
	case f.Missing:
		return "does not exist"
	case f.State != "" && f.State != "Active":
		return "is " + f.State
	case !f.Invokable && !f.Names():
		return "may not be invoked by Secrets Manager"
	}
	return ""
}

// replicas says whether every copy may take part: the target and all others
// replicas in sync that hold what the primary holds.
func (h *handover) replicas(m *moving) bool {
	p, well := m.s.PrimarySecret(), true
	refuse := func(r topology.Region, code, message, fix string) {
		h.block(Blocker{Code: code, Secret: m.s.Secret, Region: r, Message: message, Fix: fix})
		well = false
	}
	for i := range m.s.Copies {
		c := &m.s.Copies[i]
		if c.Region == m.from || !m.configured(c.Region) {
			continue
		}
		switch {
		case c.State == CopyAbsent && c.Region != h.to && !h.wanted(m.g, m.s, c.Region):
		case c.State == CopyAbsent:
			fix := "understudy apply"
			if !h.wanted(m.g, m.s, c.Region) {
				fix = "add the region to the replicas of group " + m.g.Name + ", then understudy apply"
			}
			refuse(c.Region, "no-replica", "no replica in "+string(c.Region), fix)
		case c.State != CopyReplica:
			refuse(c.Region, "not-a-replica", fmt.Sprintf("its copy in %s is %s", c.Region, c.State), "understudy drift says what to do")
		case c.Listed && c.Entry.Status != topology.InSync:
			refuse(c.Region, "replica-"+c.Entry.Status, fmt.Sprintf("its replica in %s is %s", c.Region, c.Entry.Status), "understudy drift")
		case !topology.SameVersions(p, c.Secret):
			refuse(c.Region, "not-equal", fmt.Sprintf("%s does not hold the same versions as %s", c.Region, m.from), "wait for replication; understudy drift")
		}
	}
	for _, at := range append(m.followers(), m.from) { // each becomes the primary or a new replica
		ref := h.desired.Key(m.g, at)
		if k, known := h.view(at).Key(ref); known && !usable(ref, k) {
			refuse(at, "key-unusable", fmt.Sprintf("the key %s in %s is %s", keyName(ref), at, keyState(k)), "enable it")
		}
	}
	return well
}

// steps plans the handover of all secrets, each behind the one gate.
func (h *handover) steps() {
	if len(h.moving) == 0 {
		h.nothingMoves()
		return
	}
	h.plan.From = h.mainSource()
	for i := range h.moving {
		h.equal = append(h.equal, h.freeze(&h.moving[i]))
	}
	h.gate = h.add(rankEqual+1, Step{
		Action: AwaitEqual, Target: "every secret", Region: h.to, Phase: PhaseEquality, Needs: h.equal,
		Tier:   h.lastTier(), // the executor takes it, and what it needs, as early as the first promotion
		Before: "frozen", After: "the same versions everywhere",
		Reason: "from here on there is no way back: promotions follow",
	})
	for i := range h.moving {
		h.handOver(&h.moving[i])
	}
	h.alarms(h.plan.From)
	h.keyNotes()
	for _, s := range h.build.steps {
		if s.Secret == "" && s.ID != h.gate { // alarms, filters, permissions
			s.Needs = append(s.Needs, h.gate)
		}
	}
}

// freeze stops what makes versions and waits for the replicas to catch up.
// The cancel step carries what was set, for whoever takes it back.
func (h *handover) freeze(m *moving) string {
	p := m.s.PrimarySecret()
	like := Step{Secret: m.s.Secret, Group: m.g.Name, Tier: m.g.Priority}
	var needs []string
	if p.Rotation.Enabled {
		step := like
		step.Action, step.Region, step.Phase = CancelRotation, m.from, PhaseFreeze
		step.Params = Params{Lambda: p.Rotation.LambdaARN, Rules: p.Rotation.Rules, Settled: true, WindowSeconds: h.window()}
		step.Expect = Expect{ARN: p.ARN}
		step.Before, step.After = rulesWords(p.Rotation.Rules)+" by "+functionName(p.Rotation.LambdaARN), "rotation off, to be resumed in "+string(h.to)
		step.Reason = "no version may be made while the primary moves"
		needs = append(needs, h.add(rankFreeze, step))
	}
	step := like
	step.Action, step.Region, step.Phase, step.Needs = AwaitEqual, h.to, PhaseEquality, needs
	step.Params = Params{From: m.from, Regions: m.followers(), WindowSeconds: h.window()}
	step.Before, step.After = "replicas in sync", "the same versions everywhere, no rotation under way"
	step.Reason = "a planned move loses nothing"
	return h.add(rankEqual, step)
}

func (h *handover) window() float64 { return h.in.Options.Window.Seconds() }

// followers are the regions that hold a replica of the acting primary.
func (m *moving) followers() []topology.Region {
	var list []topology.Region
	for i := range m.s.Copies {
		if c := &m.s.Copies[i]; c.State == CopyReplica && m.configured(c.Region) {
			list = append(list, c.Region)
		}
	}
	return list
}

// handOver plans what follows the gate for one secret.
func (h *handover) handOver(m *moving) {
	step := promoteStep(m.s, m.g, m.target, Step{
		Params: Params{From: m.from}, Needs: []string{h.gate},
		After: "standalone, writable: the primary", Reason: "switchover from " + string(m.from),
	})
	step.Expect.Current, step.Expect.SameAs = "", m.from // whatever it is by then: the same
	m.promoted = h.add(rankPromote, step)
	m.policyNotes()
	m.arns()
	needs := m.freeThirds(m.needs())
	previous := h.follow(m, m.from, m.s.PrimarySecret(), needs)
	for _, r := range m.followers() {
		if r != h.to && previous != "" {
			previous = h.follow(m, r, m.s.Copy(r).Secret, append(needs, previous))
		}
	}
	m.last = previous
	m.attachRotation()
}

// follow makes a region's copy a replica of the new primary.
func (h *handover) follow(m *moving, r topology.Region, c *topology.Secret, needs []string) string {
	want := h.desired.Key(m.g, r)
	before := "copy of " + string(m.from) + "'s secret"
	if r == m.from {
		before = "the primary until now"
	}
	return h.add(rankReparent, Step{
		Action: OverwriteReplica, Secret: m.s.Secret, Region: r, Phase: PhaseReparent,
		Group: m.g.Name + " re-parent", Tier: h.lastTier() + 1, // as in a failover: behind every move
		Needs: slices.Clone(needs), Params: Params{From: h.to, Key: keyParam(want)},
		Expect: Expect{ARN: c.ARN, Versions: VersionIDs(m.s.PrimarySecret())},
		Before: before, After: "replica of " + string(h.to) + " under " + keyName(want),
		Reason: "follow the new primary; it holds nothing that " + string(h.to) + " lacks",
	})
}
