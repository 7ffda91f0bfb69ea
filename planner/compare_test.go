package planner_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const simple = `
primary us-east-1
standby us-west-2 eu-west-1
group prod match=prod/* replicas=us-west-2,eu-west-1
`

func input(t *testing.T, desired, observed string) planner.Input {
	w := newWorld(t)
	w.desired(desired)
	w.in.Observed = w.snapshot(observed, now)
	return w.in
}

const oneMissing = `
secret us-east-1 prod/db of=us-east-1 lists="us-west-2:InSync"
secret us-west-2 prod/db of=us-east-1
`

func TestTheFingerprintMovesWithDecisionsOnly(t *testing.T) {
	before := planner.Fingerprint(input(t, simple, oneMissing))
	for _, c := range []struct {
		name, desired, observed string
		moves                   bool
	}{
		{"a new version", simple, strings.ReplaceAll(oneMissing, "of=us-east-1", "of=us-east-1 versions=v9:AWSCURRENT"), false},
		{"a read", simple, strings.ReplaceAll(oneMissing, "of=us-east-1", "of=us-east-1 read=2026-10-31"), false},
		{"a secret that no group matches", simple, oneMissing + "secret us-east-1 other/x\n", false},
		{"a replica still in progress", simple, strings.ReplaceAll(oneMissing, "InSync", "InProgress"), false},
		{"a replica that appeared", simple, oneMissing + "secret eu-west-1 prod/db of=us-east-1\n", true},
		{"a replica that failed", simple, strings.ReplaceAll(oneMissing, "InSync", "Failed:why"), true},
		{"another key", simple, strings.ReplaceAll(oneMissing, "of=us-east-1\n", "of=us-east-1 key=alias/x\n"), true},
		{"rotation", simple, strings.ReplaceAll(oneMissing, "lists", "rotates=30 lists"), true},
		{"a promotion", simple, strings.ReplaceAll(oneMissing, "secret us-west-2 prod/db of=us-east-1", "secret us-west-2 prod/db"), true},
		{"a region gone dark", simple, oneMissing + "dark eu-west-1 timeout\n", true},
		{"the configuration", simple + "key us-west-2 alias/x\n", oneMissing, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if moved := planner.Fingerprint(input(t, c.desired, c.observed)) != before; moved != c.moves {
				t.Errorf("moved: %v", moved)
			}
		})
	}
}

func TestAPlanCarriesTheFingerprintOfItsInput(t *testing.T) {
	in := input(t, simple, oneMissing)
	if got := planner.Converge(in).Fingerprint; got != planner.Fingerprint(in) {
		t.Errorf("plan %s, input %s", got, planner.Fingerprint(in))
	}
}

func TestCompareSaysWhatMoved(t *testing.T) {
	saved := planner.Converge(input(t, simple, oneMissing))
	for _, c := range []struct{ name, desired, observed, want string }{
		{"nothing", simple, oneMissing, ""},
		{"a version", simple, strings.ReplaceAll(oneMissing, "of=us-east-1", "of=us-east-1 versions=v9:AWSCURRENT"), ""},
		{"somebody added the replica", simple, oneMissing + "secret eu-west-1 prod/db of=us-east-1\n",
			`prod/db in eu-west-1: replicate is no longer to be done (was "absent")`},
		{"the other replica went", simple, "secret us-east-1 prod/db of=us-east-1\n",
			"prod/db in us-west-2: replicate is to be done now: replica missing in us-west-2"},
		{"a key changed in the configuration", simple + "key eu-west-1 alias/new\n", oneMissing + "key eu-west-1 alias/new id=n\n",
			`prod/db in eu-west-1: replicate would lead to "replica of us-east-1 under alias/aws/secretsmanager" then, "replica of us-east-1 under alias/new" now`},
		{"rotation was turned on", simple, strings.ReplaceAll(oneMissing, "lists", "rotates=30 lists"),
			"prod/db: its role, key, rotation or settings changed in some region"},
		{"a region went dark", simple, oneMissing + "dark us-west-2 timeout\n",
			"in us-west-2: answered when the plan was made, and does not now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for _, change := range planner.Compare(saved, planner.Converge(input(t, c.desired, c.observed))) {
				lines = append(lines, strings.TrimSpace(change.String()))
			}
			got := strings.Join(lines, "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestGatedStepsAreThoseWhoseFlagIsMissing(t *testing.T) {
	p := planner.Converge(input(t, "primary us-east-1\nstandby us-west-2\ngroup prod match=prod/*\n", oneMissing))
	if got := p.Gated(nil); len(got) != 1 || got[0].Action != planner.RemoveReplica {
		t.Errorf("gated without flags: %v", got)
	}
	if got := p.Gated(map[string]bool{planner.AllowRemove: true}); len(got) != 0 {
		t.Errorf("gated with --allow-remove: %v", got)
	}
}

func TestFloorAndCostFollowTheQuotasAndThePrice(t *testing.T) {
	var observed strings.Builder
	observed.WriteString("key us-west-2 alias/old id=o\n")
	for i := range 100 { // 100 replicas to add in eu-west-1, 100 to re-key by removal in us-west-2
		fmt.Fprintf(&observed, "secret us-east-1 prod/s%03d of=us-east-1\nsecret us-west-2 prod/s%03d of=us-east-1 key=alias/old\n", i, i)
	}
	observed.WriteString("key us-west-2 alias/new id=n\n")
	p := planner.Converge(input(t, simple+"key us-west-2 alias/new\n", observed.String()))
	// All 300 calls go to the primary's region: 50 a second.
	if math.Abs(p.FloorSeconds-6) > 0.001 || math.Abs(p.MonthlyCostChange-40) > 0.001 {
		t.Errorf("floor %v s, cost %v USD", p.FloorSeconds, p.MonthlyCostChange)
	}
}

func TestAlarmsAreSwitchedAHundredACall(t *testing.T) {
	var observed strings.Builder
	observed.WriteString("secret us-east-1 prod/db of=us-east-1\nsecret us-west-2 prod/db of=us-east-1\n")
	for i := range 250 {
		fmt.Fprintf(&observed, "alarm us-east-1 a%03d on metric=M\nalarm us-west-2 a%03d metric=M\n", i, i)
	}
	in := input(t, simple+"alarm a*\n", observed.String())
	in.Options.To = "us-west-2"
	p := planner.Failover(in)
	if p.Summary[planner.EnableAlarms] != 3 || p.Summary[planner.DisableAlarms] != 3 || p.Summary[planner.PutAlarm] != 0 {
		t.Errorf("summary %v", p.Summary)
	}
	if n := len(p.Steps); n == 0 || p.FloorSeconds != 1 {
		t.Errorf("floor %v s", p.FloorSeconds)
	}
}

func TestAReplicaInProgressIsWaitedForAndNothingIsUnobserved(t *testing.T) {
	p := planner.Converge(input(t, simple, `
secret us-east-1 prod/db of=us-east-1 lists="us-west-2:InProgress;eu-west-1:InProgress"
`))
	if !p.Empty() || len(p.Unobserved) != 0 || len(p.Skipped) != 0 {
		t.Errorf("%s", render(p))
	}
}

func TestEveryFailureTextOfAWSHasItsCause(t *testing.T) {
	for message, want := range map[string]planner.FailureCause{
		"Replication failed: Secret name prod/db already exists in region eu-west-1.":                                      planner.FailedNameTaken,
		"Replication failed: Can't overwrite secret prod/db that is currently replicated to other region(s).":              planner.FailedHasReplicas,
		"Replication failed: Can't overwrite secret prod/db that is currently replicated from us-west-2.":                  planner.FailedIsReplica,
		"Replication failed: Access to KMS is not allowed":                                                                 planner.FailedKey,
		"Replication failed: something AWS never told anybody":                                                             planner.FailedOther,
		"Replication failed: Secret name app/key-store already exists in region eu-west-1. (a name that looks like a key)": planner.FailedNameTaken,
	} {
		if got := planner.FailureOf(message); got != want {
			t.Errorf("%s: %s", message, got)
		}
	}
}

func TestADarkPlacedRegionKeepsTheJournalsWord(t *testing.T) {
	in := input(t, simple, "dark us-west-2 timeout\nsecret us-east-1 prod/db of=us-east-1\n")
	in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "us-west-2", Time: now}
	r, s := in.ActingPrimary("prod/db")
	if r != "us-west-2" || s.Confirmed {
		t.Errorf("acting %s, confirmed %v", r, s.Confirmed)
	}
	if p := planner.Converge(in); !p.Empty() {
		t.Errorf("planned on a dark primary:\n%s", render(p))
	}
}

func TestAReplicaThatArrivesAsPlannedMovesNoFingerprint(t *testing.T) {
	waiting := `secret us-east-1 prod/db of=us-east-1 lists="us-west-2:InProgress;eu-west-1:InSync"` + "\nsecret eu-west-1 prod/db of=us-east-1\n"
	before := planner.Fingerprint(input(t, simple, waiting))
	arrived := strings.ReplaceAll(waiting, "InProgress", "InSync") + "secret us-west-2 prod/db of=us-east-1\n"
	if planner.Fingerprint(input(t, simple, arrived)) != before {
		t.Error("a replica in progress has arrived, and a saved plan of other secrets would be refused")
	}
}

func TestARegionThatIsThePrimaryAgainOwesNoFence(t *testing.T) {
	in := input(t, simple, "secret us-east-1 prod/db of=us-east-1 rotates=30\nsecret us-west-2 prod/db of=us-east-1\n")
	in.Placement.Acting["prod/db"] = topology.Move{From: "us-west-2", To: "us-east-1", Time: now}
	in.Placement.Owed = []topology.Debt{{Action: string(planner.CancelRotation), Secret: "prod/db", Region: "us-east-1"}}
	if p := planner.Owed(in); !p.Empty() {
		t.Errorf("would stop the primary's rotation:\n%s", render(p))
	}
}

func TestTheOldHomeIsLeftAloneEvenWhereAGroupWantsAReplicaThere(t *testing.T) {
	in := input(t, `
primary us-east-1
standby us-west-2
group prod match=prod/* replicas=us-east-1,us-west-2
`, "secret us-east-1 prod/db\nsecret us-west-2 prod/db\n")
	in.Placement.Acting["prod/db"] = topology.Move{From: "us-east-1", To: "us-west-2", Time: now}
	if p := planner.Converge(in); !p.Empty() {
		t.Errorf("touched the old home:\n%s", render(p))
	}
}
