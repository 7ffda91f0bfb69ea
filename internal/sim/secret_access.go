package sim

import (
	"slices"
	"strings"
)

// storeOf is where a SecretId points: this region, in the account that an
// ARN names. It is nil if that account has nothing.
func (r *request) storeOf(id string) *regionStore {
	parts := strings.SplitN(id, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" || parts[4] == r.account {
		return r.here()
	}
	other := r.cloud.accounts[parts[4]]
	if other == nil {
		return nil
	}
	return other.regions[r.region]
}

// callerARN is who the resource policies take the caller for. The simulator
// has no IAM: every caller of an account is its root user.
func (r *request) callerARN() string {
	return "arn:" + partitionOf(r.region) + ":iam::" + r.account + ":root"
}

// authorize asks the secret's resource policy. Of a policy it enforces what
// a fence needs: Deny statements, by principal, action, resource and
// conditions on aws:PrincipalArn and aws:PrincipalAccount. A Deny with
// another condition (such as aws:SourceVpce) or with NotPrincipal is taken
// not to apply, as the simulator knows no networks and no users. A caller of
// another account needs an Allow.
func (r *request) authorize(at *regionStore, s *secret) error {
	foreign := at.account.id != r.account
	if s.policy == "" && !foreign {
		return nil
	}
	var policy secretPolicy
	if s.policy != "" {
		if p, err := parsePolicy(s.policy); err == nil {
			policy = *p
		}
	}
	allowed := false
	for _, st := range policy.Statement {
		if !r.covered(st, s.arn(at)) {
			continue
		}
		if st.Effect == "Deny" {
			return r.denied(s.arn(at), "with an explicit deny in a resource-based policy")
		}
		allowed = true
	}
	if foreign && !allowed {
		return r.denied(s.arn(at), "because no resource-based policy allows the secretsmanager:"+r.op+" action")
	}
	return nil
}

func (r *request) denied(arn, why string) error {
	err := errorf("AccessDeniedException", 400, "User: %s is not authorized to perform: secretsmanager:%s on resource: %s %s", r.callerARN(), r.op, arn, why)
	err.Upper = true
	return err
}

// covered says whether a statement speaks about this call.
func (r *request) covered(st policyStatement, arn string) bool {
	return r.isPrincipal(st) && st.names("secretsmanager:"+r.op) && isResource(st, arn) && r.meets(st)
}

func (r *request) isPrincipal(st policyStatement) bool {
	root := r.callerARN()
	return st.Principal.anyone || slices.ContainsFunc(st.Principal.aws, func(p string) bool { return p == root || p == r.account })
}

// names says whether the statement is about an action.
func (st *policyStatement) names(action string) bool {
	any := func(list []string) bool {
		return slices.ContainsFunc(list, func(pattern string) bool {
			return globMatch(strings.ToLower(pattern), strings.ToLower(action))
		})
	}
	if len(st.NotAction) > 0 {
		return !any(st.NotAction)
	}
	return any(st.Action)
}

func isResource(st policyStatement, arn string) bool {
	return len(st.Resource) == 0 || slices.ContainsFunc(st.Resource, func(pattern string) bool { return globMatch(pattern, arn) })
}

// meets says whether the conditions hold; one it cannot judge does not.
func (r *request) meets(st policyStatement) bool {
	return st.holds(map[string]string{"aws:principalarn": r.callerARN(), "aws:principalaccount": r.account})
}

// holds says whether the conditions hold in a context, whose keys are lower
// case; a condition on anything else does not.
func (st *policyStatement) holds(context map[string]string) bool {
	for operator, keys := range st.Condition {
		for key, values := range keys {
			actual, known := context[strings.ToLower(key)]
			if !known {
				return false
			}
			any := slices.ContainsFunc(values, func(pattern string) bool { return globMatch(pattern, actual) })
			switch operator {
			case "ArnLike", "ArnEquals", "StringLike", "StringEquals":
				if !any {
					return false
				}
			case "ArnNotLike", "ArnNotEquals", "StringNotLike", "StringNotEquals":
				if any {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// checkForeign refuses another account the value of a secret under the
// AWS-managed key. AWS: "Permissions to AWS Secrets Manager secrets for
// users in a different account".
func (r *request) checkForeign(at *regionStore, s *secret) error {
	if at.account.id != r.account && isDefaultKey(s.kmsKeyID) {
		return invalidRequest("You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")
	}
	return nil
}

const defaultKeyAlias = "alias/aws/secretsmanager"

// isDefaultKey says whether a KmsKeyId means the AWS-managed key.
func isDefaultKey(id string) bool {
	return id == "" || id == defaultKeyAlias || strings.HasPrefix(id, "arn:") && strings.HasSuffix(id, ":"+defaultKeyAlias)
}

// encryptionKey finds the key to encrypt a value under: its ARN, "" for the
// AWS-managed one, which is always there. It answers AWS's error if the key
// is missing, of another region, or can't be used in its state.
func (c *Cloud) encryptionKey(at *regionStore, id string) (string, error) {
	if isDefaultKey(id) {
		return "", nil
	}
	k, ok := at.resolveKey(id)
	if ok && k.usable() == nil && !at.letsUse(k, "kms:GenerateDataKey") {
		return "", errKMSDenied()
	}
	if !ok || k.usable() != nil {
		return "", c.keyError("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.")
	}
	return k.arn, nil
}

// decryptable says why a version under a key can't be read, nil if it can.
func (c *Cloud) decryptable(at *regionStore, keyARN string) error {
	if keyARN == "" {
		return nil
	}
	k, ok := at.resolveKey(keyARN)
	if ok && k.usable() == nil && !at.letsUse(k, "kms:Decrypt") {
		return errKMSDenied()
	}
	if !ok || k.usable() != nil {
		return c.keyError("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	return nil
}

// keyError is how an unusable key is told (quirk key-error).
func (c *Cloud) keyError(code, message string) error {
	if c.opts.Quirks.KeyError == "access-denied" {
		return errKMSDenied()
	}
	return errorf(code, 400, "%s", message)
}

// errKMSDenied is what a caller hears whom the key's policy does not let use
// the key, as live answers quote it.
func errKMSDenied() error {
	err := errorf("AccessDeniedException", 400, "Access to KMS is not allowed")
	err.Upper = true
	return err
}
