package planner_test

import (
	"slices"
	"testing"

	"github.com/understudy-dr/understudy/planner"
)

// TestAPlannedMoveTurnsRotationOnLast: a schedule that came due while it was
// frozen may fire as soon as it is attached, and a region that does not follow
// yet would serve a password that is not in force any more.
func TestAPlannedMoveTurnsRotationOnLast(t *testing.T) {
	w := newWorld(t)
	w.desired("primary us-east-1\nstandby us-west-2 eu-west-1\ngroup prod match=prod/* replicas=us-west-2,eu-west-1 rotation=rotate-db")
	w.in.Observed = w.snapshot("secret us-east-1 prod/db rotates=30 lists=us-west-2:InSync;eu-west-1:InSync"+
		"\nsecret us-west-2 prod/db of=us-east-1\nsecret eu-west-1 prod/db of=us-east-1"+
		"\nfunction us-east-1 rotate-db invokable\nfunction us-west-2 rotate-db invokable\nfunction eu-west-1 rotate-db invokable", now)
	w.in.Options.To = "us-west-2"
	plan := planner.Switchover(w.in)
	var attach *planner.Step
	follow := map[string]*planner.Step{}
	for i := range plan.Steps {
		switch s := &plan.Steps[i]; s.Action {
		case planner.OverwriteReplica:
			follow[s.ID] = s
		case planner.AttachRotation:
			attach = s
		}
	}
	if attach == nil || len(follow) != 2 {
		t.Fatalf("%s", render(plan))
	}
	waits, needs := 0, slices.Clone(attach.Needs) // for one, which waits for the other
	for len(needs) > 0 {
		s := follow[needs[0]]
		if needs = needs[1:]; s != nil {
			waits, needs = waits+1, append(needs, s.Needs...)
		}
	}
	if waits != 2 {
		t.Errorf("rotation is attached before all follow:\n%s", render(plan))
	}
}
