package sim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

// epoch is where tests with a frozen clock begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// frozen is a cloud whose clock moves by Advance only.
func frozen(t testing.TB, opts sim.Options, fleet *sim.Fleet) *sim.Cloud {
	t.Helper()
	opts.Now = func() time.Time { return epoch }
	cloud := sim.New(opts)
	if err := cloud.Load(fleet); err != nil {
		t.Fatal(err)
	}
	return cloud
}

// config is an SDK client's, in process and without retries.
func config(client aws.HTTPClient, region string) aws.Config {
	return aws.Config{
		Region: region, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDSIM", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func secrets(c *sim.Cloud, region string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(config(c, region))
}

func keys(c *sim.Cloud, region string) *kms.Client { return kms.NewFromConfig(config(c, region)) }

func functions(c *sim.Cloud, region string) *lambda.Client {
	return lambda.NewFromConfig(config(c, region))
}

func alarms(c *sim.Cloud, region string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(config(c, region))
}
