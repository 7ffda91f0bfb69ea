package sim_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

// assumedQuirk is the source of what AWS leaves open.
const assumedQuirk = "assumed, quirk"

// conformanceFacts are all facts about Secrets Manager.
func conformanceFacts() []fact {
	return slices.Concat(valueFacts(), metadataFacts(), deletionFacts(), listFacts(), replicationFacts(),
		promotionFacts(), rotationFacts(), policyFacts(), keyFacts(), quirkFacts())
}

// TestEveryQuirkHasAFactForEachValue: no switch without a test that tells its
// values apart. A fact that names no quirk stands for the defaults, but each
// quirk's default is named by one.
func TestEveryQuirkHasAFactForEachValue(t *testing.T) {
	tried := map[string]bool{}
	for _, f := range conformanceFacts() {
		for _, q := range f.quirks {
			name, value, _ := strings.Cut(q, "=")
			if strings.Contains(strings.Join(sim.QuirkNames(), " "), name+"=DURATION") {
				value = "DURATION"
			}
			tried[name+"="+value] = true
		}
	}
	for _, q := range sim.QuirkNames() {
		name, values, _ := strings.Cut(q, "=")
		for value := range strings.SplitSeq(values, "|") {
			if !tried[name+"="+value] {
				t.Errorf("no fact tries --quirk %s=%s", name, value)
			}
		}
	}
}

// quirkFacts are those switches that no other list tries under both values.
func quirkFacts() []fact {
	return slices.Concat(replicaQuirkFacts(), rotationQuirkFacts(), serviceQuirkFacts())
}

func replicaQuirkFacts() []fact {
	policy := func(w *world) error {
		_, err := w.sm(west).GetResourcePolicy(w.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("s")})
		return err
	}
	inTheWay := func(w *world) { w.create("s", "one"); w.createIn(west, "s", "other"); w.must(w.delete(west, false)) }
	brokenKey := func(w *world) { w.create("s", "one"); w.must(w.replicate(false, west+"=alias/not-there")) }
	managed := func(w *world) {
		w.must(w.cloud.Load(&sim.Fleet{Regions: []string{east, west}, Secrets: []sim.FleetSecret{
			{Name: "rds!db-1", Managed: "rds", Replicas: []sim.FleetReplica{{Region: west}}},
		}}))
	}
	tells := func(region string, want ...string) func(w *world) {
		return func(w *world) {
			out, err := w.sm(region).DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("rds!db-1")})
			w.must(err)
			told := []string{aws.ToString(out.OwningService)}
			for _, t := range out.Tags {
				told = append(told, aws.ToString(t.Key)+"="+aws.ToString(t.Value))
			}
			w.equal("owner and tags", told, want)
		}
	}
	const ownersTag = "aws:secretsmanager:owningService=rds"
	return []fact{
		{
			name: "a managed secret tells its owner", source: "AWS: Secrets managed by other AWS services", given: managed, then: tells(east, "rds", ownersTag),
		},
		{
			name: "a replica of a managed secret does not tell its owner", source: assumedQuirk, quirks: []string{"replica-owner=hide"}, given: managed, then: tells(west, ""),
		},
		{
			name: "a replica of a managed secret tells its owner", source: assumedQuirk, quirks: []string{"replica-owner=show"}, given: managed, then: tells(west, "rds", ownersTag),
		},
		{
			name: "a replica tells its policy", source: assumedQuirk, quirks: []string{"replica-policy=answer"}, given: replicated, when: policy,
		},
		{
			name: "a replica does not tell its policy", source: assumedQuirk, quirks: []string{"replica-policy=refuse"}, given: replicated, when: policy,
			code: "InvalidParameterException", text: "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
		},
		{
			name: "a target pending deletion stays in the way", source: assumedQuirk, quirks: []string{"force-deleted=fail"}, given: inTheWay,
			when: func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) { w.equal("entry", w.entry(west), nameExists) },
		},
		{
			name: "a target pending deletion is overwritten by force", source: assumedQuirk, quirks: []string{"force-deleted=overwrite"}, given: inTheWay,
			when: func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) { w.equal("entry", w.entry(west), synced); w.serves(west, "one") },
		},
		{
			name: "a target pending deletion needs force", source: assumedQuirk, quirks: []string{"force-deleted=overwrite"}, given: inTheWay,
			when: func(w *world) error { return w.replicate(false, west) },
			then: func(w *world) { w.equal("entry", w.entry(west), nameExists) },
		},
		{
			name: "a key's failure names region and remedy", source: "AWS documents the cause, not the text; quirk", quirks: []string{"failed-key-text=long"}, given: brokenKey,
			then: func(w *world) {
				w.equal("entry", w.entry(west), "Failed Replication failed: Access to KMS is not allowed in region us-west-2. Check that the KMS key exists, is enabled, and that you have permission to use it.")
			},
		},
		{
			name: "a key's failure is a bare text", source: "AWS documents the cause, not the text; quirk", quirks: []string{"failed-key-text=short"}, given: brokenKey,
			then: func(w *world) {
				w.equal("entry", w.entry(west), "Failed Replication failed: Access to KMS is not allowed.")
			},
		},
		{
			name: "a name is free at once after a forced deletion", source: assumedQuirk, quirks: []string{"name-held=0s"},
			given: func(w *world) { w.create("s", "one"); w.must(w.delete(east, true)) },
			then:  func(w *world) { w.createIn(east, "s", "again") },
		},
	}
}

func rotationQuirkFacts() []fact {
	plain := func(w *world) { w.create("s", `{"username":"app","password":"one"}`) }
	failTest := func(w *world) {
		plain(w)
		w.must(w.cloud.FailRotation(east, "s", "testSecret", 1))
		w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), false))
	}
	abroad := func(w *world) error { return w.rotate(east, rotate1, w.rotator(west), everyDays(10), true) }
	failing := func(w *world) {
		plain(w)
		w.must(w.cloud.FailRotation(east, "s", "setSecret", 1))
		w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
	}
	return []fact{
		{
			name: "cancelling a rotation that never was", source: assumedQuirk, quirks: []string{"cancel-unconfigured=refuse"}, given: plain,
			when: func(w *world) error { return w.cancel(east) }, code: "InvalidRequestException",
		},
		{
			name: "cancelling a rotation that never was is no error", source: assumedQuirk, quirks: []string{"cancel-unconfigured=ignore"}, given: plain,
			when: func(w *world) error { return w.cancel(east) },
			then: func(w *world) { w.equal("enabled", w.describe(east).RotationEnabled, nil) },
		},
		{
			name: "not immediately: AWSPENDING stays when the test fails", source: assumedQuirk, quirks: []string{"test-pending=keep"}, given: failTest,
			then: func(w *world) { w.equal("labels", w.labels(east), []string{"AWSCURRENT", "AWSPENDING"}) },
		},
		{
			name: "not immediately: AWSPENDING goes when the test fails", source: assumedQuirk, quirks: []string{"test-pending=drop"}, given: failTest,
			then: func(w *world) { w.equal("labels", w.labels(east), []string{"AWSCURRENT"}) },
		},
		{
			name: "a function of another region is not invoked", source: assumedQuirk, quirks: []string{"foreign-function=refuse"}, given: plain,
			when: abroad, code: "AccessDeniedException", text: cannotInvoke, then: unrotated,
		},
		{
			name: "a function of another region is invoked", source: assumedQuirk, quirks: []string{"foreign-function=invoke"}, given: plain,
			when: abroad,
			then: func(w *world) { w.equal("current", w.stages(east)["AWSCURRENT"], rotate1); w.login(east, true) },
		},
		{
			name: "a function of another region must let it in, too", source: assumedQuirk, quirks: []string{"foreign-function=invoke"}, given: plain,
			when: func(w *world) error {
				return w.rotate(east, rotate1, "arn:aws:lambda:us-west-2:123456789012:function:none", everyDays(10), true)
			},
			code: "AccessDeniedException", text: cannotInvoke, then: unrotated,
		},
		{
			name: "a failed rotation is tried five times", source: assumedQuirk, quirks: []string{"rotation-attempts=5", "rotation-pause=15m"}, given: failing,
			then: func(w *world) {
				w.advance(14 * time.Minute)
				w.equal("current", w.stages(east)["AWSCURRENT"], token1)
				w.advance(time.Minute)
				w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
			},
		},
		{
			name: "a failed rotation waits for the next window", source: assumedQuirk, quirks: []string{"rotation-attempts=1"}, given: failing,
			then: func(w *world) {
				w.advance(9 * 24 * time.Hour)
				w.equal("current", w.stages(east)["AWSCURRENT"], token1)
				w.advance(24 * time.Hour)
				w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
			},
		},
	}
}

// names are what ListSecrets shows where no order was asked for.
func (w *world) names() []string {
	w.Helper()
	out, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{})
	w.must(err)
	var names []string
	for _, s := range out.SecretList {
		names = append(names, *s.Name)
	}
	return names
}

func serviceQuirkFacts() []fact {
	three := func(w *world) {
		for _, name := range []string{"b", "a", "c"} {
			w.createIn(east, name, "x")
			w.advance(time.Second)
		}
	}
	listed := func(order ...string) func(*world) {
		return func(w *world) { w.equal("names", w.names(), order) }
	}
	token := func(life string, after time.Duration, code string) fact {
		return fact{
			name: "a page token " + after.String() + " old, good for " + life, source: assumedQuirk, quirks: []string{"token-life=" + life}, given: three,
			when: func(w *world) error {
				out, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)})
				w.must(err)
				w.advance(after)
				_, err = w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1), NextToken: out.NextToken})
				return err
			},
			code: code,
		}
	}
	enable := func(w *world) error {
		_, err := alarms(w.cloud, east).EnableAlarmActions(w.ctx, &cloudwatch.EnableAlarmActionsInput{AlarmNames: []string{"a"}})
		return err
	}
	four := func(w *world) error {
		for range 3 {
			w.must(enable(w))
		}
		return enable(w)
	}
	return []fact{
		{name: "a list begins with the oldest", source: "API: ListSecrets, SortBy; the direction is a quirk", quirks: []string{"list-order=oldest"}, given: three, then: listed("b", "a", "c")},
		{name: "a list begins with the newest", source: "API: ListSecrets, SortBy; the direction is a quirk", quirks: []string{"list-order=newest"}, given: three, then: listed("c", "a", "b")},
		token("1h", time.Hour, ""), token("1h", time.Hour+time.Second, "InvalidNextTokenException"),
		{name: "the fourth EnableAlarmActions in a second", source: assumedQuirk, quirks: []string{"alarm-actions-quota=3", "alarm-throttle=Throttling"}, quotas: true, when: four, code: "Throttling"},
		{name: "the fourth EnableAlarmActions in a second, the other code", source: assumedQuirk, quirks: []string{"alarm-throttle=ThrottlingException"}, quotas: true, when: four, code: "ThrottlingException"},
		{name: "EnableAlarmActions without a quota", source: assumedQuirk, quirks: []string{"alarm-actions-quota=none"}, quotas: true, when: four},
	}
}

// TestThePackageDocListsEveryQuirk with its values in order.
func TestThePackageDocListsEveryQuirk(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(strings.TrimPrefix(line, "//\t")); strings.HasPrefix(line, "//\t") && len(words) > 1 {
			listed[words[0]] = strings.Join(words[1:], "|")
		}
	}
	for _, q := range sim.QuirkNames() {
		name, values, _ := strings.Cut(q, "=")
		if values == "DURATION" {
			values = "a|duration,"
		}
		if !strings.HasPrefix(listed[name], values) {
			t.Errorf("doc.go says %q of %s, want %q", listed[name], name, values)
		}
	}
}
