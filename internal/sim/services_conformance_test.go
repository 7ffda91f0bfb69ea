package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"github.com/understudy-dr/understudy/internal/sim"
)

// A serviceFact is one thing that a service beside Secrets Manager does.
// Source says where it is written or was seen.
type serviceFact struct {
	name, source string
	call         func(*bench) error
	code         string // of the error that call must give; "" is success
	status       int    // HTTP status of that error
	text         string // its exact message
}

// A bench is an empty cloud whose clock stands, and one client a service.
type bench struct {
	*testing.T
	cloud *sim.Cloud
	wire  smithyhttp.ClientProtocol // CloudWatch's; nil means the SDK's choice
}

func (b *bench) keys() *kms.Client      { return keys(b.cloud, "us-east-1") }
func (b *bench) lambda() *lambda.Client { return functions(b.cloud, "us-east-1") }
func (b *bench) topics() *sns.Client    { return sns.NewFromConfig(config(b.cloud, "us-east-1")) }
func (b *bench) tokens() *sts.Client    { return sts.NewFromConfig(config(b.cloud, "us-east-1")) }
func (b *bench) logs() *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(config(b.cloud, "us-east-1"))
}

// must stops the test on an error; equal compares.
func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func equal[T comparable](b *bench, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestServicesConformance(t *testing.T) {
	for _, list := range [][]serviceFact{kmsFacts(), keyPolicyFacts(), functionFacts(), logFacts(), topicFacts(), tokenFacts()} {
		for _, f := range list {
			t.Run(f.name, func(t *testing.T) {
				if f.source == "" {
					t.Error("the fact has no source")
				}
				f.try(&bench{T: t, cloud: frozen(t, sim.Options{}, sim.EmptyFleet())})
			})
		}
	}
}

func (f serviceFact) try(b *bench) {
	err := f.call(b)
	if f.code == "" {
		b.must(err)
		return
	}
	var api smithy.APIError
	var http *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &http) {
		b.Fatalf("got %v, want %s", err, f.code)
	}
	code := api.ErrorCode()
	if _, query := b.wire.(*awsquery.Protocol); query && code == "ValidationException" {
		code = "ValidationError" // the SDK's type for it has one name in every protocol
	}
	if code != f.code || f.text != "" && api.ErrorMessage() != f.text || http.HTTPStatusCode() != f.status {
		b.Errorf("%s: got %d %s %q, want %d %s %q", f.source,
			http.HTTPStatusCode(), api.ErrorCode(), api.ErrorMessage(), f.status, f.code, f.text)
	}
}

const (
	snapshots = "localstack/localstack, tests/aws/services, snapshots recorded from AWS"
	uuidKey   = "00000000-0000-4000-8000-000000000000"
	ourKey    = "arn:aws:kms:us-east-1:123456789012:key/"
)

func (b *bench) newKey(multiRegion bool) string {
	b.Helper()
	out, err := b.keys().CreateKey(b.Context(), &kms.CreateKeyInput{MultiRegion: &multiRegion})
	b.must(err)
	return *out.KeyMetadata.KeyId
}

func (b *bench) describe(id string) error {
	_, err := b.keys().DescribeKey(b.Context(), &kms.DescribeKeyInput{KeyId: &id})
	return err
}

func kmsFacts() []serviceFact {
	return []serviceFact{
		{name: "DescribeKey of a missing key", source: snapshots + "/kms", call: func(b *bench) error { return b.describe(uuidKey) },
			code: "NotFoundException", status: 400, text: "Key '" + ourKey + uuidKey + "' does not exist"},
		{name: "DescribeKey of another region's ARN", source: snapshots + "/kms", call: func(b *bench) error { return b.describe("arn:aws:kms:us-west-2:123456789012:key/" + uuidKey) },
			code: "NotFoundException", status: 400, text: "Invalid arn us-west-2"},
		{name: "DescribeKey of a malformed id", source: snapshots + "/kms", call: func(b *bench) error { return b.describe("fake-key") },
			code: "NotFoundException", status: 400, text: "Invalid keyId 'fake-key'"},
		{name: "DescribeKey of a missing alias", source: snapshots + "/kms", call: func(b *bench) error { return b.describe("alias/none") },
			code: "NotFoundException", status: 400, text: "Alias arn:aws:kms:us-east-1:123456789012:alias/none is not found."},
		{name: "the AWS-managed key is always there", source: "AWS: Secrets Manager user guide, encryption", call: func(b *bench) error {
			out, err := b.keys().DescribeKey(b.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/secretsmanager")})
			b.must(err)
			equal(b, "manager", string(out.KeyMetadata.KeyManager), "AWS")
			equal(b, "state", string(out.KeyMetadata.KeyState), "Enabled")
			return b.describe(*out.KeyMetadata.Arn)
		}},
		{name: "use of a disabled key", source: snapshots + "/kms", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().DisableKey(b.Context(), &kms.DisableKeyInput{KeyId: &id})
			b.must(err)
			_, err = b.keys().Encrypt(b.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
			var api smithy.APIError
			if errors.As(err, &api) {
				equal(b, "text", api.ErrorMessage(), ourKey+id+" is disabled.")
			}
			return err
		}, code: "DisabledException", status: 400},
		{name: "use of a key that awaits deletion", source: "AWS: KMS developer guide, key states", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().ScheduleKeyDeletion(b.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)})
			b.must(err)
			b.must(b.describe(id)) // works in every state
			_, err = b.keys().Encrypt(b.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
			return err
		}, code: "KMSInvalidStateException", status: 400},
		{name: "a key is gone after its waiting period", source: "AWS: API reference, ScheduleKeyDeletion", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().ScheduleKeyDeletion(b.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)})
			b.must(err)
			b.cloud.Advance(7*24*time.Hour - time.Second)
			b.must(b.describe(id))
			b.cloud.Advance(time.Second)
			return b.describe(id)
		}, code: "NotFoundException", status: 400},
		{name: "a cancelled deletion does not happen", source: "AWS: API reference, CancelKeyDeletion", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().ScheduleKeyDeletion(b.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)})
			b.must(err)
			_, err = b.keys().CancelKeyDeletion(b.Context(), &kms.CancelKeyDeletionInput{KeyId: &id})
			b.must(err)
			b.cloud.Advance(30 * 24 * time.Hour)
			out, err := b.keys().DescribeKey(b.Context(), &kms.DescribeKeyInput{KeyId: &id})
			b.must(err)
			equal(b, "state", string(out.KeyMetadata.KeyState), "Disabled")
			return nil
		}},
		{name: "ReplicateKey of a replica", source: snapshots + "/kms", call: func(b *bench) error {
			id := b.newKey(true)
			_, err := b.keys().ReplicateKey(b.Context(), &kms.ReplicateKeyInput{KeyId: &id, ReplicaRegion: aws.String("us-west-2")})
			b.must(err)
			_, err = keys(b.cloud, "us-west-2").ReplicateKey(b.Context(), &kms.ReplicateKeyInput{KeyId: &id, ReplicaRegion: aws.String("eu-west-1")})
			var api smithy.APIError
			if errors.As(err, &api) {
				equal(b, "text", api.ErrorMessage(), "arn:aws:kms:us-west-2:123456789012:key/"+id+" is not a multi-region primary key.")
			}
			return err
		}, code: "UnsupportedOperationException", status: 400},
		{name: "a multi-Region key opens in its other region, with its context only", source: "AWS: KMS developer guide, multi-Region keys", call: func(b *bench) error {
			id := b.newKey(true)
			_, err := b.keys().ReplicateKey(b.Context(), &kms.ReplicateKeyInput{KeyId: &id, ReplicaRegion: aws.String("us-west-2")})
			b.must(err)
			context := map[string]string{"a": "1"}
			sealed, err := b.keys().Encrypt(b.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), EncryptionContext: context})
			b.must(err)
			west := keys(b.cloud, "us-west-2")
			opened, err := west.Decrypt(b.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context})
			b.must(err)
			equal(b, "plaintext", string(opened.Plaintext), "x")
			_, err = west.Decrypt(b.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
			return err
		}, code: "InvalidCiphertextException", status: 400},
		{name: "a dry run succeeds with an error", source: "AWS: KMS model, DryRunOperationException", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().GenerateDataKey(b.Context(), &kms.GenerateDataKeyInput{KeyId: &id, NumberOfBytes: aws.Int32(32), DryRun: aws.Bool(true)})
			return err
		}, code: "DryRunOperationException", status: 412},
		{name: "an alias that is taken", source: "AWS: API reference, CreateAlias", call: func(b *bench) error {
			id := b.newKey(false)
			in := &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: &id}
			_, err := b.keys().CreateAlias(b.Context(), in)
			b.must(err)
			b.must(b.describe("alias/x"))
			_, err = b.keys().CreateAlias(b.Context(), in)
			return err
		}, code: "AlreadyExistsException", status: 400, text: "An alias with the name arn:aws:kms:us-east-1:123456789012:alias/x already exists"},
		{name: "list pages hold everything once", source: "AWS: API reference, ListKeys", call: func(b *bench) error {
			for range 5 {
				b.newKey(false)
			}
			seen := map[string]bool{}
			pages := kms.NewListKeysPaginator(b.keys(), &kms.ListKeysInput{Limit: aws.Int32(2)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(b.Context())
				b.must(err)
				for _, k := range page.Keys {
					seen[*k.KeyId] = true
				}
			}
			equal(b, "keys", len(seen), 5)
			return nil
		}},
		{name: "a marker that nobody gave", source: "AWS: KMS model, InvalidMarkerException", call: func(b *bench) error {
			_, err := b.keys().ListKeys(b.Context(), &kms.ListKeysInput{Marker: aws.String("bm90IG91cnM")})
			return err
		}, code: "InvalidMarkerException", status: 400},
		{name: "a marker that has expired", source: "assumed: 24 hours, as CloudWatch Logs documents", call: func(b *bench) error {
			b.newKey(false)
			b.newKey(false)
			out, err := b.keys().ListKeys(b.Context(), &kms.ListKeysInput{Limit: aws.Int32(1)})
			b.must(err)
			b.cloud.Advance(24*time.Hour + time.Second)
			_, err = b.keys().ListKeys(b.Context(), &kms.ListKeysInput{Marker: out.NextMarker})
			return err
		}, code: "InvalidMarkerException", status: 400},
	}
}

func (b *bench) newFunction() {
	b.Helper()
	_, err := b.lambda().CreateFunction(b.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: aws.String("arn:aws:iam::123456789012:role/r"), Handler: aws.String("h.h"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK")},
	})
	b.must(err)
}

func (b *bench) permit(sid string, revision *string) error {
	_, err := b.lambda().AddPermission(b.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("f"), StatementId: &sid, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String("123456789012"), RevisionId: revision,
	})
	return err
}

func (b *bench) getFunction(name string) error {
	_, err := b.lambda().GetFunction(b.Context(), &lambda.GetFunctionInput{FunctionName: &name})
	return err
}

func functionFacts() []serviceFact {
	policy := func(b *bench) (*lambda.GetPolicyOutput, error) {
		return b.lambda().GetPolicy(b.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("f")})
	}
	remove := func(b *bench, sid string) error {
		_, err := b.lambda().RemovePermission(b.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("f"), StatementId: &sid})
		return err
	}
	return []serviceFact{
		{name: "GetFunction of a missing function", source: snapshots + "/lambda_", call: func(b *bench) error { return b.getFunction("f") },
			code: "ResourceNotFoundException", status: 404, text: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f"},
		{name: "GetFunction of a missing qualified ARN", source: snapshots + "/lambda_", call: func(b *bench) error {
			return b.getFunction("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST")
		}, code: "ResourceNotFoundException", status: 404, text: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"},
		{name: "GetFunction of another region's ARN", source: snapshots + "/lambda_", call: func(b *bench) error {
			return b.getFunction("arn:aws:lambda:us-west-2:123456789012:function:f")
		}, code: "ResourceNotFoundException", status: 404, text: "Functions from 'us-west-2' are not reachable in this region ('us-east-1')"},
		{name: "a new function becomes Active", source: "AWS: Lambda developer guide, function states", call: func(b *bench) error {
			b.newFunction()
			return lambda.NewFunctionActiveV2Waiter(b.lambda()).Wait(b.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")}, time.Second)
		}},
		{name: "GetPolicy without function", source: snapshots + "/lambda_", call: func(b *bench) error { _, err := policy(b); return err },
			code: "ResourceNotFoundException", status: 404, text: "The resource you requested does not exist."},
		{name: "GetPolicy without policy", source: snapshots + "/lambda_", call: func(b *bench) error { b.newFunction(); _, err := policy(b); return err },
			code: "ResourceNotFoundException", status: 404, text: "The resource you requested does not exist."},
		{name: "AddPermission writes its conditions", source: snapshots + "/lambda_", call: func(b *bench) error {
			b.newFunction()
			b.must(b.permit("sm", nil))
			out, err := policy(b)
			b.must(err)
			equal(b, "policy", *out.Policy, `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"sm","Effect":"Allow",`+
				`"Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"lambda:InvokeFunction",`+
				`"Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",`+
				`"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}]}`)
			return nil
		}},
		{name: "AddPermission with an id in use", source: snapshots + "/lambda_", call: func(b *bench) error {
			b.newFunction()
			b.must(b.permit("sm", nil))
			return b.permit("sm", nil)
		}, code: "ResourceConflictException", status: 409, text: "The statement id (sm) provided already exists. Please provide a new statement id, or remove the existing statement."},
		{name: "AddPermission to a policy that changed", source: snapshots + "/lambda_", call: func(b *bench) error {
			b.newFunction()
			b.must(b.permit("one", nil))
			out, err := policy(b)
			b.must(err)
			b.must(b.permit("two", out.RevisionId))
			return b.permit("three", out.RevisionId)
		}, code: "PreconditionFailedException", status: 412},
		{name: "RemovePermission without policy", source: snapshots + "/lambda_", call: func(b *bench) error { b.newFunction(); return remove(b, "sm") },
			code: "ResourceNotFoundException", status: 404, text: "No policy is associated with the given resource."},
		{name: "RemovePermission of another statement", source: snapshots + "/lambda_", call: func(b *bench) error {
			b.newFunction()
			b.must(b.permit("sm", nil))
			return remove(b, "other")
		}, code: "ResourceNotFoundException", status: 404, text: "Statement other is not found in resource policy."},
		{name: "a policy over 20 KB", source: "AWS: Lambda quotas", call: func(b *bench) error {
			b.newFunction()
			for i := range 200 {
				if err := b.permit("statement-"+string(rune('a'+i%26))+string(rune('a'+i/26)), nil); err != nil {
					return err
				}
			}
			return nil
		}, code: "PolicyLengthExceededException", status: 400},
		{name: "reserved concurrency 0 stops invocations", source: "AWS: Lambda developer guide, reserved concurrency", call: func(b *bench) error {
			b.newFunction()
			_, err := b.lambda().PutFunctionConcurrency(b.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(0)})
			b.must(err)
			_, err = b.lambda().Invoke(b.Context(), &lambda.InvokeInput{FunctionName: aws.String("f")})
			return err
		}, code: "TooManyRequestsException", status: 429},
		{name: "a function that exists", source: snapshots + "/lambda_", call: func(b *bench) error {
			b.newFunction()
			_, err := b.lambda().CreateFunction(b.Context(), &lambda.CreateFunctionInput{
				FunctionName: aws.String("f"), Role: aws.String("arn:aws:iam::123456789012:role/r"), Handler: aws.String("h.h"),
				Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK")},
			})
			return err
		}, code: "ResourceConflictException", status: 409, text: "Function already exist: f"},
	}
}

func (b *bench) newGroup() {
	b.Helper()
	_, err := b.logs().CreateLogGroup(b.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/g")})
	b.must(err)
}

func (b *bench) putFilter(group string) error {
	_, err := b.logs().PutMetricFilter(b.Context(), &cloudwatchlogs.PutMetricFilterInput{
		LogGroupName: &group, FilterName: aws.String("f"), FilterPattern: aws.String("ERROR"),
		MetricTransformations: []logtypes.MetricTransformation{{MetricName: aws.String("m"), MetricNamespace: aws.String("n"), MetricValue: aws.String("1")}},
	})
	return err
}

func logFacts() []serviceFact {
	find := func(b *bench, in *cloudwatchlogs.DescribeMetricFiltersInput, want int) error {
		b.newGroup()
		b.must(b.putFilter("/g"))
		out, err := b.logs().DescribeMetricFilters(b.Context(), in)
		if err == nil {
			equal(b, "filters", len(out.MetricFilters), want)
		}
		return err
	}
	const api = "AWS: CloudWatch Logs API reference, "
	return []serviceFact{
		{name: "a log group that exists", source: api + "CreateLogGroup", call: func(b *bench) error {
			b.newGroup()
			_, err := b.logs().CreateLogGroup(b.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/g")})
			return err
		}, code: "ResourceAlreadyExistsException", status: 400, text: "The specified log group already exists"},
		{name: "a filter of a missing group", source: api + "PutMetricFilter", call: func(b *bench) error { return b.putFilter("/g") },
			code: "ResourceNotFoundException", status: 400, text: "The specified log group does not exist."},
		{name: "filters of one group", source: api + "DescribeMetricFilters", call: func(b *bench) error {
			return find(b, &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: aws.String("/g")}, 1)
		}},
		{name: "filters of every group", source: api + "DescribeMetricFilters", call: func(b *bench) error { return find(b, &cloudwatchlogs.DescribeMetricFiltersInput{}, 1) }},
		{name: "filters of a metric", source: api + "DescribeMetricFilters", call: func(b *bench) error {
			return find(b, &cloudwatchlogs.DescribeMetricFiltersInput{MetricName: aws.String("m"), MetricNamespace: aws.String("n")}, 1)
		}},
		{name: "filters of another metric", source: api + "DescribeMetricFilters", call: func(b *bench) error {
			return find(b, &cloudwatchlogs.DescribeMetricFiltersInput{MetricName: aws.String("m"), MetricNamespace: aws.String("other")}, 0)
		}},
		{name: "filters of a metric without namespace", source: api + "DescribeMetricFilters", call: func(b *bench) error {
			return find(b, &cloudwatchlogs.DescribeMetricFiltersInput{MetricName: aws.String("m")}, 0)
		}, code: "InvalidParameterException", status: 400},
		{name: "a retention that is not offered", source: api + "PutRetentionPolicy", call: func(b *bench) error {
			b.newGroup()
			_, err := b.logs().PutRetentionPolicy(b.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/g"), RetentionInDays: aws.Int32(8)})
			return err
		}, code: "InvalidParameterException", status: 400},
	}
}

func topicFacts() []serviceFact {
	const api = "AWS: SNS API reference, "
	create := func(b *bench) string {
		b.Helper()
		out, err := b.topics().CreateTopic(b.Context(), &sns.CreateTopicInput{Name: aws.String("t"), Attributes: map[string]string{"DisplayName": "a <b> & c"}})
		b.must(err)
		return *out.TopicArn
	}
	attributes := func(b *bench, arn string) (map[string]string, error) {
		out, err := b.topics().GetTopicAttributes(b.Context(), &sns.GetTopicAttributesInput{TopicArn: &arn})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	return []serviceFact{
		{name: "a topic's attributes", source: api + "GetTopicAttributes", call: func(b *bench) error {
			got, err := attributes(b, create(b))
			b.must(err)
			equal(b, "DisplayName", got["DisplayName"], "a <b> & c")
			equal(b, "Owner", got["Owner"], "123456789012")
			return nil
		}},
		{name: "creating a topic again", source: api + "CreateTopic", call: func(b *bench) error {
			equal(b, "ARN", create(b), create(b))
			return nil
		}},
		{name: "a missing topic", source: api + "GetTopicAttributes", call: func(b *bench) error {
			_, err := attributes(b, "arn:aws:sns:us-east-1:123456789012:none")
			return err
		}, code: "NotFound", status: 404, text: "Topic does not exist"},
		{name: "a topic of another region", source: api + "GetTopicAttributes", call: func(b *bench) error {
			_, err := attributes(b, "arn:aws:sns:us-west-2:123456789012:t")
			return err
		}, code: "InvalidParameter", status: 400, text: "Invalid parameter: TopicArn"},
		{name: "deleting a missing topic", source: api + "DeleteTopic", call: func(b *bench) error {
			_, err := b.topics().DeleteTopic(b.Context(), &sns.DeleteTopicInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:none")})
			return err
		}},
	}
}

func tokenFacts() []serviceFact {
	assume := func(b *bench, role string) (*sts.AssumeRoleOutput, error) {
		return b.tokens().AssumeRole(b.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("me")})
	}
	return []serviceFact{
		{name: "who am I", source: "AWS: STS API reference, GetCallerIdentity", call: func(b *bench) error {
			out, err := b.tokens().GetCallerIdentity(b.Context(), &sts.GetCallerIdentityInput{})
			b.must(err)
			equal(b, "account", *out.Account, "123456789012")
			return nil
		}},
		{name: "a malformed role ARN", source: snapshots + "/sts", call: func(b *bench) error { _, err := assume(b, "arn:aws:iam::12:role/something"); return err },
			code: "ValidationError", status: 400, text: "arn:aws:iam::12:role/something is invalid"},
		{name: "an assumed role acts in its own account", source: "AWS: IAM user guide, cross-account access", call: func(b *bench) error {
			out, err := assume(b, "arn:aws:iam::210987654321:role/failover")
			b.must(err)
			equal(b, "life", out.Credentials.Expiration.Sub(epoch), time.Hour)
			cfg := config(b.cloud, "eu-west-1")
			cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: "x", SessionToken: *out.Credentials.SessionToken}, nil
			})
			made, err := kms.NewFromConfig(cfg).CreateKey(b.Context(), &kms.CreateKeyInput{})
			b.must(err)
			equal(b, "account", *made.KeyMetadata.AWSAccountId, "210987654321")
			equal(b, "keys of it", len(b.cloud.State().Accounts["210987654321"]["eu-west-1"].Keys), 1)
			return nil
		}},
	}
}
