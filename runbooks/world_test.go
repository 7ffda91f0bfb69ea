package runbooks_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

const (
	account = "123456789012"
	home    = topology.Region("us-east-1")
	west    = topology.Region("us-west-2")
	ireland = topology.Region("eu-west-1")
)

// A world is a simulated AWS with the example fleet, the example's
// configuration, and everything of the real program between the two but the
// command line. It runs inside a synctest bubble: time is fake, waiting is
// free, and no socket is opened.
type world struct {
	t     *testing.T
	sim   *sim.Cloud
	env   runbooks.Env
	store *journal.Memory

	placed *topology.Placement // what the journal says, while nobody writes it
}

func newWorld(t *testing.T, opts sim.Options) *world {
	t.Helper()
	opts.Account, opts.Seed = account, 1
	if opts.Quirks == (sim.Quirks{}) && os.Getenv("UNDERSTUDY_QUIRKS") == "contrary" {
		opts.Quirks, _ = answers(t, contrary)
	}
	aws := sim.New(opts)
	if err := aws.Load(sim.ExampleFleet()); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	client, err := cloud.New(t.Context(), cloud.Options{
		Account: account, HTTPClient: aws, Credentials: credentials.NewStaticCredentialsProvider("sim", "sim", ""),
		Jitter: func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, sim: aws, store: journal.NewMemory()}
	w.env = runbooks.Env{
		Desired: cfg.Desired(), Cloud: client, Store: w.store, CallCounts: client.Calls,
		Policy: client.ReadOnly().Policy, KeyPolicy: client.ReadOnly().KeyPolicy, Versions: client.ReadOnly().Versions,
		Observe: func(ctx context.Context, skip []topology.Region, patient ...topology.Region) (*topology.Snapshot, error) {
			return client.Observe(ctx, cfg.Desired(), cloud.ObserveOptions{Skip: skip, Patient: patient, Alarms: true})
		},
	}
	return w
}

// converged is a world in which apply has run and the check is clean.
func converged(t *testing.T, opts sim.Options) *world {
	t.Helper()
	w := newWorld(t, opts)
	if _, err := runbooks.Apply(t.Context(), w.env, runbooks.ApplyOptions{AllowReplicaGap: true}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) set(r topology.Region, state string) {
	w.t.Helper()
	if err := w.sim.SetRegion(string(r), sim.RegionState{State: state}); err != nil {
		w.t.Fatal(err)
	}
}

// app is an application's own client in a region.
func (w *world) app(r topology.Region) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(aws.Config{
		Region: string(r), HTTPClient: w.sim, Credentials: credentials.NewStaticCredentialsProvider("app", "app", ""),
	}, func(o *secretsmanager.Options) { o.RetryMaxAttempts = 1 })
}

// put writes a value as an application would.
func (w *world) put(r topology.Region, name, value string) error {
	_, err := w.app(r).PutSecretValue(w.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value})
	return err
}

func (w *world) get(r topology.Region, name string) (string, error) {
	out, err := w.app(r).GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

// held are all versions that the simulator holds anywhere, as "secret
// version value", the value by its hash. One without a value is none to lose.
func (w *world) held() map[string]bool {
	out := map[string]bool{}
	for _, resources := range w.sim.State().Accounts[account] {
		for name, s := range resources.Secrets {
			for id, v := range s.Versions {
				if v.Value != "" {
					out[name+" "+id+" "+v.Value] = true
				}
			}
		}
	}
	return out
}

// nothingLost asserts G1: what was held before is held somewhere now.
func (w *world) nothingLost(before map[string]bool) {
	w.t.Helper()
	now := w.held()
	for _, v := range slices.Sorted(maps.Keys(before)) {
		if !now[v] {
			w.t.Errorf("G1: version %s is nowhere any more", v)
		}
	}
}

// oneWriter asserts G2: at most one region of each secret is writable and
// rotates, but for old primaries whose fence is on record as owed.
func (w *world) oneWriter() { w.t.Helper(); w.oneWriterBut(nil) }

// oneWriterBut leaves out what others had made so before.
func (w *world) oneWriterBut(before map[string][]string) {
	w.t.Helper()
	for name, regions := range w.writers() {
		if len(regions) > 1 && len(before[name]) < 2 {
			w.t.Errorf("G2: %s rotates in %s, and no fence is owed", name, strings.Join(regions, " and "))
		}
	}
}

// placement is what the journal says.
func (w *world) placement() topology.Placement {
	w.t.Helper()
	if w.placed != nil {
		return *w.placed
	}
	p, err := executor.Placement(context.Background(), w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// writers are the regions in which a secret is writable and rotates, but for
// those with a fence on record as owed.
func (w *world) writers() map[string][]string {
	w.t.Helper()
	owed := map[string]bool{}
	for _, d := range w.placement().Owed {
		owed[string(d.Secret)+" "+string(d.Region)] = true
	}
	writers := map[string][]string{}
	for region, resources := range w.sim.State().Accounts[account] {
		for name, s := range resources.Secrets {
			writable := s.Primary == "" || s.Primary == region
			if writable && s.Rotation != nil && s.Rotation.Enabled && !owed[name+" "+region] {
				writers[name] = append(writers[name], region)
			}
		}
	}
	for _, regions := range writers {
		slices.Sort(regions)
	}
	return writers
}

// untouched asserts G4 of what was called since the last ResetCalls.
func (w *world) untouched(r topology.Region, atMost int) {
	w.t.Helper()
	c := w.sim.Calls().Sum(string(r))
	if c.Mutating > 0 || c.Total > atMost {
		w.t.Errorf("G4: %d calls to the lost %s, %d of them mutating; at most %d reads are allowed: %v",
			c.Total, r, c.Mutating, atMost, w.sim.Calls()[string(r)])
	}
}

// A simStage is the simulator from an application's side.
type simStage struct{ w *world }

func (s simStage) Name() string { return "simulator" }

func (s simStage) Kill(_ context.Context, r topology.Region) error {
	return s.w.sim.SetRegion(string(r), sim.RegionState{State: sim.RegionHang})
}

func (s simStage) Revive(_ context.Context, r topology.Region) error {
	return s.w.sim.SetRegion(string(r), sim.RegionState{})
}

func (s simStage) Read(ctx context.Context, r topology.Region, n topology.Name) error {
	_, err := s.w.app(r).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: (*string)(&n)})
	return err
}

func (s simStage) Write(ctx context.Context, r topology.Region, n topology.Name) error {
	_, err := s.w.app(r).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: (*string)(&n), SecretString: aws.String(`{"rehearsed":"` + fmt.Sprint(time.Now().UnixNano()) + `"}`),
	})
	return err
}

func (s simStage) Calls(context.Context) (map[topology.Region]runbooks.CallCount, error) {
	out := map[topology.Region]runbooks.CallCount{}
	calls := s.w.sim.Calls()
	for region := range calls {
		c := calls.Sum(region)
		out[topology.Region(region)] = runbooks.CallCount{Total: c.Total, Mutating: c.Mutating}
	}
	return out, nil
}

func (s simStage) ResetCalls(context.Context) error { s.w.sim.ResetCalls(); return nil }
