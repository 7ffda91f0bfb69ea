package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A controller is an understudy process at work.
type controller struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func (s *session) start(args ...string) *controller {
	s.t.Helper()
	c := &controller{t: s.t, cmd: s.command(context.Background(), args...)}
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.cmd.Process.Kill() })
	return c
}

func (c *controller) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

func (c *controller) wait() answer {
	c.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	c.cmd.Wait()
	return answer{c.cmd.ProcessState.ExitCode(), c.stdout.String(), c.stderr.String()}
}

// eventually asks again until the answer is yes: processes take their time.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !yes(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a minute has passed: %s", what)
		}
	}
}

func (s *simulator) promotions() int {
	s.t.Helper()
	c := s.calls()["us-west-2"]["secretsmanager"]["StopReplicationToReplica"]
	return c.Total - c.Throttled
}

func (s *simulator) mutations() int {
	s.t.Helper()
	n := 0
	counts := s.calls()
	for region := range counts {
		n += regionCalls(counts, region).Mutating
	}
	return n
}

// state is all that the simulator shows, but for what reads change.
func (s *simulator) state() string {
	s.t.Helper()
	var state json.RawMessage
	s.control("GET", "state", "", &state)
	return regexp.MustCompile(`"(last_accessed|now|time)":\s*"[^"]*"`).ReplaceAllString(string(state), "")
}

// underWay starts a failover of n secrets, which takes n/50 seconds, and
// returns once some are promoted.
func underWay(t *testing.T, fleet string) (*simulator, *session, *controller, string) {
	t.Helper()
	sim := startSim(t, "--fleet", fleet, "--quotas", "aws")
	s := newSession(t, sim.url, exampleConfig(t))
	s.env = append(s.env, "UNDERSTUDY_LEASE_TTL=2s")
	s.must(0, "apply", "--yes")
	sim.control("DELETE", "calls", "", nil)
	c := s.start("failover", "--to", "us-west-2", "--yes")
	eventually(t, "nothing is promoted", func() bool { return sim.promotions() > 3 })
	runs := s.runs()
	return sim, s, c, runs[len(runs)-1].ID
}

type listedRun struct {
	ID, Command, State string
	Died               bool
}

func (s *session) runs() []listedRun {
	s.t.Helper()
	return decode[struct{ Runs []listedRun }](s.t, s.must(0, "--output", "json", "runs", "list")).Runs
}

// G7.
func TestASecondFailoverIsToldWhoIsAtWork(t *testing.T) {
	t.Parallel()
	sim, s, first, id := underWay(t, "generate:150")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	second := s.must(3, "failover", "--to", "us-west-2", "--yes")
	for _, want := range []string{host, id, "failover", "for ", "s;"} {
		if !strings.Contains(second.stderr, want) {
			t.Errorf("the second is not told %q:\n%s", want, second)
		}
	}
	// Another command, which no unfinished run stops, meets the lease itself.
	doc := decode[struct{ Code, Message string }](t, s.must(3, "--output", "json", "runs", "abort", id, "--yes"))
	if doc.Code != "lease-held" || !strings.Contains(doc.Message, id) || !strings.Contains(doc.Message, host) {
		t.Errorf("abort meanwhile: %+v", doc)
	}
	if a := first.wait(); a.code != 0 {
		t.Fatalf("the first: %s", a)
	}
	if n := sim.promotions(); n != 150 {
		t.Errorf("%d promotions, want 150", n)
	}
}

// G7: SIGSTOP is a laptop that was closed, a machine that was paused. Its
// lease runs out, another controller takes over and finishes; waking up, the
// first one changes nothing any more.
func TestAControllerThatSleptPastItsLeaseChangesNothingMore(t *testing.T) {
	t.Parallel()
	sim, s, first, id := underWay(t, "generate:150")
	first.signal(syscall.SIGSTOP)
	eventually(t, "nobody can take over", func() bool {
		a := s.run("runs", "resume", id, "--yes")
		if a.code != 0 && a.code != 3 { // wherever it was stopped, in the middle of a renewal too
			t.Fatalf("taking over: %s", a)
		}
		return a.code == 0
	})
	if n := sim.promotions(); n != 150 {
		t.Errorf("%d promotions, want 150", n)
	}
	mutations, state := sim.mutations(), sim.state()
	first.signal(syscall.SIGCONT)
	a := first.wait()
	if a.code != 4 || !strings.Contains(a.stdout, "lease lost") || !strings.Contains(a.stdout, "taken over by") {
		t.Errorf("the first: %s", a)
	}
	if strings.Contains(a.stdout, "runs resume") {
		t.Errorf("the run is another's, and it is told to resume it: %s", a)
	}
	if n := sim.mutations(); n != mutations {
		t.Errorf("awake again, it made %d mutating calls", n-mutations)
	}
	if sim.state() != state {
		t.Error("awake again, it changed something")
	}
	s.must(0, "runs", "verify", id)
}

// journaled counts a run's promotions that its journal says were applied.
func (s *session) journaled(id string) int {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.state, "runs", id, "journal.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(log)) {
		var r struct {
			Kind string
			Data struct{ Action, Region, Outcome string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatal(err)
		}
		if r.Kind == "outcome" && r.Data.Action == "promote" && r.Data.Region == "us-west-2" && r.Data.Outcome == "applied" {
			n++
		}
	}
	return n
}

func TestAnInterruptFinishesAndJournalsTheCallsInFlight(t *testing.T) {
	t.Parallel()
	sim, s, c, id := underWay(t, "generate:150")
	c.signal(syscall.SIGINT)
	a := c.wait()
	if a.code != 4 || !strings.Contains(a.stdout, "understudy runs resume "+id+"\n") && !strings.Contains(a.stdout, "understudy runs resume "+id+" ") {
		t.Fatalf("want exit 4 and the command that goes on, got %s", a)
	}
	made := sim.promotions()
	if n := s.journaled(id); n != made || made == 150 {
		t.Errorf("%d promotions were made, %d are journaled", made, n)
	}
	runs := s.runs()
	if last := runs[len(runs)-1]; last.State != "halted" || last.Died {
		t.Errorf("the run is %+v", last)
	}
	s.must(0, "runs", "resume", id, "--yes")
	if n := sim.promotions(); n != 150 {
		t.Errorf("%d promotions after resuming, want 150", n)
	}
}

// A call that hangs does not hold up whoever says it twice.
func TestASecondInterruptStopsAtOnce(t *testing.T) {
	t.Parallel()
	sim, s, c, id := underWay(t, "generate:150")
	sim.control("POST", "faults", `{"match": {"region": "us-west-2", "operation": "StopReplicationToReplica"}, "fault": "delay", "delay": "8s"}`, nil)
	seen := sim.promotions()
	eventually(t, "no call hangs", func() bool { return sim.promotions() > seen+3 })
	began := time.Now()
	c.signal(syscall.SIGINT)
	time.Sleep(300 * time.Millisecond) // as a person would
	c.signal(syscall.SIGINT)
	a := c.wait()
	if took := time.Since(began); a.code != 4 || took > 4*time.Second {
		t.Fatalf("after %v: %s", took, a)
	}
	if !strings.Contains(a.stderr, "runs resume "+id) {
		t.Errorf("it does not say how to go on: %s", a)
	}
	sim.control("DELETE", "faults", "", nil)
	s.must(0, "runs", "resume", id, "--yes") // verifies that each secret is promoted
	s.must(0, "runs", "verify", id)
}
