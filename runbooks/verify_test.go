package runbooks_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/runbooks"
)

// A read after the move finds what no description shows: who may read. It is
// made only where it is asked for.
func TestSecretsAreReadAfterAMoveIfWanted(t *testing.T) {
	for name, want := range map[string]struct {
		check, denied bool
		read          int
		says          string
	}{
		"not wanted": {denied: true},
		"wanted":     {check: true, read: 23},
		"denied":     {check: true, denied: true, says: "prod/auth/jwt cannot be read: GetSecretValue prod/auth/jwt in us-west-2: access denied"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := converged(t, sim.Options{Lag: time.Second})
				w.env.Desired.Failover.ReadCheck = want.check
				w.env.ReadCurrent = w.env.Cloud.(*cloud.Client).ReadCurrent
				if want.denied {
					if err := w.sim.AddFault(sim.Fault{Match: sim.FaultMatch{Operation: "GetSecretValue", Secret: "prod/auth/jwt"}, Fault: sim.FaultError, Code: "AccessDeniedException"}); err != nil {
						t.Fatal(err)
					}
				}
				w.set(home, sim.RegionHang)
				w.sim.ResetCalls()
				_, report, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west})
				if report == nil || report.Read != want.read {
					t.Fatalf("%v: %+v", err, report)
				}
				if (err != nil) != (want.says != "") || err != nil && !strings.Contains(err.Error(), want.says) {
					t.Errorf("%v, want %q", err, want.says)
				}
				if again, err := runbooks.ReadStatus(t.Context(), w.env); err != nil || again.SnapshotTaken.Before(report.Ended) {
					t.Errorf("%v: the state after the move was not captured", err)
				}
				reads := w.sim.Calls()[string(west)]["secretsmanager"]["GetSecretValue"].Total
				if reads > 0 != want.check {
					t.Errorf("%d values read", reads)
				}
			})
		})
	}
}
