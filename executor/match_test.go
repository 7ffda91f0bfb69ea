package executor_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Two copies that parted: us-west-2 went on by three values and a label of its
// own, us-east-1 has one that is to be lost, or not.
func TestMatchVersions(t *testing.T) {
	for name, c := range map[string]struct {
		givenUp bool
		labels  int // of us-east-1's own
	}{
		"what is not in the plan refuses it":                    {false, 0},
		"what is given up loses its label":                      {true, 0},
		"a copy with all the labels that AWS allows takes more": {true, planner.MostLabels},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { matchVersions(t, c.givenUp, c.labels) })
		})
	}
}

func matchVersions(t *testing.T, givenUp bool, labels int) {
	const n = "prod/db/orders"
	s := sim.New(sim.Options{Seed: 7, Lag: time.Second})
	if err := s.Load(smallFleet()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	c, ctx := newCloud(t, s), t.Context()
	put := func(r, value string, stages ...string) string {
		client := secretsmanager.NewFromConfig(aws.Config{Region: r, HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")})
		out, err := client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String(n), SecretString: &value, VersionStages: stages})
		if err != nil {
			t.Fatal(err)
		}
		return *out.VersionId
	}
	if err := c.Promote(ctx, "us-west-2", n); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"one", "two", "three"} {
		put("us-west-2", value)
	}
	put("us-west-2", "aside", "THEIRS")
	orphan := put("us-east-1", "mine", "MINE")
	for have := 3; have < labels; have++ { // beside AWSCURRENT, AWSPREVIOUS and MINE
		put("us-east-1", "mine", fmt.Sprintf("MINE_%02d", have))
	}
	before, err := c.Secret(ctx, "us-east-1", n)
	if err != nil {
		t.Fatal(err)
	}
	step := planner.Step{Action: planner.MatchVersions, Secret: n, Region: "us-east-1", Params: planner.Params{From: "us-west-2"}}
	for _, v := range before.Versions {
		if givenUp || v.ID != orphan {
			step.Expect.Versions = append(step.Expect.Versions, v.ID)
		}
	}
	plan := &planner.Plan{Schema: "understudy/plan/v1", Command: "test", Steps: []planner.Step{step.Seal()}}
	run := func() (*executor.Report, error) {
		return executor.New(executor.Options{Cloud: c, Store: journal.NewMemory()}).Run(ctx, plan, executor.RunSpec{})
	}
	rep, err := run()
	after, _ := c.Secret(ctx, "us-east-1", n)
	want, _ := c.Secret(ctx, "us-west-2", n)
	if !givenUp {
		if len(rep.Failures) != 1 || rep.Failures[0].Code != executor.CodeStalePlan || !topology.SameVersions(before, after) {
			t.Errorf("%+v %v\n%+v", rep.Failures, err, after.Versions)
		}
		return
	}
	if err != nil || !topology.SameVersions(after, want) || len(want.Versions) != 3 {
		t.Errorf("%v: %+v\nwant %+v", err, after.Versions, want.Versions)
	}
	s.ResetCalls()
	if rep, err := run(); err != nil || rep.Steps.AlreadyDone != 1 || s.Calls().Sum("us-east-1").Mutating > 0 {
		t.Errorf("once more: %v %+v", err, rep.Steps)
	}
}
