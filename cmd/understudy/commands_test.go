package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/notify"
	"github.com/understudy-dr/understudy/internal/sim"
)

func document[T any](t *testing.T, d *desk) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(d.stdout.Bytes(), &v); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, &d.stdout)
	}
	return v
}

func TestPlanExitCodesAndWhatItSaves(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "plan")
	file := filepath.Join(d.dir, "plan.json")
	d.want(exitChanges, "plan", "--detailed-exitcode", "--out", file)
	for _, want := range []string{"~ rekey-replica", "[disruptive, needs --allow-replica-gap]", "rds!db-", "dev/sandbox", "Next: understudy", "apply --allow-replica-gap --plan"} {
		if !strings.Contains(d.stdout.String(), want) {
			t.Errorf("plan does not show %q:\n%s", want, &d.stdout)
		}
	}
	if _, mutating := d.calls(); mutating > 0 {
		t.Errorf("plan made %d mutating calls", mutating)
	}
	// The world moves: a key that the plan counts on is disabled.
	d.want(exitOK, "--output", "json", "plan")
	fresh := document[struct{ ID, Schema string }](t, d)
	saved, err := os.ReadFile(file)
	if err != nil || fresh.Schema != "understudy/plan/v1" || !strings.Contains(string(saved), fresh.ID) {
		t.Errorf("saved plan is another one (%v): %+v", err, fresh)
	}
	d.write("broken.json", `{"schema": "understudy/run/v1"}`)
	d.want(exitUsage, "apply", "--yes", "--plan", filepath.Join(d.dir, "broken.json"))
	changed := strings.Replace(string(saved), fresh.ID, "000000000000", 1)
	d.write("stale.json", changed)
	d.want(exitRefused, "apply", "--yes", "--allow-replica-gap", "--plan", filepath.Join(d.dir, "stale.json"))
	if !strings.Contains(d.stderr.String(), "the world moved") {
		t.Errorf("stderr: %s", &d.stderr)
	}
}

func TestAnUnobservedRegionIsNoVerdict(t *testing.T) {
	d := newDesk(t)
	if err := d.sim.SetRegion("eu-west-1", sim.RegionState{State: sim.RegionUnavailable}); err != nil {
		t.Fatal(err)
	}
	d.want(exitIncomplete, "plan")
	if !strings.Contains(d.stdout.String(), "eu-west-1: not observed") {
		t.Errorf("plan:\n%s", &d.stdout)
	}
	d.want(exitIncomplete, "drift")
	d.want(exitIncomplete, "apply", "--yes", "--allow-replica-gap", "--output", "json")
	if r := document[struct{ Schema, State string }](t, d); r.Schema != "understudy/run/v1" || r.State != "completed" {
		t.Errorf("what could be applied was, and is in the document: %+v", r)
	}
	d.want(exitIncomplete, "apply", "--yes")
	if strings.Contains(d.stdout.String(), "Run :") || !strings.Contains(d.stderr.String(), "eu-west-1") {
		t.Errorf("apply with nothing to run: stdout %q, stderr %q", &d.stdout, &d.stderr)
	}
}

func TestNothingIsChangedWithoutConsent(t *testing.T) {
	d := newDesk(t)
	refused := func(says string, args ...string) {
		t.Helper()
		d.want(exitRefused, args...)
		if !strings.Contains(d.stderr.String(), says) {
			t.Errorf("%v does not say %q: %s", args, says, &d.stderr)
		}
		if _, mutating := d.calls(); mutating > 0 {
			t.Errorf("%v made %d mutating calls", args, mutating)
		}
	}
	refused("needs --allow-replica-gap", "apply", "--yes")
	refused("add --yes", "apply", "--allow-replica-gap")
	refused("add --yes", "failover", "--to", "us-west-2")
	d.tty = true
	d.input = "eu-west-1\n"
	refused(`"eu-west-1" is not "us-west-2"`, "failover", "--to", "us-west-2")
	d.input = ""
	refused("not confirmed", "apply", "--allow-replica-gap")
}

// One world, in the order in which a team meets the commands.
func TestFromApplyToFailover(t *testing.T) {
	d := newDesk(t)
	d.tty, d.input = true, "apply\n"
	d.want(exitOK, "apply", "--allow-replica-gap")
	d.tty, d.input = false, ""
	if !strings.Contains(d.stdout.String(), "completed after") {
		t.Errorf("apply:\n%s", &d.stdout)
	}
	d.want(exitOK, "plan", "--detailed-exitcode")
	d.want(exitOK, "apply", "--yes")
	d.want(exitOK, "drift")
	d.want(exitChanges, "drift", "--fail-on", "info") // dev/sandbox
	d.want(exitOK, "drift", "--format", "json")
	if r := document[drift.Report](t, d); r.Verdict != drift.Clean {
		t.Errorf("drift: %+v", r)
	}

	d.want(exitOK, "failover", "--to", "us-west-2", "--dry-run", "--primary-lost", "--output", "json")
	_, before := d.calls()
	d.want(exitOK, "failover", "--to", "us-west-2", "--primary-lost", "--yes", "--output", "json")
	run := document[struct {
		Schema, ID, State string
		Owed              []any
	}](t, d)
	if _, after := d.calls(); run.Schema != "understudy/run/v1" || run.State != "completed" || len(run.Owed) == 0 || after == before {
		t.Errorf("failover: %+v, %d mutating calls", run, after-before)
	}
	d.want(exitSplitBrain, "status") // the region given up answers after all, and rotates
	if !strings.Contains(d.stdout.String(), "Primary is us-west-2, home is us-east-1.") {
		t.Errorf("status:\n%s", &d.stdout)
	}
	d.want(exitOK, "--output", "json", "runs", "list")
	list := document[struct {
		Runs []struct{ ID, Command string }
	}](t, d)
	if len(list.Runs) != 2 || list.Runs[1].Command != "failover" {
		t.Errorf("runs: %+v", list)
	}
	d.want(exitOK, "runs", "show", run.ID)
	d.want(exitOK, "runs", "verify", run.ID, "--output", "json") // a flag behind the ID counts
	if v := document[struct{ Intact bool }](t, d); !v.Intact {
		t.Error("not intact")
	}
	d.want(exitRefused, "runs", "resume", run.ID) // what is owed would be tried
	d.want(exitOK, "runs", "resume", run.ID, "--yes")
	if !strings.Contains(d.stdout.String(), "What its consumers must do:") { // whoever takes over is told all that the first would have been
		t.Errorf("resume:\n%s", &d.stdout)
	}

	journal := filepath.Join(d.dir, "state", "runs", run.ID, "journal.jsonl")
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journal, []byte(strings.Replace(string(data), "promote", "premote", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(exitFailed, "runs", "verify", run.ID)
	if !strings.Contains(d.stderr.String(), "corrupt") {
		t.Errorf("verify: %s", &d.stderr)
	}
}

func TestConfigCheckPrintsWhatIsInEffect(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "config", "check")
	if _, err := config.Parse("printed", d.stdout.Bytes()); err != nil {
		t.Errorf("what it prints is no configuration: %v", err)
	}
	d.want(exitOK, "config", "check", "--output", "json")
	doc := document[struct {
		Schema string
		Config map[string]any
	}](t, d)
	if doc.Schema != "understudy/config/v1" || doc.Config["failover"] == nil {
		t.Errorf("%+v", doc)
	}
}

func TestRunsNeedNoConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	d := newDesk(t)
	w := &world{
		stdin: strings.NewReader(""), stdout: &d.stdout, stderr: &d.stderr,
		getenv: func(name string) string { return d.env[name] }, now: time.Now,
	}
	if code := w.run(t.Context(), []string{"runs", "list"}); code != exitOK {
		t.Errorf("exit %d: %s", code, &d.stderr)
	}
}

func TestFlagsCountWhereverTheyStand(t *testing.T) {
	app := newApp(&world{})
	for line, want := range map[string]string{
		"runs resume ID --yes --output json":    "understudy --output json runs resume --yes ID",
		"plan --output=json --config x":         "understudy --output=json --config x plan",
		"failover --group a --to r --group b":   "understudy failover --group a --to r --group b",
		"failover --accept-stale -1 --to r":     "understudy failover --accept-stale -1 --to r",
		"help runs show":                        "understudy runs show --help",
		"sim --listen 127.0.0.1:0 --no-color":   "understudy --no-color sim --listen 127.0.0.1:0",
		"--state-dir d runs -- show ID":         "understudy --state-dir d runs show ID",
		"drift -fail-on info --log-level=debug": "understudy --log-level=debug drift -fail-on info",
	} {
		got, err := arrange(app, strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

func TestMadeUpCredentialsStayOnThisMachine(t *testing.T) {
	home := t.TempDir()
	for name, row := range map[string]struct {
		options cloud.Options
		env     map[string]string
		want    bool
	}{
		"loopback":            {cloud.Options{Endpoint: "http://127.0.0.1:4599"}, nil, true},
		"localhost by AWS":    {cloud.Options{}, map[string]string{"AWS_ENDPOINT_URL": "http://localhost:4599"}, true},
		"IPv6 loopback":       {cloud.Options{Endpoint: "http://[::1]:4599"}, nil, true},
		"another machine":     {cloud.Options{Endpoint: "http://10.0.0.7:4599"}, nil, false},
		"real AWS":            {cloud.Options{}, nil, false},
		"a profile":           {cloud.Options{Endpoint: "http://127.0.0.1:1", Profile: "prod"}, nil, false},
		"keys of one's own":   {cloud.Options{Endpoint: "http://127.0.0.1:1"}, map[string]string{"AWS_ACCESS_KEY_ID": "x"}, false},
		"a look-alike domain": {cloud.Options{Endpoint: "http://127.0.0.1.example.com"}, nil, false},
	} {
		getenv := func(n string) string {
			if n == "HOME" {
				return home
			}
			return row.env[n]
		}
		if got := testCredentials(row.options, getenv) != nil; got != row.want {
			t.Errorf("%s: made up: %v, want %v", name, got, row.want)
		}
	}
}

func TestTheSameWordsInConfigurationAndElsewhere(t *testing.T) {
	for _, event := range []string{notify.RunCompleted, notify.RunHalted, notify.DriftFound, notify.RehearsalEnded} {
		text := string(example) + "\n[[notify]]\nurl = \"https://example.com\"\nevents = [\"" + event + "\"]\n"
		if _, err := config.Parse("events", []byte(text)); err != nil {
			t.Error(err)
		}
	}
	for _, bucket := range []string{
		cloud.BucketSecretWrites, cloud.BucketRotation, cloud.BucketPolicy, cloud.BucketPutAlarm, cloud.BucketAlarmActions,
		cloud.BucketFunction, cloud.BucketLogs, cloud.BucketList, cloud.BucketDescribe, cloud.BucketValues, cloud.BucketVersions, cloud.BucketKeys,
		cloud.BucketFunctionPolicy, cloud.BucketDescribeAlarms, cloud.BucketDescribeLogs,
	} {
		if !slices.Contains(config.Buckets(), bucket) {
			t.Errorf("[quota] does not take %s", bucket)
		}
	}
}
