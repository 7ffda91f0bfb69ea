package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// One byte of a journal is changed: verify names the file and the line, and
// whatever else reads the journal says so; an emergency goes on.
func TestATamperedJournalIsFoundByLine(t *testing.T) {
	t.Parallel()
	sim := startSim(t, "--fleet", "example")
	s := newSession(t, sim.url, exampleConfig(t))
	s.must(0, "apply", "--yes", "--allow-replica-gap")
	id := s.runs()[0].ID
	intact := s.must(0, "--output", "json", "runs", "verify", id)
	if doc := decode[struct {
		ID     string
		Intact bool
	}](t, intact); doc.ID != id || !doc.Intact {
		t.Errorf("verify: %+v", doc)
	}

	path := filepath.Join(s.state, "runs", id, "journal.jsonl")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(log, []byte("\n"))
	lines[3] = bytes.Replace(lines[3], []byte(`"data":`), []byte(`"dota":`), 1)
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	a := s.must(1, "runs", "verify", id)
	if !strings.Contains(a.stderr, path+":4") && !strings.Contains(a.stderr, "line 4") {
		t.Errorf("it does not name the file and line 4: %s", a)
	}
	if doc := decode[struct{ Schema, Code string }](t, s.must(1, "--output", "json", "runs", "verify", id)); doc.Code != "corrupt-journal" {
		t.Errorf("%+v", doc)
	}
	if a := s.must(0, "failover", "--to", "us-west-2", "--yes"); strings.Count(a.stderr, path+":4: corrupt") != 1 || !strings.Contains(a.stderr, "understudy runs verify "+id) {
		t.Errorf("it is not said once: %s", a)
	}
	if n := sim.promotions(); n == 0 {
		t.Error("an old apply's journal kept a failover from promoting")
	}
}

func TestAbortNamesTheDoorsThatStayOpen(t *testing.T) {
	t.Parallel()
	sim := startSim(t, "--fleet", "example")
	s := newSession(t, sim.url, exampleConfig(t))
	s.must(0, "apply", "--yes", "--allow-replica-gap")
	sim.control("POST", "faults", `{"match": {"region": "us-west-2", "operation": "StopReplicationToReplica", "secret": "prod/db/orders"}, "fault": "error", "code": "AccessDeniedException"}`, nil)
	a := s.must(4, "failover", "--to", "us-west-2", "--yes")
	for _, want := range []string{"Failed 1 step: AccessDeniedException", "prod/db/orders", "left", "runs resume"} {
		if !strings.Contains(a.stdout, want) {
			t.Errorf("the halted run does not say %q: %s", want, a)
		}
	}
	// 23 secrets, of which one is denied: its denial stopped no other.
	if n := sim.promotions() - 1; n != 22 {
		t.Errorf("%d promotions, want 22", n)
	}
	runs := s.runs()
	id := runs[len(runs)-1].ID
	a = s.must(0, "runs", "abort", id, "--yes")
	for _, want := range []string{"aborted", "not to be taken back", "promote", "one-way"} {
		if !strings.Contains(a.stdout, want) {
			t.Errorf("abort does not say %q: %s", want, a)
		}
	}
	doc := decode[struct {
		State  string
		OneWay []struct{ Action, Subject, Region, Risk string } `json:"one_way"`
	}](t, s.must(0, "--output", "json", "runs", "show", id))
	doors := 0
	for _, d := range doc.OneWay {
		if d.Action == "promote" && d.Region == "us-west-2" {
			doors++
		}
	}
	if doc.State != "aborted" || doors != 22 {
		t.Errorf("state %s, %d promotions among the one-way doors, want 22", doc.State, doors)
	}
	s.must(3, "runs", "resume", id, "--yes")
}

// Without a place to journal to, nothing is done.
func TestAReadOnlyStateDirectoryStopsBeforeTheFirstCall(t *testing.T) {
	t.Parallel()
	sim := startSim(t, "--fleet", "example")
	s := newSession(t, sim.url, exampleConfig(t))
	if err := os.Mkdir(s.state, 0o555); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(t.Context(), "failover", "--to", "us-west-2", "--yes", "--accept-stale", "5")
	if os.Getuid() == 0 { // root writes anywhere, unless it gives that up
		setpriv, err := exec.LookPath("setpriv")
		if err != nil {
			t.Skip("root can write to any directory, and setpriv is not here")
		}
		cmd.Args = append([]string{setpriv, "--bounding-set=-dac_override,-dac_read_search", "--", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = setpriv
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err == nil {
		t.Fatalf("it went on:\n%s", &out)
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "must be writable; name another with --state-dir") {
		t.Errorf("exit %d\n%s", code, &out)
	}
	if n := sim.mutations(); n != 0 {
		t.Errorf("%d mutating calls that nothing journals", n)
	}
}
