package planner_test

import (
	"slices"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// TestAWayHomeMadeByHandIsLookedAtBeforeItIsRecorded: a list that lags shows
// the target of a failover as the replica that it was, and the failover is not
// to be written off for that (G2, G5).
func TestAWayHomeMadeByHandIsLookedAtBeforeItIsRecorded(t *testing.T) {
	w := fencedWorld(t, `
secret us-east-1 prod/db rotates=30 lists=us-west-2:InSync
secret us-west-2 prod/db of=us-east-1
secret eu-west-1 prod/db of=us-east-1`, "eu-west-1")
	w.in.Placement.Fences = nil
	w.in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "us-west-2", Time: w.when("-1h"), Run: "r1",
		Versions: []topology.Version{{ID: "v1"}}}
	w.in.Options.To = "us-east-1"
	plan := planner.Failback(w.in)
	look, record := stepOf(t, plan, planner.AwaitEqual), stepOf(t, plan, planner.Promote)
	if look.Params.From != "us-east-1" || !slices.Equal(look.Params.Regions, []topology.Region{"us-west-2"}) || !slices.Contains(record.Needs, look.ID) {
		t.Errorf("%s", render(plan))
	}
}
