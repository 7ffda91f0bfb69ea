package runbooks_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// A permitted world is one in which a team has its own statements in the
// policy of home's rotation function, none of them for all secrets.
type permitted struct {
	*world
	functions *lambda.Client
}

const rotateDB = "rotate-db"

func teams(t *testing.T, fence string, quirks ...sim.Quirks) *permitted {
	opts := sim.Options{Lag: time.Second}
	for _, q := range quirks {
		opts.Quirks = q
	}
	w := &permitted{world: converged(t, opts)}
	w.env.Desired.Failover.Fence = fence
	w.functions = lambda.NewFromConfig(aws.Config{
		Region: string(home), HTTPClient: w.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", ""),
	})
	w.remove("SecretsManagerInvoke")
	w.add("Orders", "prod/db/orders-??????")
	w.add("Databases", "prod/db/*")
	if _, err := w.functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String(rotateDB), StatementId: aws.String("Nightly"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
	}); err != nil {
		t.Fatal(err)
	}
	w.snapshot()
	w.add("Gateway", "prod/api/gateway-??????") // later than the last look at home
	return w
}

func (w *permitted) snapshot() {
	w.t.Helper()
	if _, err := runbooks.Drift(w.t.Context(), w.env, runbooks.DriftOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *permitted) add(sid, secrets string) {
	w.t.Helper()
	if err := permit(w.world, home, rotateDB, secrets, sid); err != nil {
		w.t.Fatal(err)
	}
}

func (w *permitted) remove(sids ...string) {
	for _, sid := range sids {
		w.add(sid, "none")
	}
}

// policy is what the function's policy says, in the order of its names.
func (w *permitted) policy() string {
	w.t.Helper()
	out, err := w.functions.GetPolicy(w.t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String(rotateDB)})
	if err != nil {
		return err.Error()
	}
	var p struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(*out.Policy), &p); err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, raw := range p.Statement {
		list = append(list, string(raw))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func (w *permitted) is(want string) {
	w.t.Helper()
	if now := w.policy(); now != want {
		w.t.Errorf("the policy is\n%s\nand should be\n%s", now, want)
	}
}

// fenced, but for some statements of Secrets Manager's; others are left alone.
func (w *permitted) fenced(left ...string) {
	w.t.Helper()
	f, err := w.env.Cloud.Function(w.t.Context(), home, functionAt(home))
	if err != nil {
		w.t.Fatal(err)
	}
	known, _, err := topology.Invokers(f.Policy, functionAt(home))
	var sids []string
	for _, p := range known {
		sids = append(sids, p.Sid)
	}
	if err != nil || !slices.Equal(sids, left) || !strings.Contains(f.Policy, "Nightly") {
		w.t.Errorf("it may be invoked by %v (%v), and should by %v", sids, err, left)
	}
}

func functionAt(r topology.Region) string {
	return "arn:aws:lambda:" + string(r) + ":" + account + ":function:" + rotateDB
}

func (w *permitted) failover() *executor.Report {
	w.t.Helper()
	w.set(home, sim.RegionRefuse)
	_, report, err := runbooks.Failover(w.t.Context(), w.env, runbooks.FailoverOptions{To: west})
	if err != nil {
		w.t.Fatal(err)
	}
	w.set(home, sim.RegionUp)
	return report
}

func (w *permitted) fence() {
	w.t.Helper()
	if _, _, err := runbooks.Fence(w.t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *permitted) failback() *planner.Plan {
	w.t.Helper()
	time.Sleep(time.Minute)
	plan, _, err := runbooks.Failback(w.t.Context(), w.env, runbooks.FailbackOptions{To: home})
	if err != nil {
		w.t.Fatal(err)
	}
	if p := w.placement(); len(p.Taken)+len(p.Fences) > 0 {
		w.t.Errorf("home again, and not settled: %+v", p)
	}
	return plan
}

// What the fence takes from a rotation function, the way home gives back as it
// was: every statement under its name, and none wider. So in a second round,
// after which a fence that is paid twice has nothing to do.
func TestInvokePermissionComesBackAsItWas(t *testing.T) { // G2
	synctest.Test(t, func(t *testing.T) {
		w := teams(t, "rotation+lambda")
		before := w.policy()
		for range 2 {
			w.failover()
			w.is(before)
			w.fence()
			w.fenced()
			w.fence()
			w.fenced()
			w.failback()
			w.is(before)
			time.Sleep(time.Minute)
		}
	})
}

// The program dies between the removals of two statements. Whoever resumes it
// finds one fewer, and still all come back.
func TestAFenceOfAFunctionIsCut(t *testing.T) { // G3
	for call := int64(1); call <= 3; call++ {
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := teams(t, "rotation+lambda")
				before := w.policy()
				w.failover()
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				dying := &diesRevoking{diesAt{Cloud: w.env.Cloud, after: after, kill: kill}}
				dying.call.Store(call)
				env := w.env
				env.Cloud = dying
				_, report, err := runbooks.Fence(ctx, env, runbooks.FenceOptions{})
				if err == nil {
					t.Fatalf("not killed at call %d: %+v", call, report)
				}
				if _, err := runbooks.Resume(t.Context(), w.env, report.ID); err != nil {
					t.Fatal(err)
				}
				w.fenced()
				w.failback()
				w.is(before)
			})
		}
	}
}

type diesRevoking struct{ diesAt }

func (d *diesRevoking) CancelRotation(ctx context.Context, r topology.Region, n topology.Name) error {
	return d.Cloud.CancelRotation(ctx, r, n)
}

func (d *diesRevoking) Promote(ctx context.Context, r topology.Region, n topology.Name) error {
	return d.Cloud.Promote(ctx, r, n)
}

func (d *diesRevoking) RevokeInvoke(ctx context.Context, r topology.Region, function, statement string) error {
	return d.around(func() error { return d.Cloud.RevokeInvoke(ctx, r, function, statement) })
}

func (d *diesRevoking) RestoreInvoke(ctx context.Context, r topology.Region, function string, p topology.Permission) error {
	return d.around(func() error { return d.Cloud.RestoreInvoke(ctx, r, function, p) })
}

// People change the policy behind the fence. What they wrote stays, what they
// have put back already is not doubled, and the rest comes back.
func TestAFencedPolicyChangesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := teams(t, "rotation+lambda")
		w.failover()
		w.fence()
		w.fenced()
		w.add("Orders", "prod/db/orders-AbCdEf") // their name, other words
		w.add("DatabasesAgain", "prod/db/*")     // their words, another name
		w.failback()
		w.fenced("Orders", "DatabasesAgain", "Gateway")
		if !strings.Contains(w.policy(), "prod/db/orders-AbCdEf") {
			t.Error("what people wrote is not there any more: " + w.policy())
		}
	})
}

// A failback that dies before it promotes anything is aborted: the fence is as
// it was, and so is what is remembered for the next.
func TestAFailbackThatIsAbortedFencesTheFunctionAgain(t *testing.T) { // G2
	for call := int64(1); call <= 3; call++ {
		synctest.Test(t, func(t *testing.T) {
			w := teams(t, "rotation+lambda", sim.Quirks{StaleEntry: "drop"}) // home has to be overwritten first
			before := w.policy()
			w.failover()
			w.fence()
			w.add("Theirs", "prod/new/*")
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			dying := &diesRevoking{diesAt{Cloud: w.env.Cloud, after: true, kill: kill}}
			dying.call.Store(call)
			env := w.env
			env.Cloud, env.Concurrency = dying, 1
			_, report, err := runbooks.Failback(ctx, env, runbooks.FailbackOptions{To: home})
			if err == nil {
				t.Fatalf("not killed at call %d", call)
			}
			if report, err = executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID); err != nil {
				t.Fatalf("%v %+v", err, report)
			}
			w.fenced("Theirs")
			if p := w.placement(); !p.Fenced(functionAt(home), home) || len(p.TakenFrom(functionAt(home), home)) != 3 {
				t.Errorf("what is remembered: %+v", p.Taken)
			}
			w.failback()
			w.remove("Theirs")
			w.is(before)
		})
	}
}

// An abort behind the promotions takes no fence down: the secrets stay away.
func TestAnAbortedFailoverKeepsTheFenceOfAFunction(t *testing.T) { // G2
	for _, call := range []int64{2, 4} {
		synctest.Test(t, func(t *testing.T) {
			w := teams(t, "rotation+lambda")
			before := w.policy()
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			dying := &diesRevoking{diesAt{Cloud: w.env.Cloud, after: true, kill: kill}}
			dying.call.Store(call)
			env := w.env
			env.Cloud = dying
			_, report, _ := runbooks.Failover(ctx, env, runbooks.FailoverOptions{To: west})
			if report == nil {
				t.Fatal("it did not begin")
			}
			if _, err := executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID); err != nil {
				t.Fatal(err)
			}
			w.fence() // what the abort left undone of it is owed
			w.fenced()
			w.failback()
			w.is(before)
		})
	}
}

// Where no fence took anything from the function, nothing is added to it: not
// with a milder fence, and not while the fence was owed.
func TestAFailbackWidensNoPermission(t *testing.T) {
	for _, fence := range []string{"rotation", "rotation+lambda"} {
		synctest.Test(t, func(t *testing.T) {
			w := teams(t, fence)
			before := w.policy()
			w.failover()
			w.failback()
			w.is(before)
		})
	}
}

// Somebody fenced it by hand: the journal has nothing of what that took, and
// the last look before it has.
func TestAFunctionFencedByHandIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := teams(t, "rotation+lambda")
		w.snapshot()
		before := w.policy()
		w.failover()
		w.remove("Orders", "Databases", "Gateway")
		w.fence()
		w.fenced()
		w.failback()
		w.is(before)
	})
}

// Rotation was turned off where the secrets were. They come home without it, and
// the fence is lifted all the same: people may turn it on again.
func TestAFailbackWithoutRotationFreesTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := teams(t, "rotation+lambda")
		before := w.policy()
		w.failover()
		w.fence()
		w.rotateNoMore(west)
		w.failback()
		w.is(before)
	})
}

func (w *permitted) rotateNoMore(r topology.Region) {
	w.t.Helper()
	for name, s := range w.sim.State().Accounts[account][string(r)].Secrets {
		if s.Rotation == nil || !s.Rotation.Enabled {
			continue
		}
		if err := w.env.Cloud.CancelRotation(w.t.Context(), r, topology.Name(name)); err != nil {
			w.t.Fatal(err)
		}
	}
}
