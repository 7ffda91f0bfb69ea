package runbooks

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// addLoginRisks adds to what the plan foresaw what the run has brought about:
// a fence that could not be paid although the plan thought so, and an old
// primary that was changed after the move.
func addLoginRisks(report *executor.Report, found *drift.Report) {
	named := func(code string, n topology.Name) bool {
		return slices.ContainsFunc(report.LoginRisks, func(x planner.LoginRisk) bool {
			return x.Code == code && slices.Contains(x.Secrets, n)
		})
	}
	risks := slices.Clone(report.LoginRisks)
	for _, d := range report.Owed {
		if planner.Action(d.Action) == planner.CancelRotation && !named(planner.RiskOldRotates, d.Secret) {
			risks.Add(planner.OldRotates(d.Region, report.To), d.Secret)
		}
	}
	for _, f := range found.Findings {
		if f.Code == drift.CodeSplitBrain {
			risks.Add(planner.LoginRisk{
				Code: planner.RiskSplitBrain, Region: report.To,
				Message: fmt.Sprintf("it was changed in %s after the move: the database may have that password", f.Region), Fix: f.Fix,
			}, f.Secret)
		}
	}
	report.LoginRisks = risks.Sorted()
}
