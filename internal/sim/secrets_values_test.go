package sim_test

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const recorded = "recorded AWS answer: localstack snapshots tests/aws/services/secretsmanager"

// valueFacts are about values, versions and staging labels.
func valueFacts() []fact {
	plain := func(w *world) { w.create("s", "one") }
	getWith := func(id, stage string) func(*world) error {
		return func(w *world) error {
			in := &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}
			if id != "" {
				in.VersionId = &id
			}
			if stage != "" {
				in.VersionStage = &stage
			}
			_, err := w.sm(east).GetSecretValue(w.ctx, in)
			return err
		}
	}
	move := func(stage, from, to string) func(*world) error {
		return func(w *world) error {
			in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: &stage}
			if from != "" {
				in.RemoveFromVersionId = &from
			}
			if to != "" {
				in.MoveToVersionId = &to
			}
			_, err := w.sm(east).UpdateSecretVersionStage(w.ctx, in)
			return err
		}
	}
	return []fact{
		{
			name: "no such secret", source: recorded, when: getWith("", ""),
			code: "ResourceNotFoundException", text: "Secrets Manager can't find the specified secret.",
		},
		{
			name: "a secret without a value", source: recorded,
			given: func(w *world) {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
				w.must(err)
			},
			when: getWith("", ""),
			code: "ResourceNotFoundException", text: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
		},
		{
			name: "no such stage", source: recorded, given: plain, when: getWith("", "AWSPENDING"),
			code: "ResourceNotFoundException", text: "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
		},
		{
			name: "no such version", source: recorded, given: plain, when: getWith(token2, ""),
			code: "ResourceNotFoundException", text: "Secrets Manager can't find the specified secret value for VersionId: " + token2,
		},
		{
			name: "a stage that is not on that version", source: recorded, given: plain, when: getWith(token1, "AWSPREVIOUS"),
			code: "InvalidRequestException", text: "You provided a VersionStage that is not associated to the provided VersionId.",
		},
		{
			name: "put moves AWSCURRENT and AWSPREVIOUS", source: "API: PutSecretValue", given: plain,
			when: func(w *world) error { return w.put(east, token2, "two") },
			then: func(w *world) {
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token2, "AWSPREVIOUS": token1})
				w.serves(east, "two")
			},
		},
		{
			name: "a third value leaves the first without a label", source: "API: PutSecretValue", given: plain,
			when: func(w *world) error { w.must(w.put(east, token2, "two")); return w.put(east, token3, "three") },
			then: func(w *world) {
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token3, "AWSPREVIOUS": token2})
				list := func(deprecated bool) int {
					out, err := w.sm(east).ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: &deprecated})
					w.must(err)
					w.equal("key of a version", out.Versions[0].KmsKeyIds, []string{"DefaultEncryptionKey"})
					return len(out.Versions)
				}
				w.equal("versions", []int{list(false), list(true)}, []int{2, 3})
			},
		},
		{
			name: "put again with the same token and value", source: "moto, aws_verified", given: plain,
			when: func(w *world) error { return w.put(east, token1, "one") },
			then: func(w *world) { w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1}) },
		},
		{
			name: "put with a token of another value", source: "moto, aws_verified", given: plain,
			when: func(w *world) error { return w.put(east, token1, "two") },
			code: "ResourceExistsException",
			text: "You can't use ClientRequestToken " + token1 + " because that value is already in use for a version of secret {arn}.",
		},
		{
			name: "put of nothing", source: "moto", given: plain,
			when: func(w *world) error {
				return w.call("PutSecretValue", `{"SecretId":"s","ClientRequestToken":"`+token2+`"}`)
			},
			code: "InvalidRequestException", text: "You must provide either SecretString or SecretBinary.",
		},
		{
			name: "put without a token over plain HTTP", source: recorded, given: plain,
			when: func(w *world) error { return w.call("PutSecretValue", `{"SecretId":"s","SecretString":"x"}`) },
			code: "InvalidRequestException", text: "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
		},
		{
			name: "a value of 65,536 bytes", source: "AWS: Secrets Manager quotas", given: plain,
			when: func(w *world) error { return w.put(east, token2, strings.Repeat("x", 65536)) },
		},
		{
			name: "a value of 65,537 bytes", source: "API model: SecretStringType", given: plain,
			when: func(w *world) error { return w.put(east, token2, strings.Repeat("x", 65537)) },
			code: "ValidationException",
			text: "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
		},
		{
			name: "a token of 31 characters", source: "API model: ClientRequestTokenType", given: plain,
			when: func(w *world) error { return w.put(east, strings.Repeat("t", 31), "x") },
			code: "ValidationException",
		},
		{
			name: "a twenty-first label", source: "AWS: Secrets Manager quotas",
			given: func(w *world) {
				w.create("s", "one")
				for i := range 19 {
					w.must(move(fmt.Sprintf("LABEL%d", i), "", token1)(w))
				}
			},
			when: move("ONE_TOO_MANY", "", token1), code: "LimitExceededException",
		},
		{
			name: "taking AWSCURRENT off", source: "API: UpdateSecretVersionStage", given: plain, when: move("AWSCURRENT", token1, ""),
			code: "InvalidParameterException",
			text: "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.",
		},
		{
			name: "moving a label without saying from where", source: "API: UpdateSecretVersionStage",
			given: func(w *world) { w.create("s", "one"); w.must(w.put(east, token2, "two")) },
			when:  move("AWSCURRENT", "", token1),
			code:  "InvalidParameterException",
			text:  "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + token2 + ", so you must explicitly reference that version in RemoveFromVersionId.",
		},
		{
			name: "moving AWSCURRENT back", source: "API: UpdateSecretVersionStage",
			given: func(w *world) { w.create("s", "one"); w.must(w.put(east, token2, "two")) },
			when:  move("AWSCURRENT", token2, token1),
			then: func(w *world) {
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1, "AWSPREVIOUS": token2})
				w.serves(east, "one")
			},
		},
		{
			name: "a batch tells each failure", source: "API: BatchGetSecretValue", given: plain,
			then: func(w *world) {
				out, err := w.sm(east).BatchGetSecretValue(w.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"s", "t"}})
				w.must(err)
				w.equal("value", out.SecretValues[0].SecretString, "one")
				w.equal("error", out.Errors, []types.APIErrorType{{
					SecretId: aws.String("t"), ErrorCode: aws.String("ResourceNotFoundException"), Message: aws.String("Secrets Manager can't find the specified secret."),
				}})
			},
		},
		{
			name: "reading notes the day of access", source: "API: DescribeSecret, LastAccessedDate", given: plain,
			when: getWith("", ""),
			then: func(w *world) {
				w.equal("LastAccessedDate", w.describe(east).LastAccessedDate, epoch.Truncate(24*3600e9))
			},
		},
		{
			name: "random password has each kind", source: "API: GetRandomPassword",
			then: func(w *world) {
				out, err := w.sm(east).GetRandomPassword(w.ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4), ExcludeCharacters: aws.String("abc")})
				w.must(err)
				for _, kind := range []string{"defghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"} {
					if !strings.ContainsAny(*out.RandomPassword, kind) {
						w.Errorf("no character of %s", kind)
					}
				}
			},
		},
	}
}
