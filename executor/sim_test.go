package executor_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
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

func newCloud(t testing.TB, w aws.HTTPClient) *cloud.Client {
	t.Helper()
	c, err := cloud.New(context.Background(), cloud.Options{Account: "123456789012", HTTPClient: w,
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
	// dark: the old primary hangs, before the plan is made and throughout.
	dark bool
	// back: the failover of a dark primary has run before, and it is back.
	back bool
	// drops: AWS takes a region that was promoted meanwhile off the list of an
	// old primary that is back.
	drops bool
}

func stories() map[string]story {
	failover := func(in planner.Input) *planner.Plan {
		in.Options.To, in.Options.AcceptStale = "us-west-2", 100
		return planner.Failover(in)
	}
	switchover := func(in planner.Input) *planner.Plan {
		in.Options.To = "us-west-2"
		return planner.Switchover(in)
	}
	failback := func(in planner.Input) *planner.Plan {
		in.Options.To, in.Options.Rescue = "us-east-1", []topology.Name{planner.All}
		return planner.Failback(in)
	}
	return map[string]story{
		"failback":               {plan: failback, converged: true, back: true},
		"failback, overwriting":  {plan: failback, converged: true, back: true, drops: true},
		"apply":                  {plan: planner.Converge},
		"failover":               {plan: failover, converged: true},
		"failover, primary dark": {plan: failover, converged: true, dark: true},
		"fence":                  {plan: planner.Owed, converged: true, back: true},
		"switchover":             {plan: switchover, converged: true},
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

// A scene is a simulator with a store, and the story's plan for them.
type scene struct {
	t     *testing.T
	sim   *sim.Cloud
	cloud *cloud.Client
	store journal.Store
	peace *topology.Snapshot // the recovery snapshot
}

func (st story) scene(t *testing.T) (*scene, *planner.Plan) {
	t.Helper()
	quirks := sim.Quirks{OverdueRotation: "wait"}
	if st.drops {
		quirks.StaleEntry = "drop"
	}
	s := sim.New(sim.Options{Seed: 7, Lag: time.Second, Quirks: quirks})
	if err := s.Load(smallFleet()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // virtual: what the fleet replicates arrives
	sc := &scene{t: t, sim: s, cloud: newCloud(t, s), store: journal.NewMemory()}
	if st.converged {
		sc.run(planner.Converge)
		sc.peace = sc.observe()
	}
	if st.dark || st.back {
		sc.region("us-east-1", sim.RegionHang)
	}
	if st.back {
		sc.run(stories()["failover"].plan)
		sc.region("us-east-1", sim.RegionUp)
		time.Sleep(time.Minute) // until its breaker lets calls through
	}
	plan := sc.plan(st.plan)
	if len(plan.Steps) == 0 {
		t.Fatalf("nothing to do: %+v", plan.Blockers)
	}
	s.ResetCalls()
	return sc, plan
}

// smallFleet is the example fleet with a few secrets of each sort: a hundred
// more of a sort would be cut at the same places.
func smallFleet() *sim.Fleet {
	few := []string{"prod/db/orders", "prod/db/billing", "prod/db/audit", "prod/api/gateway", "prod/payments/stripe", "prod/search/opensearch"}
	f := sim.ExampleFleet()
	f.Secrets = slices.DeleteFunc(f.Secrets, func(s sim.FleetSecret) bool {
		return strings.HasPrefix(s.Name, "prod/") && !slices.Contains(few, s.Name)
	})
	return f
}

func (sc *scene) region(r, state string) {
	sc.t.Helper()
	if err := sc.sim.SetRegion(r, sim.RegionState{State: state}); err != nil {
		sc.t.Fatal(err)
	}
}

func (sc *scene) observe() *topology.Snapshot {
	sc.t.Helper()
	snap, err := sc.cloud.Observe(sc.t.Context(), desired(sc.t), cloud.ObserveOptions{Alarms: true})
	if err != nil {
		sc.t.Fatal(err)
	}
	return snap
}

func (sc *scene) plan(make func(planner.Input) *planner.Plan) *planner.Plan {
	sc.t.Helper()
	placement, err := executor.Placement(sc.t.Context(), sc.store)
	if err != nil {
		sc.t.Fatal(err)
	}
	return make(planner.Input{Desired: desired(sc.t), Observed: sc.observe(), Recovery: sc.peace, Placement: placement, Now: time.Now()})
}

func (sc *scene) run(make func(planner.Input) *planner.Plan) {
	sc.t.Helper()
	e := executor.New(executor.Options{Cloud: sc.cloud, Store: sc.store})
	if rep, err := e.Run(sc.t.Context(), sc.plan(make), executor.RunSpec{}); err != nil {
		sc.t.Fatalf("%v %+v", err, rep)
	}
}
