package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// TestFunctionFenceByHand: a team lets Secrets Manager invoke its function for
// single secrets. The fence takes that, by the script and by understudy, and
// the way home gives it back as it was: by the script of an understudy that
// fenced it itself, and by the understudy that finds it fenced by hand.
func TestFunctionFenceByHand(t *testing.T) {
	t.Parallel()
	hand, tool := twins(t, returnFleet, returnConfig+"\n[failover]\nfence = \"rotation+lambda\"\n")
	before := map[*byHand]string{}
	for _, w := range []*byHand{hand, tool} {
		w.permitsSingleSecrets()
		before[w] = w.functionPolicy()
		w.must(0, "apply", "--yes")
		w.run("drift") // captures the snapshot, whatever its verdict
		w.sim.setRegion(east, "refuse")
	}
	text := hand.must(0, "failover", "--to", west, "--dry-run", "--as", "aws-cli").stdout
	hand.mustScript(text)
	tool.must(0, "failover", "--to", west, "--yes")
	both(hand, tool, func(w *byHand) { w.sim.setRegion(east, "up") })
	if out := hand.mustScript(due(t, text)); strings.Count(out, "taken, keep this to put it back: {") != 2 {
		t.Errorf("it does not tell what it took:\n%s", out)
	}
	tool.must(0, "fence", "--yes")
	for _, w := range []*byHand{hand, tool} {
		if now := w.functionPolicy(); now != "none" {
			t.Errorf("fenced: %s", now)
		}
	}

	tool.mustScript(tool.must(0, "failback", "--to", east, "--dry-run", "--as", "aws-cli").stdout)
	hand.learns("failover", "--to", west)
	hand.must(0, "failback", "--to", east, "--yes")
	for w, was := range before {
		if now := w.functionPolicy(); now != was {
			t.Errorf("home again: %s\nand was %s", now, was)
		}
	}
}

func (w *byHand) functions() *lambda.Client {
	return lambda.New(lambda.Options{
		Region: east, BaseEndpoint: aws.String(w.sim.url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// permitsSingleSecrets replaces the statement of the fleet by narrower ones.
func (w *byHand) permitsSingleSecrets() {
	w.t.Helper()
	var policy struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(w.functionPolicy()), &policy); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range policy.Statement {
		if _, err := w.functions().RemovePermission(w.t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("rotate-db"), StatementId: aws.String(s.Sid)}); err != nil {
			w.t.Fatal(err)
		}
	}
	for sid, secrets := range map[string]string{"Database": "prod/db-??????", "Later": "prod/later/*"} {
		if _, err := w.functions().AddPermission(w.t.Context(), &lambda.AddPermissionInput{
			FunctionName: aws.String("rotate-db"), StatementId: aws.String(sid), Action: aws.String("lambda:InvokeFunction"),
			Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String("123456789012"),
			SourceArn: aws.String("arn:aws:secretsmanager:us-east-1:123456789012:secret:" + secrets),
		}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// functionPolicy is that of home's rotation function.
func (w *byHand) functionPolicy() string {
	out, err := w.functions().GetPolicy(w.t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("rotate-db")})
	if err != nil {
		return "none"
	}
	return aws.ToString(out.Policy)
}
