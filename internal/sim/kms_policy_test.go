package sim_test

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// keyPolicyVia lets the account use a key through Secrets Manager of a region
// only, and administer it.
func keyPolicyVia(region string) string {
	return `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["kms:Put*","kms:Get*","kms:Describe*"],"Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:Encrypt","kms:GenerateDataKey*"],"Resource":"*",` +
		`"Condition":{"StringEquals":{"kms:CallerAccount":"123456789012","kms:ViaService":"secretsmanager.` + region + `.amazonaws.com"}}}]}`
}

func keyPolicyFacts() []serviceFact {
	return []serviceFact{
		{name: "the AWS-managed key's policy can be read", source: "AWS: Secrets Manager user guide, encryption, key policy of the AWS managed key", call: func(b *bench) error {
			out, err := b.keys().DescribeKey(b.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/secretsmanager")})
			b.must(err)
			policy, err := b.keys().GetKeyPolicy(b.Context(), &kms.GetKeyPolicyInput{KeyId: out.KeyMetadata.Arn})
			b.must(err)
			var doc struct{ Id string }
			b.must(json.Unmarshal([]byte(*policy.Policy), &doc))
			equal(b, "id", doc.Id, "auto-secretsmanager-2")
			equal(b, "via", strings.Count(*policy.Policy, "secretsmanager.us-east-1.amazonaws.com"), 2)
			_, err = b.keys().PutKeyPolicy(b.Context(), &kms.PutKeyPolicyInput{KeyId: out.KeyMetadata.Arn, Policy: policy.Policy})
			return err
		}, code: "AccessDeniedException", status: 400},
		{name: "a key's policy is put and read by id or ARN", source: "AWS: API reference, GetKeyPolicy and PutKeyPolicy", call: func(b *bench) error {
			id, policy := b.newKey(false), keyPolicyVia("us-east-1")
			_, err := b.keys().PutKeyPolicy(b.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(ourKey + id), Policy: &policy})
			b.must(err)
			out, err := b.keys().GetKeyPolicy(b.Context(), &kms.GetKeyPolicyInput{KeyId: &id})
			b.must(err)
			equal(b, "policy", *out.Policy, policy)
			equal(b, "name", *out.PolicyName, "default")
			_, err = b.keys().GetKeyPolicy(b.Context(), &kms.GetKeyPolicyInput{KeyId: &id, PolicyName: aws.String("other")})
			return err
		}, code: "NotFoundException", status: 400, text: "No such policy exists"},
		{name: "GetKeyPolicy takes no alias", source: "AWS: API reference, GetKeyPolicy, KeyId", call: func(b *bench) error {
			id := b.newKey(false)
			_, err := b.keys().CreateAlias(b.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: &id})
			b.must(err)
			_, err = b.keys().GetKeyPolicy(b.Context(), &kms.GetKeyPolicyInput{KeyId: aws.String("alias/x")})
			return err
		}, code: "NotFoundException", status: 400, text: "Invalid keyId 'alias/x'"},
		{name: "a policy that nobody could change again", source: "AWS: API reference, PutKeyPolicy, BypassPolicyLockoutSafetyCheck", call: func(b *bench) error {
			id, policy := b.newKey(false), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"*"}]}`
			_, err := b.keys().PutKeyPolicy(b.Context(), &kms.PutKeyPolicyInput{KeyId: &id, Policy: &policy, BypassPolicyLockoutSafetyCheck: true})
			b.must(err)
			_, err = b.keys().PutKeyPolicy(b.Context(), &kms.PutKeyPolicyInput{KeyId: &id, Policy: &policy})
			return err
		}, code: "MalformedPolicyDocumentException", status: 400, text: "The new key policy will not allow you to update the key policy in the future."},
		{name: "a key whose policy lets another region's Secrets Manager use it", source: "AWS: KMS developer guide, kms:ViaService; live answers", call: func(b *bench) error {
			id, secrets := b.newKey(false), secretsmanager.NewFromConfig(config(b.cloud, "us-east-1"))
			_, err := secrets.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("v"), KmsKeyId: &id})
			b.must(err)
			for _, via := range []string{"us-east-1", "us-west-2"} {
				policy := keyPolicyVia(via)
				_, err = b.keys().PutKeyPolicy(b.Context(), &kms.PutKeyPolicyInput{KeyId: &id, Policy: &policy})
				b.must(err)
				_, err = secrets.GetSecretValue(b.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
				if via == "us-east-1" {
					b.must(err)
				}
			}
			return err
		}, code: "AccessDeniedException", status: 400, text: "Access to KMS is not allowed"},
	}
}
