package drift

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// codes are the findings as "code secret-or-alarm region", sorted.
func codes(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, strings.Join(strings.Fields(f.Code+" "+string(f.Secret)+f.Alarm+" "+string(f.Region)), " "))
	}
	slices.Sort(out)
	return out
}

func TestEachFlawIsFoundAndNothingElse(t *testing.T) {
	const s = topology.Name("prod/s0")
	for _, c := range []struct {
		name    string
		flaw    func(in *planner.Input)
		want    []string
		verdict Verdict
	}{
		{"an estate without a flaw is clean", func(*planner.Input) {}, nil, Clean},
		{"a missing replica", func(in *planner.Input) { dropReplica(*in, s, west) },
			[]string{"replica-missing prod/s0 us-west-2"}, Drifted},
		{"a failed replica, with AWS's cause", func(in *planner.Input) {
			entry(*in, s, west).Status, entry(*in, s, west).Message = topology.Failed, "Replication failed: boo"
			delete(in.Observed.Regions[west].Secrets, s)
		}, []string{"replica-failed prod/s0 us-west-2"}, Drifted},
		{"a replica in progress is no drift", func(in *planner.Input) { entry(*in, s, west).Status = topology.InProgress },
			nil, Clean},
		{"a stale replica", func(in *planner.Input) { version(in.Observed.Regions[home].Secrets[s], "v2", topology.StagePrevious) },
			[]string{"replica-stale prod/s0 eu-west-1", "replica-stale prod/s0 us-west-2"}, Drifted},
		{"a wrong key", func(in *planner.Input) { in.Observed.Regions[west].Secrets[s].KmsKeyID = "" },
			[]string{"replica-wrong-key prod/s0 us-west-2"}, Drifted},
		{"a replica nobody wants", func(in *planner.Input) { in.Desired.Groups[0].Replicas = []topology.Region{west} },
			[]string{"replica-extra prod/s0 eu-west-1"}, Drifted},
		{"another secret of that name", func(in *planner.Input) {
			clash := promote(*in, s, west)
			clash.ARN = clash.ARN[:len(clash.ARN)-6] + "XyZxYz"
		}, []string{"name-clash prod/s0 us-west-2"}, Drifted},
		{"another secret of that name with versions of its own", func(in *planner.Input) {
			clash := promote(*in, s, west)
			clash.ARN = clash.ARN[:len(clash.ARN)-6] + "XyZxYz"
			version(clash, "v9", topology.StagePrevious)
		}, []string{"name-clash prod/s0 us-west-2"}, Drifted},
		{"a missing replica that cannot be made is missing all the same", func(in *planner.Input) {
			dropReplica(*in, s, west)
			in.Observed.Regions[west].Keys[keyIn(west)] = topology.Key{ARN: "k", State: "Disabled"}
		}, []string{"key-unusable us-west-2", "replica-missing prod/s0 us-west-2"}, Drifted},
		{"a standby's copy pending deletion", func(in *planner.Input) { promote(*in, s, west).Deleted = noon },
			[]string{"pending-deletion prod/s0 us-west-2"}, Drifted},
		{"promoted outside us, with versions of its own", func(in *planner.Input) {
			version(promote(*in, s, west), "v5", topology.StagePrevious)
		}, []string{"promoted-outside-us prod/s0 us-west-2"}, Drifted},
		{"promoted outside us", func(in *planner.Input) { promote(*in, s, west) },
			[]string{"promoted-outside-us prod/s0 us-west-2"}, Drifted},
		{"a primary of another machine's journal: its alarms go on acting", func(in *planner.Input) { elsewhere(*in, s) },
			[]string{"promoted-outside-us prod/s0 us-west-2", "replica-of-another prod/s0 eu-west-1", "rotation-off prod/s0 us-east-1", "unprotected prod/s0 us-east-1"}, Drifted},
		{"split brain outranks all", func(in *planner.Input) {
			version(promote(*in, s, west), "v8", topology.StagePrevious)
			version(in.Observed.Regions[home].Secrets[s], "v9", topology.StagePrevious)
		}, []string{"replica-stale prod/s0 eu-west-1", "split-brain prod/s0 us-west-2"}, SplitBrain},
		{"rotation off", func(in *planner.Input) { in.Observed.Regions[home].Secrets[s].Rotation.Enabled = false },
			[]string{"rotation-off prod/s0 us-east-1"}, Drifted},
		{"a rotation in flight is worth knowing", func(in *planner.Input) {
			for _, r := range in.Desired.Regions() {
				version(in.Observed.Regions[r].Secrets[s], "v2", topology.StagePending)
			}
		}, []string{"rotation-in-flight prod/s0 us-east-1"}, Clean},
		{"no rotation function in a standby", func(in *planner.Input) { in.Observed.Regions[west].Functions[lambdaIn(west)].Missing = true },
			[]string{"rotation-function-missing us-west-2"}, Drifted},
		{"a rotation function that may not be invoked", func(in *planner.Input) { in.Observed.Regions[west].Functions[lambdaIn(west)].Invokable = false },
			[]string{"rotation-function-not-invokable us-west-2"}, Drifted},
		{"a rotation function that dials another region", func(in *planner.Input) {
			in.Observed.Regions[west].Functions[lambdaIn(west)].Endpoint = "https://secretsmanager.us-east-1.amazonaws.com"
		}, []string{"rotation-function-endpoint us-west-2"}, Drifted},
		{"an unusable key", func(in *planner.Input) {
			in.Observed.Regions[west].Keys[keyIn(west)] = topology.Key{ARN: "k", State: "Disabled"}
		},
			[]string{"key-unusable us-west-2"}, Drifted},
		{"a missing alarm", func(in *planner.Input) { delete(in.Observed.Regions[west].Alarms, "secrets-count") },
			[]string{"alarm-missing secrets-count us-west-2"}, Drifted},
		{"a different alarm", func(in *planner.Input) { in.Observed.Regions[west].Alarms["secrets-count"].Period = 300 },
			[]string{"alarm-different secrets-count us-west-2"}, Drifted},
		{"a staged alarm that acts", func(in *planner.Input) { in.Observed.Regions[west].Alarms["secrets-count"].ActionsEnabled = true },
			[]string{"alarm-actions secrets-count us-west-2"}, Drifted},
		{"the primary's alarm does not act", func(in *planner.Input) { in.Observed.Regions[home].Alarms["secrets-count"].ActionsEnabled = false },
			[]string{"alarm-actions secrets-count us-east-1"}, Drifted},
		{"an unmatched secret is told, no more", func(in *planner.Input) { addSecret(*in, "dev/x") },
			[]string{"unmatched dev/x"}, Clean},
		{"a secret pending deletion", func(in *planner.Input) { in.Observed.Regions[home].Secrets[s].Deleted = noon },
			[]string{"pending-deletion prod/s0 us-east-1"}, Drifted},
		{"no snapshot", func(in *planner.Input) { in.Recovery = nil }, []string{"snapshot-missing"}, Drifted},
		{"an old snapshot", func(in *planner.Input) { in.Now = noon.Add(48 * time.Hour) },
			[]string{"snapshot-stale eu-west-1", "snapshot-stale us-east-1", "snapshot-stale us-west-2"}, Drifted},
		{"a dark standby is unknown, never missing", func(in *planner.Input) {
			in.Observed.Regions[west] = &topology.RegionView{Region: west, Dark: topology.CauseTimeout}
		}, []string{"region-unobserved us-west-2"}, Incomplete},
		{"a silent service is unknown", func(in *planner.Input) {
			v := in.Observed.Regions[west]
			v.Partial, v.Alarms, v.Composites = []string{"cloudwatch"}, nil, nil
		}, []string{"service-unobserved us-west-2"}, Incomplete},
		{"two regions lost: unprotected", func(in *planner.Input) { dropReplica(*in, s, west); dropReplica(*in, s, ireland) },
			[]string{"replica-missing prod/s0 eu-west-1", "replica-missing prod/s0 us-west-2", "unprotected prod/s0 us-east-1"}, Drifted},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newWorld(1)
			in.Recovery = newWorld(1).Observed
			c.flaw(&in)
			r := Check(in, Options{})
			if got := codes(r); !slices.Equal(got, c.want) {
				t.Errorf("found %q\n want %q", got, c.want)
			}
			if r.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s", r.Verdict, c.verdict)
			}
			for _, f := range r.Findings {
				if f.Fix == "" || f.Message == "" || f.Kind == "" || f.FirstSeen.IsZero() {
					t.Errorf("a finding lacks its fix, message, kind or time: %+v", f)
				}
			}
		})
	}
}

// afterFailover is a world in which all secrets were moved west an hour ago
// and home is back.
func afterFailover(n int) planner.Input {
	in := newWorld(n)
	in.Recovery = newWorld(n).Observed
	for name := range in.Observed.Regions[home].Secrets {
		p := promote(in, name, west)
		p.Changed, p.PrimaryRegion, p.Described = noon.Add(-time.Hour), west, true
		p.Rotation = topology.Rotation{Enabled: true, LambdaARN: lambdaIn(west), Rules: topology.RotationRules{AfterDays: 30}}
		p.Replicas = []topology.ReplicaStatus{{Region: ireland, Status: topology.InSync}}
		in.Observed.Regions[ireland].Secrets[name].PrimaryRegion = west
		dropEntry(in, name, ireland)
		move(&in, name, west, noon.Add(-time.Hour))
	}
	in.Observed.Regions[west].Alarms["secrets-count"].ActionsEnabled = true
	in.Observed.Regions[home].Alarms["secrets-count"].ActionsEnabled = false
	return in
}

func dropEntry(in planner.Input, n topology.Name, r topology.Region) {
	kept := in.Observed.Regions[r].Secrets[n]
	dropReplica(in, n, r)
	in.Observed.Regions[r].Secrets[n] = kept
}

func TestAfterAFailoverTheOldPrimaryIsLeftAlone(t *testing.T) { // G2
	const s = topology.Name("prod/s0")
	in := afterFailover(1)
	old := in.Observed.Regions[home].Secrets[s]
	in.Placement.Owed = []topology.Debt{{Action: string(planner.CancelRotation), Secret: s, Region: home, Run: "r1", Since: noon}}

	r := Check(in, Options{})
	if r.Verdict != SplitBrain {
		t.Errorf("the old primary still rotates: verdict %s, want %s; %q", r.Verdict, SplitBrain, codes(r))
	}
	if want := []string{"fence-owed prod/s0 us-east-1", "split-brain prod/s0 us-east-1"}; !slices.Equal(codes(r), want) {
		t.Errorf("found %q, want %q", codes(r), want)
	}

	old.Rotation.Enabled, old.Changed = false, noon // the fence was paid
	in.Placement.Owed = nil
	r = Check(in, Options{})
	if want := []string{"awaiting-failback prod/s0 us-east-1"}; !slices.Equal(codes(r), want) || r.Verdict != Clean {
		t.Errorf("fenced: %s %q, want clean and %q", r.Verdict, codes(r), want)
	}

	version(old, "v7", topology.StagePrevious) // written there after the move
	if r = Check(in, Options{}); r.Verdict != SplitBrain {
		t.Errorf("the old primary was written after the move: verdict %s; %q", r.Verdict, codes(r))
	}
}

func TestAVersionThatNeverLeftTheOldPrimaryIsNoSecondWriter(t *testing.T) { // G1
	const s = topology.Name("prod/s0")
	in := afterFailover(1)
	old := in.Observed.Regions[home].Secrets[s]
	old.Rotation.Enabled, old.Changed = false, noon
	version(old, "v2", topology.StagePrevious)
	version(in.Recovery.Regions[home].Secrets[s], "v2", topology.StagePrevious)
	in.Recovery.Regions[home].Taken = noon.Add(-2 * time.Hour)

	r := Check(in, Options{})
	if want := []string{"version-orphaned prod/s0 us-east-1"}; !slices.Equal(codes(r), want) || r.Verdict != Drifted {
		t.Errorf("%s %q, want drift and %q", r.Verdict, codes(r), want)
	}
	if !strings.Contains(r.Findings[0].Message, "v2") || r.Findings[0].Fix != "understudy rescue --from us-east-1" {
		t.Errorf("%+v", r.Findings[0])
	}
}

func TestAVersionThatTheNewPrimaryDroppedIsNoOrphan(t *testing.T) {
	const s = topology.Name("prod/s0")
	in := afterFailover(1)
	old := in.Observed.Regions[home].Secrets[s]
	old.Rotation.Enabled, old.Changed = false, noon
	p := in.Observed.Regions[west].Secrets[s]
	p.Versions = []topology.Version{{ID: "v2", Stages: []string{topology.StageCurrent}}} // v1 was superseded
	r := Check(in, Options{})
	if !slices.Contains(codes(r), "awaiting-failback prod/s0 us-east-1") {
		t.Errorf("%q", codes(r))
	}
}

func TestAVersionOnItsWayIsNoDrift(t *testing.T) {
	in := newWorld(1)
	p := in.Observed.Regions[home].Secrets["prod/s0"]
	version(p, "v2", topology.StagePrevious)
	p.Changed = noon.Add(-5 * time.Second)
	if r := Check(in, Options{}); r.Verdict != Clean || len(r.Findings) != 2 {
		t.Errorf("five seconds after the change: %s %q", r.Verdict, codes(r))
	}
	if r := Check(in, Options{Now: noon.Add(5 * time.Minute)}); r.Verdict != Drifted {
		t.Errorf("five minutes after the change: %s", r.Verdict)
	}
}

func TestAPromotedRegionThatIsAReplicaAgain(t *testing.T) {
	in := newWorld(1)
	move(&in, "prod/s0", west, noon.Add(-time.Hour)) // the journal says west; AWS says replica of home
	r := Check(in, Options{})
	if !slices.Contains(codes(r), "promoted-became-replica prod/s0 us-west-2") || r.Verdict != Drifted {
		t.Errorf("%s %q", r.Verdict, codes(r))
	}
}

func TestSinceWhenIsRememberedAndStuckIsFoundByIt(t *testing.T) {
	const s = topology.Name("prod/s0")
	in := newWorld(1)
	entry(in, s, west).Status = topology.InProgress
	dropReplica(in, s, ireland)
	first := Check(in, Options{Now: noon})
	if slices.Contains(codes(first), "replica-stuck prod/s0 us-west-2") {
		t.Error("stuck at first sight")
	}
	data, err := first.Seen.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	seen, err := ParseSeen(data)
	if err != nil {
		t.Fatal(err)
	}
	later := noon.Add(20 * time.Minute)
	second := Check(in, Options{Now: later, Seen: seen})
	if !slices.Contains(codes(second), "replica-stuck prod/s0 us-west-2") {
		t.Errorf("not stuck after 20 minutes: %q", codes(second))
	}
	for _, f := range second.Findings {
		if f.Code == CodeReplicaMissing && !f.FirstSeen.Equal(noon) {
			t.Errorf("first seen %v, want %v", f.FirstSeen, noon)
		}
	}

	in.Observed.Regions[ireland] = &topology.RegionView{Region: ireland, Dark: topology.CauseTimeout}
	third := Check(in, Options{Now: later, Seen: second.Seen})
	fourth := Check(newWorldWithout(s, ireland), Options{Now: later.Add(time.Hour), Seen: third.Seen})
	for _, f := range fourth.Findings {
		if f.Code == CodeReplicaMissing && !f.FirstSeen.Equal(noon) {
			t.Errorf("a dark region made us forget: first seen %v, want %v", f.FirstSeen, noon)
		}
	}
}

func newWorldWithout(s topology.Name, r topology.Region) planner.Input {
	in := newWorld(1)
	dropReplica(in, s, r)
	return in
}

// mendable are the configuration findings that `apply` mends.
func mendable(r *Report) map[string]bool {
	out := map[string]bool{}
	for _, f := range r.Findings {
		if f.Kind == Configuration && strings.HasPrefix(f.Fix, "understudy apply") {
			out[string(f.Secret)+f.Alarm+f.Subject+" "+string(f.Region)] = true
		}
	}
	return out
}

func TestThePlanMendsExactlyTheConfigurationFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := newWorld(3)
		in.Recovery = newWorld(3).Observed
		for range rapid.IntRange(0, 6).Draw(t, "flaws") {
			damage(t, &in)
		}
		r, plan := Check(in, Options{}), planner.Converge(in)
		got, want := mendable(r), map[string]bool{}
		for i := range plan.Steps {
			s := &plan.Steps[i]
			for _, alarm := range alarmsOf(s) {
				subject := string(s.Secret) + alarm
				if subject == "" {
					subject = s.Target
				}
				want[subject+" "+string(s.Region)] = true
			}
		}
		for k := range want {
			if !got[k] {
				t.Errorf("a step about %s, and no finding", k)
			}
		}
		for k := range got {
			if !want[k] {
				t.Errorf("a finding about %s says apply, and the plan has no step", k)
			}
		}
		if plan.Empty() != (len(got) == 0) {
			t.Errorf("plan empty %v, %d findings to mend", plan.Empty(), len(got))
		}
	})
}

// damage does one random thing to the world.
func damage(t *rapid.T, in *planner.Input) {
	n := rapid.SampledFrom([]topology.Name{"prod/s0", "prod/s1", "prod/s2"}).Draw(t, "secret")
	r := rapid.SampledFrom([]topology.Region{west, ireland}).Draw(t, "region")
	v := in.Observed.Regions[r]
	s := v.Secrets[n]
	switch kind := rapid.IntRange(0, 13).Draw(t, "kind"); {
	case kind == 0:
		dropReplica(*in, n, r)
	case kind == 1 && entry(*in, n, r) != nil:
		entry(*in, n, r).Status = rapid.SampledFrom([]string{topology.Failed, topology.InProgress}).Draw(t, "status")
		if rapid.Bool().Draw(t, "gone") {
			delete(v.Secrets, n)
		}
	case kind == 2 && s != nil:
		s.KmsKeyID = ""
	case kind == 3 && s != nil:
		promote(*in, n, r)
	case kind == 4 && s != nil:
		version(promote(*in, n, r), "v5", topology.StagePrevious)
	case kind == 5 && s != nil:
		clash := promote(*in, n, r)
		clash.ARN = clash.ARN[:len(clash.ARN)-6] + "XyZxYz"
	case kind == 6 && v.Keys != nil:
		v.Keys[keyIn(r)] = topology.Key{ARN: "k", State: "Disabled"}
	case kind == 7:
		delete(v.Alarms, "secrets-count")
	case kind == 8 && v.Alarms["secrets-count"] != nil:
		v.Alarms["secrets-count"].ActionsEnabled = true
	case kind == 9 && v.Functions != nil:
		v.Functions[lambdaIn(r)].Invokable = false
	case kind == 10:
		in.Desired.Groups[0].Replicas = []topology.Region{r}
	case kind == 11:
		in.Observed.Regions[r] = &topology.RegionView{Region: r, Dark: topology.CauseTimeout}
	case kind == 12 && s != nil:
		s.Deleted = noon
	case kind == 13 && s != nil:
		s.PrimaryRegion = "ap-south-1"
	}
}

// TestOneRotator: rotation is not to be turned on beside a copy that rotates.
func TestOneRotator(t *testing.T) {
	in := newWorld(1)
	elsewhere(in, "prod/s0")
	found := Check(in, Options{}).Findings
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Code == CodeRotationOff })
	if i < 0 || strings.Contains(found[i].Fix, "rotate-secret") || !strings.Contains(found[i].Fix, "understudy failover --to us-west-2") {
		t.Errorf("rotation is on in us-west-2 only, and the findings are %+v", found)
	}
}

// TestNoAdviceReplicatesToAReplicaInSync: AWS does not say what that does, and
// a removal destroys what is there at once.
func TestNoAdviceReplicatesToAReplicaInSync(t *testing.T) {
	for status, want := range map[string]string{
		topology.InSync: "neither replicate to us-west-2 again nor remove it", topology.InProgress: "on its way", topology.Failed: "understudy apply", "": "describe-secret --region us-east-1",
	} {
		in := newWorld(1)
		version(in.Observed.Regions[home].Secrets["prod/s0"], "v2", topology.StagePrevious)
		if entry(in, "prod/s0", west).Status = status; status == "" { // not described
			in.Observed.Regions[home].Secrets["prod/s0"].Replicas, in.Observed.Regions[home].Secrets["prod/s0"].Described = nil, false
		}
		found := Check(in, Options{Now: noon}).Findings
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Code == CodeReplicaStale && f.Region == west })
		if i < 0 || !strings.Contains(found[i].Fix, want) || strings.Contains(found[i].Fix, "replicate-secret-to-regions") || strings.Contains(found[i].Fix, "remove-regions") {
			t.Errorf("%q: %+v", status, found)
		}
	}
}
