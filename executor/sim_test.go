package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// TestMain keeps the machine's own AWS settings out. (Setenv in a test would
// forbid synctest.)
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", "/nonexistent/config")
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
	os.Exit(m.Run())
}

// A wire is the network between the SDK and the simulator, which a process
// that dies at one request leaves before it or after it.
type wire struct {
	sim *sim.Cloud

	mu    sync.Mutex
	n, at int // requests so far; where it happens (0: never)
	how   string
	dead  bool
}

var errCut = errors.New("connection reset by peer")

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.n++
	here, dead := w.n == w.at, w.dead
	if here && w.how != "lost" {
		w.dead = true
	}
	w.mu.Unlock()
	if dead || here && w.how == "before" {
		return nil, errCut
	}
	resp, err := w.sim.Do(req)
	if here && err == nil {
		resp.Body.Close()
		return nil, errCut
	}
	return resp, err
}

// dying is a store that a dead process cannot write to.
type dying struct {
	journal.Store
	w *wire
}

func (d *dying) gone() error {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.w.dead {
		return errCut
	}
	return nil
}

func (d *dying) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	if err := d.gone(); err != nil {
		return err
	}
	return d.Store.Append(ctx, log, seq, lines)
}

func (d *dying) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	if err := d.gone(); err != nil {
		return "", err
	}
	return d.Store.Put(ctx, key, val, rev)
}

func newCloud(t *testing.T, w aws.HTTPClient) *cloud.Client {
	t.Helper()
	c, err := cloud.New(t.Context(), cloud.Options{Account: "123456789012", HTTPClient: w,
		Credentials: credentials.NewStaticCredentialsProvider("sim", "sim", ""), Jitter: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func deadHolder() journal.Holder {
	h := journal.Self("test")
	h.PID = 1 << 30
	return h
}

// A story is a plan over the example fleet; before brings the world to where
// the plan is made.
type story struct {
	plan func(planner.Input) *planner.Plan
	// converged: apply has run before.
	converged bool
}

func stories() map[string]story {
	failover := func(in planner.Input) *planner.Plan {
		in.Options.To, in.Options.AcceptStale = "us-west-2", 100
		return planner.Failover(in)
	}
	return map[string]story{
		"apply":    {plan: planner.Converge},
		"failover": {plan: failover, converged: true},
	}
}

func desired(t *testing.T) *topology.Desired {
	t.Helper()
	cfg, err := config.Load("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Desired()
}

// scene is a fresh simulator with the story's plan for it.
func (st story) scene(t *testing.T) (*sim.Cloud, *planner.Plan) {
	t.Helper()
	s := sim.New(sim.Options{Seed: 7, Lag: time.Second, Quirks: sim.Quirks{OverdueRotation: "wait"}})
	if err := s.Load(sim.ExampleFleet()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // virtual: what the fleet replicates arrives
	c := newCloud(t, &wire{sim: s})
	planNow := func(plan func(planner.Input) *planner.Plan) *planner.Plan {
		snap, err := c.Observe(t.Context(), desired(t), cloud.ObserveOptions{Alarms: true})
		if err != nil {
			t.Fatal(err)
		}
		return plan(planner.Input{Desired: desired(t), Observed: snap, Now: time.Now()})
	}
	if st.converged {
		e := executor.New(executor.Options{Cloud: c, Store: journal.NewMemory()})
		if _, err := e.Run(t.Context(), planNow(planner.Converge), executor.RunSpec{}); err != nil {
			t.Fatal(err)
		}
	}
	plan := planNow(st.plan)
	if len(plan.Steps) == 0 {
		t.Fatalf("nothing to do: %+v", plan.Blockers)
	}
	s.ResetCalls()
	return s, plan
}

var anyTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)

// world is the simulator's state without its times.
func world(t *testing.T, s *sim.Cloud) string {
	t.Helper()
	time.Sleep(time.Minute) // virtual: let what is on its way arrive
	out, err := json.MarshalIndent(s.State(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return anyTime.ReplaceAllString(string(out), `"TIME"`)
}

// mutating counts what was sent to change something, by region and operation.
func mutating(s *sim.Cloud) map[string]int {
	out := map[string]int{}
	for region, services := range s.Calls() {
		for _, ops := range services {
			for op, n := range ops {
				if n.Mutating > 0 {
					out[region+" "+op] = n.Mutating
				}
			}
		}
	}
	return out
}

func run(t *testing.T, st story, w *wire) (string, map[string]int) {
	t.Helper()
	s, plan := st.scene(t)
	w.sim = s
	store := journal.NewMemory()
	options := executor.Options{Cloud: newCloud(t, w), Store: &dying{store, w}, Holder: deadHolder()}
	rep, err := executor.New(options).Run(t.Context(), plan, executor.RunSpec{})
	if w.dead {
		fresh := executor.Options{Cloud: newCloud(t, &wire{sim: s}), Store: store, Holder: deadHolder()}
		rep, err = executor.New(fresh).Resume(t.Context(), "r1")
	}
	if err != nil || rep.State != executor.Completed {
		t.Fatalf("%s at request %d: %v %+v", w.how, w.at, err, rep)
	}
	return world(t, s), mutating(s)
}

// G3, G5 over the real SDK and the simulator: the process dies before and
// after any request, or the answer is lost; another one resumes; the world
// and the mutating calls are those of the uninterrupted run. A request that
// never arrived may be sent once more.
func TestCrashMatrixOnTheSimulator(t *testing.T) {
	cuts := 12 // per story and kind; all with -run … UNDERSTUDY_CRASH_MATRIX=full
	for name, st := range stories() {
		t.Run(name, func(t *testing.T) {
			var want string
			var calls map[string]int
			var requests int
			synctest.Test(t, func(t *testing.T) {
				w := &wire{}
				want, calls = run(t, st, w)
				requests = w.n
			})
			step := max(1, requests/cuts)
			if os.Getenv("UNDERSTUDY_CRASH_MATRIX") == "full" {
				step = 1
			}
			for at := 1; at <= requests; at += step {
				for _, how := range []string{"before", "after", "lost"} {
					synctest.Test(t, func(t *testing.T) {
						got, made := run(t, st, &wire{at: at, how: how})
						if got != want {
							t.Errorf("%s request %d: another world\n%s", how, at, firstDifference(got, want))
						}
						if extra := beyond(made, calls); len(extra) > 0 {
							t.Errorf("%s request %d: calls beyond the uninterrupted run's: %v", how, at, extra)
						}
					})
				}
			}
			t.Logf("%d requests, every %d. cut", requests, step)
		})
	}
}

func beyond(made, want map[string]int) []string {
	var extra []string
	for _, op := range slices.Sorted(maps.Keys(made)) {
		if made[op] > want[op] {
			extra = append(extra, fmt.Sprintf("%s %d, not %d", op, made[op], want[op]))
		}
	}
	return extra
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return strings.Join(a[max(0, i-12):min(len(a), i+3)], "\n") + "\nwant\n" + strings.Join(b[max(0, min(i, len(b))-1):min(len(b), i+3)], "\n")
		}
	}
	return ""
}
