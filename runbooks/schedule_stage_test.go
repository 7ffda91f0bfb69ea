package runbooks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// A stage is where a schedule plays: one simulated AWS, one state store, and
// the controllers that share both. It lives in a synctest bubble.
type stage struct {
	t       *testing.T
	seed    int64
	listLag time.Duration
	sim     *sim.Cloud
	desired *topology.Desired
	store   *journal.Memory
	witness *witness
	logs    bytes.Buffer // what all controllers logged; guarded by logMu
	logMu   sync.Mutex

	controllers map[string]*controller
	processes   int // started so far
}

// A controller is one operator's terminal: it runs one command at a time,
// each in a process of its own, as the command line does.
type controller struct {
	name string
	busy bool
	now  *process
	done chan struct{} // closed when the command has ended
}

// errDead is what a process that was killed would get, if it got anything.
var errDead = errors.New("the process is dead")

// A process is one run of the program. Everything that it does to the world
// goes through its wire, its store and its clock, all of which can be cut
// (kill -9) or frozen (SIGSTOP).
type process struct {
	stage   *stage
	name    string // of its controller
	holder  string // its own, unique
	command string
	cancel  context.CancelFunc
	stop    chan struct{}
	over    bool // its command has returned

	mu     sync.Mutex
	dead   bool
	frozen chan struct{} // closed when thawed; nil while it runs
	sent   map[string]int
	total  map[string]int // requests by region
	mutate map[string]int // mutating ones
	lines  int            // journal lines appended
	calls  int            // mutating requests sent
	// Dies at the n-th journal line or mutating request (0: does not), before
	// it takes effect or after.
	dieAtLine, dieAtCall int
	dieAfter             bool

	leaseRead time.Time // when the lease was last looked at
}

func (st *stage) start(c *controller, command string) *process {
	st.processes++
	p := &process{
		stage: st, name: c.name, holder: fmt.Sprintf("%s%d", c.name, st.processes), command: command,
		stop: make(chan struct{}), sent: map[string]int{}, total: map[string]int{}, mutate: map[string]int{},
	}
	c.busy, c.now, c.done = true, p, make(chan struct{})
	return p
}

func (p *process) kill() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.cancel()
	p.thaw() // the dead do not wait
}

func (p *process) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

func (p *process) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen == nil && !p.dead {
		p.frozen = make(chan struct{})
	}
}

func (p *process) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

// halt blocks while the process is frozen: it does not even notice that a
// context ended.
func (p *process) halt() (wasFrozen bool) {
	for {
		p.mu.Lock()
		f := p.frozen
		p.mu.Unlock()
		if f == nil {
			return wasFrozen
		}
		wasFrozen = true
		<-f
	}
}

// env is the world as the process sees it.
func (p *process) env(ctx context.Context) (runbooks.Env, error) {
	st := p.stage
	client, err := cloud.New(ctx, cloud.Options{
		Account: account, HTTPClient: p, Credentials: credentials.NewStaticCredentialsProvider("sim", "sim", ""),
		Clock: clock{p}, Jitter: func() float64 { return 0.5 }, Logger: slog.New(slog.NewTextHandler(logWriter{st}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		return runbooks.Env{}, err
	}
	return runbooks.Env{
		Desired: st.desired, Cloud: client, Store: &diary{st.store, p}, Clock: clock{p}, CallCounts: client.Calls, Stop: p.stop,
		Warn:   func(message string) { st.witness.broken("journal", "%s", message) },
		Holder: journal.Holder{Name: p.holder, Host: "host-" + p.name, PID: st.processes, Command: p.command},
		Observe: func(ctx context.Context, skip []topology.Region, patient ...topology.Region) (*topology.Snapshot, error) {
			return client.Observe(ctx, st.desired, cloud.ObserveOptions{Skip: skip, Patient: patient, Alarms: true})
		},
	}, nil
}

type logWriter struct{ st *stage }

func (w logWriter) Write(b []byte) (int, error) {
	w.st.logMu.Lock()
	defer w.st.logMu.Unlock()
	return w.st.logs.Write(b)
}

// A clock is the bubble's, of a process that may be frozen or dead.
type clock struct{ p *process }

func (c clock) Now() time.Time { return time.Now() }

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	err := journal.RealClock{}.Sleep(ctx, d)
	c.p.halt()
	if c.p.gone() {
		return errDead
	}
	return err
}

// Do makes a process the network between its SDK and the simulator. Every
// request takes a time of its own that depends on nothing but the seed, the
// process and the request, so that concurrent requests always arrive in the
// same order.
func (p *process) Do(req *http.Request) (*http.Response, error) {
	r := requestOf(req)
	if p.halt() && r.mutating {
		return nil, errDead // the one request that a stopped process was about to send: it was not
	}
	if err := p.admit(r); err != nil { //nolint:contextcheck // the witness asks, not the process
		return nil, err
	}
	d := p.latency(r)
	if err := (journal.RealClock{}).Sleep(req.Context(), d); err != nil {
		p.stage.witness.silent(r)
		return nil, p.unless(err)
	}
	cut := r.mutating && p.dieAtCall > 0 && p.count() == p.dieAtCall
	if cut && !p.dieAfter {
		p.kill()
	}
	if p.gone() {
		return nil, errDead
	}
	p.stage.witness.arrives(r)
	resp, err := p.stage.sim.Do(req)
	p.stage.witness.served(r, err)
	if cut {
		p.kill()
	}
	if err != nil {
		p.stage.witness.silent(r)
	}
	if err == nil {
		_ = journal.RealClock{}.Sleep(req.Context(), d/2)
	}
	p.halt()
	if p.gone() {
		return nil, errDead
	}
	if err == nil {
		p.stage.witness.heard(r, resp)
	}
	return resp, err
}

func (p *process) unless(err error) error {
	p.halt()
	if p.gone() {
		return errDead
	}
	return err
}

// count counts mutating requests that were about to arrive.
func (p *process) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return p.calls
}

func (p *process) admit(r *request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errDead
	}
	p.total[r.region]++
	if r.mutating {
		p.mutate[r.region]++
	}
	r.process, r.leaseRead = p, p.leaseRead
	p.stage.witness.sent(r)
	return nil
}

func (p *process) latency(r *request) time.Duration {
	key := fmt.Sprint(p.stage.seed, p.name, r.region, r.op, r.subject, r.body)
	p.mu.Lock()
	p.sent[key]++
	n := p.sent[key]
	p.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprint(h, key, n)
	return time.Millisecond + time.Duration(h.Sum64()%uint64(40*time.Millisecond))
}

// A diary is the state store as a process reaches it.
type diary struct {
	*journal.Memory
	p *process
}

func (d *diary) Get(ctx context.Context, key string) ([]byte, string, error) {
	if d.p.gone() {
		return nil, "", errDead
	}
	if key == journal.LeaseKey {
		d.p.mu.Lock()
		d.p.leaseRead = time.Now()
		d.p.mu.Unlock()
	}
	return d.Memory.Get(ctx, key)
}

func (d *diary) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	if d.p.gone() {
		return "", errDead
	}
	return d.Memory.Put(ctx, key, val, rev)
}

func (d *diary) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return d.Memory.List(ctx, prefix, after)
}

// Append cuts a batch at the line at which the process dies.
func (d *diary) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	p := d.p
	p.mu.Lock()
	dead, begun := p.dead, p.lines
	p.lines += len(lines)
	p.mu.Unlock()
	at := p.dieAtLine - begun
	switch {
	case dead:
		return errDead
	case p.dieAtLine == 0 || at < 1 || at > len(lines):
		return d.Memory.Append(ctx, log, seq, lines)
	}
	p.kill()
	if !p.dieAfter {
		at--
	}
	if at > 0 {
		if err := d.Memory.Append(ctx, log, seq, lines[:at]); err != nil {
			return err
		}
	}
	return errDead
}

// outsider is an application's or an administrator's own client.
func (st *stage) outsider(region string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(aws.Config{
		Region: region, HTTPClient: st.sim, Credentials: credentials.NewStaticCredentialsProvider("app", "app", ""),
	}, func(o *secretsmanager.Options) { o.RetryMaxAttempts = 1 })
}

// shielded bounds what an outsider waits for a region that hangs.
func (st *stage) shielded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(st.t.Context(), time.Second)
}

// calm ends all chaos.
func (st *stage) calm() {
	for _, c := range st.all() {
		if c.busy {
			c.now.thaw()
		}
	}
	st.sim.ClearFaults()
	for _, r := range st.desired.Regions() {
		if err := st.sim.SetRegion(string(r), sim.RegionState{}); err != nil {
			st.t.Fatal(err)
		}
	}
}

func (st *stage) all() []*controller {
	var list []*controller
	for _, c := range st.controllers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *controller) int { return strings.Compare(a.name, b.name) })
	return list
}

// join waits for all commands to end. A command that takes longer than any
// patience of the program is a failure by itself.
func (st *stage) join() {
	for _, c := range st.all() {
		if !c.busy {
			continue
		}
		c.now.thaw()
		select {
		case <-c.done:
		case <-time.After(6 * time.Hour):
			st.witness.broken("hang", "%s: %s has not ended within six hours", c.name, c.now.command)
			c.now.kill()
			<-c.done
		}
		c.busy = false
	}
}

// abandon makes sure that no goroutine of a process outlives the bubble.
func (st *stage) abandon() {
	st.calm()
	for _, c := range st.all() {
		if c.busy {
			c.now.kill()
			<-c.done
			c.busy = false
		}
	}
}
