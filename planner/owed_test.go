package planner_test

import (
	"slices"
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

// TestWhatLeadsAgainOwesNothing: a region that is seen to be the acting primary
// owes no fence, and no silence of its alarms; paying would stop the only
// writer. A dark one owes what it owed.
func TestWhatLeadsAgainOwesNothing(t *testing.T) {
	const desired = `
primary us-east-1
standby us-west-2
group prod match=prod/* replicas=us-west-2 rotation=rotate-db
alarm secrets-*`
	const function = "arn:aws:lambda:us-east-1:123456789012:function:rotate-db"
	debts := []topology.Debt{
		{Action: string(planner.CancelRotation), Secret: "prod/db", Region: "us-east-1", Run: "r1", Since: now},
		{Action: string(planner.FencePolicy), Secret: "prod/db", Region: "us-east-1", Run: "r1", Since: now},
		{Action: string(planner.DisableAlarms), Alarm: "secrets-count", Region: "us-east-1", Run: "r1", Since: now},
		{Action: string(planner.RevokeInvoke), Target: function, Region: "us-east-1", Run: "r1", Since: now},
	}
	back := topology.Move{From: "us-east-1", To: "us-west-2", Time: now, Run: "r1"}
	for name, c := range map[string]struct {
		observed string
		moved    bool
		owing    int
	}{
		"home is the primary again": {`
secret us-east-1 prod/db rotates=30 lists=us-west-2:InSync
secret us-west-2 prod/db of=us-east-1
alarm us-east-1 secrets-count on`, false, 0},
		"home is dark": {`
dark us-east-1 timeout
secret us-west-2 prod/db of=us-east-1`, false, 4},
		"west leads": {`
secret us-east-1 prod/db rotates=30
secret us-west-2 prod/db
alarm us-east-1 secrets-count on`, true, 4},
		"home has nothing left": {`
secret us-west-2 prod/db`, true, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.desired(desired)
			w.in.Observed = w.snapshot(c.observed, now)
			w.in.Placement.Owed = debts
			if c.moved {
				w.in.Placement.Acting["prod/db"] = back
			}
			if got := planner.Owing(w.in); len(got) != c.owing {
				t.Errorf("%d debts, want %d: %+v", len(got), c.owing, got)
			}
			plan := planner.Owed(w.in)
			if c.owing == 0 && !plan.Empty() {
				t.Errorf("would be paid: %+v", plan.Steps)
			}
			if c.moved { // found done or not, each debt of a copy has a step that pays it
				for _, a := range []planner.Action{planner.CancelRotation, planner.FencePolicy, planner.RevokeInvoke, planner.DisableAlarms} {
					if plan.Summary[a] != 1 {
						t.Errorf("%d steps of %s", plan.Summary[a], a)
					}
				}
			}
		})
	}
}

// TestOnlyWhatIsOwedFallsSilent: an alarm that a failover left on, for a
// secret that stayed, is not silenced with the others.
func TestOnlyWhatIsOwedFallsSilent(t *testing.T) {
	const home = topology.Region("us-east-1")
	on := func(name string) *topology.Alarm {
		return &topology.Alarm{Name: name, Region: home, ActionsEnabled: true}
	}
	in := planner.Input{
		Desired: &topology.Desired{Primary: home, Standby: []topology.Region{"us-west-2"}, Alarms: []topology.AlarmRule{{Match: []string{"secrets-*"}}}},
		Observed: &topology.Snapshot{Regions: map[topology.Region]*topology.RegionView{
			home: {Region: home, Alarms: map[string]*topology.Alarm{"secrets-moved": on("secrets-moved"), "secrets-all": on("secrets-all")}},
			"us-west-2": {Region: "us-west-2", Secrets: map[topology.Name]*topology.Secret{"prod/db": {
				Name: "prod/db", Region: "us-west-2", ARN: "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-AbCdEf",
			}}},
		}},
		Placement: topology.Placement{
			Acting: map[topology.Name]topology.Move{"prod/db": {From: home, To: "us-west-2", Run: "r1"}},
			Owed:   []topology.Debt{{Action: string(planner.DisableAlarms), Alarm: "secrets-moved", Region: home, Run: "r1"}},
		},
	}
	in.Desired.Groups = []topology.Group{{Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}}}
	plan := planner.Owed(in)
	if len(plan.Steps) != 1 || !slices.Equal(plan.Steps[0].Params.Alarms, []string{"secrets-moved"}) {
		t.Errorf("planned %+v, want secrets-moved silenced alone", plan.Steps)
	}
}
