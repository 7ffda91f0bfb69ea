package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// ExampleFleet is a small company's estate in three regions, primary
// us-east-1. It fits config.example.toml, but for what a plan should find:
//
//	prod/payments/stripe has no replica in eu-west-1
//	prod/search/opensearch has its us-west-2 replica under the default key
//	rds!db-…               is managed by RDS: not ours to replicate
//	dev/sandbox            is matched by no group
//
// The rotation function exists in every region but may be invoked in
// us-east-1 only, and the alarms exist in us-east-1 only.
func ExampleFleet() *Fleet {
	f := EmptyFleet()
	f.Keys = []FleetKey{
		{Alias: "alias/secrets-key", Region: "us-east-1"},
		{Alias: "alias/secrets-key-west", Region: "us-west-2"},
		{Alias: "alias/secrets-key-eu", Region: "eu-west-1"},
	}
	f.Topics = []FleetTopic{{Name: "security-alerts"}}
	f.Functions = []FleetFunction{{Name: "rotate-db", Permitted: []string{"us-east-1"}}}
	f.LogGroups = []FleetLogGroup{{Name: "cloudtrail"}, {Name: "/aws/lambda/rotate-db"}}
	f.MetricFilters = []FleetMetricFilter{{
		Name: "secrets-rotation-failed", LogGroup: "cloudtrail",
		Pattern: `{ $.eventSource = "secretsmanager.amazonaws.com" && $.eventName = "RotationFailed" }`,
		Metric:  "RotationFailed", Namespace: "Security/Secrets",
		Regions: []string{"us-east-1"},
	}}
	f.Secrets = exampleSecrets()
	f.Alarms, f.Composites = exampleAlarms()
	return f
}

func exampleSecrets() []FleetSecret {
	var list []FleetSecret
	for _, name := range []string{"orders", "billing", "users", "inventory", "shipping", "reports", "audit"} {
		s := prodSecret("prod/db/"+name, databaseValue(name))
		s.Versions = 2
		s.Rotation = &FleetRotation{Lambda: "rotate-db", Days: 30}
		list = append(list, s)
	}
	list[6].Rotation = &FleetRotation{Lambda: "rotate-db", Schedule: "cron(0 4 1 * ? *)", Duration: "3h"}
	for _, name := range []string{
		"prod/api/gateway", "prod/api/partner", "prod/api/mobile", "prod/api/internal",
		"prod/payments/stripe", "prod/payments/adyen", "prod/payments/webhook",
		"prod/auth/jwt", "prod/auth/oidc", "prod/auth/saml",
		"prod/search/opensearch", "prod/mail/smtp", "prod/cache/redis",
		"prod/queue/kafka", "prod/cdn/signing", "prod/partner/sftp",
	} {
		list = append(list, prodSecret(name, ""))
	}
	for i := range list {
		switch list[i].Name {
		case "prod/payments/stripe":
			list[i].Replicas[1].Missing = true
		case "prod/search/opensearch":
			list[i].Replicas[0].Key = ""
		}
	}
	return append(list,
		FleetSecret{
			Name: "rds!db-3f2a91c4-7f0c-4c52-9a55-0d6c7b1e8f20", Managed: "rds", Key: "alias/secrets-key",
			Description: "Secret associated with primary RDS DB instance: arn:aws:rds:us-east-1:123456789012:db:legacy",
			Value:       `{"username":"admin","password":"managed-by-rds"}`,
		},
		FleetSecret{Name: "dev/sandbox", Tags: map[string]string{"env": "dev"}},
	)
}

// prodSecret is a secret as the example's config wants it.
func prodSecret(name, value string) FleetSecret {
	team, _, _ := strings.Cut(strings.TrimPrefix(name, "prod/"), "/")
	return FleetSecret{
		Name: name, Key: "alias/secrets-key", Value: value,
		Tags: map[string]string{"env": "prod", "team": team},
		Replicas: []FleetReplica{
			{Region: "us-west-2", Key: "alias/secrets-key-west"},
			{Region: "eu-west-1", Key: "alias/secrets-key-eu"},
		},
	}
}

// databaseValue has the keys that AWS's rotation templates expect.
func databaseValue(name string) string {
	return fmt.Sprintf(`{"engine":"postgres","host":"%s.cluster-c0ffee.us-east-1.rds.amazonaws.com",`+
		`"port":5432,"dbname":"%s","username":"%s_app","password":"initial-%s"}`, name, name, name, name)
}

func exampleAlarms() ([]FleetAlarm, []FleetComposite) {
	topics := []string{"security-alerts"}
	alarms := []FleetAlarm{
		{
			Name: "secrets-rotation-failed", Description: "a rotation failed",
			Namespace: "Security/Secrets", Metric: "RotationFailed", Threshold: 1, MissingData: "notBreaching",
		},
		{
			Name: "secrets-rotator-errors", Description: "the rotation function fails",
			Namespace: "AWS/Lambda", Metric: "Errors", Dimensions: map[string]string{"FunctionName": "rotate-db"},
			Threshold: 1, MissingData: "notBreaching",
		},
		{
			Name: "secrets-rotator-throttled", Description: "the rotation function is throttled",
			Namespace: "AWS/Lambda", Metric: "Throttles", Dimensions: map[string]string{"FunctionName": "rotate-db"},
			Threshold: 1, MissingData: "notBreaching",
		},
		{
			Name: "secrets-count", Description: "secrets have disappeared",
			Namespace: "AWS/SecretsManager", Metric: "ResourceCount", Statistic: "Minimum",
			Dimensions: map[string]string{"Service": "Secrets Manager", "Type": "Resource", "Resource": "SecretCount", "Class": "None"},
			Comparison: "LessThanThreshold", Threshold: 20, Period: 3600, MissingData: "missing",
		},
		{
			Name: "secrets-read-rate", Description: "unusually many reads",
			Namespace: "AWS/Usage", Metric: "CallCount",
			Dimensions: map[string]string{"Service": "Secrets Manager", "Type": "API", "Resource": "GetSecretValue", "Class": "None"},
			Threshold:  100_000, Evaluations: 3, MissingData: "notBreaching",
		},
	}
	for i := range alarms {
		alarms[i].Topics = topics
	}
	return alarms, []FleetComposite{{
		Name: "secrets-rotation", Description: "rotation is in trouble",
		Rule:   `ALARM("secrets-rotation-failed") OR ALARM("secrets-rotator-errors")`,
		Topics: topics,
	}}
}

// NamedFleet is the fleet of a name: "example", "empty", or "generate:N".
func NamedFleet(name string) (*Fleet, error) {
	switch count, found := strings.CutPrefix(name, "generate:"); {
	case name == "example":
		return ExampleFleet(), nil
	case name == "empty":
		return EmptyFleet(), nil
	case found:
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || n > 500_000 {
			return nil, fmt.Errorf("%q: use generate:N with N from 0 to 500000, AWS's limit in a region", name)
		}
		return GenerateFleet(n), nil
	}
	return nil, fmt.Errorf("unknown fleet %q: use example, empty or generate:N", name)
}
