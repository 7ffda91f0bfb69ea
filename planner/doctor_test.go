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

// A secret that moved from home to us-west-2 an hour ago with versions v1 and
// v2, and home writes again.
func twoWriters(now time.Time, acting, other planner.History) planner.Input {
	const home, west = topology.Region("us-east-1"), topology.Region("us-west-2")
	moved := now.Add(-time.Hour)
	secret := func(r topology.Region, versions ...topology.Version) map[topology.Name]*topology.Secret {
		return map[topology.Name]*topology.Secret{"prod/db": {
			Name: "prod/db", Region: r, ARN: "arn:aws:secretsmanager:" + string(r) + ":123456789012:secret:prod/db-AbCdEf",
			Versions: versions, Changed: now, Rotation: topology.Rotation{Enabled: true, Last: now, LambdaARN: "arn:f"},
		}}
	}
	v := func(id, stage string) topology.Version { return topology.Version{ID: id, Stages: []string{stage}} }
	return planner.Input{
		Now: now,
		Desired: &topology.Desired{Account: "123456789012", Primary: home, Standby: []topology.Region{west},
			Groups: []topology.Group{{Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Replicas: []topology.Region{west}}}},
		Observed: &topology.Snapshot{Account: "123456789012", Regions: map[topology.Region]*topology.RegionView{
			home: {Region: home, Secrets: secret(home, v("h9", topology.StageCurrent), v("h8", topology.StagePrevious))},
			west: {Region: west, Secrets: secret(west, v("v2", topology.StageCurrent), v("v1", topology.StagePrevious))},
		}},
		Placement: topology.Placement{Acting: map[topology.Name]topology.Move{"prod/db": {
			From: home, To: west, Time: moved, Run: "r1", Held: []string{"v1", "v2"},
			Versions: []topology.Version{v("v1", topology.StagePrevious), v("v2", topology.StageCurrent)},
		}}},
		Histories: map[topology.Region]map[topology.Name]planner.History{home: {"prod/db": other}, west: {"prod/db": acting}},
	}
}

func dated(from time.Time, ids ...string) planner.History {
	var h planner.History
	for i, id := range ids {
		h.Versions = append(h.Versions, topology.DatedVersion{ID: id, Created: from.Add(time.Duration(i) * time.Minute)})
	}
	return h
}

func TestTheDoctorDatesWhatWasWrittenSinceTheSidesParted(t *testing.T) {
	now := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	written := []string{"h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"}
	long := dated(now.Add(-30*time.Minute), written...) // AWS has pruned v1 and v2 there
	for _, c := range []struct {
		name        string
		histories   [2]planner.History // of the acting primary, of the other
		actingDated bool
		other       []string // written there
		events      []string // of the versions written there
	}{
		{"both told", [2]planner.History{dated(now.Add(-48*time.Hour), "v1", "v2"), long}, true, written,
			[]string{"version h1 written, superseded since", "version h2 written, superseded since", "5 more versions written by then",
				"version h8 written, superseded since", "version h9 written, superseded since"}},
		{"few", [2]planner.History{dated(now.Add(-48*time.Hour), "v1", "v2"), dated(now.Add(-time.Minute), "h8", "h9")}, true, []string{"h8", "h9"},
			[]string{"version h8 written, superseded since", "version h9 written, superseded since"}},
		{"one not told", [2]planner.History{{Unread: topology.CauseDenied}, dated(now.Add(-time.Minute), "v1", "v2", "h8", "h9")}, false, []string{"h8", "h9"},
			[]string{"version h8 written, superseded since", "version h9 written, superseded since"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := planner.Doctor(twoWriters(now, c.histories[0], c.histories[1]))
			if len(list) != 1 || len(list[0].Sides) != 2 || !list[0].Checked.Equal(now) {
				t.Fatalf("diagnosed %+v", list)
			}
			acting, other := list[0].Sides[0], list[0].Sides[1]
			if acting.Dated != c.actingDated || (acting.Undated == topology.CauseDenied) == c.actingDated || len(acting.Written) != 0 {
				t.Errorf("the acting primary wrote nothing after its promotion: %+v", acting)
			}
			var ids, events []string
			for _, v := range other.Written {
				ids = append(ids, v.ID)
			}
			for _, e := range list[0].Timeline {
				if e.Region == "us-east-1" && strings.Contains(e.Text, "written") {
					events = append(events, e.Text)
				}
			}
			if !slices.Equal(ids, c.other) || !slices.Equal(events, c.events) {
				t.Errorf("written %v, told %q; want %v, %q", ids, events, c.other, c.events)
			}
			if !slices.IsSortedFunc(list[0].Timeline, func(a, b planner.Event) int { return a.At.Compare(b.At) }) {
				t.Errorf("out of order: %+v", list[0].Timeline)
			}
			if told := fmt.Sprint(list[0].Timeline); strings.Contains(told, "a value was put") == c.actingDated {
				t.Errorf("the date of the last rotation is told where versions' are not: %s", told)
			}
		})
	}
}

func TestTheDoctorDatesTheOneSideThatAnswers(t *testing.T) {
	const west = topology.Region("us-west-2")
	now := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	in := twoWriters(now, planner.History{}, dated(now.Add(-time.Minute), "h8", "h9"))
	in.Recovery = &topology.Snapshot{Account: in.Observed.Account, Regions: map[topology.Region]*topology.RegionView{west: in.Observed.Regions[west]}}
	in.Observed.Regions[west] = &topology.RegionView{Region: west, Dark: topology.CauseTimeout}
	list := planner.Doctor(in)
	if len(list) != 1 || len(list[0].Sides) != 1 || list[0].Sides[0].Region != "us-east-1" || len(list[0].Sides[0].Written) != 2 {
		t.Fatalf("diagnosed %+v", list)
	}
}
