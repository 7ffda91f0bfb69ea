package planner_test

import (
	"slices"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// stepOf finds the one step of an action.
func stepOf(t *testing.T, p *planner.Plan, a planner.Action) *planner.Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.Action == a })
	if i < 0 || p.Summary[a] != 1 {
		t.Fatalf("%d steps of %s, want one: %s", p.Summary[a], a, render(p))
	}
	return &p.Steps[i]
}

// fencedWorld has a policy fence of ours on prod/db in a region.
func fencedWorld(t *testing.T, observed string, fenced topology.Region) *world {
	t.Helper()
	w := newWorld(t)
	w.desired(`
primary us-east-1
standby us-west-2 eu-west-1
group prod match=prod/* replicas=us-west-2,eu-west-1 rotation=rotate-db`)
	w.in.Desired.Failover.Fence = "policy"
	w.in.Observed = w.snapshot(observed, now)
	w.in.Placement.Fences = []topology.Debt{{Action: string(planner.FencePolicy), Secret: "prod/db", Region: fenced}}
	return w
}

// TestAPrimaryIsNotLeftFenced: a failback was interrupted between its promotion
// and somebody's fence; every step from the primary would be denied.
func TestAPrimaryIsNotLeftFenced(t *testing.T) {
	w := fencedWorld(t, `
secret us-east-1 prod/db lists=eu-west-1:InSync
secret us-west-2 prod/db
secret eu-west-1 prod/db of=us-east-1`, "us-east-1")
	plan := planner.Converge(w.in)
	lift, over := stepOf(t, plan, planner.UnfencePolicy), stepOf(t, plan, planner.OverwriteReplica)
	if lift.Region != "us-east-1" || !slices.Contains(over.Needs, lift.ID) {
		t.Errorf("%s", render(plan))
	}
}

// TestAFailoverToAFencedCopyLiftsTheFence: what was left before is the target
// now, and nothing could be written there.
func TestAFailoverToAFencedCopyLiftsTheFence(t *testing.T) {
	w := fencedWorld(t, `
dark us-east-1 timeout
secret us-west-2 prod/db rotated=30
secret eu-west-1 prod/db rotates=30`, "us-west-2")
	w.in.Recovery = w.snapshot(`
secret us-west-2 prod/db rotates=30
secret eu-west-1 prod/db`, w.when("-6h"))
	w.in.Placement.Acting["prod/db"] = topology.Move{From: "us-west-2", To: "eu-west-1", Time: w.when("-1h"), Run: "r2",
		Versions: []topology.Version{{ID: "v1"}}}
	w.in.Options.To = "us-west-2"
	plan := planner.Failover(w.in)
	lift, attach := stepOf(t, plan, planner.UnfencePolicy), stepOf(t, plan, planner.AttachRotation)
	if lift.Region != "us-west-2" || len(lift.Needs) == 0 || !slices.Contains(attach.Needs, lift.ID) {
		t.Errorf("%s", render(plan))
	}
}

// TestAFenceIsNotInTheWayOfAFailback that stopped midway, and that has lifted
// it already.
func TestAFenceIsNotInTheWayOfAFailback(t *testing.T) {
	w := fencedWorld(t, `
secret us-east-1 prod/db rotates=30
secret us-west-2 prod/db`, "eu-west-1")
	w.in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "us-west-2", Time: w.when("-1h"), Run: "r1",
		Versions: []topology.Version{{ID: "v1"}}}
	plan := planner.Owed(w.in)
	stepOf(t, plan, planner.FencePolicy)
	w.in.Options.Returning = map[topology.Name]topology.Region{"prod/db": "us-east-1"}
	plan = planner.Owed(w.in)
	stepOf(t, plan, planner.CancelRotation)
	if plan.Summary[planner.FencePolicy] != 0 {
		t.Errorf("%s", render(plan))
	}
}

// TestAReplicaInTheSnapshotDoesNotTellRotation: a switchover stopped before its
// end, so that the snapshot is from before it; then its target is lost.
func TestAReplicaInTheSnapshotDoesNotTellRotation(t *testing.T) {
	w := fencedWorld(t, `
dark us-west-2 timeout
secret us-east-1 prod/db of=us-west-2
secret eu-west-1 prod/db of=us-west-2
function us-east-1 rotate-db invokable`, "eu-west-1")
	w.in.Recovery = w.snapshot(`
secret us-east-1 prod/db rotates=30
secret us-west-2 prod/db of=us-east-1
secret eu-west-1 prod/db of=us-east-1`, w.when("-6h"))
	w.in.Placement.Fences = nil
	w.in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "us-west-2", Time: w.when("-1h"), Run: "r2",
		Versions: []topology.Version{{ID: "v1"}}}
	w.in.Options.To = "eu-west-1"
	plan := planner.Failover(w.in)
	if s := stepOf(t, plan, planner.CancelRotation); s.Region != "us-west-2" || !s.Owed {
		t.Errorf("%s", render(plan))
	}
	stepOf(t, plan, planner.AttachRotation)
}

// TestAFenceThatCameByReplicationIsLifted: us-west-2 was dark when the secret
// moved, and has followed the fenced old primary since, its policy included.
func TestAFenceThatCameByReplicationIsLifted(t *testing.T) {
	w := fencedWorld(t, `
secret us-east-1 prod/db lists=us-west-2:InSync
secret us-west-2 prod/db of=us-east-1
dark eu-west-1 timeout`, "us-east-1")
	w.in.Recovery = w.snapshot(`
secret us-east-1 prod/db lists=us-west-2:InSync
secret us-west-2 prod/db of=us-east-1
secret eu-west-1 prod/db of=us-east-1`, w.when("-6h"))
	w.in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "eu-west-1", Time: w.when("-1h"), Run: "r2",
		Versions: []topology.Version{{ID: "v1"}}}
	w.in.Options.To = "us-west-2"
	plan := planner.Failover(w.in)
	lift, promote := stepOf(t, plan, planner.UnfencePolicy), stepOf(t, plan, planner.Promote)
	if lift.Region != "us-west-2" || !slices.Contains(lift.Needs, promote.ID) {
		t.Errorf("%s", render(plan))
	}
}
