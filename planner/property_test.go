package planner_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

var manyRegions = []topology.Region{
	"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1", "sa-east-1", "ca-central-1", "eu-north-1",
}

// A generator draws random worlds: every role, status, key state, alarm and
// move that the planner knows, in combinations that nobody thought of.
type generator struct {
	*rapid.T
	regions []topology.Region
}

func (g *generator) n(max int, label string) int { return rapid.IntRange(0, max).Draw(g.T, label) }
func (g *generator) chance(percent int, label string) bool {
	return g.n(99, label) < percent
}

func (g *generator) input() planner.Input {
	g.regions = manyRegions[:[]int{3, 5, 8}[g.n(2, "regions")]]
	d := &topology.Desired{
		Account: account, Primary: g.regions[0], Standby: slices.Clone(g.regions[1:]),
		Keys: map[topology.Region]string{}, Alarms: []topology.AlarmRule{{Match: []string{"a*", "c*"}}},
	}
	d.Failover.AcceptStale = 100
	for i := range 2 {
		group := topology.Group{Name: fmt.Sprint("g", i), Priority: 10 * i, Selector: topology.Selector{Match: []string{fmt.Sprintf("g%d/*", i)}}}
		for _, r := range d.Standby {
			if g.chance(70, "wanted") {
				group.Replicas = append(group.Replicas, r)
			}
		}
		if i == 0 {
			group.Rotation = &topology.RotationPolicy{Template: "arn:aws:lambda:{region}:{account}:function:rotate"}
		}
		d.Groups = append(d.Groups, group)
	}
	in := planner.Input{Desired: d, Now: now, Placement: topology.Placement{Acting: map[topology.Name]topology.Move{}}}
	if g.chance(30, "in place") {
		in.Quirks.RekeyInPlace = "yes"
	}
	in.Observed = &topology.Snapshot{Account: account, Taken: now, Regions: map[topology.Region]*topology.RegionView{}}
	for _, r := range g.regions {
		in.Observed.Regions[r] = g.view(r)
		if g.chance(60, "key") {
			d.Keys[r] = "alias/k1"
		}
	}
	for i := range 1 + g.n(6, "secrets") {
		g.secret(&in, topology.Name(fmt.Sprintf("g%d/s%d", g.n(2, "group"), i)))
	}
	g.recovery(&in)
	return in
}

func (g *generator) view(r topology.Region) *topology.RegionView {
	v := newView(r, now)
	for i := range 3 {
		state := []string{"Enabled", "Enabled", "Enabled", "Disabled"}[g.n(3, "key state")]
		if !g.chance(10, "key unknown") {
			k := topology.Key{ARN: fmt.Sprintf("arn:aws:kms:%s:%s:key/%d", r, account, i), State: state}
			v.Keys[fmt.Sprint("alias/k", i)], v.Keys[k.ARN] = k, k
		}
	}
	arn := "arn:aws:lambda:" + string(r) + ":" + account + ":function:rotate"
	v.Functions[arn] = &topology.Function{ARN: arn, State: "Active", Missing: g.chance(10, "missing"), Invokable: g.chance(50, "invokable")}
	for i := range g.n(3, "alarms") {
		threshold := float64(g.n(1, "threshold"))
		name := fmt.Sprint("a", i)
		v.Alarms[name] = &topology.Alarm{
			Name: name, Region: r, ActionsEnabled: g.chance(50, "on"), Namespace: "N", Metric: fmt.Sprint("m", i), Threshold: &threshold,
			AlarmActions: []string{"arn:aws:sns:" + string(r) + ":1:b", "arn:aws:sns:" + string(r) + ":1:a"},
			Dimensions:   []topology.Dimension{{Name: "R", Value: string(r)}, {Name: "B", Value: "x"}},
		}
	}
	if len(v.Alarms) == 3 {
		v.Composites["c0"] = &topology.CompositeAlarm{Name: "c0", Region: r, Rule: "ALARM(a0) OR ALARM(a2)", ActionsEnabled: g.chance(50, "on")}
		v.Composites["c1"] = &topology.CompositeAlarm{Name: "c1", Region: r, Rule: "ALARM(c0)"}
	}
	f := &topology.MetricFilter{LogGroup: "l", Name: "f", Transformations: []topology.MetricTransformation{{Namespace: "N", Metric: "m0"}}}
	v.Filters[f.ID()] = f
	return v
}

// secret makes a primary somewhere, mostly at home, and something in every
// other region.
func (g *generator) secret(in *planner.Input, n topology.Name) {
	primary := g.regions[0]
	if g.chance(25, "moved") {
		primary = g.regions[1+g.n(len(g.regions)-2, "where")]
		if g.chance(80, "journaled") {
			in.Placement.Acting[n] = topology.Move{From: g.regions[0], To: primary, Time: now.Add(-time.Hour), Versions: g.versions(3)}
		}
	}
	p := g.copyOf(n, primary, "aaaaaa", "")
	in.Observed.Regions[primary].Secrets[n] = p
	p.Described = g.chance(70, "described")
	if g.chance(40, "rotates") {
		p.Rotation = topology.Rotation{Enabled: true, Rules: topology.RotationRules{AfterDays: 30}}
	}
	for _, r := range g.regions {
		if r != primary {
			g.otherCopy(in, p, r)
		}
	}
}

func (g *generator) otherCopy(in *planner.Input, p *topology.Secret, r topology.Region) {
	secrets := in.Observed.Regions[r].Secrets
	entry := topology.ReplicaStatus{Region: r, Status: topology.InSync}
	switch g.n(11, "copy") {
	case 0, 1, 2, 3, 4: // a healthy replica, perhaps behind or under another key
		secrets[p.Name] = g.copyOf(p.Name, r, "aaaaaa", p.Region)
	case 5:
		secrets[p.Name] = g.copyOf(p.Name, r, "aaaaaa", p.Region)
		entry.Status, entry.Message = topology.Failed, "Replication failed: key"
	case 6:
		entry.Status = topology.InProgress
	case 7:
		secrets[p.Name] = g.copyOf(p.Name, r, "aaaaaa", "")
		return
	case 8:
		secrets[p.Name] = g.copyOf(p.Name, r, "bbbbbb", "")
		entry.Status, entry.Message = topology.Failed, "Replication failed: Secret name x already exists in region y."
	case 9:
		secrets[p.Name] = g.copyOf(p.Name, r, "aaaaaa", g.regions[0])
		if p.Region != g.regions[0] {
			return
		}
	default:
		return
	}
	if p.Described {
		p.Replicas = append(p.Replicas, entry)
	}
}

func (g *generator) copyOf(n topology.Name, r topology.Region, suffix string, primary topology.Region) *topology.Secret {
	s := &topology.Secret{
		Name: n, Region: r, ARN: secretARN(r, string(n), suffix), PrimaryRegion: primary, Versions: g.versions(1 + g.n(2, "versions")),
		KmsKeyID: []string{"", "alias/k1", "alias/k2", "alias/never-seen"}[g.n(3, "key")],
	}
	if suffix != "aaaaaa" {
		s.Versions = []topology.Version{{ID: "x", Stages: []string{topology.StageCurrent}}}
	}
	if g.chance(5, "deleted") {
		s.Deleted = now
	}
	return s
}

// versions are v1 … vn, the last one current.
func (g *generator) versions(n int) []topology.Version {
	var out []topology.Version
	for i := range n {
		stage := topology.StageCurrent
		if i < n-1 {
			stage = fmt.Sprint("OLD", i)
		}
		out = append(out, topology.Version{ID: fmt.Sprint("v", i+1), Stages: []string{stage}})
	}
	return out
}

// recovery keeps an earlier picture and darkens some regions.
func (g *generator) recovery(in *planner.Input) {
	if g.chance(70, "snapshot") {
		in.Recovery = clone(g.T, in.Observed)
		for _, v := range in.Recovery.Regions {
			v.Taken = now.Add(-6 * time.Hour)
		}
	}
	for i, r := range g.regions {
		if g.chance([]int{40, 10}[min(i, 1)], "dark") {
			in.Observed.Regions[r] = &topology.RegionView{Region: r, Dark: topology.CauseTimeout}
		}
	}
	in.Options.To = g.regions[1+g.n(len(g.regions)-2, "to")]
	in.Options.PrimaryLost = in.Observed.Regions[g.regions[0]].Dark != "" && g.chance(30, "lost")
}

func clone[T any](t interface{ Fatal(...any) }, v *T) *T {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// shuffled is the same input with every list that has no order of its own in
// another one; maps are filled anew, so they iterate differently as well.
func shuffled(t *rapid.T, in planner.Input, seed int64) planner.Input {
	random := rand.New(rand.NewSource(seed))
	in.Desired, in.Observed = clone(t, in.Desired), clone(t, in.Observed)
	in.Placement = *clone(t, &in.Placement)
	for i := range in.Desired.Groups {
		shuffle(random, in.Desired.Groups[i].Replicas)
	}
	shuffle(random, in.Placement.Owed)
	for _, v := range in.Observed.Regions {
		for _, s := range v.Secrets {
			shuffle(random, s.Versions)
			shuffle(random, s.Replicas)
		}
		for _, a := range v.Alarms {
			shuffle(random, a.AlarmActions)
			shuffle(random, a.Dimensions)
		}
	}
	return in
}

func shuffle[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func bytesOf(t *rapid.T, p *planner.Plan) string {
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAnyOrderOfTheInputGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := (&generator{T: t}).input()
		seed := rapid.Int64().Draw(t, "shuffle seed")
		other := shuffled(t, in, seed)
		for name, plan := range map[string]func(planner.Input) *planner.Plan{
			"converge": planner.Converge, "failover": planner.Failover, "owed": planner.Owed,
		} {
			if a, b := bytesOf(t, plan(in)), bytesOf(t, plan(other)); a != b {
				t.Fatalf("%s differs after shuffling with seed %d:\n%s\n%s", name, seed, a, b)
			}
		}
		if a, b := fmt.Sprint(planner.Candidates(in)), fmt.Sprint(planner.Candidates(other)); a != b {
			t.Fatalf("candidates differ after shuffling with seed %d:\n%s\n%s", seed, a, b)
		}
	})
}

func TestASecondPlanIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := (&generator{T: t}).input()
		before := render(planner.Converge(in))
		perform(t, &in, planner.Converge(in))
		if again := planner.Converge(in); !again.Empty() {
			t.Fatalf("first plan:\n%s\nsecond plan:\n%s", before, render(again))
		}
	})
}

func TestASecondFailoverHasNothingLeftToDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := (&generator{T: t}).input()
		first := planner.Failover(in)
		if len(first.Refused()) > 0 {
			return
		}
		before := render(first)
		perform(t, &in, first)
		again := planner.Failover(in)
		if in.Recovery == nil {
			// Nothing tells a copy that stood on its own all along from one
			// that the first failover promoted and did not get to re-parent.
			again.Steps = slices.DeleteFunc(again.Steps, func(s planner.Step) bool { return s.Action == planner.OverwriteReplica })
		}
		if !again.Empty() {
			t.Fatalf("first failover to %s:\n%s\nsecond:\n%s", in.Options.To, before, render(again))
		}
		oneWriter(t, &in, first)
		perform(t, &in, planner.Converge(in))
	})
}

// oneWriter is G2: no two regions that answer rotate one secret after a
// failover that moved it.
func oneWriter(t *rapid.T, in *planner.Input, p *planner.Plan) {
	for _, moved := range p.ARNs {
		for r, v := range in.Observed.Regions {
			s := v.Secrets[moved.Secret]
			if r == p.From && s.Writable() && s.Rotation.Enabled {
				t.Fatalf("G2: %s still rotates in %s after its failover to %s:\n%s", moved.Secret, r, p.To, render(p))
			}
		}
	}
}
