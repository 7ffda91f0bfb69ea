package planner

import "github.com/understudy-dr/understudy/internal/topology"

// Owed plans the payment of the debts in Placement whose regions answer:
// cancelling the rotation of an old primary, silencing its alarms, and the
// fences beyond that which the configuration asks for. What
// turns out to be so already is planned all the same, since finding it done
// pays the debt. A region that has become the acting primary again owes
// nothing.
func Owed(in Input) *Plan {
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
	plan := b.finish()
	for i := range plan.Steps {
		plan.Steps[i].Undo = NoUndo // the move stands: a fence taken back is a second writer (G2)
	}
	return plan
}

func (b *build) payRotation(debt topology.Debt) {
	var s Standing
	b.res.Resolve(debt.Secret, &s)
	c := s.Copy(debt.Region)
	if s.Primary == debt.Region {
		return
	}
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

func (b *build) payAlarms(r topology.Region) {
	set := b.alarmsOf(r)
	b.disable(set, r, func(string) bool { return true }, Step{
		Before: "actions on", After: "actions off", Tier: b.lastTier(), Phase: PhaseOldPrimary, Owed: true,
		Reason: "owed: " + string(r) + " is no longer the primary",
	}, rankOldAlarms)
}
