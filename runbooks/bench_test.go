package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// BenchmarkFailover1000 fails 1,000 secrets over in real time, with AWS's
// quotas and the primary hanging, to us-west-2 while eu-west-1 is a third
// region. It reports the time as a multiple of the floor: 50 writes a second,
// one promotion a secret, and the plan's own floor with re-parenting.
func BenchmarkFailover1000(b *testing.B) {
	if testing.Short() {
		b.Skip("a failover of 1,000 secrets takes as long as AWS's quotas say")
	}
	const secrets = 1000
	for b.Loop() {
		env := benchWorld(b, sim.GenerateFleet(secrets), "aws")
		start := time.Now()
		plan, report, err := runbooks.Failover(context.Background(), env, runbooks.FailoverOptions{To: west, PrimaryLost: true})
		if err != nil {
			b.Fatal(err)
		}
		whole := time.Since(start).Seconds()
		b.ReportMetric(promoted(report)/(secrets/50.0), "promote-vs-floor")
		b.ReportMetric(whole/plan.FloorSeconds, "whole-vs-floor")
		b.ReportMetric(whole, "whole-s")
		throttled, total := 0, 0
		for _, c := range report.Calls {
			throttled += c.Throttled
			total += c.Total
		}
		b.ReportMetric(100*float64(throttled)/float64(total), "throttled-%")
	}
}

// promoted is how long the promotions of the target took, in seconds.
func promoted(r *executor.Report) float64 {
	for _, p := range r.Phases {
		if p.Name == "promote" {
			return p.Seconds
		}
	}
	return 0
}

func benchWorld(b *testing.B, fleet *sim.Fleet, quotas string) runbooks.Env {
	b.Helper()
	aws := sim.New(sim.Options{Account: account, Seed: 1, Quotas: quotas})
	if err := aws.Load(fleet); err != nil {
		b.Fatal(err)
	}
	cfg, err := config.Load("../config.example.toml")
	if err != nil {
		b.Fatal(err)
	}
	client, err := cloud.New(context.Background(), cloud.Options{
		Account: account, HTTPClient: aws, Credentials: credentials.NewStaticCredentialsProvider("sim", "sim", ""),
	})
	if err != nil {
		b.Fatal(err)
	}
	dir, err := journal.OpenFile(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	env := runbooks.Env{
		Desired: cfg.Desired(), Cloud: client, Store: dir, CallCounts: client.Calls,
		Observe: func(ctx context.Context, skip []topology.Region, patient ...topology.Region) (*topology.Snapshot, error) {
			return client.Observe(ctx, cfg.Desired(), cloud.ObserveOptions{Skip: skip, Patient: patient, Alarms: true})
		},
	}
	if _, err := runbooks.Apply(context.Background(), env, runbooks.ApplyOptions{AllowReplicaGap: true}); err != nil {
		b.Fatal(err)
	}
	if err := aws.SetRegion(string(home), sim.RegionState{State: "hang"}); err != nil {
		b.Fatal(err)
	}
	client.ResetCalls()
	return env
}
