package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/planner"
)

// An unwinding that fails must say what is left, and lead to the one command
// that ends it: resume would be refused for ever.
func TestAnUnwindingThatFailsLeadsToItsEnd(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.sim.Advance(time.Minute)
	before, _ := json.Marshal(d.sim.State())
	for operation, secret := range map[string]string{"CancelRotateSecret": "prod/db/users", "RotateSecret": "prod/db/orders"} {
		if err := d.sim.AddFault(sim.Fault{
			Match: sim.FaultMatch{Operation: operation, Secret: secret}, Fault: sim.FaultError, Code: "AccessDeniedException",
		}); err != nil {
			t.Fatal(err)
		}
	}
	d.want(exitStopped, "switchover", "--to", "us-west-2", "--yes")
	if says := d.stdout.String(); !strings.Contains(says, "Could not take back 1 step") || !strings.Contains(says, "attach-rotation  prod/db/orders") ||
		!strings.Contains(lastNext(says), "runs abort r2") || strings.Contains(says, "runs resume") {
		t.Errorf("after the switchover:\n%s", says)
	}
	d.want(exitOK, "runs", "show", "r2")
	if says := d.stdout.String(); !strings.Contains(lastNext(says), "runs abort r2") || strings.Contains(says, "runs resume") {
		t.Errorf("runs show: %s", says)
	}
	d.want(exitOK, "runs", "show", "r2", "--output", "json")
	if r := document[struct {
		Aborting bool
		Stuck    []struct{ Action, Secret string }
	}](t, d); !r.Aborting || len(r.Stuck) != 1 || r.Stuck[0].Secret != "prod/db/orders" {
		t.Errorf("%+v", r)
	}
	d.want(exitRefused, "runs", "resume", "r2", "--yes")
	if says := d.stderr.String(); !strings.Contains(says, "runs abort r2") {
		t.Errorf("runs resume: %s", says)
	}
	d.sim.ClearFaults()
	d.want(exitOK, "runs", "abort", "r2", "--yes")
	if says := d.stdout.String(); strings.Contains(says, "Could not take back") {
		t.Errorf("the end of the unwinding:\n%s", says)
	}
	d.sim.Advance(time.Minute)
	if after, _ := json.Marshal(d.sim.State()); string(after) != string(before) {
		t.Error("unwound, and not as it was")
	}
}

// A planned move that stops before its first promotion has two ways to go.
func TestAPlannedMoveThatStoppedEarlyNamesBothWays(t *testing.T) {
	freeze, promote := executor.Phase{Name: planner.PhaseFreeze}, executor.Phase{Name: planner.PhasePromote}
	for _, c := range []struct {
		command string
		phases  []executor.Phase
		both    bool
	}{
		{"switchover", []executor.Phase{freeze}, true},
		{"failback", []executor.Phase{freeze}, true},
		{"switchover", []executor.Phase{freeze, promote}, false},
		{"failover", nil, false},
	} {
		var says bytes.Buffer
		s := &session{world: &world{stdout: &says}}
		if err := s.nextAfterStop(&executor.Report{ID: "r2", Command: c.command, State: executor.Halted, Phases: c.phases}, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(says.String(), "runs resume r2") || strings.Contains(says.String(), "runs abort r2") != c.both {
			t.Errorf("%s after %v: %s", c.command, c.phases, &says)
		}
	}
}

func lastNext(says string) string { return says[max(strings.LastIndex(says, "Next:"), 0):] }
