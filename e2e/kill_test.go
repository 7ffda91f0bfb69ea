package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestKillNineDuringAFailover proves G3: kill -9 at a random moment of a
// failover of 50 secrets, ten times; `runs resume` finishes each time and no
// promotion is sent twice.
func TestKillNineDuringAFailover(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("UNDERSTUDY_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (set UNDERSTUDY_SEED to repeat)", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for trial := range 10 {
		// Up to the time a whole failover takes: promotions alone are
		// paced to 50 a second.
		delay := time.Duration(rng.Int64N(int64(2500 * time.Millisecond)))
		t.Run(fmt.Sprintf("%d after %s", trial, delay.Round(time.Millisecond)), func(t *testing.T) {
			t.Parallel() // each has its own simulator, and mostly waits
			killAndResume(t, delay)
		})
	}
}

func killAndResume(t *testing.T, delay time.Duration) {
	sim := startSim(t, "--fleet", "generate:50", "--quotas", "aws")
	s := newSession(t, sim.url, exampleConfig(t))
	s.must(0, "apply", "--yes") // stages alarms and permissions, captures the snapshot
	sim.setRegion("us-east-1", "hang")
	sim.control("DELETE", "calls", "", nil)

	cmd := s.command(context.Background(), "failover", "--to", "us-west-2", "--primary-lost", "--yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(delay) // a real process is killed at a real moment
	cmd.Process.Kill()
	cmd.Wait()

	runs := decode[struct {
		Runs []struct{ ID, Command, State string }
	}](t, s.must(0, "--output", "json", "runs", "list"))
	var id string
	for _, r := range runs.Runs {
		if r.Command == "failover" {
			id = r.ID
		}
	}
	if id == "" {
		t.Logf("killed before the run existed: failing over afresh")
		s.must(0, "failover", "--to", "us-west-2", "--primary-lost", "--yes")
	} else {
		t.Logf("killed run %s", id)
		s.must(0, "runs", "resume", id, "--yes")
	}

	counts := sim.calls()
	promote := counts["us-west-2"]["secretsmanager"]["StopReplicationToReplica"]
	if got := promote.Total - promote.Throttled; got != 50 {
		t.Errorf("%d promotions reached us-west-2 unthrottled, want 50: %+v", got, promote)
	}
	if east := regionCalls(counts, "us-east-1"); east.Total != 0 {
		t.Errorf("calls to the lost region: %+v", east)
	}
	west := sim.secrets("us-west-2")
	if len(west) != 50 {
		t.Errorf("us-west-2 holds %d secrets", len(west))
	}
	for name, state := range west {
		if state.PrimaryRegion != "" && state.PrimaryRegion != "us-west-2" {
			t.Errorf("%s in us-west-2 is still a replica of %s", name, state.PrimaryRegion)
		}
	}
}
