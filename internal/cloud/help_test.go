package cloud

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

const (
	east    topology.Region = "us-east-1"
	west    topology.Region = "us-west-2"
	ireland topology.Region = "eu-west-1"
	account                 = "123456789012"
)

// desired is what config.example.toml asks for, as far as it matters here.
func desired() *topology.Desired {
	return &topology.Desired{
		Account: account, Primary: east, Standby: []topology.Region{west, ireland},
		Keys: map[topology.Region]string{
			east: "alias/secrets-key", west: "alias/secrets-key-west", ireland: "alias/secrets-key-eu",
		},
		Groups: []topology.Group{{
			Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}},
			Replicas: []topology.Region{west, ireland},
			Rotation: &topology.RotationPolicy{Template: "arn:aws:lambda:{region}:{account}:function:rotate-db"},
		}},
		Alarms: []topology.AlarmRule{{Match: []string{"secrets-*"}}},
	}
}

// newSim is a simulator with a fleet in it.
func newSim(t testing.TB, fleet *sim.Fleet, opts sim.Options) *sim.Cloud {
	t.Helper()
	cloud := sim.New(opts)
	if err := cloud.Load(fleet); err != nil {
		t.Fatal(err)
	}
	cloud.ResetCalls()
	return cloud
}

// newClient speaks to the simulator, or to any other HTTP client.
func newClient(t testing.TB, transport aws.HTTPClient, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{
		HTTPClient:  transport,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
		Jitter:      func() float64 { return 0 },
	}
	for _, fn := range change {
		fn(&o)
	}
	c, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func observe(t testing.TB, r *Reader, d *topology.Desired, o ObserveOptions) *topology.Snapshot {
	t.Helper()
	snap, err := r.Observe(context.Background(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func setRegion(t testing.TB, cloud *sim.Cloud, r topology.Region, state string, services ...string) {
	t.Helper()
	if err := cloud.SetRegion(string(r), sim.RegionState{State: state, Services: services}); err != nil {
		t.Fatal(err)
	}
}

func addFault(t testing.TB, cloud *sim.Cloud, f sim.Fault) {
	t.Helper()
	if err := cloud.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// operations sums the simulator's count of an operation over all regions.
func operations(cloud *sim.Cloud, op string) int {
	n := 0
	for _, services := range cloud.Calls() {
		for _, ops := range services {
			n += ops[op].Total
		}
	}
	return n
}

// transport is an HTTP client made of a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(req *http.Request) (*http.Response, error) { return f(req) }

// manualClock moves only when it is told to, or slept on.
type manualClock struct{ now time.Time }

func (c *manualClock) Now() time.Time { return c.now }

func (c *manualClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}
