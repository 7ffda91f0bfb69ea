package runbooks_test

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/understudy-dr/understudy/runbooks"
)

// Policies of keys as people have them: who may administer it, and who may
// use it on which condition.
const (
	keyPolicy = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":%q,"Resource":"*"},` +
		`{"Effect":%q,"Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:Encrypt","kms:GenerateDataKey*"],"Resource":"*","Condition":{%s}}]}`
	keyPolicyVia      = `"StringEquals":{"kms:CallerAccount":"123456789012","kms:ViaService":["secretsmanager.%s.amazonaws.com"]}`
	keyPolicyEndpoint = `"StringNotEqualsIfExists":{"aws:SourceVpce":"%s"}`
)

// keyPolicy of ALIAS in REGION via REGION; … from ENDPOINT: reads only through it.
func (p *player) keyPolicy(alias, region, how, what string) {
	p.t.Helper()
	ctx := p.t.Context()
	client := kms.NewFromConfig(aws.Config{Region: region, HTTPClient: p.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")})
	policy := fmt.Sprintf(keyPolicy, "kms:PutKeyPolicy", "Allow", fmt.Sprintf(keyPolicyVia, what))
	if how == "from" {
		policy = fmt.Sprintf(keyPolicy, "kms:*", "Deny", fmt.Sprintf(keyPolicyEndpoint, what))
	}
	key, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias})
	if err == nil {
		_, err = client.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyMetadata.KeyId, Policy: &policy})
	}
	p.said("", err)
}

func (p *player) aboutKeys() {
	p.t.Helper()
	report, err := runbooks.Drift(p.t.Context(), p.env, runbooks.DriftOptions{})
	p.refusal(err)
	for _, f := range report.Findings {
		if strings.HasPrefix(f.Subject, "alias/") {
			p.printf("%s %s %s: %s", f.Severity, f.Code, f.Region, f.Message)
			p.printf("  fix: %s", f.Fix)
		}
	}
}
