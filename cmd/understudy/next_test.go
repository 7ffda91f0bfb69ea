package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/sim"
)

func TestAPlanThatCannotBeSavedIsOneDocument(t *testing.T) {
	d := newDesk(t)
	d.want(exitUsage, "--output", "json", "plan", "--out", d.dir+"/absent/plan.json")
	if doc := document[struct{ Schema string }](t, d); doc.Schema != "understudy/error/v1" {
		t.Errorf("%+v", doc)
	}
}

func TestAnEndpointThatIsNoURLIsWrongUsage(t *testing.T) {
	d := newDesk(t)
	for _, value := range []string{"127.0.0.1:4599", "nonsense", "ftp://127.0.0.1", "http://"} {
		d.want(exitUsage, "--endpoint-url", value, "plan")
	}
}

func TestDriftsFormatIsThatOfItsErrorsToo(t *testing.T) {
	d := newDesk(t)
	d.want(exitUsage, "drift", "--format", "json", "--config", d.dir+"/absent.toml")
	document[struct{ Schema string }](t, d)
	d.want(exitUsage, "runs", "list", "extra")
	if !strings.Contains(d.stderr.String(), "`understudy runs list --help`") {
		t.Errorf("stderr: %s", &d.stderr)
	}
}

func TestACompletedRunIsNotAborted(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	before, _ := json.Marshal(d.sim.State())
	d.want(exitRefused, "runs", "abort", "r1", "--yes")
	if after, _ := json.Marshal(d.sim.State()); string(before) != string(after) {
		t.Error("a refused abort changed something")
	}
}

func TestWhatIsOwedIsTheNextThingToDo(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.want(exitOK, "drift")
	for _, r := range []string{"us-east-1", "eu-west-1"} {
		d.region(r, sim.RegionRefuse)
	}
	d.want(exitOK, "failover", "--to", "us-west-2", "--primary-lost", "--yes")
	d.want(exitOK, "status")
	if says := d.stdout.String(); strings.Contains(says, "Every secret has a copy") || strings.Contains(says, "Next:") {
		t.Errorf("no second region answers, yet:\n%s", says)
	}
	d.want(exitIncomplete, "fence", "--yes")
	d.region("us-east-1", sim.RegionUp)
	for _, command := range []string{"status", "drift"} {
		d.want(exitSplitBrain, command)
		if says := d.stdout.String(); !strings.Contains(says[strings.LastIndex(says, "Next:"):], " fence ") {
			t.Errorf("%s does not end in fence:\n%s", command, says)
		}
	}
	d.want(exitOK, "fence", "--yes")
}

func TestAPlanEditedByHandIsRefused(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "plan", "--out", d.dir+"/plan.json")
	raw, err := os.ReadFile(d.dir + "/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var plan map[string]any
	if err := json.Unmarshal(raw, &plan); err != nil {
		t.Fatal(err)
	}
	plan["steps"] = plan["steps"].([]any)[1:]
	if raw, err = json.Marshal(plan); err != nil {
		t.Fatal(err)
	}
	d.write("edited.json", string(raw))
	d.want(exitRefused, "apply", "--yes", "--allow-replica-gap", "--plan", d.dir+"/edited.json")
	if _, mutating := d.calls(); mutating > 0 {
		t.Errorf("%d mutating calls", mutating)
	}
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap", "--plan", d.dir+"/plan.json")
}

// An old, unrelated run that is damaged stands in no emergency's way, and is
// never passed over in silence.
func TestADamagedOldRunDoesNotStandInTheWay(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.want(exitOK, "drift")
	d.want(exitOK, "--output", "json", "runs", "list")
	id := document[struct{ Runs []struct{ ID string } }](t, d).Runs[0].ID
	path := d.dir + "/state/runs/" + id + "/journal.jsonl"
	if err := os.WriteFile(path, nil, 0o600); err != nil { // cut to empty
		t.Fatal(err)
	}
	d.want(exitFailed, "runs", "verify", id)
	d.want(exitOK, "runs", "list")
	if says := d.stdout.String(); !strings.Contains(says, "CORRUPT") || !strings.Contains(says, path+":1") {
		t.Errorf("runs list:\n%s", says)
	}
	for _, line := range []string{"status", "plan", "drift --log-level error", "failover --to us-west-2 --primary-lost --yes --output json"} {
		d.want(exitOK, strings.Fields(line)...)
		if says := d.stderr.String(); strings.Count(says, "WARNING: "+path+":1: corrupt") != 1 || !strings.Contains(says, "runs verify "+id) {
			t.Errorf("%s does not say so once:\n%s", line, says)
		}
	}
}

// A hint that leaves out --config or --state-dir would look elsewhere.
func TestHintsCarryTheFlagsThatWereTyped(t *testing.T) {
	d := newDesk(t)
	typed := "understudy --endpoint-url " + d.url + " --state-dir " + d.dir + "/state --config " + d.dir + "/understudy.toml "
	d.want(exitRefused, "apply", "--yes")
	if says := d.stderr.String(); !strings.Contains(says, typed+"apply --allow-replica-gap") {
		t.Errorf("text: %s", says)
	}
	d.want(exitRefused, "apply", "--yes", "--output", "json")
	if doc := document[struct{ Hint string }](t, d); !strings.HasPrefix(doc.Hint, typed+"apply --allow-replica-gap") {
		t.Errorf("JSON: %s", doc.Hint)
	}
	d.want(exitOK, "status")
	if says := d.stdout.String(); !strings.Contains(says, "`"+typed+"rehearse`") {
		t.Errorf("status: %s", says)
	}
	d.want(exitChanges, "drift", "--output", "json")
	for _, f := range document[struct{ Findings []struct{ Fix string } }](t, d).Findings {
		if strings.Contains(f.Fix, "understudy plan") || strings.Contains(f.Fix, "understudy apply") {
			t.Errorf("a finding's fix: %s", f.Fix)
		}
	}
	d.want(exitUsage, "runs", "list", "extra")
	if says := d.stderr.String(); !strings.Contains(says, "`understudy runs list --help`") {
		t.Errorf("help needs no flags: %s", says)
	}
}

func TestOnlyWhatWasTypedIsInAHint(t *testing.T) {
	for line, want := range map[string]string{
		"understudy --config a --no-color --state-dir=b plan --out c": "see understudy --config a --state-dir b plan, then understudy --config a --state-dir b runs show r1; understudy did it",
		"understudy --output json plan":                               "see understudy plan, then understudy runs show r1; understudy did it",
	} {
		w := &world{globals: globalsOf(strings.Fields(line))}
		if got := w.complete("see understudy plan, then understudy runs show r1; understudy did it"); got != want || w.complete(got) != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}
