package planner_test

import (
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// TestAFenceIsNotTakenBack: aborting a fence must not wake the old primary
// beside the new one (G2).
func TestAFenceIsNotTakenBack(t *testing.T) {
	const home, west = topology.Region("us-east-1"), topology.Region("us-west-2")
	arn := func(r topology.Region) string {
		return "arn:aws:secretsmanager:" + string(r) + ":123456789012:secret:prod/db-AbCdEf"
	}
	moved := time.Unix(1e9, 0)
	in := planner.Input{
		Desired: &topology.Desired{
			Account: "123456789012", Primary: home, Standby: []topology.Region{west},
			Groups: []topology.Group{{Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Replicas: []topology.Region{west}}},
		},
		Observed: &topology.Snapshot{Account: "123456789012", Regions: map[topology.Region]*topology.RegionView{
			home: {Region: home, Secrets: map[topology.Name]*topology.Secret{"prod/db": {
				Name: "prod/db", Region: home, ARN: arn(home), Rotation: topology.Rotation{Enabled: true, LambdaARN: "arn:aws:lambda:us-east-1:123456789012:function:f"},
			}}},
			west: {Region: west, Secrets: map[topology.Name]*topology.Secret{"prod/db": {Name: "prod/db", Region: west, ARN: arn(west)}}},
		}},
		Placement: topology.Placement{
			Acting: map[topology.Name]topology.Move{"prod/db": {From: home, To: west, Time: moved, Run: "r1"}},
			Owed:   []topology.Debt{{Action: string(planner.CancelRotation), Secret: "prod/db", Region: home, Run: "r1", Since: moved}},
		},
	}
	plan := planner.Owed(in)
	if len(plan.Steps) == 0 {
		t.Fatal("nothing is paid")
	}
	for _, s := range plan.Steps {
		if s.Undo != planner.NoUndo {
			t.Errorf("%s %s would be undone by %s", s.Action, s.Secret, s.Undo)
		}
	}
}
