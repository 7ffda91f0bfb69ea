package sim_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	allowRoot = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	denyPut   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":["secretsmanager:PutSecretValue","secretsmanager:Replicate*"],"Resource":"*"}}`
	denyAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"NotAction":"secretsmanager:DeleteResourcePolicy","Resource":"*"}]}`
	denyVPC   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}]}`
	denyMost  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:root"}}}]}`
	shareAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"secretsmanager:*","Resource":"*"}]}`
)

func (w *world) setPolicy(region, policy string) error {
	_, err := w.sm(region).PutResourcePolicy(w.ctx, &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("s"), ResourcePolicy: &policy})
	return err
}

// as is a client of another account.
func (w *world) as(account string) *secretsmanager.Client {
	cfg := config(w.cloud, east)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(account, "secret", "")
	return secretsmanager.NewFromConfig(cfg)
}

func policyFacts() []fact {
	fenced := func(policy string) func(*world) {
		return func(w *world) { w.create("s", "one"); w.must(w.setPolicy(east, policy)) }
	}
	denied := "User: arn:aws:iam::123456789012:root is not authorized to perform: secretsmanager:PutSecretValue on resource: {arn} with an explicit deny in a resource-based policy"
	return []fact{
		{
			name: "no policy", source: recorded, given: func(w *world) { w.create("s", "one") },
			then: func(w *world) {
				out, err := w.sm(east).GetResourcePolicy(w.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("s")})
				w.must(err)
				w.equal("ResourcePolicy", out.ResourcePolicy, nil)
			},
		},
		{
			name: "a fence stops what it names", source: "AWS: Resource-based policies", given: fenced(denyPut),
			when: func(w *world) error { return w.put(east, token2, "two") }, code: "AccessDeniedException", text: denied,
			then: func(w *world) { w.serves(east, "one") },
		},
		{
			name: "a fence stops by wildcard", source: "AWS: Resource-based policies", given: fenced(denyPut),
			when: func(w *world) error { return w.replicate(false, west) }, code: "AccessDeniedException",
		},
		{
			name: "a fence with NotAction", source: "AWS: IAM JSON policy elements: NotAction", given: fenced(denyAll),
			when: func(w *world) error { _, err := w.get(east); return err }, code: "AccessDeniedException",
			then: func(w *world) {
				_, err := w.sm(east).DeleteResourcePolicy(w.ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: aws.String("s")})
				w.must(err)
				w.serves(east, "one")
			},
		},
		{
			name: "a fence that spares the caller", source: "AWS: IAM condition key aws:PrincipalArn", given: fenced(denyMost),
			when: func(w *world) error { return w.put(east, token2, "two") },
		},
		{
			name: "a condition on networks does not apply here", source: "a limit of the simulator", given: fenced(denyVPC),
			when: func(w *world) error { return w.put(east, token2, "two") },
		},
		{
			name: "a fence reaches attached replicas", source: "terraform-aws-secrets-manager#188",
			given: func(w *world) { replicated(w); w.must(w.setPolicy(east, denyAll)); w.advance(0) },
			when:  func(w *world) error { _, err := w.get(west); return err }, code: "AccessDeniedException",
		},
		{
			name: "a promoted secret keeps the policy", source: "assumed, quirk", quirks: []string{"promoted-policy=keep"},
			given: func(w *world) { replicated(w); w.must(w.setPolicy(east, denyPut)); w.must(w.promote(west)) },
			when:  func(w *world) error { return w.put(west, token2, "two") }, code: "AccessDeniedException",
		},
		{
			name: "a promoted secret loses the policy", source: "assumed, quirk", quirks: []string{"promoted-policy=drop"},
			given: func(w *world) { replicated(w); w.must(w.setPolicy(east, denyPut)); w.must(w.promote(west)) },
			when:  func(w *world) error { return w.put(west, token2, "two") },
		},
		{
			name: "not a policy", source: "API: PutResourcePolicy", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.setPolicy(east, "{") }, code: "MalformedPolicyDocumentException",
		},
		{
			name: "a policy of 20,481 characters", source: "API model: NonEmptyResourcePolicyType", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.setPolicy(east, strings.Repeat(" ", 20481)) }, code: "ValidationException",
		},
		{
			name: "a public policy is blocked on demand", source: "API: PutResourcePolicy, BlockPublicPolicy", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error {
				_, err := w.sm(east).PutResourcePolicy(w.ctx, &secretsmanager.PutResourcePolicyInput{
					SecretId: aws.String("s"), BlockPublicPolicy: aws.Bool(true),
					ResourcePolicy: aws.String(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`),
				})
				return err
			},
			code: "PublicPolicyException",
		},
		{
			name: "a policy is validated", source: "API: ValidateResourcePolicy",
			then: func(w *world) {
				out, err := w.sm(east).ValidateResourcePolicy(w.ctx, &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: aws.String(allowRoot)})
				w.must(err)
				w.equal("passed", out.PolicyValidationPassed, true)
			},
		},
		{
			name: "another account, the AWS-managed key", source: recorded, given: fenced(shareAll),
			when: func(w *world) error {
				_, err := w.as("222222222222").GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(w.arn(east, "s"))})
				return err
			},
			code: "InvalidRequestException",
			text: "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.",
			then: func(w *world) {
				_, err := w.as("222222222222").DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(w.arn(east, "s"))})
				w.must(err)
			},
		},
		{
			name: "another account, not let in", source: "AWS: Permissions for users in a different account", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error {
				_, err := w.as("222222222222").DescribeSecret(w.ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(w.arn(east, "s"))})
				return err
			},
			code: "AccessDeniedException",
		},
	}
}

// keyFacts are about KMS keys.
func keyFacts() []fact {
	under := func(w *world) string {
		key := w.key(east)
		_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), ClientRequestToken: aws.String(token1), SecretString: aws.String("one"), KmsKeyId: &key})
		w.must(err)
		return key
	}
	disabled := func(w *world) { w.disable(east, under(w)) }
	read := func(w *world) error { _, err := w.get(east); return err }
	return []fact{
		{
			name: "the key as the caller wrote it", source: "API: DescribeSecret, KmsKeyId",
			then: func(w *world) {
				key := under(w)
				w.equal("KmsKeyId", w.describe(east).KmsKeyId, key)
				out, err := w.sm(east).ListSecretVersionIds(w.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s")})
				w.must(err)
				w.equal("KmsKeyIds", out.Versions[0].KmsKeyIds, []string{key})
			},
		},
		{name: "reading under a disabled key", source: "API: GetSecretValue, DecryptionFailure; the code is a quirk", quirks: []string{"key-error=modelled"}, given: disabled, when: read, code: "DecryptionFailure"},
		{
			name: "reading under a disabled key, denied", source: "quirk", quirks: []string{"key-error=access-denied"}, given: disabled, when: read,
			code: "AccessDeniedException", text: "Access to KMS is not allowed",
		},
		{
			name: "writing under a disabled key", source: "API: PutSecretValue, EncryptionFailure; the code is a quirk", given: disabled,
			when: func(w *world) error { return w.put(east, token2, "two") }, code: "EncryptionFailure",
		},
		{
			name: "creating under a key of another region", source: "API: CreateSecret, KmsKeyId",
			when: func(w *world) error {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x"), KmsKeyId: aws.String(w.key(west))})
				return err
			}, code: "EncryptionFailure",
		},
		{
			name: "the AWS-managed key by its alias", source: "AWS CLI: replicate-secret-to-regions example",
			when: func(w *world) error {
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x"), KmsKeyId: aws.String("alias/aws/secretsmanager")})
				return err
			},
			then: func(w *world) { w.equal("KmsKeyId", w.describe(east).KmsKeyId, nil) },
		},
		{
			name: "a replica's key is not updated on its own", source: "assumed, quirk", quirks: []string{"replica-key-update=refuse"}, given: replicated,
			when: func(w *world) error {
				_, err := w.sm(west).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), KmsKeyId: aws.String(w.key(west))})
				return err
			}, code: "InvalidParameterException",
		},
		{
			name: "a replica's key is updated on its own", source: "AWS: Promote a replica secret; quirk", quirks: []string{"replica-key-update=allow"}, given: replicated,
			then: func(w *world) {
				key := w.key(west)
				_, err := w.sm(west).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), KmsKeyId: &key})
				w.must(err)
				w.equal("KmsKeyId", w.describe(west).KmsKeyId, key)
				w.equal("entry's key", w.describe(east).ReplicationStatus[0].KmsKeyId, key)
				w.must(w.put(east, token2, "two"))
				w.serves(west, "two")
			},
		},
		{
			name: "AddReplicaRegions with a key", source: "API: ReplicaRegionType",
			then: func(w *world) {
				key := w.key(west)
				_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{
					Name: aws.String("s"), SecretString: aws.String("x"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(west), KmsKeyId: &key}},
				})
				w.must(err)
				w.equal("key here", w.describe(east).KmsKeyId, nil)
				w.equal("key there", w.describe(west).KmsKeyId, key)
			},
		},
	}
}
