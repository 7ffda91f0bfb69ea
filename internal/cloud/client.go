package cloud

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// Options say whose AWS is spoken to, and how.
type Options struct {
	// Account is the twelve-digit id, "" for whatever the credentials say.
	Account string
	// RoleARN is assumed, with ExternalID if set, by the STS of each region.
	RoleARN    string
	ExternalID string
	// Profile of the shared AWS configuration; "" is the SDK's default chain.
	Profile string
	// Endpoint overrides the endpoint of every service and region, and wins
	// over AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, which the SDK
	// reads itself.
	Endpoint string
	// HTTPClient carries the requests; nil makes one with short dial times.
	HTTPClient aws.HTTPClient
	// Credentials replace the SDK's chain (tests, rehearsals).
	Credentials aws.CredentialsProvider
	// Quota overrides the ceilings of quota buckets, in calls per second, by
	// the names of the Bucket constants. Zero or less means unlimited.
	Quota map[string]float64

	// ProbeTimeout bounds what a region that does not answer costs an
	// observation. Default 5 s.
	ProbeTimeout time.Duration
	// Patience bounds what a region that throttles costs an observation which
	// is to wait for it. Default 30 s.
	Patience time.Duration
	// AttemptTimeout bounds every other attempt. Default 10 s.
	AttemptTimeout time.Duration

	Logger *slog.Logger   // nil is silent
	Clock  Clock          // nil is the real one
	Jitter func() float64 // in [0,1), spreads retries; nil is math/rand
}

// A Clock tells the time and waits. The limiter, the breakers and the
// retries' observation times go by it.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, and then returns its error.
	Sleep(ctx context.Context, d time.Duration) error
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// A Client speaks to one account in all its regions. It is safe for
// concurrent use and implements executor.Cloud.
type Client struct {
	*Reader
}

// A Reader is the read side of a Client. One made by Client.ReadOnly cannot
// change AWS: its SDK stack refuses every mutating operation before it is
// sent.
type Reader struct {
	core *core
	sdk  *regions
}

var (
	_ executor.Cloud  = (*Client)(nil)
	_ executor.Reader = (*Reader)(nil)
)

// core is what a Client and its read-only views share.
type core struct {
	opts     Options
	log      *slog.Logger
	clock    Clock
	limiters *limiters
	breakers *breakers
	calls    *calls
	home     string // region of the SDK's own configuration, "" if none

	mu      sync.Mutex
	account string
}

// New makes a client. It reads the SDK's configuration files and makes no
// AWS call.
func New(ctx context.Context, opts Options) (*Client, error) {
	opts.ProbeTimeout = cmp.Or(opts.ProbeTimeout, 5*time.Second)
	opts.Patience = cmp.Or(opts.Patience, 30*time.Second)
	opts.AttemptTimeout = cmp.Or(opts.AttemptTimeout, 10*time.Second)
	if opts.Clock == nil {
		opts.Clock = realClock{}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Jitter == nil {
		opts.Jitter = rand.Float64
	}
	if opts.HTTPClient == nil {
		opts.HTTPClient = newHTTPClient(opts.AttemptTimeout)
	}
	c := &core{
		opts: opts, log: opts.Logger, clock: opts.Clock, account: opts.Account,
		limiters: newLimiters(opts.Quota, opts.Clock, opts.Logger),
		breakers: newBreakers(opts.Clock, opts.Logger),
		calls:    newCalls(),
	}
	cfg, err := config.LoadDefaultConfig(ctx, c.loadOptions("")...)
	if err != nil {
		return nil, &topology.OpError{Op: "load AWS configuration", Subject: opts.Profile, Err: err}
	}
	c.home = cfg.Region
	return &Client{&Reader{core: c, sdk: newRegions(c, false)}}, nil
}

// ReadOnly is a view that cannot change AWS. It shares the client's pacing,
// breakers and call counts.
func (c *Client) ReadOnly() *Reader {
	return &Reader{core: c.core, sdk: newRegions(c.core, true)}
}

// Calls counts the attempts by region since New or ResetCalls.
func (r *Reader) Calls() map[topology.Region]executor.Calls { return r.core.calls.byRegion() }

// Operations counts the attempts by region and AWS operation name.
func (r *Reader) Operations() map[topology.Region]map[string]executor.Calls {
	return r.core.calls.byOperation()
}

// ResetCalls starts the counts anew.
func (r *Reader) ResetCalls() { r.core.calls.reset() }

// Account is the account's id: the configured one, else what STS says
// (GetCallerIdentity), asked of all regions used so far at once; the first
// answer counts, so that no dark region is waited for.
func (r *Reader) Account(ctx context.Context) (string, error) {
	r.core.mu.Lock()
	id := r.core.account
	r.core.mu.Unlock()
	if id != "" {
		return id, nil
	}
	asked := r.sdk.used()
	if len(asked) == 0 {
		asked = []topology.Region{topology.Region(cmp.Or(r.core.home, "us-east-1"))}
	}
	id, err := r.callerIdentity(ctx, asked)
	if err == nil {
		r.core.learnAccount(id)
	}
	return id, err
}

func (c *core) learnAccount(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account = cmp.Or(c.account, id)
}

func (r *Reader) callerIdentity(ctx context.Context, asked []topology.Region) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		id  string
		err error
	}
	replies := make(chan reply, len(asked))
	for _, region := range slices.Sorted(slices.Values(asked)) {
		go func() {
			id, err := r.identityIn(asProbe(ctx), region)
			replies <- reply{id, err}
		}()
	}
	var err error
	for range asked {
		answer := <-replies
		if answer.err == nil {
			return answer.id, nil
		}
		err = answer.err
	}
	return "", err
}

func (r *Reader) identityIn(ctx context.Context, region topology.Region) (string, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return "", err
	}
	out, err := sdk.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", opError("GetCallerIdentity", "", region, err)
	}
	return aws.ToString(out.Account), nil
}
