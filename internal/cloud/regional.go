package cloud

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Times of the HTTP client. Dialling must fail well within a probe, so that
// a call to a region that drops packets is known not to have been sent.
const (
	dialTimeout = 3 * time.Second
	tlsTimeout  = 3 * time.Second
	idleConns   = 256
)

// How long before their end assumed-role credentials are renewed: an STS
// outage shorter than that goes unnoticed.
const credentialWindow = 5 * time.Minute

// sdkClients are the SDK clients of one region.
type sdkClients struct {
	secrets   *secretsmanager.Client
	keys      *kms.Client
	functions *lambda.Client
	alarms    *cloudwatch.Client
	logs      *cloudwatchlogs.Client
	sts       *sts.Client
}

// regions holds the clients of each region, made when first used: a region
// that is never asked costs nothing and is sent nothing.
type regions struct {
	core     *core
	readOnly bool

	mu  sync.Mutex
	sdk map[topology.Region]*sdkClients
}

func newRegions(c *core, readOnly bool) *regions {
	return &regions{core: c, readOnly: readOnly, sdk: map[topology.Region]*sdkClients{}}
}

// in returns the clients of a region.
func (s *regions) in(ctx context.Context, r topology.Region) (*sdkClients, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.sdk[r]; c != nil {
		return c, nil
	}
	c, err := s.load(ctx, r)
	if err != nil {
		return nil, &topology.OpError{Op: "load AWS configuration", Region: r, Err: err}
	}
	s.sdk[r] = c
	return c, nil
}

// used lists the regions asked so far, sorted.
func (s *regions) used() []topology.Region {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.sdk))
}

// load makes a region's clients. The SDK's configuration is resolved anew
// for each region, because a profile with role_arn, a web identity or an SSO
// login may call STS in the region that the configuration names: one
// configuration for all would make every region's credentials depend on one.
func (s *regions) load(ctx context.Context, r topology.Region) (*sdkClients, error) {
	opts := append(s.core.loadOptions(r), config.WithAPIOptions(s.apiOptions(r)))
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, err
	}
	identity := sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = s.endpoint(o.BaseEndpoint) })
	if role := s.core.opts.RoleARN; role != "" {
		cfg.Credentials = s.assume(identity, role)
		identity = sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = s.endpoint(o.BaseEndpoint) })
	}
	return &sdkClients{
		sts: identity,
		secrets: secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
			o.BaseEndpoint = s.endpoint(o.BaseEndpoint)
		}),
		keys: kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = s.endpoint(o.BaseEndpoint) }),
		functions: lambda.NewFromConfig(cfg, func(o *lambda.Options) {
			o.BaseEndpoint = s.endpoint(o.BaseEndpoint)
		}),
		alarms: cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
			o.BaseEndpoint = s.endpoint(o.BaseEndpoint)
			if o.BaseEndpoint != nil {
				// The SDK speaks RPC v2 CBOR to CloudWatch, which emulators
				// such as moto do not know; all of them know the query
				// protocol, and so does AWS behind a VPC endpoint.
				o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801)
			}
		}),
		logs: cloudwatchlogs.NewFromConfig(cfg, func(o *cloudwatchlogs.Options) {
			o.BaseEndpoint = s.endpoint(o.BaseEndpoint)
		}),
	}, nil
}

// assume renews a role's credentials by this region's own STS. Regional STS
// tokens are valid everywhere, and losing another region cannot stop them.
// AWS: "Manage AWS STS in an AWS Region".
func (s *regions) assume(client *sts.Client, role string) aws.CredentialsProvider {
	provider := stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "understudy"
		if id := s.core.opts.ExternalID; id != "" {
			o.ExternalID = aws.String(id)
		}
	})
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = credentialWindow
	})
}

// endpoint is the override for a client whose own resolution gave found.
func (s *regions) endpoint(found *string) *string {
	if e := s.core.opts.Endpoint; e != "" {
		return aws.String(e)
	}
	return found
}

// apiOptions put our middleware into every SDK stack of the region, those
// that the SDK makes for itself (STS of a profile) included.
func (s *regions) apiOptions(r topology.Region) []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return instrument(stack, s.core, r, s.readOnly)
	}}
}

// loadOptions are the SDK configuration of a region; "" leaves the region to
// the SDK.
func (c *core) loadOptions(r topology.Region) []func(*config.LoadOptions) error {
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(c.opts.HTTPClient),
		config.WithRetryer(func() aws.Retryer { return newRetryer(c.opts.Jitter) }),
		config.WithClientLogMode(0), // bodies hold secret values
		config.WithLogger(logging.Nop{}),
	}
	if r != "" {
		opts = append(opts, config.WithRegion(string(r)))
	}
	if c.opts.Endpoint != "" {
		opts = append(opts, config.WithBaseEndpoint(c.opts.Endpoint)) // for clients that the SDK makes itself
	}
	if c.opts.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(c.opts.Profile))
	}
	if c.opts.Credentials != nil {
		opts = append(opts, config.WithCredentialsProvider(c.opts.Credentials))
	}
	return opts
}

// newHTTPClient keeps connections for many calls at once and gives up on a
// dead host quickly. The overall limit is a second net: credential calls that
// the SDK makes in the background have no caller whose deadline would end
// them.
func newHTTPClient(attempt time.Duration) aws.HTTPClient {
	return awshttp.NewBuildableClient().
		WithTimeout(attempt).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = tlsTimeout
			t.MaxIdleConns = 2 * idleConns
			t.MaxIdleConnsPerHost = idleConns
		})
}
