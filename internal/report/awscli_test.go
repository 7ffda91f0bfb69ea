package report

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

func awsCLI(t *testing.T, plan *planner.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := AWSCLI(&b, plan); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bash runs bash, or skips the test where there is none.
func bash(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a script that waits for ever is a failure
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.WaitDelay = time.Second // its children hold the pipe
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func checkSyntax(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := bash(t, "", "-n", path); err != nil || out != "" {
		t.Errorf("bash -n: %v\n%s", err, out)
	}
	return path
}

// withoutHelpers leaves out what is the same in every script.
func withoutHelpers(t *testing.T, script string) string {
	t.Helper()
	before, rest, found := strings.Cut(script, "\n# shellcheck disable")
	_, after, ends := strings.Cut(rest, dashes)
	switch {
	case !found && !strings.Contains(script, "\nbegin "):
		return script // nothing to do
	case !found || !ends:
		t.Fatal("the script has no helpers")
	}
	return before + "\nHELPERS\n" + after
}

func TestAPlanAsAScript(t *testing.T) {
	for name, plan := range map[string]*planner.Plan{"awscli-all.sh": everyAction(), "awscli-empty.sh": sealed(&planner.Plan{Command: "apply"})} {
		script := awsCLI(t, plan)
		checkSyntax(t, script)
		golden(t, name, withoutHelpers(t, script))
	}
}

// The commented steps must be a script as well, once they are due.
func TestOwedStepsAreAScriptOnceTheyAreDue(t *testing.T) {
	before, owed, found := strings.Cut(awsCLI(t, everyAction()), "\n## owed")
	if !found || strings.Contains(before, "--region 'us-east-1' --secret-id=\"$secret\" >/dev/null\n  wait_until is_quiet") {
		t.Fatal("the fence in the dark region is not owed")
	}
	due := "\n## owed" + strings.ReplaceAll(owed, "\n# ", "\n")
	checkSyntax(t, before+due)
	if n := strings.Count(due, "\nbegin '[owed "); n != 2 {
		t.Errorf("%d steps are due, want 2:\n%s", n, due)
	}
	for line := range strings.Lines(owed[strings.Index(owed, "\n# "):]) {
		if strings.HasPrefix(line, "STEP=") {
			break
		}
		if line != "\n" && !strings.HasPrefix(line, "# ") {
			t.Errorf("would run although it is owed: %s", line)
		}
	}
}

var hostile = []string{
	"it's", "'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "a\ntouch pwned\n", "a\r\ntouch pwned", "\\", "a\\'b", "$'x'", "!!", "~", "*", "-x",
	"file:///etc/hostname", "JSON\nJSON\ntouch pwned\n", "\x1b[2J", "\u202epwned", "é €\U0001F600", "%s%n", "\x7f\x80\xff", "\\0017", "\x017", "{}", "\"", "#", "", " ",
}

func TestAHostileNameIsOnlyAName(t *testing.T) {
	for _, name := range hostile {
		plan := everyAction()
		for i := range plan.Steps {
			s := &plan.Steps[i]
			s.Reason, s.Before, s.After = name, name, name
			s.Params.Key, s.Params.Lambda, s.Params.Statement, s.Params.Version = name, name, name, name
			s.Expect = planner.Expect{ARN: name, Current: name, Versions: []string{name}, PrimaryRegion: topology.Region(name)}
			if s.Secret != "" {
				s.Secret = topology.Name(name)
			}
			if s.Alarm != "" {
				s.Alarm, s.Params.Alarms = name, []string{name, name}
			}
			if m := s.Params.Metric; m != nil {
				m.Name, m.Description, m.Metric = name, name, name
			}
			if f := s.Params.Filter; f != nil {
				f.Name, f.Pattern, f.LogGroup = name, name, name
			}
		}
		plan.ID, plan.Account, plan.ARNs = name, name, []planner.ARNChange{{Old: name, New: name}}
		plan.Notes = []planner.Blocker{{Code: name, Message: name}}
		plan.LoginRisks = planner.Risks{{Code: name, Message: name, Secrets: []topology.Name{topology.Name(name)}}}
		script := awsCLI(t, plan)
		path := checkSyntax(t, script)
		// Run all blocks to their ends: without the helpers every look and every
		// check is a command that is not found, and stops nothing.
		_, blocks, _ := strings.Cut(script, dashes)
		blocks = "command_not_found_handle() { return 1; }\naws() { return 0; }\n" + strings.ReplaceAll(blocks, "set -e\n", "\n")
		if err := os.WriteFile(path, []byte(blocks), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := bash(t, filepath.Dir(path), path)
		if err != nil || !strings.HasSuffix(out, "Done.\n") {
			t.Errorf("%q: the blocks did not run to the end: %v\n%s", name, err, out)
		}
		if found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*pwned*")); err != nil || len(found) > 0 {
			t.Errorf("%q ran as a command: %q, %v", name, found, err)
		}
		if strings.ContainsAny(script, "\x1b\u202e") {
			t.Errorf("%q: control characters got into the script", name)
		}
	}
}

// TestQuotedWordsReachBashAsTheyAre asks bash itself.
func TestQuotedWordsReachBashAsTheyAre(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	words := append([]string(nil), hostile...)
	for range 2000 {
		word := make([]byte, rng.IntN(12))
		for i := range word {
			word[i] = byte(1 + rng.IntN(255))
		}
		words = append(words, string(word))
	}
	var script, want strings.Builder
	for _, word := range words {
		script.WriteString("printf '%s\\0' " + quote(word) + "\n")
		want.WriteString(word + "\x00")
	}
	path := filepath.Join(t.TempDir(), "words.sh")
	if err := os.WriteFile(path, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := bash(t, "", path)
	if err != nil {
		t.Fatal(err, got)
	}
	if diff := cmp.Diff(strings.Split(want.String(), "\x00"), strings.Split(got, "\x00")); diff != "" {
		t.Errorf("seed %d:\n%s", seed, diff)
	}
}

func TestWhatMakesNoScript(t *testing.T) {
	circle := sealed(&planner.Plan{Steps: []planner.Step{{Action: planner.Promote, Secret: "a"}, {Action: planner.Promote, Secret: "b"}}})
	circle.Steps[0].Needs, circle.Steps[1].Needs = []string{circle.Steps[1].ID}, []string{circle.Steps[0].ID}
	dangling := sealed(&planner.Plan{Steps: []planner.Step{{Action: planner.Promote, Secret: "a", Needs: []string{"gone"}}}})
	for says, plan := range map[string]*planner.Plan{
		"in a circle": circle, "is not in the plan": dangling,
		"2 versions behind": failoverPlan(1), // refused as a whole
		"NUL":               sealed(&planner.Plan{Steps: []planner.Step{{Action: planner.Promote, Secret: "a\x00b"}}}),
	} {
		var b bytes.Buffer
		err := AWSCLI(&b, plan)
		if err == nil || !strings.Contains(err.Error(), says) || b.Len() > 0 {
			t.Errorf("want an error that says %q and no text: %v, %d bytes", says, err, b.Len())
		}
	}
}

func TestNeedsComeFirstWhateverTheOrder(t *testing.T) {
	plan := everyAction()
	last := len(plan.Steps) - 1
	plan.Steps[0].Needs = []string{plan.Steps[last].ID}
	order, err := inOrder(plan.Steps)
	if err != nil {
		t.Fatal(err)
	}
	if order[0].ID != plan.Steps[last].ID || order[1].ID != plan.Steps[0].ID || len(order) != len(plan.Steps) {
		t.Errorf("the need of the first step stands at %v", order[0])
	}
}

// everyAction is a plan with a step of every kind; us-east-1 is dark for its
// fence, which is owed, and answers for all that is called in it otherwise.
func everyAction() *planner.Plan {
	threshold := 5.0
	const west, eu, home, old = "us-west-2", "eu-west-1", "us-west-2", "us-east-1"
	expect := planner.Expect{ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3", PrimaryRegion: home, Current: "v2", Versions: []string{"v1", "v2"}}
	steps := []planner.Step{
		{Action: planner.Replicate, Region: eu, Params: planner.Params{From: home, Key: "alias/eu"}, Before: "absent", After: "replica", Reason: "missing"},
		{Action: planner.RetryReplica, Region: eu, Params: planner.Params{From: home}, Expect: expect},
		{Action: planner.RekeyReplica, Region: eu, Params: planner.Params{From: home, Key: "alias/eu", ViaRemoval: true}, Expect: expect, Requires: planner.AllowReplicaGap},
		{Action: planner.RekeyReplica, Region: eu, Params: planner.Params{From: home}},
		{Action: planner.RemoveReplica, Region: eu, Params: planner.Params{From: home}, Requires: planner.AllowRemove},
		{Action: planner.Promote, Region: eu, Params: planner.Params{From: old}, Expect: expect},
		{Action: planner.OverwriteReplica, Region: eu, Params: planner.Params{From: home, Key: "alias/eu"}, Expect: expect},
		{Action: planner.AttachRotation, Region: west, Params: planner.Params{Lambda: "arn:aws:lambda:us-west-2:123456789012:function:rotate", Rules: topology.RotationRules{Schedule: "rate(10 days)", Duration: "2h"}}},
		{Action: planner.AttachRotation, Region: eu, Params: planner.Params{Lambda: "arn:aws:lambda:eu-west-1:123456789012:function:rotate", RotateImmediately: true, Rules: topology.RotationRules{AfterDays: 30}}},
		{Action: planner.CancelRotation, Region: eu, Owed: true},
		{Action: planner.CancelRotation, Region: old, Owed: true, Reason: "the fence"},
		{Action: planner.ClearPending, Region: west, Params: planner.Params{Version: "v3"}},
		{Action: planner.RescueVersion, Region: west, Params: planner.Params{From: eu, Version: "v4", Label: "UNDERSTUDY_RESCUED_1"}},
		{Action: planner.FencePolicy, Region: eu, Owed: true, Params: planner.Params{Statement: "UnderstudyFence"}},
		{Action: planner.UnfencePolicy, Region: eu, Params: planner.Params{Statement: "UnderstudyFence"}},
	}
	for i := range steps {
		steps[i].Secret = "prod/db"
	}
	steps = append(steps,
		planner.Step{Action: planner.GrantInvoke, Target: "arn:aws:lambda:us-west-2:123456789012:function:rotate", Region: west,
			Params: planner.Params{Lambda: "arn:aws:lambda:us-west-2:123456789012:function:rotate", Statement: planner.GrantStatement}},
		planner.Step{Action: planner.RevokeInvoke, Target: "arn:aws:lambda:eu-west-1:123456789012:function:rotate", Region: eu, Owed: true},
		planner.Step{Action: planner.PutMetricFilter, Target: "trail denied", Region: west, Params: planner.Params{Filter: &topology.MetricFilter{
			LogGroup: "trail", Name: "denied", Pattern: `{ $.code = "AccessDenied" }`, Transformations: []topology.MetricTransformation{{Namespace: "Secrets", Metric: "Denied", Value: "1"}}}}},
		planner.Step{Action: planner.PutAlarm, Alarm: "secrets-denied", Region: west, Params: planner.Params{Metric: &topology.Alarm{
			Name: "secrets-denied", Namespace: "Secrets", Metric: "Denied", Statistic: "Sum", Period: 300, Periods: 1, Threshold: &threshold,
			Comparison: "GreaterThanThreshold", MissingData: "missing", Dimensions: []topology.Dimension{{Name: "A", Value: "b"}}, AlarmActions: []string{"arn:aws:sns:us-west-2:123456789012:alerts"},
			Metrics: []topology.MetricDataQuery{{ID: "m1", Namespace: "Secrets", Metric: "Denied", Stat: "Sum", StatPeriod: 60}}}}},
		planner.Step{Action: planner.PutCompositeAlarm, Alarm: "secrets", Region: west, Params: planner.Params{Composite: &topology.CompositeAlarm{Name: "secrets", Rule: `ALARM("secrets-denied")`}}},
		planner.Step{Action: planner.EnableAlarms, Alarm: "secrets", Region: west, Params: planner.Params{Alarms: []string{"secrets", "secrets-denied"}}},
		planner.Step{Action: planner.DisableAlarms, Alarm: "secrets", Region: old, Owed: true, Params: planner.Params{Alarms: []string{"secrets", "secrets-denied"}}},
	)
	for i := range steps {
		steps[i].Account = "123456789012"
	}
	return sealed(&planner.Plan{
		Command: "failover", Account: "123456789012", From: old, To: west, Steps: steps, Unobserved: []topology.Region{old},
		LoginRisks: planner.Risks{{Code: planner.RiskUnseen, Region: west, Secrets: []topology.Name{"a", "b", "c", "prod/db", "prod/x"}, Message: "unseen writes", Fix: "test a login"}},
		Notes:      []planner.Blocker{{Code: "alarms-stay", Region: old, Message: "alarms keep acting"}},
		Blockers:   []planner.Blocker{{Code: "no-replica", Secret: "prod/x", Region: west, Message: "no copy", Fix: "wait"}},
		ARNs:       []planner.ARNChange{{Secret: "prod/db", Old: "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1b2c3", New: "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-a1b2c3"}},
	})
}

// TestAFenceGoesIntoAPolicyAndOutAgain runs the helpers that edit a policy.
func TestAFenceGoesIntoAPolicyAndOutAgain(t *testing.T) {
	const deny, other = `{"Effect":"Deny","Sid":"Fence"}`, `{"Effect":"Allow","Sid":"[it's] \"Statement\": [ & *"}`
	for policy, fenced := range map[string]string{
		"-": `{"Statement":[` + deny + `],"Version":"2012-10-17"}`,
		`{"Version":"2012-10-17","Statement":[` + other + `]}`:         `{"Version":"2012-10-17","Statement":[` + deny + `,` + other + `]}`,
		`{"Statement": ` + other + `, "Id": "é} \" }"}`:                `{"Statement": [` + deny + `,` + other + `], "Id": "é} \" }"}`,
		`{"Statement":{"Condition":{"x":"\\"}}}`:                       `{"Statement":[` + deny + `,{"Condition":{"x":"\\"}}]}`,
		"{\n \"Statement\" : [\n" + other + "\n ],\n \"Id\": \"x\"\n}": "{\n \"Statement\" : [" + deny + ",\n" + other + "\n ],\n \"Id\": \"x\"\n}",
	} {
		path := filepath.Join(t.TempDir(), "fence.sh")
		script := shellCore + shellPolicies + "ANSWER=" + quote(policy) + "\nfence " + quote(deny) + " Fence\nprintf '%s\\0' \"$POLICY\"\nANSWER=$POLICY\n" +
			"fence " + quote(deny) + " Fence\nprintf '%s\\0' \"$POLICY\"\nunfence " + quote(deny) + " Fence\nprintf '%s\\0' \"$POLICY\"\nSTEP=''\n"
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := bash(t, "", path)
		if err != nil {
			t.Fatal(err, out)
		}
		bare := strings.Replace(fenced, deny+",", "", 1) // what was no list is one of one from then on
		if policy == "-" {
			bare = "delete"
		}
		if diff := cmp.Diff([]string{fenced, "", bare, ""}, strings.Split(out, "\x00")); diff != "" {
			t.Errorf("fenced, fenced again, unfenced:\n%s", diff)
		}
	}
}

// runHelpers runs helpers, and what is behind them, in a directory of their own, which
// must be left empty.
func runHelpers(t *testing.T, script string) (string, error) {
	t.Helper()
	temp, path := t.TempDir(), filepath.Join(t.TempDir(), "helpers.sh")
	t.Setenv("TMPDIR", temp)
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := bash(t, filepath.Dir(path), path)
	if left, rerr := os.ReadDir(temp); rerr != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, rerr)
	}
	return out, err
}

// The aws CLI catches an interrupt and ends as after any failure. That must not
// be taken for a step that may be left.
func TestAnInterruptedScriptGoesNoFurther(t *testing.T) {
	if signal.Ignored(os.Interrupt) {
		t.Skip("interrupts are ignored here, and in every child")
	}
	out, err := runHelpers(t, shellCore+`
begin first
set +e
(
  kill -INT $$
  exit 1
)
not_done $?
set -e
begin second
STEP=''
`)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 || !strings.Contains(out, "STOPPED at first") || strings.Contains(out, "second") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A value that can't go through a pipe is in a file without a name, so that not
// even a kill leaves it behind; and it can be read twice, as the aws CLI does.
func TestAValueInAFileHasNoName(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("there is no /dev/shm")
	}
	out, err := runHelpers(t, shellCore+shellValues+`
aws() {
  case $2 in
  get-secret-value) { readlink "/proc/$BASHPID/fd/9" >&2; } 9>&1; printf 'the value\n' ;;
  put-secret-value) cat /dev/stdin; cat /dev/stdin ;;
  esac
}
pass_file from to secret version label
STEP=''
`)
	if err != nil || !regexp.MustCompile(`^/dev/shm/understudy\S+ \(deleted\)\nthe value\nthe value\n$`).MatchString(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// A block that is pasted again, and done then, holds up none of those that need it.
func TestAStepThatIsDoneAfterAllIsNotLeft(t *testing.T) {
	out, err := runHelpers(t, shellCore+`
begin '[1/3] promote * in west'
not_done 1
begin '[12/3] promote * in west and east'
not_done 1
(needs 2 1) || printf 'waits\n'
begin '[1/3] promote * in west'
not_done 0
needs 2 1
printf 'goes on, without%s\n' "$NOT_DONE"
STEP=''
`)
	if err != nil || !strings.Contains(out, "it needs [1], which was not done\nwaits\n") || !strings.HasSuffix(out, "goes on, without\n  [12/3] promote * in west and east\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The sed that a script of a planned move names makes another script of it,
// which takes back, the last thing first, what comes before the promotion.
func TestAPlannedMoveHasAWayBack(t *testing.T) {
	const home, away = "us-east-1", "us-west-2"
	for _, name := range []topology.Name{"prod/db", "a'\n## end\ntouch pwned"} {
		script := awsCLI(t, sealed(&planner.Plan{Command: "failback", Account: "123456789012", From: away, To: home, Steps: []planner.Step{
			{Action: planner.UnfencePolicy, Secret: name, Region: home, Params: planner.Params{Statement: "Fence"}, Undo: planner.FencePolicy},
			{Action: planner.CancelRotation, Secret: name, Region: away, Params: planner.Params{Lambda: "arn:rotate"}, Undo: planner.AttachRotation},
			{Action: planner.RescueVersion, Secret: name, Region: away, Params: planner.Params{From: home}, Undo: planner.NoUndo},
			{Action: planner.Promote, Secret: name, Region: home, Params: planner.Params{From: away}, Undo: planner.NoUndo},
			{Action: planner.CancelRotation, Secret: name, Region: away, Undo: planner.AttachRotation},
		}}))
		path := checkSyntax(t, script)
		_, rest, _ := strings.Cut(script, "\n##   sed ")
		sed, _, _ := strings.Cut(rest, " THIS-FILE")
		back, err := bash(t, "", "-c", "sed "+sed+" "+path)
		if err != nil {
			t.Fatal(err, back)
		}
		checkSyntax(t, back)
		_, back, _ = strings.Cut(back, dashes)
		var begun []string
		for line := range strings.Lines(back) {
			if strings.HasPrefix(line, "begin ") {
				begun = append(begun, strings.Fields(line)[3])
			}
		}
		if diff := cmp.Diff([]string{"attach-rotation", "fence-policy"}, begun); diff != "" || strings.Count(back, "if is_home ") < 2 || !strings.Contains(back, "note_moves_in ") || !strings.Contains(back, "\nCALL_OFF='done'") {
			t.Errorf("%s\n%s", diff, back)
		}
	}
}

// G1: where the primary has a version as begun only, its value may be in the
// copy alone, if the rotation to it ended there.
func TestAScriptOverwritesNoRotationThatEnded(t *testing.T) {
	for about, c := range map[string]struct {
		primary, copy string // lines of a version and its label
		refused       bool
	}{
		"ended in the copy":            {`old\tAWSCURRENT\nv\tAWSPENDING`, `old\tAWSPREVIOUS\nv\tAWSCURRENT`, true},
		"and superseded there":         {`old\tAWSCURRENT\nv\tAWSPENDING`, `old\tAWSCURRENT\nv\tAWSPREVIOUS`, true},
		"begun on both sides":          {`old\tAWSCURRENT\nv\tAWSPENDING`, `old\tAWSCURRENT\nv\tAWSPENDING`, false},
		"ended in the primary, too":    {`old\tAWSPREVIOUS\nv\tAWSCURRENT\nv\tAWSPENDING`, `old\tAWSPREVIOUS\nv\tAWSCURRENT`, false},
		"no rotation in the primary's": {`old\tAWSPREVIOUS\nv\tAWSCURRENT`, `old\tAWSPREVIOUS\nv\tAWSCURRENT`, false},
	} {
		out, err := runHelpers(t, shellCore+shellReplicas+shellOverwrite+`
look() {
  SEEN=writable PRIMARY=- DELETED=- ENTRY=- ENTRY_KEY=- ENTRY_MESSAGE=- VERSIONS='old v' CURRENT=- PENDING=- MARKED=-
  case $1 in primary) HOLDS=$'`+c.primary+`' ;; *) HOLDS=$'`+c.copy+`' ;; esac
  case $HOLDS in *AWSPENDING*) PENDING=v ;; esac
}
pair primary copy secret
may_overwrite ''
printf '%s' "$FORCE"
STEP=''
`)
		if said := strings.Contains(out, "the rotation to version v ended there"); said != c.refused || (err != nil) != c.refused || !c.refused && out != "--force-overwrite-replica-secret" {
			t.Errorf("%s: %v\n%s", about, err, out)
		}
	}
}
