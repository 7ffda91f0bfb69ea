package sim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/understudy-dr/understudy/internal/sim"
)

func describe(c *sim.Cloud, region, name string) error {
	_, err := secrets(c, region).DescribeSecret(context.Background(),
		&secretsmanager.DescribeSecretInput{SecretId: &name})
	return err
}

// answered checks an error's AWS code and HTTP status.
func answered(t *testing.T, err error, code string, status int) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); !ok || r.HTTPStatusCode() != status {
		t.Fatalf("error %v, want status %d", err, status)
	}
}

func put(t *testing.T, c *sim.Cloud, region string, s sim.RegionState) {
	t.Helper()
	if err := c.SetRegion(region, s); err != nil {
		t.Fatal(err)
	}
}

func TestRegionThatRefuses(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionRefuse})
	if err := describe(c, "us-east-1", "dev/sandbox"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("error %v, want ECONNREFUSED", err)
	}
	if n := c.Calls().Sum("us-east-1"); n.Total != 1 {
		t.Errorf("%d calls counted, want the refused one", n.Total)
	}
	if err := describe(c, "us-west-2", "prod/db/orders"); err != nil {
		t.Errorf("another region: %v", err)
	}
}

// A hanging region ends with the caller's context, at once and without a
// goroutine left: the bubble would not end.
func TestRegionThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := frozen(t, sim.Options{}, sim.ExampleFleet())
		put(t, c, "us-east-1", sim.RegionState{State: sim.RegionHang})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := secrets(c, "us-east-1").PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("dev/sandbox"), SecretString: aws.String("x"),
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Fatalf("after %s: %v, want the deadline after 5s", time.Since(start), err)
		}
		if n := c.Calls()["us-east-1"]["secretsmanager"]["PutSecretValue"]; n.Total != 1 || n.Mutating != 1 {
			t.Errorf("counted %+v, want one mutating attempt", n)
		}
	})
}

func TestRegionThatIsUnavailableOrThrottles(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionUnavailable})
	answered(t, describe(c, "us-east-1", "dev/sandbox"), "ServiceUnavailable", 503)
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionThrottle})
	answered(t, describe(c, "us-east-1", "dev/sandbox"), "ThrottlingException", 400)
	if n := c.Calls().Sum("us-east-1"); n.Total != 2 || n.Throttled != 1 {
		t.Errorf("counted %+v, want 2 calls, 1 throttled", n)
	}
}

func TestRegionStateOfOneService(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionUnavailable, Services: []string{"kms"}})
	if err := describe(c, "us-east-1", "dev/sandbox"); err != nil {
		t.Errorf("secretsmanager: %v", err)
	}
	_, err := keys(c, "us-east-1").DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/secrets-key")})
	answered(t, err, "ServiceUnavailable", 503)
}

func TestSetRegionRefusesWhatCannotBe(t *testing.T) {
	c := sim.New(sim.Options{})
	for _, s := range []struct {
		region string
		state  sim.RegionState
		want   string
	}{
		{"us_east", sim.RegionState{}, "region:"},
		{"us-east-1", sim.RegionState{State: "dead"}, "state:"},
		{"us-east-1", sim.RegionState{Services: []string{"s3"}}, "services:"},
		{"us-east-1", sim.RegionState{LagFrom: map[string]sim.Duration{"mars": 1}}, "lag_from:"},
	} {
		if err := c.SetRegion(s.region, s.state); err == nil || !strings.HasPrefix(err.Error(), s.want) {
			t.Errorf("SetRegion(%q, %+v) = %v, want it to begin with %q", s.region, s.state, err, s.want)
		}
	}
}

// A partition parks replication; when it ends, everything arrives.
func TestPartition(t *testing.T) {
	c := frozen(t, sim.Options{Lag: time.Second}, sim.ExampleFleet())
	put(t, c, "us-west-2", sim.RegionState{State: sim.RegionPartitioned})
	if _, err := secrets(c, "us-east-1").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/mail/smtp"), SecretString: aws.String("new"),
	}); err != nil {
		t.Fatal(err)
	}
	read := func(region string) string {
		out, err := secrets(c, region).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/mail/smtp")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.SecretString
	}
	c.Advance(time.Hour)
	if read("eu-west-1") != "new" || read("us-west-2") == "new" {
		t.Error("want the change in eu-west-1 and not beyond the partition")
	}
	put(t, c, "us-west-2", sim.RegionState{})
	c.Advance(time.Second)
	if read("us-west-2") != "new" {
		t.Error("the change did not arrive after the partition ended")
	}
}

func TestLagByRegionPair(t *testing.T) {
	c := frozen(t, sim.Options{Lag: time.Second}, sim.ExampleFleet())
	put(t, c, "eu-west-1", sim.RegionState{LagFrom: map[string]sim.Duration{"us-east-1": sim.Duration(time.Minute)}})
	if _, err := secrets(c, "us-east-1").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/mail/smtp"), SecretString: aws.String("new"), ClientRequestToken: aws.String(strings.Repeat("a", 32)),
	}); err != nil {
		t.Fatal(err)
	}
	has := func(region string) bool {
		s, _ := c.State().Secret("123456789012", region, "prod/mail/smtp")
		_, ok := s.Versions[strings.Repeat("a", 32)]
		return ok
	}
	c.Advance(2 * time.Second)
	if !has("us-west-2") || has("eu-west-1") {
		t.Error("after 2s: want the version in us-west-2 only")
	}
	c.Advance(time.Minute)
	if !has("eu-west-1") {
		t.Error("after 62s: want the version in eu-west-1 too")
	}
}

// Over TCP, a dead region resets the connection, and a client that hangs up
// ends its hang.
func TestRegionStatesOverTCP(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	server := httptest.NewServer(c)
	defer server.Close()
	cfg := config(server.Client(), "us-east-1")
	cfg.BaseEndpoint = &server.URL
	client := secretsmanager.NewFromConfig(cfg)
	in := &secretsmanager.DescribeSecretInput{SecretId: aws.String("dev/sandbox")}

	if _, err := client.DescribeSecret(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionRefuse})
	if _, err := client.DescribeSecret(t.Context(), in); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("refuse: %v, want a broken connection", err)
	}
	put(t, c, "us-east-1", sim.RegionState{State: sim.RegionHang})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := client.DescribeSecret(ctx, in); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v, want the deadline", err)
	}
	resp, err := http.Get(server.URL + "/_sim/health")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("health while a region hangs: %v %v", resp, err)
	}
	resp.Body.Close()
}
