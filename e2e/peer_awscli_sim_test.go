package e2e

import (
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/sim"
)

// TestAWSCLIDrivesTheSimulator walks through what an operator types during a
// failover by hand, with the real aws program.
func TestAWSCLIDrivesTheSimulator(t *testing.T) {
	requirePeer(t, "aws")
	t.Parallel()
	cloud, url := serveCloud(t, sim.Options{Seed: 1})
	if err := cloud.Load(sim.ExampleFleet()); err != nil {
		t.Fatal(err)
	}
	aws := awsCLI{t, url}

	var listed struct{ SecretList []struct{ Name string } }
	aws.do(&listed, "us-east-1", "secretsmanager", "list-secrets", "--max-items", "100")
	if len(listed.SecretList) != 25 {
		t.Errorf("list-secrets shows %d secrets, want 25", len(listed.SecretList))
	}
	refused := func(want, region string, args ...string) {
		t.Helper()
		if out, err := aws.try(region, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("aws %s: %q %v, want an error with %q", strings.Join(args, " "), out, err, want)
		}
	}
	refused("(InvalidParameterException) when calling the PutSecretValue operation: Operation not permitted on a replica secret. Call must be made in primary secret's region.",
		"us-west-2", "secretsmanager", "put-secret-value", "--secret-id", "prod/mail/smtp", "--secret-string", "x")
	refused("(AccessDeniedException) when calling the RotateSecret operation: Secrets Manager cannot invoke the specified Lambda function.",
		"us-east-1", "secretsmanager", "rotate-secret", "--secret-id", "dev/sandbox",
		"--rotation-lambda-arn", "arn:aws:lambda:us-east-1:123456789012:function:nothing", "--rotation-rules", `{"AutomaticallyAfterDays": 30}`)

	aws.do(nil, "us-west-2", "secretsmanager", "stop-replication-to-replica", "--secret-id", "prod/db/orders")
	aws.do(nil, "us-west-2", "lambda", "add-permission", "--function-name", "rotate-db", "--statement-id", "sm",
		"--action", "lambda:InvokeFunction", "--principal", "secretsmanager.amazonaws.com")
	aws.do(nil, "us-west-2", "secretsmanager", "rotate-secret", "--secret-id", "prod/db/orders", "--no-rotate-immediately",
		"--rotation-lambda-arn", "arn:aws:lambda:us-west-2:123456789012:function:rotate-db", "--rotation-rules", `{"AutomaticallyAfterDays": 30}`)
	var described struct {
		PrimaryRegion   string
		RotationEnabled bool
	}
	aws.do(&described, "us-west-2", "secretsmanager", "describe-secret", "--secret-id", "prod/db/orders")
	if described.PrimaryRegion == "us-east-1" || !described.RotationEnabled {
		t.Errorf("after the promotion: %+v", described)
	}

	var alarms struct{ MetricAlarms, CompositeAlarms []struct{ AlarmName string } }
	aws.do(&alarms, "us-east-1", "cloudwatch", "describe-alarms", "--alarm-types", "MetricAlarm", "CompositeAlarm")
	if len(alarms.MetricAlarms) != 5 || len(alarms.CompositeAlarms) != 1 {
		t.Errorf("alarms: %+v", alarms)
	}
	var filters struct{ MetricFilters []struct{ FilterName string } }
	aws.do(&filters, "us-east-1", "logs", "describe-metric-filters", "--log-group-name", "cloudtrail")
	var topics struct{ Topics []struct{ TopicArn string } }
	aws.do(&topics, "eu-west-1", "sns", "list-topics")
	var key struct {
		KeyMetadata struct{ KeyState, Arn string }
	}
	aws.do(&key, "eu-west-1", "kms", "describe-key", "--key-id", "alias/secrets-key-eu")
	if len(filters.MetricFilters) != 1 || len(topics.Topics) != 1 || key.KeyMetadata.KeyState != "Enabled" {
		t.Errorf("filters %+v, topics %+v, key %+v", filters, topics, key)
	}
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}]}`
	aws.do(nil, "eu-west-1", "kms", "put-key-policy", "--key-id", key.KeyMetadata.Arn, "--policy-name", "default", "--policy", policy)
	var of struct{ Policy, PolicyName string }
	aws.do(&of, "eu-west-1", "kms", "get-key-policy", "--key-id", key.KeyMetadata.Arn)
	if of.Policy != policy || of.PolicyName != "default" {
		t.Errorf("the key's policy: %+v", of)
	}
	refused("(NotFoundException) when calling the GetKeyPolicy operation: Invalid keyId 'alias/secrets-key-eu'",
		"eu-west-1", "kms", "get-key-policy", "--key-id", "alias/secrets-key-eu")
	var me struct{ Account string }
	aws.do(&me, "eu-west-1", "sts", "get-caller-identity")
	if me.Account != "123456789012" {
		t.Errorf("account %q", me.Account)
	}

	if err := cloud.SetRegion("us-east-1", sim.RegionState{State: sim.RegionRefuse}); err != nil {
		t.Fatal(err)
	}
	refused("", "us-east-1", "secretsmanager", "list-secrets", "--cli-read-timeout", "2", "--cli-connect-timeout", "2")
	aws.do(nil, "us-west-2", "secretsmanager", "put-secret-value", "--secret-id", "prod/db/orders", "--secret-string", "new")
}
