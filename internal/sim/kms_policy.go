package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// defaultKeyPolicy is AWS's: the account's root may do everything.
// AWS: KMS developer guide, "Default key policy".
func (s *regionStore) defaultKeyPolicy() string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:%s:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`, partitionOf(s.name), s.account.id)
}

// managedKeyPolicy is that of the AWS-managed key of Secrets Manager.
// AWS: Secrets Manager user guide, "Secret encryption and decryption", "Key
// policy of the AWS managed key".
func (s *regionStore) managedKeyPolicy() string {
	const sid = "Allow access through AWS Secrets Manager for all principals in the account that are authorized to use AWS Secrets Manager"
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "auto-secretsmanager-2",
  "Statement" : [ {
    "Sid" : %[1]q,
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : { "kms:CallerAccount" : "%[2]s", "kms:ViaService" : "secretsmanager.%[3]s.amazonaws.com" }
    }
  }, {
    "Sid" : %[1]q,
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : "kms:GenerateDataKey*",
    "Resource" : "*",
    "Condition" : {
      "StringEquals" : { "kms:CallerAccount" : "%[2]s" },
      "StringLike" : { "kms:ViaService" : "secretsmanager.%[3]s.amazonaws.com" }
    }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "arn:%[4]s:iam::%[2]s:root" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`, sid, s.account.id, s.name, partitionOf(s.name))
}

// defaultPolicyName is the only name that a key's policy can have. AWS: API
// reference, GetKeyPolicy, PutKeyPolicy.
const defaultPolicyName = "default"

func noSuchPolicy() *apiError { return errorf("NotFoundException", 400, "No such policy exists") }

// getKeyPolicy tells the policy of an AWS-managed key as well. AWS: KMS
// developer guide, "AWS managed keys": their policies can be viewed.
func getKeyPolicy(r *request) (any, error) {
	var in struct {
		KeyId      *string `check:"required,len=1..2048"`
		PolicyName *string `check:"len=1..128"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.keyByID(*in.KeyId)
	switch {
	case bad != nil:
		return nil, bad
	case orElse(in.PolicyName, defaultPolicyName) != defaultPolicyName:
		return nil, noSuchPolicy()
	}
	return struct{ Policy, PolicyName string }{k.policy, defaultPolicyName}, nil
}

func putKeyPolicy(r *request) (any, error) {
	var in struct {
		KeyId      *string `check:"required,len=1..2048"`
		PolicyName *string `check:"len=1..128"`
		Policy     *string `check:"required,len=1..131072"`

		BypassPolicyLockoutSafetyCheck bool
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	if orElse(in.PolicyName, defaultPolicyName) != defaultPolicyName {
		return nil, noSuchPolicy()
	}
	if bad := r.checkKeyPolicy(*in.Policy, in.BypassPolicyLockoutSafetyCheck); bad != nil {
		return nil, bad
	}
	k.policy = *in.Policy
	return nil, nil
}

func listKeyPolicies(r *request) (any, error) {
	var in keyIDInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if _, bad := r.keyByID(*in.KeyId); bad != nil {
		return nil, bad
	}
	return struct {
		PolicyNames []string
		Truncated   bool
	}{[]string{defaultPolicyName}, false}, nil
}

// checkKeyPolicy refuses what is no policy and, unless bypass is set, one by
// which nobody of the account could put another. AWS: KMS developer guide,
// "Default key policy", and API reference, PutKeyPolicy,
// BypassPolicyLockoutSafetyCheck. AWS asks whether the caller could; the
// simulator knows no users, so anybody of the account will do.
func (r *request) checkKeyPolicy(text string, bypass bool) *apiError {
	var p secretPolicy
	if json.Unmarshal([]byte(text), &p) != nil || len(p.Statement) == 0 {
		return errorf("MalformedPolicyDocumentException", 400, "This policy contains invalid Json")
	}
	if bypass || slices.ContainsFunc(p.Statement, r.letsPutKeyPolicy) {
		return nil
	}
	return errorf("MalformedPolicyDocumentException", 400, "The new key policy will not allow you to update the key policy in the future.")
}

func (r *request) letsPutKeyPolicy(st policyStatement) bool {
	return st.Effect == "Allow" && st.Principal.within(r.account) && st.names("kms:PutKeyPolicy")
}

// letsUse asks a key's policy whether Secrets Manager of the key's region may
// use it on behalf of the account: some Allow must say so, and no Deny may
// speak against it. Conditions on kms:ViaService, kms:CallerAccount,
// aws:PrincipalAccount and aws:PrincipalArn are judged; a statement with
// another one is taken not to apply, as the simulator knows no networks.
// AWS: KMS developer guide, "Condition keys for AWS KMS".
func (s *regionStore) letsUse(k *key, action string) bool {
	context := map[string]string{
		"kms:viaservice":    "secretsmanager." + s.name + ".amazonaws.com",
		"kms:calleraccount": s.account.id, "aws:principalaccount": s.account.id,
		"aws:principalarn": "arn:" + partitionOf(s.name) + ":iam::" + s.account.id + ":root",
	}
	allowed := false
	for _, st := range k.statements() {
		switch {
		case !st.names(action) || !st.holds(context):
		case st.Effect == "Allow":
			allowed = allowed || st.Principal.within(s.account.id)
		case st.Principal.anyone, slices.Contains(st.Principal.aws, s.account.id), slices.Contains(st.Principal.aws, context["aws:principalarn"]):
			return false
		}
	}
	return allowed
}

// statements are the policy's, read once: every value that is written or read
// asks for them.
func (k *key) statements() []policyStatement {
	if k.read != k.policy {
		var p secretPolicy
		if json.Unmarshal([]byte(k.policy), &p) == nil {
			k.read, k.parsed = k.policy, p.Statement
		}
	}
	return k.parsed
}

// within says whether somebody of the account is meant: the simulator knows no
// users, so whom a key's policy allows may be the caller.
func (p *policyPrincipal) within(account string) bool {
	return p.anyone || slices.ContainsFunc(p.aws, func(name string) bool {
		return name == account || strings.Contains(name, "::"+account+":")
	})
}
