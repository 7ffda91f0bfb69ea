package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/understudy-dr/understudy/internal/sim"
)

const (
	east = "us-east-1"
	west = "us-west-2"
	eu   = "eu-west-1"

	token1 = "11111111-1111-4111-8111-111111111111"
	token2 = "22222222-2222-4222-8222-222222222222"
	token3 = "33333333-3333-4333-8333-333333333333"
)

// A fact is one thing that AWS does, and how to see it. Source says where it
// is written or was seen: an API page, a public issue, or "assumed" for what
// AWS leaves open and a quirk decides.
type fact struct {
	name   string
	source string
	quirks []string
	quotas bool // AWS's quotas are on
	given  func(*world)
	when   func(*world) error
	code   string // of the error that when must give; "" is success
	text   string // the error's exact message, with {arn} for the ARN of "s" in us-east-1
	then   func(*world)
}

// A world is what a fact is tried in: an empty cloud whose clock stands.
type world struct {
	*testing.T
	cloud *sim.Cloud
	ctx   context.Context
}

func newWorld(t *testing.T, opts sim.Options, quirks ...string) *world {
	t.Helper()
	for _, q := range quirks {
		if err := sim.ParseQuirk(&opts.Quirks, q); err != nil {
			t.Fatal(err)
		}
	}
	return &world{t, frozen(t, opts, sim.EmptyFleet()), t.Context()}
}

// TestSecretsManagerConformance tries every fact over the real SDK.
func TestSecretsManagerConformance(t *testing.T) {
	for _, f := range conformanceFacts() {
		t.Run(f.name, func(t *testing.T) {
			if f.source == "" {
				t.Error("the fact has no source")
			}
			var opts sim.Options
			if f.quotas {
				opts.Quotas = "aws"
			}
			f.try(newWorld(t, opts, f.quirks...))
		})
	}
}

func (f fact) try(w *world) {
	w.Helper()
	if f.given != nil {
		f.given(w)
	}
	if f.when != nil {
		err := f.when(w)
		switch {
		case f.code == "" && err != nil:
			w.Fatalf("unexpected error: %v", err)
		case f.code != "":
			w.refused(err, f.code, strings.ReplaceAll(f.text, "{arn}", w.arn(east, "s")))
		}
	}
	if f.then != nil {
		f.then(w)
	}
}

// refused checks an error's code, text and HTTP status, which is 400 for
// every error of Secrets Manager that a caller can cause.
func (w *world) refused(err error, code, text string) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		w.Fatalf("got %v, want %s", err, code)
	}
	if api.ErrorCode() != code || text != "" && api.ErrorMessage() != text {
		w.Fatalf("got %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) && resp.HTTPStatusCode() != 400 {
		w.Fatalf("got HTTP %d for %s, want 400", resp.HTTPStatusCode(), code)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) equal(what string, got, want any) {
	w.Helper()
	g, _ := json.Marshal(got)
	v, _ := json.Marshal(want)
	if string(g) != string(v) {
		w.Fatalf("%s: got %s, want %s", what, g, v)
	}
}

func (w *world) sm(region string) *secretsmanager.Client { return secrets(w.cloud, region) }

// call sends a raw JSON 1.1 request, for what the SDK would not send.
func (w *world) call(op, body string) error {
	w.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "https://secretsmanager.us-east-1.amazonaws.com/", strings.NewReader(body))
	w.must(err)
	req.Header.Set("X-Amz-Target", "secretsmanager."+op)
	req.Header.Set("X-Amz-Date", "20260301T120000Z")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDSIM/20260301/us-east-1/secretsmanager/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
	resp, err := w.cloud.Do(req)
	w.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var fault struct {
		Type    string `json:"__type"`
		Message string // or message: both occur
	}
	w.must(json.Unmarshal(text, &fault))
	w.equal("HTTP status", resp.StatusCode, 400)
	return &smithy.GenericAPIError{Code: fault.Type, Message: fault.Message}
}

// create makes a secret in us-east-1, replicated to the regions given.
func (w *world) create(name, value string, replicas ...string) {
	w.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name, ClientRequestToken: aws.String(token1), SecretString: &value}
	for _, region := range replicas {
		in.AddReplicaRegions = append(in.AddReplicaRegions, types.ReplicaRegionType{Region: aws.String(region)})
	}
	_, err := w.sm(east).CreateSecret(w.ctx, in)
	w.must(err)
}

// createIn makes a standalone secret in a region.
func (w *world) createIn(region, name, value string) {
	w.Helper()
	_, err := w.sm(region).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	w.must(err)
}

func (w *world) put(region, token, value string) error {
	_, err := w.sm(region).PutSecretValue(w.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("s"), ClientRequestToken: &token, SecretString: &value,
	})
	return err
}

func (w *world) get(region string) (string, error) {
	out, err := w.sm(region).GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

func (w *world) serves(region, value string) {
	w.Helper()
	got, err := w.get(region)
	w.must(err)
	w.equal("value in "+region, got, value)
}

func (w *world) describe(region string) *secretsmanager.DescribeSecretOutput {
	w.Helper()
	out, err := w.sm(region).DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	w.must(err)
	return out
}

func (w *world) absent(region string) {
	w.Helper()
	_, err := w.sm(region).DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	w.refused(err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// arn is a secret's ARN, "" if it is not there.
func (w *world) arn(region, name string) string {
	s, _ := w.cloud.State().Secret("123456789012", region, name)
	return s.ARN
}

// stages is a secret's labels with the versions that have them.
func (w *world) stages(region string) map[string]string {
	w.Helper()
	out := map[string]string{}
	for id, stages := range w.describe(region).VersionIdsToStages {
		for _, stage := range stages {
			out[stage] = id
		}
	}
	return out
}

func (w *world) labels(region string) []string {
	w.Helper()
	return slices.Sorted(maps.Keys(w.stages(region)))
}

func (w *world) replicate(force bool, regions ...string) error {
	in := &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("s"), ForceOverwriteReplicaSecret: force}
	for _, region := range regions {
		region, key, _ := strings.Cut(region, "=")
		added := types.ReplicaRegionType{Region: &region}
		if key != "" {
			added.KmsKeyId = &key
		}
		in.AddReplicaRegions = append(in.AddReplicaRegions, added)
	}
	_, err := w.sm(east).ReplicateSecretToRegions(w.ctx, in)
	return err
}

func (w *world) remove(regions ...string) error {
	_, err := w.sm(east).RemoveRegionsFromReplication(w.ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
		SecretId: aws.String("s"), RemoveReplicaRegions: regions,
	})
	return err
}

func (w *world) promote(region string) error {
	_, err := w.sm(region).StopReplicationToReplica(w.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("s")})
	return err
}

func (w *world) delete(region string, force bool) error {
	in := &secretsmanager.DeleteSecretInput{SecretId: aws.String("s")}
	if force {
		in.ForceDeleteWithoutRecovery = aws.Bool(true)
	}
	_, err := w.sm(region).DeleteSecret(w.ctx, in)
	return err
}

// entry is what the primary in us-east-1 says of a region, "" for nothing.
func (w *world) entry(region string) string {
	w.Helper()
	for _, e := range w.describe(east).ReplicationStatus {
		if *e.Region == region {
			return string(e.Status) + " " + aws.ToString(e.StatusMessage)
		}
	}
	return ""
}

// key makes a KMS key and answers its ARN.
func (w *world) key(region string) string {
	w.Helper()
	out, err := keys(w.cloud, region).CreateKey(w.ctx, &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecSymmetricDefault})
	w.must(err)
	return *out.KeyMetadata.Arn
}

func (w *world) disable(region, key string) {
	w.Helper()
	_, err := keys(w.cloud, region).DisableKey(w.ctx, &kms.DisableKeyInput{KeyId: &key})
	w.must(err)
}

// rotator makes a rotation function that Secrets Manager may invoke.
func (w *world) rotator(region string) string {
	w.Helper()
	name := "rotate"
	out, err := functions(w.cloud, region).CreateFunction(w.ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String("arn:aws:iam::123456789012:role/rotate"), Runtime: lambdatypes.RuntimePython312,
		Handler: aws.String("index.handler"), Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK")},
	})
	w.must(err)
	_, err = functions(w.cloud, region).AddPermission(w.ctx, &lambda.AddPermissionInput{
		FunctionName: &name, StatementId: aws.String("sm"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("secretsmanager.amazonaws.com"),
	})
	w.must(err)
	return *out.FunctionArn
}

// rotate asks for a rotation; function "" leaves the ARN out.
func (w *world) rotate(region, token, function string, rules *types.RotationRulesType, now bool) error {
	in := &secretsmanager.RotateSecretInput{SecretId: aws.String("s"), ClientRequestToken: &token, RotationRules: rules, RotateImmediately: &now}
	if function != "" {
		in.RotationLambdaARN = &function
	}
	_, err := w.sm(region).RotateSecret(w.ctx, in)
	return err
}

func everyDays(n int64) *types.RotationRulesType {
	return &types.RotationRulesType{AutomaticallyAfterDays: &n}
}

func (w *world) login(region string, want bool) {
	w.Helper()
	ok, err := w.cloud.LoginWorks("123456789012", region, "s")
	w.must(err)
	if ok != want {
		w.Fatalf("login with the value of %s works: %t, want %t", region, ok, want)
	}
}

func (w *world) region(region, state string) {
	w.Helper()
	w.must(w.cloud.SetRegion(region, sim.RegionState{State: state}))
}

func (w *world) advance(d time.Duration) { w.cloud.Advance(d) }
