package runbooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// What the fence takes from a rotation function, the way home gives back as it
// was, the statement's name included.
func TestInvokePermissionComesBackAsItWas(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.env.Desired.Failover.Fence = "rotation+lambda"
		functions := lambda.NewFromConfig(aws.Config{
			Region: string(home), HTTPClient: w.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", ""),
		})
		policy := func() string {
			out, err := functions.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("rotate-db")})
			if err != nil {
				return err.Error()
			}
			return *out.Policy
		}
		before := policy()
		w.set(home, sim.RegionRefuse)
		if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		w.set(home, sim.RegionUp)
		if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
			t.Fatal(err)
		}
		if policy() == before {
			t.Fatal("it may be invoked still")
		}
		if _, _, err := runbooks.Failback(t.Context(), w.env, runbooks.FailbackOptions{To: home}); err != nil {
			t.Fatal(err)
		}
		if after := policy(); after != before {
			t.Errorf("the policy is %s\nand was %s", after, before)
		}
	})
}
