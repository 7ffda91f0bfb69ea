package runbooks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
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
		st, serr := runbooks.ReadStatus(t.Context(), w.env)
		if serr != nil || st.LastRehearsal == nil || !st.LastRehearsal.Equal(r.Phases[0].Start) || st.Primary != west {
			t.Errorf("status after the rehearsal: %+v, %v", st, serr)
		}
		if err != nil || r.Outcome != "passed" {
			t.Fatalf("%s, %v", r.Outcome, err)
		}
	})
}

// A badStage is a stage on which things go wrong that no runbook does.
type badStage struct {
	simStage
	reads    int
	failRead int // this read fails
	onKill   func()
	refuse   topology.Name // cannot be written
}

func (s *badStage) Read(ctx context.Context, r topology.Region, n topology.Name) error {
	if s.reads++; s.reads == s.failRead {
		return errors.New("connection reset")
	}
	return s.simStage.Read(ctx, r, n)
}

func (s *badStage) Write(ctx context.Context, r topology.Region, n topology.Name) error {
	if n == s.refuse {
		return errors.New("access denied")
	}
	return s.simStage.Write(ctx, r, n)
}

func (s *badStage) Kill(ctx context.Context, r topology.Region) error {
	if s.onKill != nil {
		s.onKill()
	}
	return s.simStage.Kill(ctx, r)
}

func TestARehearsalSaysWhichHypothesisBroke(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken string
		spoil  func(w *world, s *badStage)
	}{
		{"one read fails", runbooks.ReadsNeverFailed, func(_ *world, s *badStage) { s.failRead = 500 }},
		{"one secret cannot be written", runbooks.EveryWritable, func(_ *world, s *badStage) { s.refuse = "prod/auth/jwt" }},
		{"a secret rotates as the region dies", runbooks.RotationAttached, func(w *world, s *badStage) {
			s.onKill = func() {
				name, now := "prod/db/users", true
				_, err := w.app(home).RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name, RotateImmediately: &now})
				if err != nil {
					w.t.Error(err)
				}
				time.Sleep(10 * time.Second) // it reaches the standby
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, sim.Options{Lag: 2 * time.Second})
				stage := &badStage{simStage: simStage{w}}
				c.spoil(w, stage)
				r, err := runbooks.Rehearse(t.Context(), w.env, stage, runbooks.RehearseOptions{})
				if err != nil || r.Outcome != "failed" {
					t.Errorf("outcome %s, %v", r.Outcome, err)
				}
				for _, h := range r.Hypotheses {
					if (h.Verdict == runbooks.Broken) != (h.Name == c.broken) {
						t.Errorf("%s: %s (%s)", h.Name, h.Verdict, h.Detail)
					}
				}
			})
		})
	}
}
