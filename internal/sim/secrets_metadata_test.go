package sim_test

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// metadataFacts are about creating, describing, updating and tagging.
func metadataFacts() []fact {
	plain := func(w *world) { w.create("s", "one") }
	createNamed := func(name string) func(*world) error {
		return func(w *world) error {
			_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: &name})
			return err
		}
	}
	describe := func(id string) func(*world) error {
		return func(w *world) error {
			arn := w.arn(east, "s")
			id := strings.NewReplacer("{arn}", arn, "{partial}", arn[:max(0, len(arn)-7)]).Replace(id)
			_, err := w.sm(east).DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
			return err
		}
	}
	tagged := func(tags ...types.Tag) func(*world) error {
		return func(w *world) error {
			_, err := w.sm(east).TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: tags})
			return err
		}
	}
	notFound := "Secrets Manager can't find the specified secret."
	return []fact{
		{
			name: "a name in use", source: recorded, given: plain, when: createNamed("s"),
			code: "ResourceExistsException", text: "The operation failed because the secret s already exists.",
		},
		{
			name: "a bad name", source: recorded, when: createNamed("a b"), code: "ValidationException",
			text: "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
		},
		{name: "a name of 512 characters", source: "API model: NameType", when: createNamed(strings.Repeat("n", 512))},
		{name: "a name of 513 characters", source: "API model: NameType", when: createNamed(strings.Repeat("n", 513)), code: "ValidationException"},
		{
			name: "create without a token over plain HTTP", source: recorded,
			when: func(w *world) error { return w.call("CreateSecret", `{"Name":"s","SecretString":"x"}`) },
			code: "InvalidRequestException", text: "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
		},
		{
			name: "create again with the same token and value", source: "API: CreateSecret, ClientRequestToken", given: plain,
			when: func(w *world) error { w.create("s", "one"); return nil },
		},
		{
			name: "create again with the same token and another value", source: "moto, aws_verified", given: plain,
			when: func(w *world) error {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), ClientRequestToken: aws.String(token1), SecretString: aws.String("x")})
				return err
			},
			code: "ResourceExistsException", text: "You can't use ClientRequestToken " + token1 + " because that value is already in use for a version of secret {arn}.",
		},
		{
			name: "create again without a value", source: "API: CreateSecret, ClientRequestToken",
			when: func(w *world) error {
				w.must(w.call("CreateSecret", `{"Name":"s","ClientRequestToken":"`+token1+`"}`))
				return w.call("CreateSecret", `{"Name":"s","ClientRequestToken":"`+token1+`"}`)
			},
		},
		{name: "by ARN", source: "API: DescribeSecret", given: plain, when: describe("{arn}")},
		{name: "by partial ARN", source: "API: DescribeSecret", given: plain, when: describe("{partial}")},
		{name: "by name with suffix", source: "API: DescribeSecret", given: plain, when: describe("s-Ab12Cd"), code: "ResourceNotFoundException", text: notFound},
		{name: "by ARN with another suffix", source: "API: DescribeSecret", given: plain, when: describe("{partial}-000000"), code: "ResourceNotFoundException", text: notFound},
		{
			name: "by ARN of another region", source: "aws-sdk-js-v3#7278", given: plain,
			when: describe("arn:aws:secretsmanager:us-west-2:123456789012:secret:s"), code: "ResourceNotFoundException", text: notFound,
		},
		{
			name: "partial ARN of a name that ends like a suffix", source: "API: CreateSecret, Name",
			given: func(w *world) { w.create("db-master", "one") },
			when:  describe("arn:aws:secretsmanager:us-east-1:123456789012:secret:db-master"), code: "ResourceNotFoundException", text: notFound,
		},
		{
			name: "what DescribeSecret leaves out", source: recorded, given: plain,
			then: func(w *world) {
				d := w.describe(east)
				if d.KmsKeyId != nil || d.RotationEnabled != nil || d.PrimaryRegion != nil || d.ReplicationStatus != nil || d.DeletedDate != nil || d.Description != nil || d.LastAccessedDate != nil || d.Tags != nil {
					w.Errorf("too much: %+v", d)
				}
				if !d.CreatedDate.Equal(epoch) || !d.LastChangedDate.Equal(epoch) {
					w.Errorf("dates: %v, %v, want %v", d.CreatedDate, d.LastChangedDate, epoch)
				}
			},
		},
		{
			name: "update of metadata changes LastChangedDate", source: "API: UpdateSecret", given: plain,
			when: func(w *world) error {
				w.advance(time.Hour)
				out, err := w.sm(east).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), Description: aws.String("d")})
				w.equal("VersionId", out.VersionId, nil)
				return err
			},
			then: func(w *world) {
				w.equal("LastChangedDate", w.describe(east).LastChangedDate, epoch.Add(time.Hour))
				w.equal("Description", w.describe(east).Description, "d")
			},
		},
		{
			name: "update with a value", source: recorded, given: plain,
			when: func(w *world) error {
				out, err := w.sm(east).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(token2), SecretString: aws.String("two")})
				w.equal("VersionId", out.VersionId, token2)
				return err
			},
			then: func(w *world) { w.serves(east, "two") },
		},
		{
			name: "a tag is set and replaced", source: "API: TagResource", given: plain,
			when: func(w *world) error {
				w.must(tagged(types.Tag{Key: aws.String("k"), Value: aws.String("1")})(w))
				return tagged(types.Tag{Key: aws.String("k"), Value: aws.String("2")})(w)
			},
			then: func(w *world) {
				w.equal("tags", w.describe(east).Tags, []types.Tag{{Key: aws.String("k"), Value: aws.String("2")}})
			},
		},
		{
			name: "a reserved tag", source: "AWS: Tag secrets", given: plain,
			when: tagged(types.Tag{Key: aws.String("aws:k"), Value: aws.String("")}), code: "InvalidParameterException",
		},
		{
			name: "a tag key of 129 characters", source: "API model: TagKeyType", given: plain,
			when: tagged(types.Tag{Key: aws.String(strings.Repeat("k", 129)), Value: aws.String("")}), code: "ValidationException",
		},
		{
			name: "a member of the wrong type", source: "AWS JSON 1.1 protocol",
			when: func(w *world) error { return w.call("DescribeSecret", `{"SecretId":7}`) }, code: "SerializationException",
		},
		{
			name: "a required member missing", source: "API model: DescribeSecretRequest",
			when: func(w *world) error { return w.call("DescribeSecret", `{}`) }, code: "ValidationException",
		},
	}
}

// deletionFacts are about DeleteSecret and RestoreSecret.
func deletionFacts() []fact {
	marked := func(w *world) { w.create("s", "one"); w.must(w.delete(east, false)) }
	const markedText = "You can't perform this operation on the secret because it was marked for deletion."
	return []fact{
		{
			name: "a name scheduled for deletion", source: recorded, given: marked,
			when: func(w *world) error {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
				return err
			},
			code: "InvalidRequestException", text: "You can't create this secret because a secret with this name is already scheduled for deletion.",
		},
		{
			name: "tagging a secret marked for deletion", source: recorded, given: marked,
			when: func(w *world) error {
				_, err := w.sm(east).TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: []types.Tag{{Key: aws.String("k")}}})
				return err
			},
			code: "InvalidRequestException", text: markedText,
		},
		{
			name: "reading a secret marked for deletion", source: "API: DeleteSecret", given: marked,
			when: func(w *world) error { _, err := w.get(east); return err }, code: "InvalidRequestException", text: markedText,
		},
		{
			name: "describing a secret marked for deletion", source: recorded, given: marked,
			then: func(w *world) {
				w.equal("DeletedDate", w.describe(east).DeletedDate, epoch.Add(30*24*time.Hour))
				w.equal("labels", w.labels(east), []string{"AWSCURRENT"})
			},
		},
		{
			name: "the recovery window ends", source: "API: DeleteSecret", given: marked,
			then: func(w *world) {
				w.advance(30*24*time.Hour - time.Second)
				w.describe(east)
				w.advance(time.Second)
				w.absent(east)
			},
		},
		{
			name: "restored in time", source: "API: RestoreSecret", given: marked,
			when: func(w *world) error {
				_, err := w.sm(east).RestoreSecret(w.ctx, &secretsmanager.RestoreSecretInput{SecretId: aws.String("s")})
				return err
			},
			then: func(w *world) { w.advance(60 * 24 * time.Hour); w.serves(east, "one") },
		},
		{
			name: "a window of six days", source: "API: DeleteSecret, RecoveryWindowInDays",
			given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error {
				_, err := w.sm(east).DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(6)})
				return err
			},
			code: "InvalidParameterException",
		},
		{
			name: "a window and force", source: "API: DeleteSecret", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error {
				_, err := w.sm(east).DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)})
				return err
			},
			code: "InvalidParameterException",
		},
		{
			name: "forced, no such secret", source: recorded,
			when: func(w *world) error { return w.delete(east, true) },
		},
		{
			name: "not forced, no such secret", source: recorded,
			when: func(w *world) error { return w.delete(east, false) }, code: "ResourceNotFoundException",
		},
		{
			name: "forced on one already scheduled", source: recorded, given: marked,
			when: func(w *world) error { return w.delete(east, true) },
			then: func(w *world) { w.absent(east) },
		},
		{
			name: "a new secret of an old name has a new suffix", source: recorded,
			then: func(w *world) {
				w.create("s", "one")
				old := w.arn(east, "s")
				w.must(w.delete(east, true))
				w.create("s", "one")
				if w.arn(east, "s") == old {
					w.Errorf("same ARN again: %s", old)
				}
			},
		},
		{
			name: "the name is held for a while", source: "terraform-provider-aws retries on \"was deleted\"", quirks: []string{"name-held=30s"},
			given: func(w *world) { w.create("s", "one"); w.must(w.delete(east, true)) },
			when: func(w *world) error {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
				return err
			},
			code: "InvalidRequestException",
			then: func(w *world) { w.advance(30 * time.Second); w.create("s", "one") },
		},
		{
			name: "a primary with replicas", source: "cloud-nuke#435, aws-nuke#1127",
			given: func(w *world) { w.create("s", "one", west, eu) },
			when:  func(w *world) error { return w.delete(east, true) },
			code:  "InvalidParameterException", text: "You can't delete secret {arn} that still has replica regions [eu-west-1, us-west-2].",
		},
	}
}
