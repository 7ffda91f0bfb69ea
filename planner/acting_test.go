package planner

import (
	"slices"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
)

// G1: a version id says nothing of its value. A rotation makes the version
// before anything is in it, and where it went on tells only its label.
func TestVersionsOfWhichThePrimaryMayHaveNoValue(t *testing.T) {
	const home = topology.Region("us-east-1")
	const pending, current, previous = topology.StagePending, topology.StageCurrent, topology.StagePrevious
	copyOf := func(stages ...string) *topology.Secret {
		s := &topology.Secret{Region: home, Versions: []topology.Version{{ID: "old", Stages: []string{current}}}}
		if len(stages) > 0 {
			s.Versions = append(s.Versions, topology.Version{ID: "v", Stages: stages})
		}
		return s
	}
	promotedWith := func(stages ...string) *topology.Move {
		return &topology.Move{From: home, Versions: copyOf(stages...).Versions}
	}
	for _, c := range []struct {
		about         string
		move          *topology.Move
		left, primary *topology.Secret
		doubted       bool
	}{
		{"the rotation ended in the copy, and is begun in the primary", nil, copyOf(current), copyOf(pending), true},
		{"and has been superseded in the copy since", nil, copyOf(previous), copyOf(pending), true},
		{"the primary was promoted with it begun, and let it go", promotedWith(pending), copyOf(current), copyOf(), true},
		{"begun in the copy still, and let go by the primary", promotedWith(pending), copyOf(pending), copyOf(), true},
		{"begun on both sides: the same, as far as can be told", promotedWith(pending), copyOf(pending), copyOf(pending), false},
		{"begun in a third region, which followed as the primary did", &topology.Move{From: "eu-west-1", Versions: copyOf(pending).Versions}, copyOf(pending), copyOf(), false},
		{"the primary made it AWSCURRENT: it has the value", promotedWith(pending), copyOf(pending), copyOf(current), false},
		{"the primary keeps it under a label of its own", promotedWith(pending), copyOf(pending), copyOf("UNDERSTUDY_RESCUED_1"), false},
		{"the primary was promoted with it in force", promotedWith(current), copyOf(previous), copyOf(), false},
		{"the copy has let it go", promotedWith(pending), copyOf(), copyOf(), false},
		{"no copy", promotedWith(pending), nil, copyOf(), false},
		{"no primary", promotedWith(pending), copyOf(pending), nil, false},
	} {
		want := []string(nil)
		if c.doubted {
			want = []string{"v"}
		}
		if got := valueless(c.move, c.left, c.primary); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.about, got, want)
		}
	}
}

// A secret that was first created where the others were moved to has its
// primary there, also once a failover of that failover has moved the others
// on; not any more once they are home.
func TestASecretThatWasCreatedAway(t *testing.T) {
	const home, west, east = "us-east-1", "us-west-2", "eu-west-1"
	moved := func(from, to topology.Region) topology.Move { return topology.Move{From: from, To: to} }
	for about, c := range map[string]struct {
		other topology.Move
		want  topology.Region
	}{
		"the others are there":   {moved(home, west), west},
		"the others moved on":    {moved(west, east), west},
		"the others are home":    {moved(west, home), home},
		"they never were there":  {moved(home, east), home},
		"nothing was ever moved": {topology.Move{}, home},
	} {
		in := Input{
			Desired: &topology.Desired{Primary: home, Standby: []topology.Region{west, east}},
			Observed: &topology.Snapshot{Regions: map[topology.Region]*topology.RegionView{
				home: {}, east: {}, west: {Secrets: map[topology.Name]*topology.Secret{"new": {Name: "new", Region: west}}},
			}},
		}
		if c.other.To != "" {
			in.Placement.Acting = map[topology.Name]topology.Move{"other": c.other}
		}
		if primary, _ := in.ActingPrimary("new"); primary != c.want {
			t.Errorf("%s: its primary is %s, want %s", about, primary, c.want)
		}
	}
}
