package main

import (
	"os"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/sim"
)

// inventory is a desk with a run, a snapshot and a memory of findings.
func inventory(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.want(exitOK, "drift")
	return d
}

// spoil overwrites a file of the state.
func (d *desk) spoil(name, text string) (path string) {
	d.t.Helper()
	path = d.dir + "/state/" + name
	if _, err := os.Stat(path); err != nil {
		d.t.Fatal(err)
	}
	d.write("state/"+name, text)
	return path
}

// What helps in an emergency, and cannot be read, must not stop it: it is
// named, and how it comes back, and all goes on without what it held.
func TestASpoiltDocumentStopsNothing(t *testing.T) {
	for name, row := range map[string]struct {
		file, says string
		commands   []string
	}{
		"the recovery snapshot": {"snapshot/recovery.json.gz", ".gz.corrupt",
			[]string{"status", "plan", "failover --to us-west-2 --dry-run", "failover --to us-west-2 --primary-lost --yes"}},
		"the recovery snapshot, before a check": {"snapshot/recovery.json.gz", ".gz.corrupt", []string{"drift"}},
		"the memory of findings":                {"findings/seen.json", "writes it anew", []string{"status", "drift"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := inventory(t)
			path := d.spoil(row.file, "{torn")
			for _, line := range row.commands {
				captured := strings.HasPrefix(line, "failover") && !strings.Contains(line, "dry-run") || line == "drift"
				_, err := os.Stat(path + ".corrupt")
				rewritten := err == nil
				d.want(exitOK, strings.Fields(line)...)
				if says := d.stderr.String(); !rewritten && (strings.Count(says, "WARNING: "+path) != 1 || !strings.Contains(says, row.says)) {
					t.Errorf("%s does not say so once:\n%s", line, says)
				}
				if captured && strings.HasPrefix(row.file, "snapshot") {
					if kept, err := os.ReadFile(path + ".corrupt"); err != nil || string(kept) != "{torn" {
						t.Errorf("%s: what could not be read is not kept: %v", line, err)
					}
				}
			}
			d.run("drift")
			d.run("drift")
			if says := d.stderr.String(); strings.Contains(says, "WARNING") {
				t.Errorf("it did not come back:\n%s", says)
			}
		})
	}
}

// A run that died goes on without the snapshot, too.
func TestARunIsResumedWithoutItsSnapshot(t *testing.T) {
	d := inventory(t)
	fault := sim.Fault{Match: sim.FaultMatch{Region: "us-west-2", Operation: "StopReplicationToReplica", Secret: "prod/db/orders"}, Fault: "error", Code: "AccessDeniedException", Count: 1}
	if err := d.sim.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	d.want(exitStopped, "failover", "--to", "us-west-2", "--yes")
	d.want(exitOK, "--output", "json", "runs", "list")
	runs := document[struct{ Runs []struct{ ID string } }](t, d).Runs
	path := d.spoil("snapshot/recovery.json.gz", "")
	d.spoil("findings/seen.json", "[]")
	d.want(exitOK, "runs", "resume", runs[len(runs)-1].ID, "--yes")
	if says := d.stderr.String(); !strings.Contains(says, "WARNING: "+path) || !strings.Contains(says, "seen.json cannot be read") {
		t.Errorf("it does not say so:\n%s", says)
	}
}

// A damaged failover is in the findings and in the status until somebody has
// seen to it; a damaged apply is worth knowing.
func TestADamagedRunIsAFinding(t *testing.T) {
	d := inventory(t)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	d.want(exitOK, "--output", "json", "runs", "list")
	runs := document[struct {
		Runs []struct{ ID, Command string }
	}](t, d).Runs
	severity := map[string]string{"apply": "info", "failover": "warning"}
	for _, r := range runs {
		log, err := os.ReadFile(d.dir + "/state/runs/" + r.ID + "/journal.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		d.spoil("runs/"+r.ID+"/journal.jsonl", string(log[:strings.LastIndex(string(log[:len(log)-1]), "\n")+1]))
	}
	d.run("--output", "json", "drift")
	for _, f := range document[struct {
		Findings []struct{ Code, Severity, Subject, Message, Fix string }
	}](t, d).Findings {
		if f.Code != "run-damaged" {
			continue
		}
		for _, r := range runs {
			if r.ID == f.Subject && f.Severity == severity[r.Command] && strings.Contains(f.Message, "cut off") && strings.Contains(f.Fix, "runs verify "+r.ID) {
				delete(severity, r.Command)
			}
		}
	}
	if len(severity) > 0 {
		t.Errorf("no findings for %v:\n%s", severity, &d.stdout)
	}
	d.run("--output", "json", "status")
	damaged := document[struct {
		Damaged []struct {
			Run, Message string
			Moves        bool
		}
	}](t, d).Damaged
	if len(damaged) != 2 || damaged[0].Moves || !damaged[1].Moves || damaged[1].Run != runs[1].ID {
		t.Errorf("status: %+v", damaged)
	}
	d.run("status")
	if says := d.stdout.String(); strings.Count(says, "is known in part only") != 2 {
		t.Errorf("status:\n%s", says)
	}
}
