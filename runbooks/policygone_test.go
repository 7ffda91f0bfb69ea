package runbooks_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// Whether a promoted secret keeps its resource policy AWS does not say. Where
// it does not, that is found, and before the way home destroys the last copy.
func TestAPolicyThatAMoveLeftBehindIsMissed(t *testing.T) {
	for quirk, lost := range map[string]bool{"keep": false, "drop": true} {
		t.Run(quirk, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := converged(t, sim.Options{Lag: time.Second, Quirks: sim.Quirks{PromotedPolicy: quirk}})
				w.stage("put-policy on prod/db/orders in us-east-1")
				if _, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{}); err != nil {
					t.Fatal(err)
				}
				if _, _, err := runbooks.Failover(t.Context(), w.env, runbooks.FailoverOptions{To: west}); err != nil {
					t.Fatal(err)
				}
				if _, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{}); err != nil {
					t.Fatal(err)
				}
				report, err := runbooks.Drift(t.Context(), w.env, runbooks.DriftOptions{}) // asks no more
				if found := slices.ContainsFunc(report.Findings, func(f drift.Finding) bool {
					return f.Code == drift.CodePolicyGone && f.Secret == "prod/db/orders" && f.Region == west
				}); err != nil || found != lost {
					t.Errorf("drift: %v, found %v: %+v", err, found, report.Findings)
				}
				plan, _, err := runbooks.Failback(t.Context(), w.env, runbooks.FailbackOptions{To: home, DryRun: true})
				if said := slices.ContainsFunc(plan.Notes, func(b planner.Blocker) bool {
					return b.Code == planner.PolicyGone && b.Secret == "prod/db/orders"
				}); err != nil || said != lost {
					t.Errorf("failback: %v, said %v: %+v", err, said, plan.Notes)
				}
			})
		})
	}
}
