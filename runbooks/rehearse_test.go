package runbooks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

func TestARehearsalHoldsAllItsHypotheses(t *testing.T) { // G1 G2 G3 G4 G8
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, sim.Options{Lag: 2 * time.Second})
		r, err := runbooks.Rehearse(t.Context(), w.env, simStage{w}, runbooks.RehearseOptions{})
		for _, p := range r.Phases {
			t.Logf("%-10s %7.1f s  %s", p.Name, p.Seconds, p.Result)
		}
		for _, m := range r.Timeline {
			t.Logf("%+8.1f s  %s", m.At, m.Text)
		}
		for _, h := range r.Hypotheses {
			t.Logf("%-8s %s: %s", h.Verdict, h.Name, h.Detail)
			if h.Verdict != runbooks.Held {
				t.Errorf("%s: %s (%s)", h.Name, h.Verdict, h.Detail)
			}
		}
		t.Logf("calls %v", r.Calls)
		if r.RTOSeconds <= 5 || r.RTOSeconds > 30 {
			t.Errorf("recovery time %v s: the probe alone takes 5 s, and nothing may wait for the dead region", r.RTOSeconds)
		}
		report, _ := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{})
		for _, f := range report.Findings {
			t.Logf("%s %s %s %s: %s -- %s", f.Severity, f.Code, f.Secret, f.Region, f.Message, f.Fix)
		}
		if err != nil || r.Outcome != "passed" {
			t.Fatalf("%s, %v", r.Outcome, err)
		}
	})
}
