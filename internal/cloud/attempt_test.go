package cloud

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

// The attempt middleware must sit inside the retry loop (it is to see every
// attempt) and outside of signing (waiting must not age the signature).
func TestAttemptSitsBetweenRetryAndSigning(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	sdk, err := c.sdk.in(t.Context(), east)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	_, err = sdk.secrets.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}, func(o *secretsmanager.Options) {
		o.APIOptions = append(slices.Clone(o.APIOptions), func(s *middleware.Stack) error {
			order = s.Finalize.List()
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	retry, attempt, signing := slices.Index(order, "Retry"), slices.Index(order, attemptID), slices.Index(order, "Signing")
	if retry < 0 || attempt < retry || signing < attempt {
		t.Errorf("order of the Finalize step: %v", order)
	}
}

func TestEveryAttemptIsCountedAndPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Operation: "StopReplicationToReplica"}, Fault: sim.FaultThrottle, Count: 3})
		if err := c.Promote(t.Context(), west, "prod/db/orders"); err != nil {
			t.Fatal(err)
		}
		n := c.Operations()[west]["StopReplicationToReplica"]
		if n.Total != 4 || n.Mutating != 4 || n.Throttled != 3 {
			t.Errorf("counted %+v, want 4 attempts, all mutating, 3 throttled", n)
		}
		if rate := c.core.limiters.of(west, BucketSecretWrites).perSecond(); rate >= 50 {
			t.Errorf("rate %v after throttles, want it lowered", rate)
		}
		if rate := c.core.limiters.of(ireland, BucketSecretWrites).perSecond(); rate != 50 {
			t.Errorf("another region's rate is %v", rate)
		}
		c.ResetCalls()
		if len(c.Calls()) != 0 {
			t.Errorf("after a reset: %v", c.Calls())
		}
	})
}

func TestThrottledForeverIsErrThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, west, sim.RegionThrottle)
		err := c.Promote(t.Context(), west, "prod/db/orders")
		if !errors.Is(err, topology.ErrThrottled) {
			t.Errorf("got %v, want throttled", err)
		}
		if n := c.Calls()[west].Total; n != throttleAttempts {
			t.Errorf("%d attempts, want %d", n, throttleAttempts)
		}
	})
}

// A mutating call whose answer was lost is not sent again; the caller is told
// that nobody knows.
func TestLostAnswerOfAMutatingCallIsUnknownAndNotRepeated(t *testing.T) {
	tests := []struct {
		op   string
		call func(*Client) error
	}{
		{"StopReplicationToReplica", func(c *Client) error { return c.Promote(context.Background(), west, "prod/db/orders") }},
		{"ReplicateSecretToRegions", func(c *Client) error {
			return c.Replicate(context.Background(), east, "prod/payments/stripe", ireland, "alias/secrets-key-eu", false)
		}},
		{"RemoveRegionsFromReplication", func(c *Client) error {
			return c.RemoveReplica(context.Background(), east, "prod/db/orders", west)
		}},
		{"CancelRotateSecret", func(c *Client) error { return c.CancelRotation(context.Background(), east, "prod/db/orders") }},
		{"AddPermission", func(c *Client) error {
			return c.GrantInvoke(context.Background(), west, rotateDB(west), "understudy-secretsmanager")
		}},
		{"PutResourcePolicy", func(c *Client) error {
			return c.PutPolicy(context.Background(), east, "prod/db/orders", `{"Version":"2012-10-17","Statement":[]}`)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.op, func(t *testing.T) {
			cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
			c := newClient(t, cloud)
			addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Operation: tt.op}, Fault: sim.FaultLostAnswer})
			err := tt.call(c)
			if !errors.Is(err, topology.ErrUnknown) {
				t.Errorf("got %v, want the outcome unknown", err)
			}
			if n := operations(cloud, tt.op); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

// Silence, 5xx and a caller that gave up leave the outcome of a mutating call
// open; a refused connection does not.
func TestWhatAFailureOfAMutatingCallMeans(t *testing.T) {
	tests := []struct {
		name  string
		state string
		want  error
		sent  int
	}{
		{"hanging region: the answer never came", sim.RegionHang, topology.ErrUnknown, 1},
		{"503: it may have been applied", sim.RegionUnavailable, topology.ErrUnknown, 1},
		{"refused connection: it was never sent, so try again", sim.RegionRefuse, topology.ErrUnreachable, refusedAttempts},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
				c := newClient(t, cloud)
				setRegion(t, cloud, west, tt.state)
				start := time.Now()
				err := c.Promote(t.Context(), west, "prod/db/orders")
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if n := operations(cloud, "StopReplicationToReplica"); n != tt.sent {
					t.Errorf("sent %d times, want %d", n, tt.sent)
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("took %s, want at most the attempt's 10s", took)
				}
			})
		})
	}
}

func TestCallerWhoGivesUpOnASentMutationIsToldUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, west, sim.RegionHang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Promote(ctx, west, "prod/db/orders"); !errors.Is(err, topology.ErrUnknown) {
			t.Errorf("got %v, want unknown", err)
		}
		if _, err := c.Secret(ctx, west, "prod/db/orders"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

func rotateDB(r topology.Region) string {
	return "arn:aws:lambda:" + string(r) + ":" + account + ":function:rotate-db"
}

// Reads are repeated whatever became of them.
func TestReadIsRepeatedAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Operation: "DescribeSecret"}, Fault: sim.FaultLostAnswer, Count: 2})
		if _, err := c.Secret(t.Context(), east, "prod/db/orders"); err != nil {
			t.Errorf("got %v, want the third attempt's answer", err)
		}
	})
}

// A hard quota is not a throttle at Secrets Manager, whatever the SDK thinks.
func TestLimitExceededIsNotAThrottle(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, transport(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.Header.Get("X-Amz-Target"), "PutResourcePolicy") {
			return jsonError(req, 400, `{"__type":"LimitExceededException","Message":"too many"}`), nil
		}
		return cloud.Do(req)
	}))
	err := c.PutPolicy(t.Context(), east, "prod/db/orders", `{"Version":"2012-10-17","Statement":[]}`)
	var op *topology.OpError
	if errors.Is(err, topology.ErrThrottled) || !errors.As(err, &op) || op.Code != "LimitExceededException" {
		t.Errorf("got %v", err)
	}
	if n := c.Calls()[east]; n.Total != 1 || n.Throttled != 0 {
		t.Errorf("counted %+v, want one attempt", n)
	}
}

func jsonError(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}
}

// More retries in a row than the SDK's token bucket of 500 pays for (100 of
// them, at 5 each).
func TestRetryQuotaNeverRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, east, sim.RegionThrottle)
		const calls = 30
		for range calls {
			if _, err := c.Secret(t.Context(), east, "prod/db/orders"); !errors.Is(err, topology.ErrThrottled) {
				t.Fatal(err)
			}
		}
		if n := c.Calls()[east].Total; n != calls*throttleAttempts {
			t.Errorf("%d attempts, want %d for each of %d calls", n, throttleAttempts, calls)
		}
	})
}

func TestDelaysIgnoreTheNewRetriesSwitch(t *testing.T) {
	delay := func() time.Duration {
		d, err := newRetryer(func() float64 { return 0 }).RetryDelay(0, &attemptError{attempt: 3})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain := delay()
	t.Setenv("AWS_NEW_RETRIES_2026", "true")
	if got := delay(); got != plain || got != 200*time.Millisecond {
		t.Errorf("delay %s with the switch, %s without, want 200ms", got, plain)
	}
}

func TestReadOnlyRefusesEveryMutationBeforeItIsSent(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	// A client around the read-only stack: what a Reader would do if it had
	// the methods.
	sealed := &Client{c.ReadOnly()}
	ctx := t.Context()
	f := &topology.MetricFilter{LogGroup: "g", Name: "n"}
	for name, err := range map[string]error{
		"replicate": sealed.Replicate(ctx, east, "prod/db/orders", west, "", false),
		"remove":    sealed.RemoveReplica(ctx, east, "prod/db/orders", west),
		"promote":   sealed.Promote(ctx, west, "prod/db/orders"),
		"attach":    sealed.AttachRotation(ctx, east, "prod/db/orders", rotateDB(east), topology.RotationRules{AfterDays: 1}, false, strings.Repeat("x", 32)),
		"cancel":    sealed.CancelRotation(ctx, east, "prod/db/orders"),
		"stage":     sealed.RemoveStage(ctx, east, "prod/db/orders", "AWSPENDING", "v"),
		"copy":      sealed.CopyVersion(ctx, "prod/db/orders", east, "v", west, "l"),
		"policy":    sealed.PutPolicy(ctx, east, "prod/db/orders", "{}"),
		"no policy": sealed.PutPolicy(ctx, east, "prod/db/orders", ""),
		"grant":     sealed.GrantInvoke(ctx, east, rotateDB(east), "s"),
		"restore":   sealed.RestoreInvoke(ctx, east, rotateDB(east), topology.Permission{Sid: "s", Action: "lambda:InvokeFunction"}),
		"revoke":    sealed.RevokeInvoke(ctx, east, rotateDB(east), "s"),
		"alarm":     sealed.PutAlarm(ctx, east, &topology.Alarm{Name: "a", Comparison: "GreaterThanThreshold", Periods: 1}),
		"composite": sealed.PutCompositeAlarm(ctx, east, &topology.CompositeAlarm{Name: "a", Rule: "TRUE"}),
		"enable":    sealed.EnableAlarms(ctx, east, []string{"a"}),
		"disable":   sealed.DisableAlarms(ctx, east, []string{"a"}),
		"filter":    sealed.PutMetricFilter(ctx, east, f),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	for r, n := range c.Calls() {
		if n.Mutating > 0 || n.Total > 0 && len(c.Operations()[r]) != 1 { // GrantInvoke may ask STS who we are
			t.Errorf("%s: sent %v", r, c.Operations()[r])
		}
	}
	if _, err := c.ReadOnly().Secret(ctx, east, "prod/db/orders"); err != nil {
		t.Errorf("a read: %v", err)
	}
	observe(t, c.ReadOnly(), desired(), ObserveOptions{Alarms: true})
	for r := range cloud.Calls() {
		if n := cloud.Calls().Sum(r).Mutating; n != 0 {
			t.Errorf("%s: the simulator saw %d mutating calls", r, n)
		}
	}
}

// Losing one region must not stop the credentials of another: each assumes
// the role by its own STS.
func TestRoleIsAssumedInTheRegionThatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud, func(o *Options) { o.RoleARN = "arn:aws:iam::" + account + ":role/understudy" })
		setRegion(t, cloud, east, sim.RegionHang)
		if _, err := c.Secret(t.Context(), west, "prod/db/orders"); err != nil {
			t.Fatal(err)
		}
		if n := c.Operations()[west]["AssumeRole"].Total; n != 1 {
			t.Errorf("AssumeRole in us-west-2: %d", n)
		}
		if n := cloud.Calls().Sum(string(east)).Total; n != 0 {
			t.Errorf("%d calls to us-east-1", n)
		}
		start := time.Now()
		if err := c.Promote(t.Context(), east, "prod/db/orders"); !errors.Is(err, topology.ErrUnreachable) {
			t.Errorf("got %v, want unreachable: without credentials nothing was sent", err)
		}
		_, err := c.Secret(t.Context(), east, "prod/db/orders")
		if !errors.Is(err, topology.ErrUnreachable) || time.Since(start) > 25*time.Second {
			t.Errorf("got %v after %s, want the region unreachable", err, time.Since(start))
		}
		time.Sleep(time.Minute) // the SDK's credential cache goes on in the background
	})
}

func TestMissingCredentialsAreDeniedWithAHint(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud, func(o *Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no such profile")
		})
	})
	_, err := c.Secret(t.Context(), east, "prod/db/orders")
	if err == nil || !strings.Contains(err.Error(), "no such profile") || errors.Is(err, topology.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsReadLikeSentences(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	_, err := c.Secret(t.Context(), east, "prod/nothing")
	want := "DescribeSecret prod/nothing in us-east-1: not found: ResourceNotFoundException: Secrets Manager can't find the specified secret."
	if !errors.Is(err, topology.ErrNotFound) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	err = c.Promote(t.Context(), east, "prod/db/orders")
	if !errors.Is(err, topology.ErrNotReplica) {
		t.Errorf("promoting a primary: %v", err)
	}
}

// Nothing that the SDK logs may hold a value: nothing is logged at all.
func TestNoBodyIsEverLogged(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &out}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s, err := c.Secret(t.Context(), east, "prod/db/orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Promote(t.Context(), west, "prod/db/orders"); err != nil {
		t.Fatal(err)
	}
	if err := c.CopyVersion(t.Context(), "prod/db/orders", east, s.Stage(topology.StagePrevious), west, "UNDERSTUDY_RESCUED_1"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "initial-orders") || strings.Contains(out.String(), "password") {
		t.Errorf("logged: %s", out.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
