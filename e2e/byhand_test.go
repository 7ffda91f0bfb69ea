package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const byHandConfig = witnessConfig + "\n[failover]\nfence = \"rotation+lambda\"\n"

// byHandFleet fits witnessConfig, but for: prod/api has no replica in
// eu-west-1, prod/db has its us-west-2 replica under the wrong key, nothing is
// staged, and one alarm has a name that no careless script survives.
const byHandFleet = `
regions = ["us-east-1", "us-west-2", "eu-west-1"]

[[key]]
alias = "alias/secrets-key"
region = "us-east-1"
[[key]]
alias = "alias/secrets-key-west"
region = "us-west-2"
[[key]]
alias = "alias/secrets-key-eu"
region = "eu-west-1"

[[topic]]
name = "security-alerts"
[[function]]
name = "rotate-db"
permitted = ["us-east-1"]
[[log_group]]
name = "trail/secrets"
regions = ["us-east-1"]
[[metric_filter]]
name = "denied-reads"
log_group = "trail/secrets"
pattern = "{ $.errorCode = \"AccessDenied\" && $.user != 'it''s' }"
metric = "DeniedReads"
namespace = "Secrets"
regions = ["us-east-1"]

[[secret]]
name = "prod/db"
key = "alias/secrets-key"
versions = 2
rotation = { lambda = "rotate-db", schedule = "cron(0 4 1 * ? *)", duration = "3h" }
replica = [{ region = "us-west-2" }, { region = "eu-west-1", key = "alias/secrets-key-eu" }]
[[secret]]
name = "prod/api"
key = "alias/secrets-key"
replica = [{ region = "us-west-2", key = "alias/secrets-key-west" }]

[[alarm]]
name = "secrets-it's \"$(touch pwned)\" ` + "`touch pwned`" + ` \\ ! é"
description = "'; touch pwned; echo '"
namespace = "Secrets"
metric = "DeniedReads"
threshold = 5
topics = ["security-alerts"]
`

// TestScriptsEndWhereUnderstudyEnds converges and fails over two identical
// worlds, one by the scripts that understudy prints and one by understudy
// itself, and compares what the simulators hold after each.
func TestScriptsEndWhereUnderstudyEnds(t *testing.T) {
	t.Parallel()
	hand, tool := twins(t, byHandFleet, byHandConfig)
	same(t, hand, tool, "at the start")

	converge := hand.must(0, "plan", "--as", "aws-cli").stdout
	start := hand.holds()
	if out, err := hand.script(converge); err == nil || !strings.Contains(out, "ALLOW='allow-replica-gap'") {
		t.Errorf("a gated step ran without consent: %v\n%s", err, out)
	}
	if diff := cmp.Diff(start, hand.holds()); diff != "" {
		t.Errorf("a refused script changed something:\n%s", diff)
	}
	hand.plain = true
	hand.mustScript(converge, "ALLOW=allow-replica-gap")
	hand.plain = false
	if a := hand.run("plan", "--detailed-exitcode"); a.code != 0 {
		t.Errorf("after the script there is still something to do: %s", a)
	}
	tool.must(0, "apply", "--yes", "--allow-replica-gap")
	same(t, hand, tool, "converged")
	hand.must(0, "drift") // captures the snapshot that a failover goes by

	hand.sim.setRegion(east, "hang")
	tool.sim.setRegion(east, "refuse") // the same, and understudy need not wait for it
	failover := hand.must(0, "failover", "--to", "us-west-2", "--dry-run", "--as", "aws-cli").stdout
	hand.sim.control("DELETE", "calls", "", nil)
	hand.mustScript(failover)
	if east := regionCalls(hand.sim.calls(), "us-east-1"); east.Total != 0 {
		t.Errorf("calls to the region that hangs: %+v", east)
	}
	run := decode[struct {
		Owed []struct{ Action string }
	}](t, tool.must(0, "--output", "json", "failover", "--to", "us-west-2", "--yes"))
	same(t, hand, tool, "failed over")
	if n := strings.Count(failover, "\n# begin "); n == 0 || n != len(run.Owed) {
		t.Errorf("the script owes %d steps, understudy %d", n, len(run.Owed))
	}

	both(hand, tool, func(w *byHand) { w.sim.setRegion(east, "up") })
	again := hand.mustScript(due(t, failover))
	if steps, done := strings.Count(failover, "\nbegin "), strings.Count(again, "  done already"); steps == 0 || steps != done {
		t.Errorf("run again: %d of %d steps were found done\n%s", done, steps, again)
	}
	tool.must(0, "fence", "--yes")
	same(t, hand, tool, "fenced")
}

// TestAnEmergencyGoesOnWithTheRest: a script that was printed in peace. Since,
// one secret was rotated; home is lost while the script runs; and AWS refuses
// one promotion. Only what needs these is left, home is waited for once, and the
// script run again does the rest as understudy does.
func TestAnEmergencyGoesOnWithTheRest(t *testing.T) {
	t.Parallel()
	hand, tool := twins(t, returnFleet+quietSecret, returnConfig)
	both(hand, tool, func(w *byHand) { w.must(0, "apply", "--yes") })
	script := hand.must(0, "failover", "--to", west, "--dry-run", "--as", "aws-cli").stdout
	both(hand, tool, func(w *byHand) {
		w.write(east, "prod/api", newer, "the value of today")
		w.settle("the standbys have it", func() bool { return len(w.labels(west, "prod/api", newer))*len(w.labels(eu, "prod/api", newer)) > 0 })
		w.must(0, "drift") // captures the snapshot
		w.sim.setRegion(east, "refuse")
	})
	hand.sim.control("POST", "faults", `{"match": {"region": "us-west-2", "operation": "StopReplicationToReplica", "secret": "prod/db"}, "fault": "error", "code": "AccessDeniedException", "count": 1}`, nil)
	out, err := hand.script(script)
	for _, left := range []string{
		"promote prod/api in us-west-2", "promote prod/db in us-west-2", "promote prod/api in eu-west-1", "attach-rotation prod/db in us-west-2",
		"overwrite-replica prod/api in eu-west-1", "overwrite-replica prod/db in eu-west-1",
		"cancel-rotation prod/db in us-east-1", "disable-alarms secrets-denied in us-east-1",
	} {
		if _, list, _ := strings.Cut(out, "Done, but for these:"); err == nil || !strings.Contains(list, left) || strings.Count(list, "\n  [") != 8 {
			t.Errorf("%s should be left, of eight: %v\n%s", left, err, out)
		}
	}
	if !strings.Contains(out, "the world moved since the plan was made: AWSCURRENT is "+newer) {
		t.Errorf("no reason:\n%s", out)
	}
	hand.sim.control("DELETE", "calls", "", nil)
	out, err = hand.script(script, "ALLOW=accept-stale")
	if err == nil || !strings.Contains(out, "not that of the plan") || strings.Count(out, "NOT DONE") != 2 || !strings.Contains(out, "us-east-1 did not answer a while ago") {
		t.Errorf("%v\n%s", err, out)
	}
	if c := regionCalls(hand.sim.calls(), east); c.Total > 2 {
		t.Errorf("%d calls to the region that is lost: it was waited for more than once", c.Total)
	}
	tool.must(0, "failover", "--to", west, "--yes")
	same(t, hand, tool, "failed over")

	both(hand, tool, func(w *byHand) { w.sim.setRegion(east, "up") })
	hand.mustScript(script, "ALLOW=accept-stale")
	tool.must(0, "fence", "--yes")
	same(t, hand, tool, "fenced")
	wrong := strings.ReplaceAll(script, "in_account '123456789012'", "in_account '999999999999'")
	if out, err := hand.script(wrong); err == nil || !strings.Contains(out, "these credentials are of account 123456789012") || !strings.Contains(out, "STOPPED at") {
		t.Errorf("another account: %v\n%s", err, out)
	}
}
