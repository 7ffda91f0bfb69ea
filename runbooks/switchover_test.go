package runbooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// settings is everything in the world, of which an unwound switchover must
// leave every bit as it was: the schedules' next dates, too.
func (w *world) settings() string { return w.text(func(sim.Resources) any { return nil }) }

// rotations is what is left to compare where applications wrote meanwhile.
func (w *world) rotations() string {
	return w.text(func(r sim.Resources) any {
		out := map[string]any{}
		for name, s := range r.Secrets {
			out[name] = []any{s.Primary, s.Rotation}
		}
		return out
	})
}

func (w *world) text(pick func(sim.Resources) any) string {
	out := map[string]any{}
	for region, resources := range w.sim.State().Accounts[account] {
		if out[region] = pick(resources); out[region] == nil {
			out[region] = resources
		}
	}
	text, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// A diesAt cloud ends the program around one mutating call: before it, after
// it (the answer is lost with the program), whatever the call.
type diesAt struct {
	executor.Cloud
	call  atomic.Int64 // mutating calls left
	after bool
	alive bool // something else dies than the program
	kill  context.CancelFunc
}

func (d *diesAt) around(do func() error) error {
	last := d.call.Add(-1) == 0
	if last && !d.after {
		d.kill()
		return fmt.Errorf("killed: %w", topology.ErrUnknown)
	}
	err := do()
	if last {
		d.kill()
		return fmt.Errorf("killed: %w", topology.ErrUnknown)
	}
	if d.call.Load() < 0 && !d.alive { // the program is dead
		return fmt.Errorf("killed: %w", topology.ErrUnknown)
	}
	return err
}

func (d *diesAt) CancelRotation(ctx context.Context, r topology.Region, n topology.Name) error {
	return d.around(func() error { return d.Cloud.CancelRotation(ctx, r, n) })
}

func (d *diesAt) Promote(ctx context.Context, r topology.Region, n topology.Name) error {
	return d.around(func() error { return d.Cloud.Promote(ctx, r, n) })
}

// TestASwitchoverKilledBeforeThePromotionUnwinds: seven rotations are frozen.
// The program dies around each of these calls; another one aborts the run
// (the world is as it was) or resumes it (the switchover is done).
func TestASwitchoverKilledBeforeThePromotionUnwinds(t *testing.T) { // G3
	for call := 1; call <= 7; call++ {
		for _, after := range []bool{false, true} {
			for _, resume := range []bool{false, true} {
				t.Run(fmt.Sprintf("call %d after %v resume %v", call, after, resume), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { killedSwitchover(t, call, after, resume) })
				})
			}
		}
	}
}

func killedSwitchover(t *testing.T, call int, after, resume bool) {
	w := converged(t, sim.Options{Lag: time.Second})
	before, held := w.settings(), w.held()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	dying := &diesAt{Cloud: w.env.Cloud, after: after, kill: kill}
	dying.call.Store(int64(call))
	env := w.env
	env.Cloud, env.Concurrency = dying, 1
	_, report, err := runbooks.Switchover(ctx, env, runbooks.SwitchoverOptions{To: west})
	if err == nil || report == nil {
		t.Fatalf("killed at call %d: report %v, err %v", call, report != nil, err)
	}
	if _, _, err := runbooks.Switchover(t.Context(), w.env, runbooks.SwitchoverOptions{To: west}); refusedAs(err) != "unfinished-run" {
		t.Errorf("another switchover over %s: %v", report.ID, err)
	}
	if resume {
		report, err = runbooks.Resume(t.Context(), w.env, report.ID)
		if err != nil || report.State != executor.Completed {
			t.Fatalf("resume: %v %+v", err, report)
		}
		w.nothingLost(held)
		w.oneWriter()
		return
	}
	report, err = executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID)
	if err != nil || report.State != executor.Aborted {
		t.Fatalf("abort: %v %+v", err, report)
	}
	if now := w.settings(); now != before {
		t.Errorf("unwound, and not as it was: %s", firstDifference(before, now))
	}
	w.oneWriter()
}

// TestASwitchoverIsCalledOff: what goes wrong before the first promotion
// undoes all that was done, by itself.
func TestASwitchoverIsCalledOff(t *testing.T) {
	for name, trouble := range map[string]func(*world){
		"a replica stays behind": func(w *world) {
			w.env.Confirm = nil
			w.set(ireland, sim.RegionPartitioned)
			if err := w.put(home, "prod/cache/redis", "late"); err != nil {
				w.t.Error(err)
			}
		},
		"a rotation may not be stopped": func(w *world) {
			if err := w.sim.AddFault(sim.Fault{
				Match: sim.FaultMatch{Operation: "CancelRotateSecret", Secret: "prod/db/users"}, Fault: sim.FaultError, Code: "AccessDeniedException",
			}); err != nil {
				w.t.Error(err)
			}
		},
		"a region dies": func(w *world) { w.set(ireland, sim.RegionRefuse) },
		"a rotation never ends": func(w *world) {
			p := &player{world: w}
			p.do("pending prod/db/users in us-east-1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := converged(t, sim.Options{Lag: time.Second})
				w.env.Progress = once(func(executor.Event) { trouble(w) }) // the run has begun
				look := w.settings
				if name == "a replica stays behind" || name == "a rotation never ends" {
					look = w.rotations // an application writes meanwhile
				}
				before := look()
				_, report, err := runbooks.Switchover(t.Context(), w.env, runbooks.SwitchoverOptions{To: west, Window: time.Minute})
				if refusedAs(err) != "called-off" || report.State != executor.Aborted {
					t.Fatalf("err %v, report %+v", err, report)
				}
				w.oneWriter()
				w.set(ireland, sim.RegionUp)
				w.sim.ClearFaults()
				time.Sleep(10 * time.Second)
				now := look()
				if now != before {
					t.Errorf("not as it was: %s", firstDifference(before, now))
				}
			})
		})
	}
}

// A racing cloud has one secret's schedule fire between the look and the call
// that freezes it, which cuts that rotation in two.
type racing struct {
	executor.Cloud
	w *world
}

const raced = "prod/db/users"

func (c racing) CancelRotation(ctx context.Context, r topology.Region, n topology.Name) error {
	if n == raced {
		name := string(n)
		if _, err := c.w.app(r).RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &name}); err != nil {
			return err
		}
		time.Sleep(2500 * time.Millisecond) // amid its steps
	}
	return c.Cloud.CancelRotation(ctx, r, n)
}

// TestARotationThatTheFreezeCuts never ends, and which password is in force
// nobody but the database knows: it is said, and once a person has decided,
// the switchover unwinds like any other.
func TestARotationThatTheFreezeCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second, RotationStep: time.Second})
		before := w.rotations()
		env := w.env
		env.Cloud = racing{w.env.Cloud, w}
		_, report, err := runbooks.Switchover(t.Context(), env, runbooks.SwitchoverOptions{To: west, Window: time.Minute})
		if err == nil || !report.Aborting || len(report.Stuck) != 1 || report.Stuck[0].Secret != raced {
			t.Fatalf("%v: %+v", err, report)
		}
		const wayOut = "test a login with AWSCURRENT"
		if says := report.Stuck[0].Message; !strings.Contains(says, wayOut) {
			t.Errorf("what to do about it? %s", says)
		}
		found, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{NoSnapshot: true})
		if err != nil || !slices.ContainsFunc(found.Findings, func(f drift.Finding) bool {
			return f.Code == drift.CodeRotationInFlight && f.Severity == drift.Warning && strings.Contains(f.Fix, wayOut)
		}) {
			t.Errorf("%v: drift does not tell: %+v", err, found.Findings)
		}
		(&player{world: w}).do("unlabel AWSPENDING of " + raced + " in us-east-1")
		report, err = executor.New(executor.Options{Cloud: w.env.Cloud, Store: w.store}).Abort(t.Context(), report.ID)
		if err != nil || report.State != executor.Aborted || report.Aborting || len(report.Stuck) > 0 {
			t.Fatalf("%v: %+v", err, report)
		}
		time.Sleep(time.Minute)
		if now := w.rotations(); now != before {
			t.Errorf("unwound, and not as it was: %s", firstDifference(before, now))
		}
	})
}

// TestASwitchoverRefusesIllHealth: whatever would leave a region behind after
// the move, or rotation off if it is called off, refuses it. Nothing is done.
func TestASwitchoverRefusesIllHealth(t *testing.T) {
	for name, c := range map[string]struct {
		trouble string
		want    string
	}{
		"the key of a third region": {
			"disable-key alias/secrets-key-eu in eu-west-1", "the key alias/secrets-key-eu in eu-west-1 is Disabled",
		},
		"the function that would take rotation back": {
			"delete-function rotate-db in us-east-1", "its rotation function rotate-db in us-east-1 does not exist",
		},
		"a replica that is missing": {
			"unreplicate prod/cache/redis from us-east-1 to eu-west-1", "prod/cache/redis: no replica in eu-west-1; hint: understudy apply;",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := converged(t, sim.Options{Lag: time.Second})
				w.stage(c.trouble)
				w.refuses(c.want)
			})
		})
	}
	t.Run("a function that Secrets Manager may not invoke", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := converged(t, sim.Options{Lag: time.Second})
			function := "arn:aws:lambda:us-east-1:" + account + ":function:rotate-db"
			if err := w.env.Cloud.RevokeInvoke(t.Context(), home, function, w.statement(function)); err != nil {
				t.Fatal(err)
			}
			w.refuses("its rotation function rotate-db in us-east-1 may not be invoked by Secrets Manager")
		})
	})
}

// stage has something happen to the world, and to arrive everywhere.
func (w *world) stage(line string) {
	p := &player{world: w}
	p.do(line)
	time.Sleep(10 * time.Second)
	if said := p.flush(); said != "" {
		w.t.Fatal(said)
	}
}

// refuses expects a switchover to be refused with these words, untouched.
func (w *world) refuses(want string) {
	w.t.Helper()
	w.sim.ResetCalls()
	_, report, err := runbooks.Switchover(w.t.Context(), w.env, runbooks.SwitchoverOptions{To: west})
	var refused *runbooks.Refused
	if !errors.As(err, &refused) || refused.Code != "not-healthy" || report != nil {
		w.t.Errorf("report %v, err %v; want %q", report != nil, err, want)
	} else if text := refused.Message + "; hint: " + refused.Hint; !strings.Contains(text, want) {
		w.t.Errorf("%s; want %q", text, want)
	}
	if n := w.mutations(); n != 0 {
		w.t.Errorf("refused, after %d mutating calls", n)
	}
}

// statement is the id of the one statement in a function's policy.
func (w *world) statement(function string) string {
	w.t.Helper()
	f, err := w.env.Cloud.Function(w.t.Context(), home, function)
	if err != nil {
		w.t.Fatal(err)
	}
	var policy struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(f.Policy), &policy); err != nil || len(policy.Statement) != 1 {
		w.t.Fatalf("policy %q: %v", f.Policy, err)
	}
	return policy.Statement[0].Sid
}

// TestAPlannedMoveTellsOfPolicies: a policy that lets nobody in but through
// the old region's network goes along, whichever way the secret moves.
func TestAPlannedMoveTellsOfPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second, Quirks: sim.Quirks{PromotedPolicy: "keep"}}) // else it does not come along
		w.stage("tied-policy on prod/db/orders in us-east-1")
		plan, _, err := runbooks.Switchover(t.Context(), w.env, runbooks.SwitchoverOptions{To: west, DryRun: true})
		w.tellsOfPolicy(plan, err, west)
		if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
			t.Fatal(err)
		}
		plan, _, err = runbooks.Failback(t.Context(), w.env, runbooks.FailbackOptions{To: home, DryRun: true})
		w.tellsOfPolicy(plan, err, home)
	})
}

func (w *world) tellsOfPolicy(plan *planner.Plan, err error, where topology.Region) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Notes, func(b planner.Blocker) bool {
		return b.Code == planner.RiskPolicy && b.Secret == "prod/db/orders" && b.Region == where
	}) {
		w.t.Errorf("%s says nothing of the policy: %+v", plan.Command, plan.Notes)
	}
}

func once(do func(executor.Event)) func(executor.Event) {
	done := false
	return func(ev executor.Event) {
		if !done {
			done = true
			do(ev)
		}
	}
}

func refusedAs(err error) string {
	var refused *runbooks.Refused
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
