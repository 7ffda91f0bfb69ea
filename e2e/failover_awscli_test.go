package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An awsCLI is the real `aws` program, pointed at one endpoint.
type awsCLI struct {
	t        *testing.T
	endpoint string
}

// try runs `aws --region REGION ARGS` and returns its output.
func (c awsCLI) try(region string, args ...string) (string, error) {
	cmd := exec.Command("aws", append([]string{"--region", region, "--output", "json", "--endpoint-url", c.endpoint}, args...)...)
	cmd.Env = cleanEnv()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("aws --region %s %s: %w\n%s", region, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// do runs aws and decodes its answer; any failure fails the test.
func (c awsCLI) do(into any, region string, args ...string) {
	c.t.Helper()
	out, err := c.try(region, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// key makes a KMS key with an alias and returns its ARN.
func (c awsCLI) key(region, alias string) string {
	c.t.Helper()
	var key struct{ KeyMetadata struct{ KeyID, Arn string } }
	c.do(&key, region, "kms", "create-key")
	c.do(nil, region, "kms", "create-alias", "--alias-name", alias, "--target-key-id", key.KeyMetadata.KeyID)
	return key.KeyMetadata.Arn
}

// function makes a Lambda function from a zip archive.
func (c awsCLI) function(region, name string) {
	c.t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	f, err := w.Create("index.py")
	if err != nil {
		c.t.Fatal(err)
	}
	fmt.Fprintln(f, "def handler(event, context): pass")
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.t.TempDir(), "function.zip")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.do(nil, region, "lambda", "create-function", "--function-name", name, "--runtime", "python3.12",
		"--handler", "index.handler", "--role", "arn:aws:iam::123456789012:role/rotate", "--zip-file", "fileb://"+path)
}

const witnessConfig = `
[account]
id = "123456789012"

[regions]
primary = "us-east-1"
standby = ["us-west-2", "eu-west-1"]

[keys]
us-east-1 = "alias/secrets-key"
us-west-2 = "alias/secrets-key-west"
eu-west-1 = "alias/secrets-key-eu"

[[group]]
name = "prod"
match = ["prod/*"]
replicas = ["us-west-2", "eu-west-1"]

[group.rotation]
lambda = { us-west-2 = "arn:aws:lambda:us-west-2:123456789012:function:rotate-db" }

[[alarm]]
match = ["secrets-*"]
actions = { us-west-2 = ["arn:aws:sns:us-west-2:123456789012:security-alerts"] }
`

// buildEstate makes the estate with the aws CLI alone: prod/api lacks its
// eu-west-1 replica, prod/payments has its us-west-2 replica under the
// AWS-managed key instead of alias/secrets-key-west.
func buildEstate(c awsCLI) {
	c.t.Helper()
	const home, west, eu = "us-east-1", "us-west-2", "eu-west-1"
	c.key(home, "alias/secrets-key")
	c.key(west, "alias/secrets-key-west")
	c.key(eu, "alias/secrets-key-eu")

	replicas := map[string][]string{
		"prod/db":       {"Region=us-west-2,KmsKeyId=alias/secrets-key-west", "Region=eu-west-1,KmsKeyId=alias/secrets-key-eu"},
		"prod/api":      {"Region=us-west-2,KmsKeyId=alias/secrets-key-west"},
		"prod/payments": {"Region=us-west-2", "Region=eu-west-1,KmsKeyId=alias/secrets-key-eu"},
	}
	for _, name := range []string{"prod/api", "prod/db", "prod/payments"} {
		c.do(nil, home, "secretsmanager", "create-secret", "--name", name, "--kms-key-id", "alias/secrets-key",
			"--secret-string", `{"username": "app", "password": "correct horse"}`)
		c.do(nil, home, append([]string{"secretsmanager", "replicate-secret-to-regions", "--secret-id", name,
			"--add-replica-regions"}, replicas[name]...)...)
	}

	c.function(home, "rotate-db")
	c.function(west, "rotate-db")
	c.do(nil, home, "lambda", "add-permission", "--function-name", "rotate-db", "--statement-id", "secretsmanager",
		"--action", "lambda:InvokeFunction", "--principal", "secretsmanager.amazonaws.com", "--source-account", "123456789012")
	c.do(nil, home, "secretsmanager", "rotate-secret", "--secret-id", "prod/db",
		"--rotation-lambda-arn", "arn:aws:lambda:us-east-1:123456789012:function:rotate-db",
		"--rotation-rules", `{"AutomaticallyAfterDays": 30}`)
	c.do(nil, home, "secretsmanager", "put-resource-policy", "--secret-id", "prod/api", "--resource-policy",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)

	for _, r := range []string{home, west, eu} {
		c.do(nil, r, "sns", "create-topic", "--name", "security-alerts")
	}
	c.do(nil, home, "logs", "create-log-group", "--log-group-name", "trail/secrets")
	c.do(nil, home, "logs", "put-metric-filter", "--log-group-name", "trail/secrets", "--filter-name", "denied-reads",
		"--filter-pattern", "{ $.errorCode = AccessDenied }",
		"--metric-transformations", "metricName=DeniedReads,metricNamespace=Secrets,metricValue=1")
	c.do(nil, home, "cloudwatch", "put-metric-alarm", "--alarm-name", "secrets-denied-reads",
		"--namespace", "Secrets", "--metric-name", "DeniedReads", "--statistic", "Sum", "--period", "300",
		"--evaluation-periods", "1", "--threshold", "5", "--comparison-operator", "GreaterThanOrEqualToThreshold",
		"--treat-missing-data", "notBreaching",
		"--alarm-actions", "arn:aws:sns:us-east-1:123456789012:security-alerts")
}

type planDocument struct {
	Schema, ID, Fingerprint string
	Steps                   []struct{ Action, Secret, Alarm, Region, Reason, Risk, Before, After string }
	Summary                 map[string]int
}

// secretSteps lists a plan's steps that concern secrets.
func (p planDocument) secretSteps() []string {
	var list []string
	for _, s := range p.Steps {
		if s.Secret != "" {
			list = append(list, s.Action+" "+s.Secret+" "+s.Region)
		}
	}
	slices.Sort(list)
	return list
}

// TestFailoverWitnessedByTheAWSCLI builds an estate on the simulator with the
// aws CLI, lets understudy mend it and fail it over with the home region
// hanging, and asks the aws CLI what came of it.
func TestFailoverWitnessedByTheAWSCLI(t *testing.T) {
	t.Parallel()
	requirePeer(t, "aws")
	sim := startSim(t, "--fleet", "empty", "--lag", "50ms")
	aws := awsCLI{t, sim.url}
	buildEstate(aws)
	s := newSession(t, sim.url, witnessConfig)

	plan := decode[planDocument](t, s.must(2, "--output", "json", "plan", "--detailed-exitcode"))
	want := []string{"rekey-replica prod/payments us-west-2", "replicate prod/api eu-west-1"}
	if got := plan.secretSteps(); !slices.Equal(got, want) {
		t.Fatalf("plan names %q, want %q", got, want)
	}
	refused := s.must(3, "apply", "--yes")
	if !strings.Contains(refused.stderr, "--allow-replica-gap") {
		t.Errorf("the refusal does not name the flag: %s", refused)
	}
	if again := decode[planDocument](t, s.must(2, "--output", "json", "plan", "--detailed-exitcode")); again.ID != plan.ID {
		t.Errorf("a refused apply changed something: plan %s became %s", plan.ID, again.ID)
	}
	s.must(0, "apply", "--yes", "--allow-replica-gap")
	if a := s.run("plan", "--detailed-exitcode"); a.code != 0 {
		t.Fatalf("the next plan is not empty: %s", a)
	}
	s.must(0, "drift")
	witnessReplicas(aws)

	sim.setRegion("us-east-1", "hang")
	sim.control("DELETE", "calls", "", nil)
	run := decode[struct {
		State string
		Owed  []struct{ Action, Region string }
		ARNs  []struct{ Secret, Old, New string }
	}](t, s.must(0, "--output", "json", "failover", "--to", "us-west-2", "--primary-lost", "--yes"))
	if run.State != "completed" || len(run.Owed) == 0 || len(run.ARNs) != 3 {
		t.Errorf("run report: %+v", run)
	}
	if east := regionCalls(sim.calls(), "us-east-1"); east.Total != 0 {
		t.Errorf("calls to the lost region: %+v", east)
	}
	witnessFailover(aws)
}

// witnessReplicas asks the aws CLI whether the estate is as desired.
func witnessReplicas(aws awsCLI) {
	aws.t.Helper()
	for name, want := range map[string]string{
		"prod/api": "eu-west-1 alias/secrets-key-eu InSync", "prod/payments": "us-west-2 alias/secrets-key-west InSync",
	} {
		var d struct {
			ReplicationStatus []struct{ Region, KmsKeyID, Status string }
		}
		aws.do(&d, "us-east-1", "secretsmanager", "describe-secret", "--secret-id", name)
		found := false
		for _, r := range d.ReplicationStatus {
			found = found || r.Region+" "+r.KmsKeyID+" "+r.Status == want
		}
		if !found || len(d.ReplicationStatus) != 2 {
			aws.t.Errorf("%s: %+v, want %s", name, d.ReplicationStatus, want)
		}
	}
}

// witnessFailover asks the aws CLI whether us-west-2 is a primary in its own
// right: standalone, writable, rotating by its own function, alarms on.
func witnessFailover(aws awsCLI) {
	aws.t.Helper()
	const west = "us-west-2"
	for _, name := range []string{"prod/api", "prod/db", "prod/payments"} {
		var d struct {
			PrimaryRegion     string
			RotationEnabled   bool
			RotationLambdaARN string
			RotationRules     struct{ AutomaticallyAfterDays int }
		}
		aws.do(&d, west, "secretsmanager", "describe-secret", "--secret-id", name)
		if d.PrimaryRegion != "" && d.PrimaryRegion != west {
			aws.t.Errorf("%s still has its primary in %s", name, d.PrimaryRegion)
		}
		if name == "prod/db" && (!d.RotationEnabled || d.RotationRules.AutomaticallyAfterDays != 30 ||
			d.RotationLambdaARN != "arn:aws:lambda:us-west-2:123456789012:function:rotate-db") {
			aws.t.Errorf("%s: rotation %+v", name, d)
		}
		aws.do(nil, west, "secretsmanager", "put-secret-value", "--secret-id", name, "--secret-string", "written in the new primary")
	}
	var alarms struct {
		MetricAlarms []struct {
			AlarmName      string
			ActionsEnabled bool
			AlarmActions   []string
		}
	}
	aws.do(&alarms, west, "cloudwatch", "describe-alarms", "--alarm-names", "secrets-denied-reads")
	if len(alarms.MetricAlarms) != 1 || !alarms.MetricAlarms[0].ActionsEnabled ||
		!slices.Equal(alarms.MetricAlarms[0].AlarmActions, []string{"arn:aws:sns:us-west-2:123456789012:security-alerts"}) {
		aws.t.Errorf("alarms in %s: %+v", west, alarms)
	}
}
