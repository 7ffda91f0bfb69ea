package planner

import (
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Owed plans the payment of the debts in Placement whose regions answer, in the
// order of how much each keeps from being written twice: the old primary's
// rotation is cancelled, invoke permission is taken from its function, its
// alarms are silenced, writes are denied. Each is a tier, which begins when the
// one before it has ended, well or not: a region may go dark again at any
// moment. What turns out to be so already is planned all the same, since
// finding it done pays the debt. A region that has become the acting primary
// again owes nothing (Owing).
func Owed(in Input) *Plan {
	in.Placement.Owed = Owing(in)
	b := newBuild(&in, "fence")
	b.each(b.refence)
	quiet := map[topology.Region]bool{}
	for _, debt := range in.Placement.Owed {
		if b.view(debt.Region).Dark != "" {
			continue // listed as unobserved, and still owed
		}
		switch Action(debt.Action) {
		case CancelRotation:
			b.payRotation(debt)
		case DisableAlarms:
			quiet[debt.Region] = true
		case FencePolicy:
			b.payPolicy(debt)
		case RevokeInvoke:
			b.payFunction(debt)
		}
	}
	for _, r := range b.res.Regions() {
		if quiet[r] {
			b.payAlarms(r)
		}
	}
	b.oneAfterAnother()
	plan := b.finish()
	for i := range plan.Steps {
		plan.Steps[i].Undo = NoUndo // the move stands: a fence taken back is a second writer (G2)
	}
	return plan
}

// oneAfterAnother gives each kind of fence the tier of its turn.
func (b *build) oneAfterAnother() {
	for _, s := range b.steps {
		switch s.Action {
		case RevokeInvoke:
			s.Tier = b.lastTier() + 1
		case DisableAlarms:
			s.Tier = b.lastTier() + 2
		case FencePolicy:
			s.Tier, s.Group = b.lastTier()+3, strings.TrimSpace(s.Group+" policy") // waves of its own: a group has one tier
		}
	}
}

// Owing are the debts of Placement that the observation does not show to be
// void. A region that is seen to be a secret's acting primary again owes that
// secret no fence: paying it would stop the one writer there is. Nor does it
// owe the silence of its alarms while most secrets are there, or the
// permission of a function by which one of them rotates. What a dark region
// owes is never void.
func Owing(in Input) []topology.Debt {
	if len(in.Placement.Owed) == 0 {
		return nil
	}
	b := newBuild(&in, "owing")
	b.each(func(s *Standing) { b.concern(s) })
	main := b.mainRegion()
	return slices.DeleteFunc(slices.Clone(in.Placement.Owed), func(d topology.Debt) bool {
		if b.view(d.Region).Dark != "" {
			return false
		}
		switch Action(d.Action) {
		case DisableAlarms:
			return d.Region == main
		case RevokeInvoke:
			return b.needed(fn{d.Region, d.Target}, nil)
		}
		var s Standing
		b.res.Resolve(d.Secret, &s)
		return d.Secret != "" && s.Confirmed && s.Primary == d.Region
	})
}

func (b *build) payRotation(debt topology.Debt) {
	var s Standing
	b.res.Resolve(debt.Secret, &s)
	c := s.Copy(debt.Region)
	step := Step{
		Action: CancelRotation, Secret: debt.Secret, Region: debt.Region, Phase: PhaseOldPrimary, Owed: true,
		Before: "rotation on", After: "rotation off",
		Reason: "owed since run " + debt.Run + ": " + string(debt.Region) + " must not rotate beside " + string(s.Primary),
	}
	if c.Secret == nil || !c.Secret.Rotation.Enabled { // found done, which pays the debt
		step.Before = "rotation off"
	}
	if g, _ := b.groupOf(&s); g != nil {
		step.Group, step.Tier = g.Name, g.Priority
	}
	b.add(rankOldRotation, step)
}

// payAlarms silences the alarms that are owed, and no other, which may watch
// over what stayed. Those that are gone too: finding them absent pays for them.
func (b *build) payAlarms(r topology.Region) {
	set, owed := b.alarmsOf(r), map[string]bool{}
	for _, d := range b.in.Placement.Owed {
		if Action(d.Action) != DisableAlarms || d.Region != r {
			continue
		}
		if owed[d.Alarm] = true; d.Alarm != "" && set.composites[d.Alarm] == nil {
			set.metrics[d.Alarm] = nil
		}
	}
	all := owed[""] // a debt that names none
	b.disable(set, r, func(name string) bool { return all || owed[name] }, Step{
		Before: "actions on", After: "actions off", Tier: b.lastTier(), Phase: PhaseOldPrimary, Owed: true,
		Reason: "owed: " + string(r) + " is no longer the primary",
	}, rankOldAlarms)
}
