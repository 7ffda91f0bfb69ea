package runbooks_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// TestTheWayOutOfAStuckRotation: what an operator is told to type where a
// rotation does not end is complete, for every command that it stands in the
// way of, whichever of the two passwords is in force.
func TestTheWayOutOfAStuckRotation(t *testing.T) {
	const orders = "prod/db/orders"
	switchover := func(w *world) error {
		_, _, err := runbooks.Switchover(w.t.Context(), w.env, runbooks.SwitchoverOptions{To: west})
		return err
	}
	failback := func(w *world) error {
		_, _, err := runbooks.Failback(w.t.Context(), w.env, runbooks.FailbackOptions{To: home})
		return err
	}
	failover := func(w *world) error { // goes ahead, and leaves rotation off
		plan, _, err := runbooks.Failover(w.t.Context(), w.env, runbooks.FailoverOptions{To: west})
		for _, b := range plan.Blockers {
			if b.Secret == orders {
				return &runbooks.Refused{Code: b.Code, Hint: b.Fix, Err: err}
			}
		}
		return err
	}
	for _, c := range []struct {
		name    string
		at, to  topology.Region // where the rotation is stuck, and where the primary goes
		moved   bool            // to us-west-2, beforehand
		code    string
		command func(*world) error
	}{
		{"switchover", home, west, false, "not-healthy", switchover},
		{"failback", west, home, true, "rotation-in-flight", failback},
		{"failover", home, west, false, "rotation-in-flight", failover},
	} {
		for _, inForce := range []string{topology.StageCurrent, topology.StagePending} {
			t.Run(c.name+" with "+inForce, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := converged(t, sim.Options{Lag: time.Second})
					if c.moved {
						w.set(home, sim.RegionHang)
						if err := failover(w); err != nil {
							t.Fatal(err)
						}
						w.set(home, sim.RegionUp)
						time.Sleep(time.Minute)
						if _, _, err := runbooks.Fence(t.Context(), w.env, runbooks.FenceOptions{}); err != nil {
							t.Fatal(err)
						}
					}
					before := w.awsLabels(c.at, orders)
					w.stick(c.at, orders, inForce)
					time.Sleep(time.Minute) // it replicates
					if c.name == "failover" {
						w.set(home, sim.RegionHang)
					}
					var refused *runbooks.Refused
					if err := c.command(w); !errors.As(err, &refused) || refused.Code != c.code {
						t.Fatalf("err = %v, want %s", err, c.code)
					}
					typed := w.typeCommands(refused.Hint, inForce == topology.StagePending)
					if want := map[string]int{topology.StageCurrent: 1, topology.StagePending: 2}[inForce]; typed != want {
						t.Fatalf("%d commands, want %d: %s", typed, want, refused.Hint)
					}
					time.Sleep(time.Minute)
					if err := c.command(w); err != nil {
						t.Fatalf("after what was told: %v", err)
					}
					if works, err := w.sim.LoginWorks(account, string(c.to), orders); err != nil || !works {
						t.Errorf("the login fails: %v", err)
					}
					now := w.awsLabels(c.to, orders)
					if now[topology.StagePending] != "" || (now[topology.StageCurrent] == before[topology.StageCurrent]) != (inForce == topology.StageCurrent) {
						t.Errorf("labels %v, were %v", now, before)
					}
					s, err := w.env.Cloud.Secret(t.Context(), c.to, orders)
					if err != nil || !s.Rotation.Enabled {
						t.Errorf("it does not rotate in %s: %+v, %v", c.to, s, err)
					}
				})
			})
		}
	}
}

// TestAStuckRotationIsFoundWithItsWayOut: so does the check say, once the
// rotation should have ended.
func TestAStuckRotationIsFoundWithItsWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := converged(t, sim.Options{Lag: time.Second})
		w.stick(home, "prod/db/orders", topology.StagePending)
		for _, want := range []drift.Severity{drift.Info, drift.Warning} {
			time.Sleep(time.Hour)
			report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var found *drift.Finding
			for i := range report.Findings {
				if report.Findings[i].Code == drift.CodeRotationInFlight {
					found = &report.Findings[i]
				}
			}
			if found == nil || found.Severity != want || strings.Contains(found.Fix, "update-secret-version-stage") != (want == drift.Warning) {
				t.Errorf("found %+v, want %s", found, want)
			}
		}
	})
}

// stick rotates a secret and has it die before or after the database got the
// pending password, so that the one of the given label logs in.
func (w *world) stick(r topology.Region, name, inForce string) {
	w.t.Helper()
	step := map[string]string{topology.StageCurrent: "setSecret", topology.StagePending: "testSecret"}[inForce]
	if err := w.sim.FailRotation(string(r), name, step, 0); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.app(r).RotateSecret(w.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name}); err != nil {
		w.t.Fatal(err)
	}
}

// awsLabels are the versions that carry AWSCURRENT and AWSPENDING.
func (w *world) awsLabels(r topology.Region, n topology.Name) map[string]string {
	w.t.Helper()
	s, err := w.env.Cloud.Secret(w.t.Context(), r, n)
	if err != nil {
		w.t.Fatal(err)
	}
	return map[string]string{topology.StageCurrent: s.Stage(topology.StageCurrent), topology.StagePending: s.Stage(topology.StagePending)}
}

// typeCommands does what the text says, to the letter: the first command only
// if it is to be the pending version.
func (w *world) typeCommands(text string, pending bool) int {
	w.t.Helper()
	typed := 0
	for _, line := range regexp.MustCompile(`aws secretsmanager update-secret-version-stage((?: --[a-z-]+ [\w/-]+)+)`).FindAllStringSubmatch(text, -1) {
		words := strings.Fields(line[1])
		in, region := &secretsmanager.UpdateSecretVersionStageInput{}, ""
		for i := 0; i < len(words); i += 2 {
			switch value := &words[i+1]; words[i] {
			case "--region":
				region = *value
			case "--secret-id":
				in.SecretId = value
			case "--version-stage":
				in.VersionStage = value
			case "--move-to-version-id":
				in.MoveToVersionId = value
			case "--remove-from-version-id":
				in.RemoveFromVersionId = value
			default:
				w.t.Fatalf("no such flag: %s", words[i])
			}
		}
		if *in.VersionStage == topology.StageCurrent && !pending {
			continue
		}
		if _, err := w.app(topology.Region(region)).UpdateSecretVersionStage(w.t.Context(), in); err != nil {
			w.t.Fatalf("%s: %v", line[0], err)
		}
		typed++
	}
	return typed
}
