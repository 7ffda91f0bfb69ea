package planner_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// riskLines are a plan's login risks: code, region, secrets, and after two
// dashes what is said and to be done.
func riskLines(p *planner.Plan) (short, long []string) {
	for _, x := range p.LoginRisks {
		var names []string
		for _, n := range x.Secrets {
			names = append(names, string(n))
		}
		line := x.Code + " in " + string(x.Region) + ": " + strings.Join(names, " ")
		short, long = append(short, line), append(long, line+" -- "+x.Message+" -- "+x.Fix)
	}
	return short, long
}

// TestWhyLoginsMayFailAfterAFailover: by what is seen, and by what a snapshot
// of six hours ago knows of a home that is dark.
func TestWhyLoginsMayFailAfterAFailover(t *testing.T) {
	const (
		inFlight = "rotation-in-flight in us-west-2: prod/db"
		stale    = "stale-standby in us-west-2: prod/db"
		ahead    = "third-region-ahead in us-west-2: prod/db"
		rotates  = "old-primary-rotates in us-west-2: prod/db"
		overdue  = "rotation-overdue in eu-west-1: prod/db"
		unseen   = "unseen-writes in us-west-2: prod/db"
		key      = "key-unusable in us-west-2: prod/db"
		thirdKey = "key-unusable in eu-west-1: prod/db"
		policy   = "policy-names-old-region in us-west-2: prod/db"

		west    = "\nsecret us-west-2 prod/db of=us-east-1 "
		ireland = "\nsecret eu-west-1 prod/db of=us-east-1 "
		dark    = "dark us-east-1 timeout"
	)
	for _, c := range []struct {
		name               string
		observed, recovery string
		journal            string
		change             func(*planner.Input)
		want               []string
		says               string // of the first
	}{
		{name: "all are equal, and nothing is at risk", observed: "secret us-east-1 prod/db rotates=30" + west + ireland},
		{name: "the database may have the pending version's password",
			observed: "secret us-east-1 prod/db versions=v1:AWSCURRENT,v2:AWSPENDING" + west + "versions=v1:AWSCURRENT,v2:AWSPENDING" + ireland,
			want:     []string{inFlight}, says: "the password that us-west-2 holds as AWSPENDING -- try AWSCURRENT, AWSPENDING"},
		{name: "the pending version never came, and only home knows its password",
			observed: "secret us-east-1 prod/db versions=v1:AWSCURRENT,v2:AWSPENDING" + west + ireland,
			want:     []string{inFlight}, says: "a password that only us-east-1 knows -- understudy rescue --from us-east-1"},
		{name: "the snapshot remembers a rotation under way in a home that is dark",
			observed: dark + west + ireland, recovery: "secret us-east-1 prod/db versions=v1:AWSCURRENT,v2:AWSPENDING rotated=30",
			want: []string{inFlight, unseen}, says: "its AWSPENDING is not in us-west-2"},
		{name: "the rotation that the snapshot remembers has ended since",
			observed: dark + west + "versions=v1:AWSPREVIOUS,v2:AWSCURRENT changed=-1h" + ireland + "versions=v1:AWSPREVIOUS,v2:AWSCURRENT",
			recovery: "secret us-east-1 prod/db versions=v1:AWSCURRENT,v2:AWSPENDING rotated=30",
			want:     []string{unseen}},
		{name: "the standby serves what home has superseded",
			observed: "secret us-east-1 prod/db versions=v1:AWSPREVIOUS,v2:AWSCURRENT" + west + ireland,
			want:     []string{stale}, says: "another version than us-east-1 did last"},
		{name: "a version that is missing under another label logs nobody in",
			observed: "secret us-east-1 prod/db versions=v1:AWSCURRENT,v2:MINE" + west + ireland},
		{name: "the snapshot knows a newer current version than the standby has",
			observed: dark + west + ireland, recovery: "secret us-east-1 prod/db versions=v1:AWSPREVIOUS,v2:AWSCURRENT rotated=30",
			want: []string{stale, unseen}},
		{name: "a standby that changed after the snapshot is no staler than it",
			observed: dark + west + "versions=v2:AWSPREVIOUS,v3:AWSCURRENT changed=-1h" + ireland + "versions=v2:AWSPREVIOUS,v3:AWSCURRENT",
			recovery: "secret us-east-1 prod/db versions=v1:AWSCURRENT rotated=30",
			want:     []string{unseen}, says: "it was last seen at the snapshot 6 h ago"},
		{name: "a third region serves a version that the target never got",
			observed: dark + west + ireland + "versions=v1:AWSPREVIOUS,v2:AWSCURRENT", recovery: "secret us-east-1 prod/db rotated=30",
			want: []string{ahead, unseen}, says: "eu-west-1 serves a version that us-west-2 never got -- understudy rescue --from eu-west-1"},
		{name: "another secret of that name is not ahead",
			observed: dark + west + "\nsecret eu-west-1 prod/db suffix=bbbbbb versions=v9:AWSCURRENT", recovery: "secret us-east-1 prod/db rotated=30",
			want: []string{unseen}},
		{name: "a version that an earlier move promoted is not ahead",
			observed: dark + "\nsecret us-west-2 prod/db of=us-east-1 versions=v2:AWSCURRENT\nsecret eu-west-1 prod/db versions=v1:AWSCURRENT rotated=30",
			recovery: "secret us-east-1 prod/db versions=v2:AWSCURRENT rotated=30",
			journal:  "moved prod/db eu-west-1 us-east-1 at=-24h versions=v1:AWSCURRENT",
			want:     []string{unseen}},
		{name: "nobody can stop the rotation of a home that is dark",
			observed: dark + west + ireland, recovery: "secret us-east-1 prod/db rotates=30",
			want: []string{rotates, unseen}, says: "rotation is on in us-east-1, and its fence is owed"},
		{name: "without a snapshot nobody knows whether a dark home rotates",
			observed: dark + west + ireland, want: []string{rotates, unseen}},
		{name: "a home that is given up for lost goes on rotating, though it answers",
			observed: "secret us-east-1 prod/db rotates=30" + west + ireland, recovery: "secret us-east-1 prod/db rotates=30",
			change: func(in *planner.Input) { in.Options.PrimaryLost = true },
			want:   []string{rotates, unseen}},
		{name: "nobody can read under a key that is disabled",
			observed: "secret us-east-1 prod/db" + west + "key=alias/k" + ireland + "\nkey us-west-2 alias/k Disabled id=1",
			want:     []string{key}},
		{name: "a third region whose key is disabled serves on what is no replica",
			observed: "secret us-east-1 prod/db" + west + ireland + "\nkey eu-west-1 alias/k Disabled id=1",
			change:   func(in *planner.Input) { in.Desired.Keys["eu-west-1"] = "alias/k" },
			want:     []string{thirdKey}},
		{name: "a policy that names an endpoint of home came along",
			observed: "secret us-east-1 prod/db" + west + ireland,
			change: func(in *planner.Input) {
				s := in.Observed.Regions["us-east-1"].Secrets["prod/db"]
				s.PolicyKnown, s.Policy = true, `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}]}`
			},
			want: []string{policy}, says: "names aws:SourceVpce: who reads it"},
		{name: "a secret that is there already was judged when it moved",
			observed: dark + "\nsecret us-west-2 prod/db" + "\nsecret eu-west-1 prod/db of=us-west-2",
			journal:  "moved prod/db us-east-1 us-west-2 at=-1h versions=v1:AWSCURRENT"},
		{name: "a rotation that the snapshot knows to be overdue may fire before third regions follow",
			observed: dark + west + ireland, recovery: "secret us-east-1 prod/db rotates=30 next=-24h",
			want: []string{overdue, rotates, unseen}, says: "attached in us-west-2 it may fire at once, and then what eu-west-1 serves logs nobody in until it follows -- consumers there read from us-west-2"},
		{name: "one that comes due while the run lasts, too",
			observed: "secret us-east-1 prod/db rotates=30 window=1h next=1h0.01s" + west + ireland, want: []string{overdue}},
		{name: "its window opens after that", observed: "secret us-east-1 prod/db rotates=30 window=1h next=1h1s" + west + ireland},
		{name: "its window is the UTC day", observed: "secret us-east-1 prod/db rotates=30 next=11h59m59s" + west + ireland, want: []string{overdue}},
		{name: "its window is the next UTC day", observed: "secret us-east-1 prod/db rotates=30 next=12h1s" + west + ireland},
		{name: "it has rotated since the snapshot, whose date is out of date",
			observed: dark + west + "versions=v1:AWSPREVIOUS,v2:AWSCURRENT changed=-1h" + ireland + "versions=v1:AWSPREVIOUS,v2:AWSCURRENT",
			recovery: "secret us-east-1 prod/db rotates=30 next=-3h", want: []string{rotates, unseen}},
		{name: "a third region that follows already gets what an overdue rotation makes",
			observed: dark + "\nsecret us-west-2 prod/db\nsecret eu-west-1 prod/db of=us-west-2",
			recovery: "secret us-east-1 prod/db rotates=30 next=-24h", journal: "moved prod/db us-east-1 us-west-2 at=-1h versions=v1:AWSCURRENT"},
		{name: "an earlier run attached no rotation, and left a third region behind",
			observed: dark + "\nsecret us-west-2 prod/db\nsecret eu-west-1 prod/db",
			recovery: "secret us-east-1 prod/db rotates=30 next=-24h", journal: "moved prod/db us-east-1 us-west-2 at=-1h versions=v1:AWSCURRENT",
			want: []string{overdue}},
		{name: "a rotation that is not attached fires nowhere",
			observed: dark + west + ireland + "\nfunction us-west-2 rotate-db missing", recovery: "secret us-east-1 prod/db rotates=30 next=-24h",
			want: []string{rotates, unseen}},
		{name: "one that is asked to rotate at once does",
			observed: "secret us-east-1 prod/db rotates=30 next=240h" + west + ireland,
			change:   func(in *planner.Input) { in.Desired.Groups[0].Rotation.RotateImmediately = true },
			want:     []string{overdue}, says: "rotate_immediately: the password changes as soon as"},
		{name: "secrets of one cause are told together and in order, the gravest cause first",
			observed: dark + west + ireland +
				"\nsecret us-west-2 prod/b of=us-east-1 versions=v1:AWSCURRENT,v2:AWSPENDING\nsecret eu-west-1 prod/b of=us-east-1 versions=v1:AWSCURRENT,v2:AWSPENDING" +
				"\nsecret us-west-2 prod/a of=us-east-1\nsecret eu-west-1 prod/a of=us-east-1",
			recovery: "secret us-east-1 prod/db rotates=30\nsecret us-east-1 prod/b rotates=30\nsecret us-east-1 prod/a rotated=30",
			want: []string{"rotation-in-flight in us-west-2: prod/b", "old-primary-rotates in us-west-2: prod/b prod/db",
				"unseen-writes in us-west-2: prod/a prod/b prod/db"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.desired("primary us-east-1\nstandby us-west-2 eu-west-1\ngroup prod match=prod/* replicas=us-west-2,eu-west-1 rotation=rotate-db")
			w.in.Observed = w.snapshot(c.observed, now)
			if c.recovery != "" {
				w.in.Recovery = w.snapshot(c.recovery, w.when("-6h"))
			}
			w.journal(c.journal)
			w.in.Options.To, w.in.Options.AcceptStale = "us-west-2", 100
			if c.change != nil {
				c.change(&w.in)
			}
			short, long := riskLines(planner.Failover(w.in))
			if !slices.Equal(short, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(long, "\n"), strings.Join(c.want, "\n"))
			}
			if c.says != "" && (len(long) == 0 || !strings.Contains(long[0], c.says)) {
				t.Errorf("got %q, which does not say %q", long, c.says)
			}
		})
	}
}

// TestWhyLoginsMayFailAfterAFailback: what home alone holds may be the
// password in force, unless it never was anybody's current or next one.
func TestWhyLoginsMayFailAfterAFailback(t *testing.T) {
	all := []topology.Name{planner.All}
	for _, c := range []struct {
		name           string
		home           func(*topology.Secret)
		rescue, giveUp []topology.Name
		want           string
	}{
		{name: "home holds nothing of its own", giveUp: all},
		{name: "a current version is given up", home: add("c", topology.StageCurrent), giveUp: all, want: "given-up in us-east-1: prod/db"},
		{name: "a pending version is given up", home: add("c", topology.StagePending), giveUp: all, want: "given-up in us-east-1: prod/db"},
		{name: "a current version is rescued, and not current", home: add("c", topology.StageCurrent), rescue: all, want: "rescued-not-current in us-east-1: prod/db"},
		{name: "a previous version was superseded", home: add("c", topology.StagePrevious), giveUp: all},
		{name: "nobody logs in with a version of somebody's own label", home: add("c", "MINE"), giveUp: all},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := away(c.home, nil)
			in.Options.Rescue, in.Options.GiveUp = c.rescue, c.giveUp
			if short, long := riskLines(planner.Failback(in)); strings.Join(short, ", ") != c.want {
				t.Errorf("got %q, want %q", long, c.want)
			}
		})
	}
}

// TestARotationThatHomeEndedIsAVersionOfItsOwn: the acting primary may have
// been promoted between RotateSecret and the function's first step, with a
// version that has no value.
func TestARotationThatHomeEndedIsAVersionOfItsOwn(t *testing.T) { // G1
	const begun = topology.StagePending
	for _, c := range []struct {
		name         string
		acting, home []string // labels of the version c there
		promoted     bool     // with c, as begun
		want         bool
	}{
		{"it ended at home, and is begun here", []string{begun}, []string{topology.StageCurrent}, true, true},
		{"it ended at home, another came after it", []string{begun}, []string{topology.StagePrevious}, true, true},
		{"it ended at home, and somebody took the label off here", nil, []string{topology.StageCurrent}, true, true},
		{"it ended here as well", []string{topology.StageCurrent}, []string{topology.StageCurrent}, true, false},
		{"it was rescued", []string{begun, "UNDERSTUDY_RESCUED_1"}, []string{topology.StageCurrent}, true, false},
		{"it never ended", []string{begun}, []string{begun}, true, false},
		{"it ended before the move, and was superseded here since", nil, []string{topology.StageCurrent}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			label := func(stages []string) func(*topology.Secret) {
				return func(s *topology.Secret) {
					if len(stages) > 0 {
						add("c", stages...)(s)
					}
				}
			}
			in := away(label(c.home), label(c.acting))
			move := in.Placement.Acting["prod/db"]
			stages := []string{topology.StageCurrent}
			if c.promoted {
				stages = []string{begun}
			}
			move.Versions = append(slices.Clone(move.Versions), topology.Version{ID: "c", Stages: stages})
			in.Placement.Acting["prod/db"] = move
			_, s := in.ActingPrimary("prod/db")
			ids, known := s.Orphans(east)
			if !known || slices.Contains(ids, "c") != c.want {
				t.Errorf("only in %s: %v, %v", east, ids, known)
			}
			p := planner.Failback(in)
			if over := step(p, planner.OverwriteReplica, east); c.want && over != nil {
				t.Errorf("overwritten, may destroy %v", over.Expect.Versions)
			}
		})
	}
}
