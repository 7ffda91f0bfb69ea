package executor_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// AWS lets 50 promotions a second through, per account and region. AWS: "AWS
// Secrets Manager quotas".
const (
	quota     = 50
	neighbour = quota / 3.0 // what another client takes, from half-way on
	fleet     = 5000
)

// A pace is how fast a run went: promotions a second in either half, and what
// share of them was throttled.
type pace struct{ first, second, throttled float64 }

// run5000 promotes a fleet under AWS's quotas. If crowded, another client
// takes a third of the quota once half of it is promoted.
func run5000(tb testing.TB, store journal.Store, crowded bool) pace {
	tb.Helper()
	s := sim.New(sim.Options{Quotas: "aws", Seed: 7})
	if err := s.Load(sim.GenerateFleet(fleet)); err != nil {
		tb.Fatal(err)
	}
	plan := &planner.Plan{ID: "pace", Command: "failover", From: "us-east-1", To: "us-west-2"}
	for i := range fleet {
		name := topology.Name(fmt.Sprintf("prod/svc-%06d/secret", i))
		plan.Steps = append(plan.Steps, planner.Step{ID: string(name), Action: planner.Promote, Secret: name, Region: "us-west-2", Group: "prod"})
	}
	ctx, end := context.WithCancel(tb.Context())
	var others sync.WaitGroup
	client := newCloud(tb, s)
	began, half, done, served := time.Now(), time.Time{}, 0, 0
	progress := func(e executor.Event) {
		if e.Kind != executor.StepEnded {
			return
		}
		if done++; done == fleet/2 {
			half = time.Now()
			if crowded {
				others.Go(func() { served = crowd(ctx, s) })
			}
		}
	}
	e := executor.New(executor.Options{Cloud: client, Store: store, Progress: progress})
	if rep, err := e.Run(tb.Context(), plan, executor.RunSpec{}); err != nil || rep.Steps.Applied != fleet {
		tb.Fatalf("%v %+v", err, rep)
	}
	took := pace{first: fleet / 2 / half.Sub(began).Seconds(), second: fleet / 2 / time.Since(half).Seconds()}
	crowding := time.Since(half).Seconds()
	end()
	others.Wait()
	if crowded && float64(served)/crowding < 0.95*neighbour {
		tb.Errorf("the neighbour got %.1f/s, so the quota was not shared", float64(served)/crowding)
	}
	calls := client.Calls()["us-west-2"]
	took.throttled = float64(calls.Throttled) / float64(calls.Mutating)
	tb.Logf("crowded %v: %.1f/s, then %.1f/s; %d of %d promotions throttled", crowded, took.first, took.second, calls.Throttled, calls.Mutating)
	return took
}

// crowd takes a third of the quota whatever it costs: a call that is throttled
// is sent again at once.
func crowd(ctx context.Context, s *sim.Cloud) (served int) {
	tick := time.NewTicker(3 * time.Second / quota)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return served
		case <-tick.C:
		}
		for !writeOnce(ctx, s) && ctx.Err() == nil {
			time.Sleep(3 * time.Millisecond)
		}
		served++
	}
}

// writeOnce makes one call that counts against the quota of promotions, and
// tells whether it was let through (to be refused for what it asks).
func writeOnce(ctx context.Context, s *sim.Cloud) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://secretsmanager.us-west-2.amazonaws.com/",
		strings.NewReader(`{"SecretId":"somebody-elses"}`))
	if err != nil {
		return false
	}
	req.Header.Set("X-Amz-Target", "secretsmanager.StopReplicationToReplica")
	req.Header.Set("X-Amz-Date", "20260301T120000Z")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=sim/20260301/us-west-2/secretsmanager/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
	resp, err := s.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return err == nil && !strings.Contains(string(text), "ThrottlingException")
}

// In virtual time, so the figures are exact.
func TestAFleetIsPromotedAtTheQuota(t *testing.T) {
	if testing.Short() {
		t.Skip("5,000 promotions over the SDK")
	}
	for name, crowded := range map[string]bool{"alone": false, "a neighbour takes a third half-way": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := run5000(t, journal.NewMemory(), crowded)
				share := float64(quota)
				if crowded {
					share -= neighbour
				}
				if p.first < 0.97*quota || p.second < 0.97*share {
					t.Errorf("%.1f/s, then %.1f/s, want 97%% of %d/s, then of %.1f/s", p.first, p.second, quota, share)
				}
				if p.throttled >= 0.01 {
					t.Errorf("%.2f%% of them were throttled, want less than 1%%", 100*p.throttled)
				}
			})
		})
	}
}

// By the machine's clock and on its disk: 100 seconds alone, 125 crowded.
func BenchmarkFailoverPace(b *testing.B) {
	if testing.Short() {
		b.Skip("minutes by the clock")
	}
	for name, crowded := range map[string]bool{"alone": false, "crowded": true} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				store, err := journal.OpenFile(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				p := run5000(b, store, crowded)
				b.ReportMetric(p.first, "first-half/s")
				b.ReportMetric(p.second, "second-half/s")
				b.ReportMetric(100*p.throttled, "%throttled")
			}
		})
	}
}
