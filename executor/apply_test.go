package executor

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// One step on a world that is not as planned: the failure's code, and that
// nothing was called where nothing may be.
func TestAStepThatMustNotOrCannotBeDone(t *testing.T) {
	from := planner.Params{From: east}
	for name, c := range map[string]struct {
		world func(m *model)
		step  planner.Step
		code  string
		calls int
		says  string
	}{
		"a standalone secret of that name is in the way": {
			func(m *model) {
				m.add("s")
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, ARN: "other"}
			},
			planner.Step{Action: planner.Replicate, Params: from}, CodeNameExists, 0, "not its replica"},
		"G1: an overwrite would destroy a version": {
			func(m *model) {
				m.add("s")
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, Versions: []topology.Version{{ID: "only-here"}}}
			},
			planner.Step{Action: planner.OverwriteReplica, Params: from}, CodeStalePlan, 0, "only-here"},
		"G1: a version appeared that the plan did not give up": {
			func(m *model) {
				m.add("s")
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, Versions: []topology.Version{{ID: "given-up"}, {ID: "new"}}}
			},
			planner.Step{Action: planner.OverwriteReplica, Params: from, Expect: planner.Expect{Versions: []string{"given-up"}}}, CodeStalePlan, 0, "new"},
		"G1: a rotation ended there, and the source has its version as begun": {
			func(m *model) {
				m.add("s")
				m.secrets[east]["s"].Versions = []topology.Version{{ID: "begun", Stages: []string{topology.StagePending}}}
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, Versions: []topology.Version{{ID: "begun", Stages: []string{topology.StageCurrent}}}}
			},
			planner.Step{Action: planner.OverwriteReplica, Params: from, Expect: planner.Expect{Versions: []string{"begun"}}}, CodeStalePlan, 0, "begun"},
		"an overwrite of another primary's replica": {
			func(m *model) {
				m.add("s")
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, PrimaryRegion: ireland}
			},
			planner.Step{Action: planner.OverwriteReplica, Params: from}, CodeOverwriteRefused, 0, "promote it first"},
		"G1: the removal of a region that was promoted but is still listed": {
			func(m *model) { m.add("s", west); m.secrets[west]["s"].PrimaryRegion = "" },
			planner.Step{Action: planner.RemoveReplica, Params: from}, CodeStalePlan, 0, "no replica of us-east-1"},
		"a re-key by removal of one": {
			func(m *model) { m.add("s", west); m.secrets[west]["s"].PrimaryRegion = "" },
			planner.Step{Action: planner.RekeyReplica, Params: planner.Params{From: east, Key: "alias/x", ViaRemoval: true}}, CodeStalePlan, 0, "no replica"},
		"G5: a removal while the replica's region is dark": {
			func(m *model) { m.add("s", west); m.dark[west] = true },
			planner.Step{Action: planner.RemoveReplica, Params: from}, CodeUnreachable, 0, ""},
		"a promotion of a version that moved": {
			func(m *model) { m.add("s", west) },
			planner.Step{Action: planner.Promote, Expect: planner.Expect{Current: "v0"}}, CodeStalePlan, 0, "v1-s"},
		"a promotion of another lineage": {
			func(m *model) { m.add("s", west) },
			planner.Step{Action: planner.Promote, Expect: planner.Expect{ARN: "arn:other"}}, CodeStalePlan, 0, "another secret"},
		"a rotation that is not complete": {
			func(m *model) {
				m.add("s")
				m.functions["f"] = &topology.Function{Invokable: true}
				m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west, Versions: []topology.Version{{ID: "v2", Stages: []string{topology.StagePending}}}}
			},
			planner.Step{Action: planner.AttachRotation, Params: planner.Params{Lambda: "f"}}, CodeRotationPending, 1, "version v2"},
		"a function that nobody may invoke, asked again and again": {
			func(m *model) { m.add("s"); m.secrets[west]["s"] = &topology.Secret{Name: "s", Region: west} },
			planner.Step{Action: planner.AttachRotation, Params: planner.Params{Lambda: "f"}}, "AccessDeniedException", 6, "cannot invoke"},
		"a function that is not there": {
			func(m *model) {},
			planner.Step{Action: planner.GrantInvoke, Params: planner.Params{Lambda: "f", Statement: "s"}}, CodeFunctionMissing, 0, "deploy it"},
		"a permission that could not be put back": {
			func(m *model) {
				m.functions["f"] = &topology.Function{Policy: `{"Statement":[{"Sid":"Team","Effect":"Allow","Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":["lambda:InvokeFunction"]}]}`}
			},
			planner.Step{Action: planner.RevokeInvoke, Params: planner.Params{Lambda: "f"}}, CodeStatementConflict, 0, `so it stays, and lets Secrets Manager invoke it: take it away by hand: {"Sid":"Team"`},
		"alarms that are not there": {
			func(m *model) {},
			planner.Step{Action: planner.EnableAlarms, Params: planner.Params{Alarms: []string{"a", "b"}}}, CodeAlarmMissing, 0, "a, b"},
		"a fence on a replica": {
			func(m *model) { m.add("s", west) },
			planner.Step{Action: planner.FencePolicy, Params: planner.Params{Statement: "Fence"}}, CodeStalePlan, 0, "no policy of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel()
				c.world(m)
				c.step.Secret, c.step.Region = "s", west
				plan := &planner.Plan{ID: "0000", Command: "apply", Steps: []planner.Step{c.step.Seal()}}
				rep, err := executorOn(m, journal.NewMemory()).Run(t.Context(), plan, RunSpec{})
				if err == nil || len(rep.Failures) != 1 {
					t.Fatalf("%v %+v", err, rep)
				}
				if f := rep.Failures[0]; f.Code != c.code || !strings.Contains(f.Message, c.says) {
					t.Errorf("%s: %s; want %s: …%s…", f.Code, f.Message, c.code, c.says)
				}
				if len(m.mutations) != c.calls {
					t.Errorf("calls %q, want %d", m.mutations, c.calls)
				}
			})
		})
	}
}

func TestAFailedReplicationIsTypedByItsMessage(t *testing.T) {
	for message, code := range map[string]string{
		"Replication failed: Secret name prod/db already exists in region us-west-2.":                     CodeNameExists,
		"Replication failed: Can't overwrite secret prod/db that is currently replicated from us-east-1.": CodeOverwriteRefused,
		"Replication failed: Access to KMS is not allowed":                                                CodeKMS,
		"Replication failed: something that nobody has seen":                                              CodeReplicationFailed,
	} {
		if err := replicationFailed(message); codeOf(err) != code || !strings.Contains(err.Error(), message) {
			t.Errorf("%q is %s: %v; want %s", message, codeOf(err), err, code)
		}
	}
}

func TestAFenceIsMergedIntoThePolicyAndTakenOutToTheByte(t *testing.T) {
	const read = `{"Sid":"Read","Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}`
	for name, policy := range map[string]string{
		"none":                          "",
		"a list":                        `{"Version":"2012-10-17","Id":"mine","Statement":[` + read + `]}`,
		"a list of two":                 `{"Statement":[` + read + `,` + strings.Replace(read, "Read", "Read2", 1) + `]}`,
		"an empty list":                 `{"Version":"2012-10-17","Statement":[]}`,
		"as people write it":            "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    " + read + "\n  ]\n}\n",
		"characters that HTML escapes":  `{"Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/t":"<a>&b"}}}]}`,
		"a lone statement":              `{"Statement":` + read + `,"Version":"2012-10-17"}`,
		"a lone statement, spaced":      `{ "Statement" : ` + read + ` , "Version" : "2012-10-17" }`,
		"brackets and braces in a text": `{"Id":"}]\"Statement\":[","Statement":[` + strings.Replace(read, "Read", `a]},{`, 1) + `]}`,
	} {
		fenced, changed, err := addStatement(policy, "Fence")
		if err != nil || !changed || !strings.Contains(fenced, `"Sid":"Fence"`) || !json.Valid([]byte(fenced)) {
			t.Fatalf("%s: %q %v", name, fenced, err)
		}
		if _, changed, _ := addStatement(fenced, "Fence"); changed {
			t.Errorf("%s: fenced twice", name)
		}
		if name == "an empty list" {
			policy = "" // no policy, for AWS
		}
		clean, changed, err := dropStatement(fenced, "Fence")
		if err != nil || !changed || clean != policy {
			t.Errorf("%s: unfenced is %q, want %q (%v)", name, clean, policy, err)
		}
		// Put behind the others, by an older version or another hand.
		if behind := strings.Replace(policy, "}]", "},"+mustFence(t)+"]", 1); behind != policy && strings.Count(policy, "}]") == 1 {
			if clean, changed, err := dropStatement(behind, "Fence"); err != nil || !changed || !sameButBrackets(clean, policy) {
				t.Errorf("%s: unfenced is %q, want %q (%v)", name, clean, policy, err)
			}
		}
	}
	for _, policy := range []string{"{", `{}`, `{"Statement":"x"}`, `{"Statement":[1,]}`} {
		if _, _, err := addStatement(policy, "Fence"); codeOf(err) != CodePolicyUnreadable {
			t.Errorf("an unreadable policy %s: %v", policy, err)
		}
	}
}

func mustFence(t *testing.T) string {
	t.Helper()
	statement, err := FenceStatement("Fence")
	if err != nil {
		t.Fatal(err)
	}
	return statement
}

// sameButBrackets: a list of one is a lone statement.
func sameButBrackets(x, y string) bool {
	bare := strings.NewReplacer("[", "", "]", "", " ", "", "\n", "")
	return bare.Replace(x) == bare.Replace(y)
}

// A statement of the fence's name may be an older fence, or a stranger's.
func TestAStatementOfTheFencesName(t *testing.T) {
	one := func(statement string) string { return `{"Version":"2012-10-17","Statement":[` + statement + `]}` }
	for name, c := range map[string]struct {
		statement string
		code      string // of the refusal
		changed   bool
	}{
		"the fence":                 {mustFence(t), "", false},
		"the fence, as AWS puts it": {strings.Replace(mustFence(t), `"Principal":"*"`, `"Principal":{"AWS":"*"}`, 1), "", false},
		"a fence that denies less":  {`{"Sid":"Fence","Effect":"Deny","Principal":"*","Action":"secretsmanager:PutSecretValue","Resource":"*"}`, "", true},
		"a stranger's that allows":  {`{"Sid":"Fence","Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}`, CodeStatementConflict, false},
		"a stranger's with a condition": {`{"Sid":"Fence","Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*",` +
			`"Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}`, CodeStatementConflict, false},
	} {
		policy := one(c.statement)
		fenced, changed, err := addStatement(policy, "Fence")
		if changed != c.changed || (c.code != "") != (err != nil) || err != nil && codeOf(err) != c.code {
			t.Errorf("%s: %t %v", name, changed, err)
		}
		if c.changed && fenced != one(mustFence(t)) {
			t.Errorf("%s: %s", name, fenced)
		}
		if clean, changed, err := dropStatement(policy, "Fence"); err != nil || changed != (c.code == "") || !changed && clean != policy {
			t.Errorf("%s: unfenced is %q (%v)", name, clean, err)
		}
	}
}

func TestAlarmsAreComparedWithoutWhatCloudWatchAdds(t *testing.T) {
	want := &topology.Alarm{Name: "a", Periods: 2, Dimensions: []topology.Dimension{{Name: "x"}, {Name: "b"}}, AlarmActions: []string{"2", "1"}}
	have := &topology.Alarm{Name: "a", Region: west, ARN: "arn", State: "ALARM", Periods: 2, Datapoints: 2, MissingData: "missing",
		Dimensions: []topology.Dimension{{Name: "b"}, {Name: "x"}}, AlarmActions: []string{"1", "2"}, OKActions: []string{}}
	if !SameAlarm(have, want) {
		t.Error("they differ")
	}
	have.ActionsEnabled = true
	if SameAlarm(have, want) {
		t.Error("an alarm that acts equals a staged one")
	}
}

func TestTokensAreStableAndOfTheRightLength(t *testing.T) {
	a, s := actions{run: "r1-abcd"}, &planner.Step{ID: "5"}
	if got := a.token(s); got != a.token(s) || len(got) < 32 || len(got) > 64 || got == (&actions{run: "r2-abcd"}).token(s) {
		t.Errorf("token %q", got)
	}
}
