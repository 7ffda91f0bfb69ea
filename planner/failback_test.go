package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const (
	east  = topology.Region("us-east-1")
	west  = topology.Region("us-west-2")
	arnOf = "arn:aws:secretsmanager:%s:123456789012:secret:prod/db-AbCdEf"
)

// away is a secret that was moved from us-east-1 to us-west-2 with version b
// current and a previous. home and acting change the two copies.
func away(home, acting func(*topology.Secret)) planner.Input {
	moved := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	versions := []topology.Version{{ID: "a", Stages: []string{topology.StagePrevious}}, {ID: "b", Stages: []string{topology.StageCurrent}}}
	secret := func(r topology.Region, change func(*topology.Secret)) *topology.RegionView {
		s := &topology.Secret{Name: "prod/db", ARN: fmt.Sprintf(arnOf, r), Region: r, Versions: slices.Clone(versions), Described: true}
		if change != nil {
			change(s)
		}
		return &topology.RegionView{Region: r, Taken: moved, Secrets: map[topology.Name]*topology.Secret{s.Name: s}}
	}
	return planner.Input{
		Desired: &topology.Desired{
			Account: "123456789012", Primary: east, Standby: []topology.Region{west},
			Groups: []topology.Group{{Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Replicas: []topology.Region{west}}},
		},
		Observed: &topology.Snapshot{Account: "123456789012", Taken: moved, Regions: map[topology.Region]*topology.RegionView{
			east: secret(east, home), west: secret(west, acting),
		}},
		Placement: topology.Placement{Acting: map[topology.Name]topology.Move{
			"prod/db": {From: east, To: west, Time: moved, Run: "r1", Versions: versions, Held: []string{"a", "b"}},
		}},
		Options: planner.Options{To: east},
	}
}

func add(id string, stages ...string) func(*topology.Secret) {
	return func(s *topology.Secret) { s.Versions = append(s.Versions, topology.Version{ID: id, Stages: stages}) }
}

func step(p *planner.Plan, a planner.Action, r topology.Region) *planner.Step {
	for i := range p.Steps {
		if p.Steps[i].Action == a && p.Steps[i].Region == r {
			return &p.Steps[i]
		}
	}
	return nil
}

func TestAVersionThatOnlyHomeHoldsNeedsAWord(t *testing.T) { // G1
	for name, c := range map[string]struct {
		rescue, giveUp []topology.Name
		refused        bool
		rescued        bool
	}{
		"no word":                    {refused: true},
		"another's":                  {rescue: []topology.Name{"prod/api"}, refused: true},
		"rescued":                    {rescue: []topology.Name{"prod/db"}, rescued: true},
		"all rescued":                {rescue: []topology.Name{planner.All}, rescued: true},
		"given up":                   {giveUp: []topology.Name{"prod/db"}},
		"all rescued but this":       {rescue: []topology.Name{planner.All}, giveUp: []topology.Name{"prod/db"}},
		"this rescued, all given up": {rescue: []topology.Name{"prod/db"}, giveUp: []topology.Name{planner.All}, rescued: true},
	} {
		t.Run(name, func(t *testing.T) {
			in := away(add("orphan", "MINE"), nil)
			in.Options.Rescue, in.Options.GiveUp = c.rescue, c.giveUp
			p := planner.Failback(in)
			if refused := len(p.Refused()) > 0; refused != c.refused || refused && (len(p.Steps) > 0 || p.Refused()[0].Code != "orphan-version") {
				t.Fatalf("refused %v: %+v, %d steps", refused, p.Blockers, len(p.Steps))
			}
			if c.refused {
				return
			}
			rescue, over := step(p, planner.RescueVersion, west), step(p, planner.OverwriteReplica, east)
			if (rescue != nil) != c.rescued || rescue != nil && (rescue.Params.Label != "UNDERSTUDY_RESCUED_1" || rescue.Params.From != east) {
				t.Errorf("rescue %+v", rescue)
			}
			// What is rescued is not in the list of what may be destroyed: it must
			// be found in us-west-2 by then.
			if mayGo := slices.Contains(over.Expect.Versions, "orphan"); mayGo == c.rescued {
				t.Errorf("the overwrite may destroy %v", over.Expect.Versions)
			}
			if c.rescued && !slices.Contains(over.Needs, rescue.ID) {
				t.Error("the overwrite does not wait for the rescue")
			}
		})
	}
}

func TestSupersededVersionsAreNoOrphans(t *testing.T) {
	p := planner.Failback(away(nil, func(s *topology.Secret) { // two rotations since
		s.Versions = []topology.Version{{ID: "c", Stages: []string{topology.StagePrevious}}, {ID: "d", Stages: []string{topology.StageCurrent}}}
	}))
	if len(p.Blockers) > 0 || step(p, planner.Promote, east) == nil {
		t.Errorf("%+v", p.Blockers)
	}
	if got := step(p, planner.OverwriteReplica, east).Expect.Versions; !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("may destroy %v", got)
	}
}

func TestRescueStaysWithinTheLabels(t *testing.T) {
	in := away(add("orphan", "MINE"), func(s *topology.Secret) {
		for i := range 16 {
			s.Versions = append(s.Versions, topology.Version{ID: fmt.Sprintf("v%02d", i), Stages: []string{fmt.Sprintf("L%d", i)}})
		}
		s.Versions = append(s.Versions, topology.Version{ID: "x", Stages: []string{"UNDERSTUDY_RESCUED_7"}})
	})
	in.Options.Rescue = []topology.Name{planner.All}
	if p := planner.Failback(in); len(p.Refused()) != 1 || p.Refused()[0].Code != "label-limit" {
		t.Errorf("%+v", p.Blockers)
	}
	in.Observed.Regions[west].Secrets["prod/db"].Versions = slices.DeleteFunc(in.Observed.Regions[west].Secrets["prod/db"].Versions,
		func(v topology.Version) bool { return v.ID == "v00" })
	if s := step(planner.Failback(in), planner.RescueVersion, west); s == nil || s.Params.Label != "UNDERSTUDY_RESCUED_8" {
		t.Errorf("%+v", s)
	}
}

// Home is the primary of what is gone where it was moved; that is said.
func TestAFailbackTellsOfWhatIsGoneOrGoing(t *testing.T) { // G1
	gone := away(nil, nil)
	delete(gone.Observed.Regions[west].Secrets, "prod/db")
	if p := planner.Failback(gone); len(p.Refused()) > 0 || !slices.ContainsFunc(p.Notes, func(b planner.Blocker) bool { return b.Code == "gone" && b.Region == west }) {
		t.Errorf("gone: %+v %+v", p.Blockers, p.Notes)
	}
	going := away(nil, func(s *topology.Secret) { s.Deleted = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) })
	if p := planner.Failback(going); len(p.Refused()) != 1 || p.Refused()[0].Code != "pending-deletion" {
		t.Errorf("going: %+v", p.Blockers)
	}
	going.Options.GiveUp = []topology.Name{planner.All}
	if p := planner.Failback(going); len(p.Refused()) > 0 {
		t.Errorf("given up: %+v", p.Blockers)
	}
}

// What can't be overwritten is copied into, which takes a label for a moment.
func TestTheWayHomeInPlaceNeedsALabel(t *testing.T) {
	listed := func(s *topology.Secret) {
		s.PrimaryRegion, s.Replicas = east, []topology.ReplicaStatus{{Region: west, Status: topology.InSync}}
	}
	for custom, refused := range map[int]bool{16: false, 17: true} {
		full := func(s *topology.Secret) {
			for i := range custom {
				s.Versions = append(s.Versions, topology.Version{ID: fmt.Sprintf("v%02d", i), Stages: []string{fmt.Sprintf("L%d", i)}})
			}
		}
		p := planner.Failback(away(listed, full))
		if got := len(p.Refused()) == 1 && p.Refused()[0].Code == "label-limit"; got != refused {
			t.Errorf("%d labels of one's own: %+v", custom, p.Blockers)
		}
		if p := planner.Failback(away(nil, full)); len(p.Refused()) > 0 {
			t.Errorf("%d labels, overwritten: %+v", custom, p.Blockers)
		}
	}
}

func TestAPromotedRegionIsNeverRemoved(t *testing.T) { // G1
	listed := func(s *topology.Secret) {
		s.PrimaryRegion, s.Replicas = east, []topology.ReplicaStatus{{Region: west, Status: topology.InSync}}
	}
	p := planner.Failback(away(listed, nil))
	if len(p.Blockers) > 0 || step(p, planner.MatchVersions, east) == nil || step(p, planner.OverwriteReplica, east) != nil {
		t.Errorf("%v %+v", p.Summary, p.Blockers)
	}
	for _, s := range p.Steps {
		if s.Action == planner.RemoveReplica {
			t.Errorf("%+v", s)
		}
	}
	beyond := func(s *topology.Secret) {
		s.PrimaryRegion, s.Replicas = east, []topology.ReplicaStatus{{Region: "sa-east-1", Status: topology.InSync}}
	}
	if p := planner.Failback(away(beyond, nil)); len(p.Refused()) != 1 || p.Refused()[0].Code != "entry-unknown" {
		t.Errorf("an entry that nobody looked at: %+v", p.Blockers)
	}
}

func TestAFailbackFencesAndFreezes(t *testing.T) { // G2
	rotating := func(r topology.Region) func(*topology.Secret) {
		return func(s *topology.Secret) {
			s.Rotation = topology.Rotation{Enabled: true, LambdaARN: fmt.Sprintf("arn:aws:lambda:%s:123456789012:function:rotate", r),
				Rules: topology.RotationRules{AfterDays: 30}}
		}
	}
	p := planner.Failback(away(rotating(east), rotating(west)))
	fence, freeze := step(p, planner.CancelRotation, east), step(p, planner.CancelRotation, west)
	over, promote, attach := step(p, planner.OverwriteReplica, east), step(p, planner.Promote, east), step(p, planner.AttachRotation, east)
	if fence == nil || freeze == nil || over == nil || promote == nil || attach == nil {
		t.Fatalf("%v %+v", p.Summary, p.Blockers)
	}
	switch {
	case fence.Undo != planner.NoUndo:
		t.Error("an abort would wake home beside the acting primary")
	case freeze.Undo != planner.AttachRotation || freeze.Params.Lambda == "":
		t.Error("an abort would leave the acting primary without rotation")
	case !slices.Contains(over.Needs, fence.ID) || !slices.Contains(freeze.Needs, over.ID) || !slices.Contains(attach.Needs, promote.ID):
		t.Error("out of order")
	case promote.Expect.SameAs != west || attach.Params.RotateImmediately || !strings.Contains(attach.Params.Lambda, "us-east-1"):
		t.Errorf("promote %+v, attach %+v", promote.Expect, attach.Params)
	}
}
