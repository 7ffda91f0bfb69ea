package executor_test

import (
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Where an abort takes a function's fence down, it goes by the run's own
// journal: the function's policy is as it was, to the letter.
func TestAnAbortPutsPermissionsBackAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := sim.New(sim.Options{})
		if err := world.Load(sim.ExampleFleet()); err != nil {
			t.Fatal(err)
		}
		c, ctx := newCloud(t, world), t.Context()
		const home, function = topology.Region("us-east-1"), "arn:aws:lambda:us-east-1:123456789012:function:rotate-db"
		for _, p := range []topology.Permission{
			{Sid: "Team", Action: "lambda:InvokeFunction", SourceARN: "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db/orders-??????"},
			{Sid: "Other", Action: "lambda:*", SourceAccount: "123456789012"},
		} {
			if err := c.RestoreInvoke(ctx, home, function, p); err != nil {
				t.Fatal(err)
			}
		}
		policy := func() string {
			f, err := c.Function(ctx, home, function)
			if err != nil {
				t.Fatal(err)
			}
			return f.Policy
		}
		before := policy()
		revoke := planner.Step{Action: planner.RevokeInvoke, Target: function, Region: home,
			Params: planner.Params{Lambda: function, Statement: planner.GrantStatement}}.Seal()
		fails := planner.Step{Action: planner.AttachRotation, Secret: "nobody", Region: home, Needs: []string{revoke.ID}}.Seal()
		e := executor.New(executor.Options{Cloud: c, Store: journal.NewMemory()})
		rep, err := e.Run(ctx, &planner.Plan{ID: "0000", Command: "apply", Steps: []planner.Step{revoke, fails}}, executor.RunSpec{})
		if err == nil || policy() != "" {
			t.Fatalf("%v: %s", err, policy())
		}
		if rep, err = e.Abort(ctx, rep.ID); err != nil || rep.State != executor.Aborted {
			t.Fatalf("%v %+v", err, rep)
		}
		if now := policy(); now != before {
			t.Errorf("it is  %s\nand was %s", now, before)
		}
	})
}
