package sim_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

func arm(t *testing.T, c *sim.Cloud, f sim.Fault) {
	t.Helper()
	if err := c.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

func TestFaultErrorHitsWhatItMatchesSoOften(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	arm(t, c, sim.Fault{
		Match: sim.FaultMatch{Region: "us-east-1", Operation: "DescribeSecret", Secret: "prod/db/*"},
		Fault: sim.FaultError, Code: "AccessDeniedException", Count: 2,
	})
	if err := describe(c, "us-east-1", "dev/sandbox"); err != nil {
		t.Errorf("another secret: %v", err)
	}
	if err := describe(c, "us-west-2", "prod/db/orders"); err != nil {
		t.Errorf("another region: %v", err)
	}
	answered(t, describe(c, "us-east-1", "prod/db/orders"), "AccessDeniedException", 400)
	state, _ := c.State().Secret("123456789012", "us-east-1", "prod/db/users")
	answered(t, describe(c, "us-east-1", state.ARN), "AccessDeniedException", 400) // by ARN, too
	if err := describe(c, "us-east-1", "prod/db/orders"); err != nil {
		t.Errorf("after two hits: %v", err)
	}
}

func TestFaultLostAnswerApplies(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	arm(t, c, sim.Fault{Match: sim.FaultMatch{Operation: "PutSecretValue"}, Fault: sim.FaultLostAnswer, Count: 1})
	token := strings.Repeat("b", 32)
	in := &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("dev/sandbox"), SecretString: aws.String("v"), ClientRequestToken: &token,
	}
	if _, err := secrets(c, "us-east-1").PutSecretValue(t.Context(), in); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("error %v, want ECONNRESET", err)
	}
	s, _ := c.State().Secret("123456789012", "us-east-1", "dev/sandbox")
	if _, ok := s.Versions[token]; !ok {
		t.Error("the lost call was not applied")
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.New(sim.Options{})
		if err := c.Load(sim.ExampleFleet()); err != nil {
			t.Fatal(err)
		}
		arm(t, c, sim.Fault{Fault: sim.FaultDelay, Delay: sim.Duration(3 * time.Second), Count: 1})
		start := time.Now()
		if err := describe(c, "us-east-1", "dev/sandbox"); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("after %s: %v, want an answer after 3s", time.Since(start), err)
		}
	})
}

func TestFaultThrottleStormUntilCleared(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	arm(t, c, sim.Fault{Match: sim.FaultMatch{Region: "us-east-1"}, Fault: sim.FaultThrottle})
	for range 3 {
		answered(t, describe(c, "us-east-1", "dev/sandbox"), "ThrottlingException", 400)
	}
	if n := c.Calls()["us-east-1"]["secretsmanager"]["DescribeSecret"]; n.Throttled != 3 {
		t.Errorf("counted %+v, want 3 throttled", n)
	}
	c.ClearFaults()
	if err := describe(c, "us-east-1", "dev/sandbox"); err != nil {
		t.Error(err)
	}
}

func TestFaultPlan(t *testing.T) {
	plan, err := sim.ParseFaults("plan.toml", []byte(`
[[region]]
at = "10m"
name = "us-east-1"
state = "unavailable"

[[fault]]
match = { region = "us-west-2", operation = "DescribeSecret" }
fault = "error"
code = "InternalServiceError"
count = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	if err := c.ApplyFaults(plan); err != nil {
		t.Fatal(err)
	}
	answered(t, describe(c, "us-west-2", "prod/db/orders"), "InternalServiceError", 500)
	if err := describe(c, "us-east-1", "prod/db/orders"); err != nil {
		t.Errorf("before its time: %v", err)
	}
	c.Advance(10 * time.Minute)
	answered(t, describe(c, "us-east-1", "prod/db/orders"), "ServiceUnavailable", 503)
}

// On a clock that moves by itself a plan's time comes without an Advance.
func TestFaultPlanOnARunningClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.New(sim.Options{})
		if err := c.Load(sim.ExampleFleet()); err != nil {
			t.Fatal(err)
		}
		if err := c.ApplyFaults(&sim.FaultPlan{Faults: []sim.PlannedFault{{
			At: sim.Duration(time.Minute), Fault: sim.Fault{Fault: sim.FaultThrottle},
		}}}); err != nil {
			t.Fatal(err)
		}
		if err := describe(c, "us-east-1", "dev/sandbox"); err != nil {
			t.Errorf("before its time: %v", err)
		}
		time.Sleep(time.Minute) // the bubble's clock
		answered(t, describe(c, "us-east-1", "dev/sandbox"), "ThrottlingException", 400)
	})
}

// From us-east-1 a call to eu-west-1 takes longer than one at home, and a
// caller's deadline cuts it.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.New(sim.Options{Latency: "aws"})
		if err := c.Load(sim.ExampleFleet()); err != nil {
			t.Fatal(err)
		}
		took := func(region string) time.Duration {
			start := time.Now()
			if err := describe(c, region, "prod/db/orders"); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		home, west, ireland := took("us-east-1"), took("us-west-2"), took("eu-west-1")
		if home <= 0 || west <= 4*home || ireland <= west {
			t.Errorf("home %s, us-west-2 %s, eu-west-1 %s", home, west, ireland)
		}
	})
}

func TestFaultPlanErrorsSayWhere(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"[[region]]\nname = \"us-east-1\"\nstate = \"dead\"\n", "f.toml:1:3: region[0]: state: unknown state \"dead\""},
		{"[[fault]]\nfault = \"error\"\nwhen = 1\n", "f.toml:3:1: unknown key \"fault.when\""},
		{"\n[[fault]]\nfault = \"explode\"\n", "f.toml:2:3: fault[0]: fault: unknown fault \"explode\""},
		{"[[fault]]\nfault = \"delay\"\ndelay = \"-2s\"\n", "f.toml:3:9: "},
	} {
		if _, err := sim.ParseFaults("f.toml", []byte(row.text)); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q:\n got %v\nwant %s…", row.text, err, row.want)
		}
	}
}
