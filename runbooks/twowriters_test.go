package runbooks_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// TestTwoWritersAreToldWithDates: every command that refuses on their account
// asks for the dates, of that secret alone, and reads no value.
func TestTwoWritersAreToldWithDates(t *testing.T) { // G2, G6
	const redis = "prod/cache/redis"
	commands := map[string]func(*world) error{
		"plan": func(w *world) error { _, err := runbooks.Plan(w.t.Context(), w.env); return err },
		"apply": func(w *world) error {
			_, err := runbooks.Apply(w.t.Context(), w.env, runbooks.ApplyOptions{})
			return err
		},
		"switchover": func(w *world) error {
			_, _, err := runbooks.Switchover(w.t.Context(), w.env, runbooks.SwitchoverOptions{To: ireland})
			return err
		},
		"failover done before": func(w *world) error {
			_, _, err := runbooks.Failover(w.t.Context(), w.env, runbooks.FailoverOptions{To: west})
			return err
		},
		"fence with nothing to pay": func(w *world) error {
			_, _, err := runbooks.Fence(w.t.Context(), w.env, runbooks.FenceOptions{})
			return err
		},
		"failover": func(w *world) error {
			_, _, err := runbooks.Failover(w.t.Context(), w.env, runbooks.FailoverOptions{To: ireland, DryRun: true})
			return err
		},
	}
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := converged(t, sim.Options{Lag: time.Second})
				w.set(home, sim.RegionHang)
				if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
					t.Fatal(err)
				}
				w.set(home, sim.RegionUp)
				time.Sleep(time.Minute)
				if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
					t.Fatal(err)
				}
				var written []time.Time
				for range 3 { // the first loses its label to the third
					time.Sleep(time.Hour)
					written = append(written, time.Now())
					if err := w.put(home, redis, "behind its back"); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				w.sim.ResetCalls()
				var split *runbooks.SplitBrain
				if err := command(w); !errors.As(err, &split) {
					t.Fatalf("err = %v, want a split brain", err)
				}
				if len(split.Secrets) != 1 || len(split.Secrets[0].Sides) != 2 {
					t.Fatalf("told of %+v", split.Secrets)
				}
				d := split.Secrets[0]
				acting, other := d.Sides[0], d.Sides[1]
				if !acting.Dated || len(acting.Written) != 0 || acting.Region != west {
					t.Errorf("the acting primary: %+v", acting)
				}
				if !other.Dated || len(other.Written) != len(written) || other.Since().Sub(written[0]).Abs() > time.Second {
					t.Errorf("the second writer: %+v, want %v", other, written)
				}
				if ago := d.Checked.Sub(other.Since()); ago < 3*time.Hour || ago > 4*time.Hour {
					t.Errorf("checked %v after the first write", ago)
				}
				calls := map[string]int{}
				for _, services := range w.sim.Calls() {
					for op, n := range services["secretsmanager"] {
						calls[op] += n.Total
					}
				}
				if calls["ListSecretVersionIds"] != 2 || calls["GetSecretValue"]+calls["BatchGetSecretValue"] != 0 {
					t.Errorf("calls: %v", calls)
				}
			})
		})
	}
}
