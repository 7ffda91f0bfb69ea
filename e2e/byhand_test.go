package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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

// A byHand is one of two identical worlds: in one the scripts are run, in the
// other understudy.
type byHand struct {
	*session
	sim *simulator
}

func newByHand(t *testing.T) byHand {
	t.Helper()
	fleet := filepath.Join(t.TempDir(), "fleet.toml")
	if err := os.WriteFile(fleet, []byte(byHandFleet), 0o600); err != nil {
		t.Fatal(err)
	}
	sim := startSim(t, "--fleet", fleet, "--lag", "50ms")
	return byHand{newSession(t, sim.url, witnessConfig+"\n[failover]\nfence = \"rotation+lambda\"\n"), sim}
}

// script runs a script by bash with the real aws CLI and returns its output.
func (w byHand) script(text string, env ...string) (string, error) {
	w.t.Helper()
	dir := w.t.TempDir()
	path := filepath.Join(dir, "by-hand.sh")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute) // aws takes half a second a call, more on a busy machine
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", path)
	cmd.Dir = dir
	cmd.Env = append(cleanEnv(), "AWS_ENDPOINT_URL="+w.sim.url, "PATIENCE=30")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if files, rerr := filepath.Glob(filepath.Join(dir, "*")); rerr != nil || len(files) != 1 {
		w.t.Errorf("the script left files behind: %q, %v", files, rerr)
	}
	return string(out), err
}

func (w byHand) mustScript(text string, env ...string) string {
	w.t.Helper()
	out, err := w.script(text, env...)
	if err != nil {
		w.t.Fatalf("%v\n%s\nof the script\n%s", err, out, text)
	}
	return out
}

// holds is the simulator's state, but for times.
func (w byHand) holds() any {
	w.t.Helper()
	var state map[string]any
	w.sim.control("GET", "state", "", &state)
	forget(state, "last", "next")
	return state["accounts"]
}

func forget(v any, keys ...string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range keys {
			delete(v, k)
		}
		for _, inner := range v {
			forget(inner, keys...)
		}
	case []any:
		for _, inner := range v {
			forget(inner, keys...)
		}
	}
}

// TestScriptsEndWhereUnderstudyEnds converges and fails over two identical
// worlds, one by the scripts that understudy prints and one by understudy
// itself, and compares what the simulators hold after each.
func TestScriptsEndWhereUnderstudyEnds(t *testing.T) {
	requirePeer(t, "aws")
	requirePeer(t, "bash")
	hand, tool := newByHand(t), newByHand(t)
	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(tool.holds(), hand.holds()); diff != "" {
			t.Errorf("%s (-understudy +script):\n%s", when, diff)
		}
	}
	same("at the start")

	converge := hand.must(0, "plan", "--as", "aws-cli").stdout
	start := hand.holds()
	if out, err := hand.script(converge); err == nil || !strings.Contains(out, "ALLOW='allow-replica-gap'") {
		t.Errorf("a gated step ran without consent: %v\n%s", err, out)
	}
	if diff := cmp.Diff(start, hand.holds()); diff != "" {
		t.Errorf("a refused script changed something:\n%s", diff)
	}
	hand.mustScript(converge, "ALLOW=allow-replica-gap")
	if a := hand.run("plan", "--detailed-exitcode"); a.code != 0 {
		t.Errorf("after the script there is still something to do: %s", a)
	}
	tool.must(0, "apply", "--yes", "--allow-replica-gap")
	same("converged")
	hand.must(0, "drift") // captures the snapshot that a failover goes by

	for _, w := range []byHand{hand, tool} {
		w.sim.setRegion("us-east-1", "hang")
	}
	failover := hand.must(0, "failover", "--to", "us-west-2", "--dry-run", "--as", "aws-cli").stdout
	hand.sim.control("DELETE", "calls", "", nil)
	hand.mustScript(failover)
	if east := regionCalls(hand.sim.calls(), "us-east-1"); east.Total != 0 {
		t.Errorf("calls to the region that hangs: %+v", east)
	}
	run := decode[struct {
		Owed []struct{ Action string }
	}](t, tool.must(0, "--output", "json", "failover", "--to", "us-west-2", "--yes"))
	same("failed over")
	if n := strings.Count(failover, "\n# begin "); n == 0 || n != len(run.Owed) {
		t.Errorf("the script owes %d steps, understudy %d", n, len(run.Owed))
	}

	for _, w := range []byHand{hand, tool} {
		w.sim.setRegion("us-east-1", "up")
	}
	before, after, found := strings.Cut(failover, "\n## owed")
	if !found {
		t.Fatal("nothing is owed")
	}
	again := hand.mustScript(before + "\n## owed" + strings.ReplaceAll(after, "\n# ", "\n")) // as its sed does
	if steps, done := strings.Count(failover, "\nbegin "), strings.Count(again, "  done already"); steps == 0 || steps != done {
		t.Errorf("run again: %d of %d steps were found done\n%s", done, steps, again)
	}
	tool.must(0, "fence", "--yes")
	same("fenced")
}

// TestScriptStopsWhereTheWorldMoved: the standby got a newer version, or none
// of what the plan was made on, after the script was written.
func TestScriptStopsWhereTheWorldMoved(t *testing.T) {
	requirePeer(t, "aws")
	requirePeer(t, "bash")
	w := newByHand(t)
	w.run("drift") // captures the snapshot, whatever its verdict
	failover := w.must(0, "failover", "--to", "us-west-2", "--dry-run", "--as", "aws-cli", "--group", "prod").stdout
	aws := awsCLI{t, w.sim.url}
	aws.do(nil, "us-east-1", "secretsmanager", "put-secret-value", "--secret-id", "prod/api", "--secret-string", "written meanwhile")
	time.Sleep(300 * time.Millisecond) // the lag of a real simulator
	before := w.holds()
	out, err := w.script(failover)
	if err == nil || !strings.Contains(out, "the world moved since the plan was made: AWSCURRENT is") || !strings.Contains(out, "STOPPED at") {
		t.Errorf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(secretsOf(t, before, "us-west-2"), secretsOf(t, w.holds(), "us-west-2")); diff != "" {
		t.Errorf("something was promoted:\n%s", diff)
	}
	wrong := strings.ReplaceAll(failover, "in_account '123456789012'", "in_account '999999999999'")
	if out, err := w.script(wrong); err == nil || !strings.Contains(out, "these credentials are of account 123456789012") {
		t.Errorf("another account: %v\n%s", err, out)
	}
}

func secretsOf(t *testing.T, state any, region string) any {
	t.Helper()
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var accounts map[string]map[string]struct{ Secrets map[string]any }
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&accounts); err != nil {
		t.Fatal(err)
	}
	return accounts["123456789012"][region].Secrets
}
