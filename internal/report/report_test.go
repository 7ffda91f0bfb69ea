package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

var update = flag.Bool("update", false, "rewrite golden files")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-update rewrites it):\n%s", path, diff)
	}
}

// documents are one rendering of each model.
func documents() map[string]func(*bytes.Buffer, Style) error {
	return map[string]func(*bytes.Buffer, Style) error{
		"plan":      func(b *bytes.Buffer, s Style) error { return Plan(b, convergePlan(), s) },
		"empty":     func(b *bytes.Buffer, s Style) error { return Plan(b, &planner.Plan{}, s) },
		"failover":  func(b *bytes.Buffer, s Style) error { return Plan(b, failoverPlan(4), s) },
		"run":       func(b *bytes.Buffer, s Style) error { return Run(b, haltedRun(), s) },
		"drift":     func(b *bytes.Buffer, s Style) error { return Drift(b, driftReport(), s) },
		"status":    func(b *bytes.Buffer, s Style) error { return Status(b, status(), s) },
		"rehearsal": func(b *bytes.Buffer, s Style) error { return Rehearsal(b, rehearsal(), s) },
		"error":     func(b *bytes.Buffer, s Style) error { return Problem(b, problem(), s) },
	}
}

func TestText(t *testing.T) {
	for name, write := range documents() {
		for _, width := range []int{0, 80, 120} {
			t.Run(fmt.Sprintf("%s at %d", name, width), func(t *testing.T) {
				var b bytes.Buffer
				if err := write(&b, Style{Width: width, Now: noon}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("%s-%d.txt", name, width), b.String())
			})
		}
	}
}

func TestColourAddsNothingButEscapes(t *testing.T) {
	for name, write := range documents() {
		var plain, colour bytes.Buffer
		if err := write(&plain, Style{Width: 100, Now: noon}); err != nil {
			t.Fatal(err)
		}
		if err := write(&colour, Style{Width: 100, Now: noon, Color: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain.String(), stripped(colour.String())); diff != "" {
			t.Errorf("%s: -plain +colour\n%s", name, diff)
		}
		if name != "empty" && !strings.Contains(colour.String(), "\x1b[") {
			t.Errorf("%s: no colour at all", name)
		}
	}
}

// stripped removes SGR sequences only: any other escape would be a bug.
func stripped(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}

func TestLongListsAreCutOnATerminalOnly(t *testing.T) {
	var pipe, terminal bytes.Buffer
	plan := failoverPlan(998)
	if err := Plan(&pipe, plan, Style{}); err != nil {
		t.Fatal(err)
	}
	if err := Plan(&terminal, plan, Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(pipe.String(), "^ promote"); n != 998 {
		t.Errorf("a pipe got %d of 998 promotions", n)
	}
	if n := strings.Count(terminal.String(), "^ promote"); n != 6 {
		t.Errorf("a terminal got %d promotions, want 6: a third of 20, for there are three kinds of steps", n)
	}
	for _, want := range []string{"… and 992 more of these", "* enable-alarms", "@ cancel-rotation", "--output json shows all"} {
		if !strings.Contains(terminal.String(), want) {
			t.Errorf("no %q in\n%s", want, terminal.String())
		}
	}
	pipe.Reset()
	if err := Plan(&pipe, plan, Style{Fold: true}); err != nil { // a plan that is run at once
		t.Fatal(err)
	}
	if n := strings.Count(pipe.String(), "^ promote"); n != 6 {
		t.Errorf("folded into a pipe: %d promotions, want 6", n)
	}
}

func TestOfManyLeftAloneSomeOfEveryReasonAreTold(t *testing.T) {
	plan := &planner.Plan{Command: "plan"}
	for i := range 600 {
		plan.Skipped = append(plan.Skipped, planner.Skip{Secret: topology.Name(fmt.Sprintf("prod/%04d", i)), Region: "us-east-1", Reason: "old primary"})
	}
	plan.Skipped = append(plan.Skipped, planner.Skip{Secret: "rds!db", Reason: "managed by rds"})
	var b bytes.Buffer
	if err := Plan(&b, plan, Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"prod/0009", "… and 590 more of these", "managed by rds"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestFindingsThatSayTheSameAreOneLine(t *testing.T) {
	r := &drift.Report{Verdict: drift.Drifted}
	for i := range 4998 {
		r.Findings = append(r.Findings, drift.Finding{Code: drift.CodeAwaitingFailback, Severity: drift.Warning, Region: "us-east-1",
			Secret: topology.Name(fmt.Sprintf("prod/%04d", i)), Message: "awaits failback", Fix: "understudy failback --to us-east-1"})
	}
	for i := range alike {
		r.Findings = append(r.Findings, drift.Finding{Code: drift.CodeReplicaMissing, Severity: drift.Critical, Region: "eu-west-1",
			Secret: topology.Name(fmt.Sprintf("test/%d", i)), Message: fmt.Sprintf("message %d", i)})
	}
	r.Findings = append(r.Findings, drift.Finding{Code: drift.CodeFunctionMissing, Severity: drift.Warning, Region: "us-west-2",
		Subject: "arn:aws:lambda:us-west-2:123456789012:function:rotate-db", Message: "the rotation function is not there"})
	for name, style := range map[string]Style{"pipe": {}, "wide": {Width: 250}} {
		var b bytes.Buffer
		if err := Drift(&b, r, style); err != nil {
			t.Fatal(err)
		}
		out := b.String()
		want := "4998 secrets: prod/0000, prod/0001, prod/0002 and 4995 more"
		if strings.Count(out, want) != 1 || strings.Count(out, "awaits failback; fix: ") != 1 || strings.Contains(out, "prod/0003") {
			t.Errorf("%s: not one line of the many:\n%s", name, out)
		}
		if n := strings.Count(out, "test/"); n != alike {
			t.Errorf("%s: %d of the few, want %d", name, n, alike)
		}
		if !strings.Contains(out, " rotate-db ") || !strings.Contains(out, "--output json shows all") || !strings.Contains(out, "5019 findings") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

func TestOfManySplitBrainsTheFirstAreTold(t *testing.T) {
	for n, want := range map[int]string{alike: "test/19:", 200: "… and 195 more secrets with two writers"} {
		var list []planner.Diagnosis
		for i := range n {
			list = append(list, planner.Diagnosis{Secret: topology.Name(fmt.Sprintf("test/%d", i))})
		}
		out := strings.Join(DoctorLines(list), "\n")
		if !strings.Contains(out, want) || strings.Contains(out, "test/5:") != (n == alike) {
			t.Errorf("%d: no %q in\n%s", n, want, out)
		}
	}
}

func TestTextFromAWSCannotDriveTheTerminal(t *testing.T) {
	plan := convergePlan()
	plan.Steps[0].Secret = "prod/\x1b[2J\u202eevil\n\rname"
	plan.Steps[0].Reason = "\x1b]0;title\a"
	var b bytes.Buffer
	if err := Plan(&b, plan, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\a\r\u202e") {
		t.Errorf("control characters got through:\n%q", b.String())
	}
}

func TestAnArnIsNeverBroken(t *testing.T) {
	arn := "arn:aws:lambda:us-west-2:123456789012:function:a-function-with-a-very-long-name-that-fills-more-than-a-line"
	got := wrap("the function "+arn+" is missing", 40)
	if diff := cmp.Diff([]string{"the function", arn, "is missing"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSONHasListsForNil(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, &planner.Plan{Schema: "understudy/plan/v1", ID: "a<b"}); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"steps", "skipped", "unmatched"} {
		if _, ok := doc[key].([]any); !ok {
			t.Errorf("%s is %v, want []", key, doc[key])
		}
	}
	if !strings.Contains(b.String(), `"a<b"`) {
		t.Errorf("escaped for HTML: %s", b.String())
	}
	type more struct {
		executor.Report
		Extra []string `json:"extra,omitempty"`
	}
	b.Reset()
	if err := JSON(&b, &more{}); err != nil || !strings.Contains(b.String(), `"failures": []`) {
		t.Errorf("embedded: %v %s", err, b.String())
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[float64]string{
		0: "0.0 s", 0.44: "0.4 s", 9.94: "9.9 s", 12.4: "12 s", 89: "89 s", 200: "3 m 20 s", 7500: "2 h 5 m", -3: "-3.0 s",
	} {
		if got := seconds(in); got != want {
			t.Errorf("seconds(%v) = %q, want %q", in, got, want)
		}
	}
}

func convergePlan() *planner.Plan {
	steps := []planner.Step{
		{Action: planner.Replicate, Secret: "prod/payments/stripe", Region: "eu-west-1", Before: "absent",
			After: "replica under alias/secrets-key-eu", Reason: "group prod wants a replica in eu-west-1"},
		{Action: planner.RekeyReplica, Secret: "prod/search/opensearch", Region: "us-west-2", Before: "alias/aws/secretsmanager",
			After: "alias/secrets-key-west", Reason: "the configuration names another key; it is not known whether AWS changes a key in place",
			Requires: "allow-replica-gap"},
		{Action: planner.GrantInvoke, Target: "arn:aws:lambda:us-west-2:123456789012:function:rotate-db", Region: "us-west-2",
			After: "Secrets Manager may invoke it", Reason: "a failover attaches rotation to it"},
		{Action: planner.PutAlarm, Alarm: "secrets-rotation-failed", Region: "us-west-2", Before: "absent", After: "staged, actions off", Reason: "fits alarm rule 1"},
		{Action: planner.RemoveReplica, Secret: "prod/old", Region: "eu-west-1", Before: "replica", After: "absent",
			Reason: "group prod wants none in eu-west-1", Requires: "allow-remove"},
	}
	return sealed(&planner.Plan{
		Command: "plan", Steps: steps, MonthlyCostChange: 0.4, FloorSeconds: 0.7,
		Skipped: []planner.Skip{
			{Secret: "rds!db-3f2a91c4", Region: "us-east-1", Reason: "managed by rds: only that service may change it"},
		},
		Unmatched: []string{"dev/sandbox"},
	})
}

func failoverPlan(n int) *planner.Plan {
	plan := &planner.Plan{
		Command: "failover", From: "us-east-1", To: "us-west-2", FloorSeconds: float64(n) / 50,
		Unobserved: []topology.Region{"us-east-1"},
		Blockers: []planner.Blocker{{Code: "stale-standby", Secret: "prod/db/users", Region: "us-west-2",
			Message: "2 versions behind the last snapshot", Fix: "--accept-stale 1 takes the loss", Fatal: true}},
	}
	for i := range n {
		plan.Steps = append(plan.Steps, planner.Step{
			Action: planner.Promote, Secret: topology.Name(fmt.Sprintf("prod/db/%04d", i)), Region: "us-west-2",
			Before: "replica of us-east-1", After: "standalone, writable", Reason: "us-east-1 is lost",
		})
	}
	plan.Steps = append(plan.Steps,
		planner.Step{Action: planner.EnableAlarms, Alarm: "secrets-count", Region: "us-west-2",
			Params: planner.Params{Alarms: []string{"secrets-count", "secrets-read-rate", "secrets-rotation"}},
			Before: "actions off", After: "actions on", Reason: "us-west-2 becomes the primary"},
		planner.Step{Action: planner.CancelRotation, Secret: "prod/db/0000", Region: "us-east-1", Owed: true,
			Before: "rotating", After: "rotation off", Reason: "the old primary must not rotate beside the new one"})
	return sealed(plan)
}

func sealed(plan *planner.Plan) *planner.Plan {
	plan.ID, plan.Summary = "9c41d2f03b1e", map[planner.Action]int{}
	for i := range plan.Steps {
		plan.Steps[i] = plan.Steps[i].Seal()
		plan.Summary[plan.Steps[i].Action]++
	}
	return plan
}

func haltedRun() *executor.Report {
	start := noon.Add(-time.Hour)
	r := &executor.Report{
		ID: "20261122-110000-9c41", Command: "failover", State: executor.Halted, From: "us-east-1", To: "us-west-2",
		Started: start, Ended: start.Add(4200 * time.Millisecond),
		Steps: executor.Counts{Applied: 21, AlreadyDone: 2, Deferred: 9, Failed: 2, Left: 6},
		Failures: []executor.Failure{
			{Action: "promote", Code: "AccessDeniedException", Secret: "prod/db/users", Region: "us-west-2", Message: "promote prod/db/users in us-west-2: access denied"},
			{Action: "promote", Code: "AccessDeniedException", Secret: "prod/db/audit", Region: "us-west-2", Message: "promote prod/db/audit in us-west-2: access denied"},
		},
		Phases: []executor.Phase{
			{Name: "promote", Start: start, Seconds: 2.11}, {Name: "rotation", Start: start.Add(1200 * time.Millisecond), Seconds: 1.62},
			{Name: "alarms", Start: start.Add(2 * time.Second), Seconds: 0.21},
		},
		Calls: map[topology.Region]executor.Calls{
			"us-east-1": {}, "us-west-2": {Total: 141, Mutating: 31, Throttled: 2}, "eu-west-1": {Total: 60, Mutating: 23},
		},
		ARNs: []executor.ARN{{Secret: "prod/db/orders", Old: "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db/orders-AbCdEf",
			New: "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db/orders-AbCdEf"}},
	}
	for _, name := range []string{"orders", "billing", "users", "inventory", "shipping", "reports", "audit"} {
		r.Owed = append(r.Owed, topology.Debt{Action: "cancel-rotation", Secret: topology.Name("prod/db/" + name), Region: "us-east-1"})
	}
	r.Owed = append(r.Owed, topology.Debt{Action: "disable-alarms", Alarm: "secrets-count", Region: "us-east-1"})
	return r
}

func driftReport() *drift.Report {
	return &drift.Report{
		Verdict: drift.Incomplete, Checked: noon, Secrets: 23, Regions: []topology.Region{"us-east-1", "us-west-2", "eu-west-1"},
		Skipped: 1, Unmatched: []string{"dev/sandbox"},
		Unknown: []drift.Unknown{{Region: "eu-west-1", Cause: "timeout", Detail: "ListSecrets: context deadline exceeded"}},
		Findings: []drift.Finding{
			{Code: drift.CodeReplicaFailed, Severity: drift.Critical, Kind: drift.Health, Secret: "prod/db/users", Region: "us-west-2",
				Message: "Replication failed: Secret name prod/db/users already exists in region us-west-2.", Fix: "understudy apply --allow-overwrite"},
			{Code: drift.CodeReplicaMissing, Severity: drift.Critical, Secret: "prod/payments/stripe", Region: "eu-west-1", Message: "no replica", Fix: "understudy apply"},
			{Code: drift.CodeAlarmDifferent, Severity: drift.Warning, Alarm: "secrets-count", Region: "us-west-2", Message: "threshold is 10, us-east-1 has 20", Fix: "understudy apply"},
			{Code: drift.CodeUnmatched, Severity: drift.Info, Message: "1 secret is matched by no group"},
		},
	}
}

func status() *runbooks.Status {
	copyOf := func(role topology.Role, status string, behind int) runbooks.CopyStatus {
		return runbooks.CopyStatus{Role: role, Status: status, VersionsBehind: behind}
	}
	unprotected, taken := noon.Add(-41*time.Minute), noon.Add(-3*time.Hour)
	row := func(name string, west, east, eu runbooks.CopyStatus) runbooks.SecretStatus {
		return runbooks.SecretStatus{Name: topology.Name(name), Group: "prod", Primary: "us-west-2",
			Regions: map[topology.Region]runbooks.CopyStatus{"us-west-2": west, "us-east-1": east, "eu-west-1": eu}}
	}
	dark := copyOf(topology.RoleUnknown, "", -1)
	return &runbooks.Status{
		Primary: "us-west-2", Home: "us-east-1", Regions: []topology.Region{"us-east-1", "us-west-2", "eu-west-1"},
		Dark: []runbooks.Dark{{Region: "us-east-1", Cause: topology.CauseTimeout, Detail: "no answer within 5s"}},
		Secrets: []runbooks.SecretStatus{
			row("prod/api/gateway", copyOf(topology.RolePrimary, "", 0), dark, copyOf(topology.RoleReplica, topology.InSync, 0)),
			row("prod/api/partner", copyOf(topology.RolePrimary, "", 0), dark, copyOf(topology.RoleReplica, topology.InSync, 2)),
			row("prod/db/orders", copyOf(topology.RolePrimary, "", 0), dark, copyOf(topology.RoleReplica, topology.InProgress, 0)),
			row("prod/db/users", copyOf(topology.RoleStandalone, "", 0), dark, copyOf(topology.RoleReplica, topology.Failed, 1)),
			row("prod/mail/smtp", copyOf(topology.RolePrimary, "", 0), copyOf(topology.RoleStandalone, "awaiting-fence", 1), copyOf(topology.RoleAbsent, "", 0)),
		},
		Owed:             haltedRun().Owed,
		UnprotectedSince: &unprotected, SnapshotTaken: &taken,
	}
}

func rehearsal() *runbooks.Rehearsal {
	return &runbooks.Rehearsal{
		Outcome: "passed", Scenario: "primary-lost", Stage: "simulator", RTOSeconds: 3.42, Seed: 7, Run: "20261122-9c41",
		Lost: "us-east-1", To: "us-west-2",
		Timeline: []runbooks.Moment{
			{At: -4.1, Text: "23 secrets converged, 2 replicas mended"}, {At: 0, Text: "us-east-1 accepts and never answers"},
			{At: 0.31, Text: "plan 9c41d2f03b1e: 46 promote, 7 attach-rotation"}, {At: 3.42, Text: "every secret writable in us-west-2"},
		},
		Phases: []runbooks.RehearsalPhase{
			{Name: "converge", Seconds: 2.1, Result: "9 steps applied"}, {Name: "fail over", Seconds: 3.42, Result: "run 20261122-9c41 completed"},
		},
		Calls: map[topology.Region]runbooks.CallCount{"us-east-1": {}, "us-west-2": {Total: 141, Mutating: 31}, "eu-west-1": {Total: 60, Mutating: 23}},
		Hypotheses: []runbooks.Hypothesis{
			{Name: "reads in us-west-2 never fail", Verdict: "held", Detail: "812 reads"},
			{Name: "no call goes to us-east-1", Verdict: "held"}, {Name: "alarms fire in us-west-2", Verdict: "untested"},
		},
	}
}

func problem() *Error {
	return &Error{
		Code: "stale-plan", Message: "the world moved since plan 9c41d2f03b1e was made; nothing was changed",
		Details: []string{"+ replicate prod/new eu-west-1", "- replicate prod/payments/stripe eu-west-1: done meanwhile"},
		Hint:    "understudy plan --out plan.json",
	}
}

func TestNotesThatSayTheSameAreOneLine(t *testing.T) {
	notes := []planner.Blocker{{Message: "a region is dark", Fix: "wait"}}
	for i := range 7 {
		notes = append(notes, planner.Blocker{Secret: topology.Name(fmt.Sprintf("test/%d", i)), Message: "its key keeps readers out", Fix: "mend it"})
	}
	notes = append(notes, planner.Blocker{Secret: "test/1", Message: "another"}, planner.Blocker{Secret: "test/2", Message: "another"})
	want := []string{
		"a region is dark; wait",
		"test/0, test/1, test/2 and 4 more: its key keeps readers out; mend it",
		"test/1 and test/2: another",
	}
	if got := noteLines(notes); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConsumersAreToldAllThatBreaks(t *testing.T) {
	text := strings.Join(Consumers("us-east-1", "us-west-2"), "\n")
	for _, what := range []string{"valueFrom", "External Secrets", "failoverRegion", "TTL", "host", "VPC endpoints", "kms:ViaService", "terraform", "us-east-1", "us-west-2"} {
		if !strings.Contains(text, what) {
			t.Errorf("nothing of %s", what)
		}
	}
}
