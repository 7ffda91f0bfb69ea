package sim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/understudy-dr/understudy/internal/sim"
)

// AWS: "AWS Secrets Manager quotas": 50 a second for PutSecretValue,
// UpdateSecret, replication and promotion together, by account and region.
func TestQuotaWritesShareOneBucket(t *testing.T) {
	c := frozen(t, sim.Options{Quotas: "aws"}, sim.ExampleFleet())
	update := func(region string) error {
		_, err := secrets(c, region).UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{
			SecretId: aws.String("prod/mail/smtp"), Description: aws.String("x"),
		})
		return err
	}
	promote := func(region string) error {
		_, err := secrets(c, region).StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{
			SecretId: aws.String("prod/mail/smtp"),
		})
		return err
	}
	for i := range 50 {
		if err := update("us-east-1"); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
	answered(t, update("us-east-1"), "ThrottlingException", 400)
	answered(t, promote("us-east-1"), "ThrottlingException", 400)
	if err := promote("us-west-2"); err != nil {
		t.Errorf("another region: %v", err)
	}
	if err := describe(c, "us-east-1", "prod/mail/smtp"); err != nil {
		t.Errorf("another bucket: %v", err)
	}
	c.Advance(100 * time.Millisecond) // five more
	for i := range 5 {
		if err := update("us-east-1"); err != nil {
			t.Fatalf("after refill, call %d: %v", i+1, err)
		}
	}
	answered(t, update("us-east-1"), "ThrottlingException", 400)
	if n := c.Calls().Sum("us-east-1"); n.Throttled != 3 {
		t.Errorf("%d throttled, want 3", n.Throttled)
	}
}

func TestQuotaOfAlarms(t *testing.T) {
	for _, code := range []string{"Throttling", "ThrottlingException"} {
		c := frozen(t, sim.Options{Quotas: "aws", Quirks: sim.Quirks{AlarmThrottle: code}}, sim.EmptyFleet())
		putAlarm := func() error {
			_, err := alarms(c, "us-east-1").PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
				AlarmName: aws.String("a"), Namespace: aws.String("n"), MetricName: aws.String("m"),
				Statistic: cwtypes.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
				Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
			})
			return err
		}
		for range 3 {
			if err := putAlarm(); err != nil {
				t.Fatal(err)
			}
		}
		answered(t, putAlarm(), code, 400)
	}
}

// AWS: Lambda throttles with TooManyRequestsException, 429 and Retry-After.
func TestQuotaOfLambda(t *testing.T) {
	c := frozen(t, sim.Options{Quotas: "aws"}, sim.ExampleFleet())
	policy := func() error {
		_, err := functions(c, "us-east-1").GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("rotate-db")})
		return err
	}
	for range 15 {
		if err := policy(); err != nil {
			t.Fatal(err)
		}
	}
	err := policy()
	answered(t, err, "TooManyRequestsException", 429)
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); !ok || r.Response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
