package runbooks_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/understudy-dr/understudy/internal/topology"
)

// permissions are those of Secrets Manager to invoke a function.
func (p *player) permissions(words []string) {
	p.t.Helper()
	region := topology.Region(words[len(words)-1])
	switch words[0] {
	case "permit": // permit FUNCTION for SECRETS as STATEMENT in REGION: nobody else but them; "for none" takes it away
		p.said("", permit(p.world, region, words[1], words[3], words[5]))
	case "permissions": // permissions of FUNCTION in REGION
		f, err := p.env.Cloud.Function(p.t.Context(), region, "arn:aws:lambda:"+string(region)+":"+account+":function:"+words[2])
		p.said("", err)
		known, _, err := topology.Invokers(f.Policy, f.ARN)
		p.said("", err)
		for _, s := range known {
			_, secrets, single := strings.Cut(s.SourceARN, ":secret:")
			if !single {
				secrets = "all"
			}
			p.printf("%s: %s", s.Sid, secrets)
		}
		if len(known) == 0 {
			p.printf("none")
		}
	}
}

// permit is what a team does to the policy of its function.
func permit(w *world, region topology.Region, function, secrets, sid string) error {
	functions := lambda.NewFromConfig(aws.Config{
		Region: string(region), HTTPClient: w.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", ""),
	})
	if secrets == "none" {
		_, err := functions.RemovePermission(w.t.Context(), &lambda.RemovePermissionInput{FunctionName: &function, StatementId: &sid})
		return err
	}
	_, err := functions.AddPermission(w.t.Context(), &lambda.AddPermissionInput{
		FunctionName: &function, StatementId: &sid, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String(account),
		SourceArn: aws.String("arn:aws:secretsmanager:" + string(region) + ":" + account + ":secret:" + secrets),
	})
	return err
}
