package sim

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options shape a simulated AWS. The zero value is a usable one: account
// 123456789012, no fleet, no quotas, no latency, real time.
type Options struct {
	Account string        // default "123456789012"
	Seed    int64         // every suffix, id and password derives from it
	Lag     time.Duration // replication delay between two regions
	ListLag time.Duration // how far ListSecrets may lie behind, AWS: up to five minutes
	// RotationStep is how long each of a rotation's four steps takes. With 0
	// a rotation is over within the call that starts it.
	RotationStep time.Duration
	Quotas       string // "none" (default) or "aws"
	Latency      string // "none" (default) or "aws"
	// CallerRegion is where the caller sits, for Latency "aws"; default us-east-1.
	CallerRegion string
	Quirks       Quirks // answers to what AWS leaves undocumented
	// Now is the clock beneath the virtual one; nil means time.Now. Advance
	// adds to it.
	Now func() time.Time
}

// Cloud is one simulated AWS: every region, service and account of it.
// It is safe for concurrent use; one lock serialises the operations, so that
// the same requests in the same order give the same state.
type Cloud struct {
	opts Options
	ops  registry

	shapes shapeCache // what the answers' Go types look like on the wire

	mu     sync.Mutex
	offset time.Duration // what Advance added
	rng    *rand.Rand
	events eventQueue // what is due later: replication, rotation, list visibility

	accounts map[string]*account
	regions  map[string]*regionControl // /_sim/regions state, by region
	faults   []*armedFault
	calls    callCounts
	quotas   quotaBuckets

	watcher func(at time.Time, served []Served) // see Watch
	again   int                                 // see ReplicatedAgain
}

// An account holds one account's resources, by region.
type account struct {
	id      string
	regions map[string]*regionStore
}

// A regionStore holds everything one account has in one region. Each service
// file owns the field named after it.
type regionStore struct {
	name    string
	account *account
	secrets *secretStore
	kms     *keyStore
	lambda  *functionStore
	alarms  *alarmStore
	logs    *logStore
	topics  *topicStore
}

// New makes an empty cloud. Load a fleet into it with Load.
func New(opts Options) *Cloud {
	if opts.Account == "" {
		opts.Account = "123456789012"
	}
	if opts.CallerRegion == "" {
		opts.CallerRegion = "us-east-1"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Quirks = opts.Quirks.withDefaults()
	c := &Cloud{opts: opts, ops: newRegistry()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resetLocked()
	return c
}

func (c *Cloud) resetLocked() {
	c.rng = rand.New(rand.NewPCG(uint64(c.opts.Seed), 0x5eed))
	c.events = eventQueue{}
	c.accounts = map[string]*account{}
	c.regions = map[string]*regionControl{}
	c.faults = nil
	c.calls = callCounts{}
	c.quotas = quotaBuckets{}
}

// store returns one account's resources in one region, made on first use.
func (c *Cloud) store(accountID, region string) *regionStore {
	a := c.accounts[accountID]
	if a == nil {
		a = &account{id: accountID, regions: map[string]*regionStore{}}
		c.accounts[accountID] = a
	}
	s := a.regions[region]
	if s == nil {
		s = &regionStore{
			name: region, account: a,
			secrets: newSecretStore(), kms: newKeyStore(), lambda: newFunctionStore(),
			alarms: newAlarmStore(), logs: newLogStore(), topics: newTopicStore(),
		}
		a.regions[region] = s
	}
	return s
}

// here is the store that the request is about.
func (r *request) here() *regionStore { return r.cloud.store(r.account, r.region) }

// nowLocked is the virtual time.
func (c *Cloud) nowLocked() time.Time { return c.opts.Now().Add(c.offset).UTC() }

// partitionOf names the AWS partition a region belongs to.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// Do serves one request in process, without a socket: Cloud is the HTTP
// client of SDK clients that should talk to the simulator
// (aws.Config.HTTPClient). A hanging region blocks until the request's
// context ends; a refusing one gives a connection error.
func (c *Cloud) Do(req *http.Request) (*http.Response, error) { return c.roundTrip(req) }
