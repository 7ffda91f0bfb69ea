package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// returnFleet is one secret that rotates, and an alarm, everything in place.
const returnFleet = `
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
permitted = ["us-east-1", "us-west-2"]

[[secret]]
name = "prod/db"
key = "alias/secrets-key"
versions = 2
value = '{"username": "app", "password": "correct horse, battery"}'
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}'
rotation = { lambda = "rotate-db", days = 30 }
replica = [{ region = "us-west-2", key = "alias/secrets-key-west" }, { region = "eu-west-1", key = "alias/secrets-key-eu" }]

[[alarm]]
name = "secrets-denied"
namespace = "Secrets"
metric = "DeniedReads"
threshold = 5
topics = ["security-alerts"]
`

// quietSecret does not rotate: at home nothing happens to it.
const quietSecret = `
[[secret]]
name = "prod/api"
key = "alias/secrets-key"
replica = [{ region = "us-west-2", key = "alias/secrets-key-west" }, { region = "eu-west-1", key = "alias/secrets-key-eu" }]
`

// returnConfig has a rotation function at home, too.
var returnConfig = strings.Replace(witnessConfig, "lambda = { us-west-2 =", `lambda = { us-east-1 = "arn:aws:lambda:us-east-1:123456789012:function:rotate-db", us-west-2 =`, 1)

// TestSwitchoverByHand there, by the script and by understudy.
func TestSwitchoverByHand(t *testing.T) {
	t.Parallel()
	hand, tool := twins(t, returnFleet, returnConfig)
	both(hand, tool, func(w *byHand) { w.must(0, "apply", "--yes") })
	same(t, hand, tool, "at the start")

	text := hand.must(0, "switchover", "--to", west, "--dry-run", "--as", "aws-cli").stdout
	hand.calledOff(text, "[2/10] await-equal", `{"match": {"region": "eu-west-1", "operation": "DescribeSecret"}, "fault": "error", "code": "AccessDeniedException", "count": 1}`)
	same(t, hand, tool, "called off")
	hand.mustScript(text)
	tool.must(0, "switchover", "--to", west, "--yes")
	same(t, hand, tool, "switched over")
	hand.again(text)
	same(t, hand, tool, "run again")
	if out, err := hand.script(back(t, text)); err == nil || !strings.Contains(out, "it was promoted: go on with the script, there is no way back") {
		t.Errorf("called off too late: %v\n%s", err, out)
	}
	same(t, hand, tool, "called off too late")
	sameWords(t, hand, tool, "plan", "status")
}

// calledOff runs a script that a fault stops before its first promotion, and
// takes it back as the script says.
func (w *byHand) calledOff(text, at, fault string) {
	w.t.Helper()
	before := w.holds()
	w.sim.control("POST", "faults", fault, nil)
	out, err := w.script(text)
	if err == nil || !strings.Contains(out, "STOPPED at "+at) || !strings.Contains(out, "Or call it off") {
		w.t.Fatalf("it should stop at %s: %v\n%s", at, err, out)
	}
	if cmp.Equal(before, w.holds()) {
		w.t.Errorf("nothing is to be taken back:\n%s", out)
	}
	w.mustScript(back(w.t, text))
}

// back is a script that calls another one off, as the sed in it says.
func back(t *testing.T, script string) string {
	t.Helper()
	helpers, blocks, found := strings.Cut(script, "\n## blocks")
	_, blocks, calledOff := strings.Cut(blocks, "\n## called off")
	taken, rest, ends := strings.Cut(blocks, "\n## end")
	if !found || !calledOff || !ends {
		t.Fatalf("it can't be called off:\n%s", script)
	}
	return helpers + strings.ReplaceAll(taken, "\n# ", "\n") + rest
}

// Versions that only home has, as text that no careless script survives, and
// as bytes that are no text.
const (
	orphanText   = "0aa00000-0000-4000-8000-00000000000a"
	orphanBinary = "0bb00000-0000-4000-8000-00000000000b"
	newer        = "0cc00000-0000-4000-8000-00000000000c"
)

// hostileValues end with line ends, which shells like to lose. A carriage
// return takes another way than all else.
var hostileValues = map[string]string{
	"keep": "{\"password\": \"hunter2hunter2'; touch pwned; $(touch pwned) \\ `touch pwned`\"}\n\té€\U0001F600\n\n",
	"drop": "-----BEGIN KEY-----\r\nhunter2hunter2 é€\U0001F600 \\r\r\n\n",
}

// TestFailbackByHand brings home a secret that was written at home while
// nobody listened and in the other region since: by the script and by
// understudy, for each way in which home may remember its replicas.
func TestFailbackByHand(t *testing.T) {
	for _, entry := range []string{"keep", "drop"} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			hand, tool := twins(t, returnFleet+quietSecret, returnConfig, "--quirk", "stale-entry="+entry)
			both(hand, tool, func(w *byHand) { w.loseHome(hostileValues[entry]) })
			same(t, hand, tool, "at the start")

			refused := hand.must(3, "failback", "--to", east, "--dry-run", "--as", "aws-cli")
			if !strings.Contains(refused.stderr, "never had it") || strings.Contains(refused.stdout, "#!") {
				t.Errorf("a script that loses versions: %s", refused)
			}
			text := hand.must(0, "failback", "--to", east, "--rescue", "all", "--dry-run", "--as", "aws-cli").stdout
			if by := map[string]string{"keep": "match_versions '", "drop": "overwrite() {"}[entry]; !strings.Contains(text, by) {
				t.Fatalf("the script has no %s: %s", by, text)
			}
			out := hand.inTwoRuns(text)
			if strings.Contains(out, "still lists") != (entry == "keep") {
				t.Errorf("which entries were stale?\n%s", out)
			}
			tool.must(0, "failback", "--to", east, "--rescue", "all", "--yes")
			same(t, hand, tool, "failed back")
			for _, region := range []string{east, west, eu} {
				for _, id := range []string{orphanText, orphanBinary, newer} {
					if len(hand.labels(region, "prod/db", id)) == 0 {
						t.Errorf("%s has lost version %s\n%s", region, id, out)
					}
				}
			}
			hand.again(text)
			same(t, hand, tool, "run again")
		})
	}
}

// inTwoRuns runs a failback's script that stops right behind the promotion at
// home, when home and the region it is brought up to date from look alike;
// then again. What led to the promotion must not be done twice.
func (w *byHand) inTwoRuns(text string) string {
	w.t.Helper()
	w.sim.control("POST", "faults", `{"match": {"region": "us-east-1", "operation": "ReplicateSecretToRegions"}, "fault": "error", "code": "AccessDeniedException", "count": 1}`, nil)
	first, err := w.script(text)
	if err == nil || !strings.Contains(first, "AccessDeniedException") || !strings.Contains(first, "STOPPED at") {
		w.t.Fatalf("%v\n%s", err, first)
	}
	w.sim.control("DELETE", "calls", "", nil)
	second := w.mustScript(text)
	calls := w.sim.calls()
	for _, c := range []callCount{calls[west]["secretsmanager"]["ReplicateSecretToRegions"], calls[east]["secretsmanager"]["CancelRotateSecret"], calls[east]["secretsmanager"]["PutSecretValue"]} {
		if c.Total > 0 {
			w.t.Errorf("run again, it did again what had led to the promotion:\n%s\n%+v", second, calls)
		}
	}
	return first + second
}

// TestScriptDestroysNoVersion: home was written to after the script was made.
func TestScriptDestroysNoVersion(t *testing.T) {
	t.Parallel()
	requirePeer(t, "aws")
	requirePeer(t, "bash")
	for _, entry := range []string{"keep", "drop"} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			w := newByHand(t, strings.Split(returnFleet, "[[secret]]")[0]+quietSecret, returnConfig, "--quirk", "stale-entry="+entry)
			w.run("drift")
			w.sim.setRegion(east, "refuse")
			w.must(0, "failover", "--to", west, "--yes")
			w.sim.setRegion(east, "up")
			text := w.must(0, "failback", "--to", east, "--dry-run", "--as", "aws-cli").stdout
			w.write(east, "prod/api", orphanText, "written meanwhile at home")
			before := w.holds()
			out, err := w.script(text)
			if err == nil || !strings.Contains(out, "it holds version "+orphanText+", which this would destroy") {
				t.Errorf("%v\n%s", err, out)
			}
			if diff := cmp.Diff(secretsOf(t, before, east), w.copies(east)); diff != "" {
				t.Errorf("home was changed:\n%s", diff)
			}
		})
	}
}

// loseHome fails over from a home that was cut off, was written to, and died;
// then it is back and fenced, and the new primary is written to.
func (w *byHand) loseHome(value string) {
	w.t.Helper()
	w.must(0, "apply", "--yes")
	w.must(0, "drift") // captures the snapshot that a failover goes by
	w.sim.setRegion(east, "partitioned")
	w.write(east, "prod/db", orphanBinary, []byte("\x00\xff binary \r\n it is"), "CANDIDATE")
	w.write(east, "prod/db", orphanText, value)
	w.sim.setRegion(east, "refuse")
	w.must(0, "failover", "--to", west, "--yes")
	w.sim.setRegion(east, "up")
	w.must(0, "fence", "--yes")
	w.write(west, "prod/db", newer, "written since in the new primary")
	w.settle("the third region follows", func() bool { return slices.Contains(w.labels(eu, "prod/db", newer), "AWSCURRENT") })
}

// TestUnderstudyLearnsWhatWasDoneByHand: a failover with a policy for a fence,
// nothing staged and home dark, and the fence once home answers, all by hand.
// Afterwards understudy makes it its own without changing anything, and the
// same with the way home.
func TestUnderstudyLearnsWhatWasDoneByHand(t *testing.T) {
	t.Parallel()
	hand, tool := twins(t, returnFleet, returnConfig+"\n[failover]\nfence = \"policy\"\n")
	both(hand, tool, func(w *byHand) {
		w.run("drift") // captures the snapshot, whatever its verdict
		w.sim.setRegion(east, "refuse")
	})
	text := hand.must(0, "failover", "--to", west, "--dry-run", "--as", "aws-cli").stdout
	hand.mustScript(text)
	tool.must(0, "failover", "--to", west, "--yes")
	same(t, hand, tool, "failed over")
	both(hand, tool, func(w *byHand) { w.sim.setRegion(east, "up") })
	hand.mustScript(due(t, text))
	tool.must(0, "fence", "--yes")
	same(t, hand, tool, "fenced")

	hand.learns("failover", "--to", west)
	text = hand.must(0, "failback", "--to", east, "--dry-run", "--as", "aws-cli").stdout
	hand.mustScript(text)
	tool.must(0, "failback", "--to", east, "--yes")
	same(t, hand, tool, "failed back")
	hand.again(text)
	hand.learns("failback", "--to", east)
	sameWords(t, hand, tool, "plan", "status")
}

// sameWords compares what understudy says in both worlds.
func sameWords(t *testing.T, hand, tool *byHand, commands ...string) {
	t.Helper()
	for _, command := range commands {
		h, u := hand.run(command), tool.run(command)
		if diff := cmp.Diff(ageless(u.stdout), ageless(h.stdout)); diff != "" || h.code != u.code {
			t.Errorf("%s after understudy (-) and after the script (+): exit %d and %d\n%s", command, u.code, h.code, diff)
		}
	}
}

// learns runs a command after its script: it records what was done, and
// changes nothing.
func (w *byHand) learns(command ...string) {
	w.t.Helper()
	w.sim.control("DELETE", "calls", "", nil)
	w.must(0, append(command, "--yes")...)
	for region := range w.sm {
		if c := regionCalls(w.sim.calls(), region); c.Mutating > 0 {
			w.t.Errorf("learning what the script did took %d mutating calls in %s: %+v", c.Mutating, region, w.sim.calls()[region])
		}
	}
}

// ageless leaves out the lines that tell how old a snapshot is.
func ageless(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " ago") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// due is a script with its owed steps, as the sed in it says.
func due(t *testing.T, script string) string {
	t.Helper()
	before, after, found := strings.Cut(script, "\n## owed")
	if !found {
		t.Fatal("nothing is owed")
	}
	return before + "\n## owed" + strings.ReplaceAll(after, "\n# ", "\n")
}
