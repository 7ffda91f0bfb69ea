package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Failover makes region o.To the primary of every secret (of o.Groups), in an
// emergency: it needs nothing from the old primary. In this order:
//
//	observe (a dark region is a value) → plan, from the recovery snapshot
//	where the primary is dark → refuse if the plan has fatal blockers or an
//	earlier failover is unfinished → confirm → run → verify by fresh reads →
//	capture the recovery snapshot, since the new primary may die as well
//
// The plan is returned whenever one could be made, also beside a *Refused.
// The report is nil where nothing was run. A failover that has been done
// before completes with nothing applied.
func Failover(ctx context.Context, env Env, o FailoverOptions) (*planner.Plan, *executor.Report, error) {
	env = env.counting()
	lost, err := env.lostRegions(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	in, err := env.look(ctx, planner.Options{
		To: o.To, PrimaryLost: o.PrimaryLost, AcceptStale: o.AcceptStale, Groups: o.Groups,
	}, lost...)
	if err != nil {
		return nil, nil, err
	}
	in = env.keyPolicies(ctx, in, keyPolicyTime, o.To)
	plan := planner.Failover(in)
	plan.Candidates = planner.Candidates(in)
	if err := env.noUnfinishedRun(ctx, o.DryRun, in.Observed); err != nil {
		return plan, nil, err
	}
	split := planner.Doctor(in)
	if err := mayFailOver(in, plan); err != nil {
		if len(split) > 0 && err.Code == "split-brain" {
			return plan, nil, splitBrain(split, "nothing was changed")
		}
		err.Plan = plan
		return plan, nil, err
	}
	if o.DryRun && len(split) > 0 {
		return plan, nil, splitBrain(split, "this was a dry run, nothing was changed")
	}
	if o.DryRun {
		return plan, nil, nil
	}
	if plan.Empty() && len(split) > 0 {
		return plan, nothingDone(plan), splitBrain(split, "nothing was changed")
	}
	if plan.Empty() {
		return plan, nothingDone(plan), nil
	}
	if err := env.confirm(ctx, plan); err != nil {
		return plan, nil, err
	}
	spec := executor.SpecOf(env.Desired)
	spec.Skip, spec.Dark = lost, dead(in.Observed)
	report, err := env.run(ctx, plan, spec, nil)
	if err != nil {
		return plan, report, err
	}
	return plan, report, env.conclude(ctx, plan, report, slices.Concat(spec.Skip, spec.Dark)...)
}

// conclude verifies what a move did, and captures the state that the next one
// would have to go by. The report learns since when some secret has no copy in
// sync in a second region. Two writers that are seen now, whether they were
// there before or the old primary refused its fence, are a *SplitBrain.
func (env Env) conclude(ctx context.Context, plan *planner.Plan, report *executor.Report, skip ...topology.Region) error {
	defer env.tellCalls(report)
	wrong := env.verify(ctx, plan)
	if wrong == nil && env.readsBack() {
		report.Read = len(wants(plan))
	}
	// What is wrong with one secret must not keep the others' state unknown.
	return cmp.Or(wrong, env.lookBack(ctx, report, skip...))
}

// lookBack captures the world as a move has left it.
func (env Env) lookBack(ctx context.Context, report *executor.Report, skip ...topology.Region) error {
	in, err := env.look(ctx, planner.Options{}, skip...)
	if err != nil {
		return err
	}
	if in, err = env.capture(ctx, in); err != nil {
		return err
	}
	found, err := env.check(ctx, in)
	if err != nil {
		return err
	}
	report.UnprotectedSince = unprotectedSince(found)
	addLoginRisks(report, found)
	if len(found.SplitBrain) > 0 {
		return splitBrain(found.SplitBrain, "all that could be moved was moved")
	}
	return nil
}

// lostRegions are the old primaries that the operator gave up
// (--primary-lost): no call is made to them, so who they are must be known
// without asking.
func (env Env) lostRegions(ctx context.Context, o FailoverOptions) ([]topology.Region, error) {
	if !o.PrimaryLost {
		return nil, nil
	}
	known, err := env.remember(ctx)
	if err != nil {
		return nil, err
	}
	lost := regionsOf(known)
	for _, m := range known.Placement.Acting {
		if m.To == o.To { // moved already: what is left to be done, an earlier failover began
			lost[m.From] = true
		}
	}
	delete(lost, o.To)
	return slices.Sorted(maps.Keys(lost)), nil
}

// dead are the regions that did not answer the observation, or only with
// throttles or refusals. The run makes no call to them either: every one would
// wait for its time-out, or be tried over and over, at the end of the very
// minutes that count, only to find the same. What they are owed is journaled,
// and Fence pays it, or Resume once they answer.
func dead(observed *topology.Snapshot) []topology.Region {
	var list []topology.Region
	for _, r := range slices.Sorted(maps.Keys(observed.Regions)) {
		if cause := observed.Regions[r].Dark; cause != "" && cause != topology.CauseSkipped {
			list = append(list, r)
		}
	}
	return list
}

// mayFailOver refuses a plan with fatal blockers, and one in which blockers
// left nothing to do at all. All of them are listed.
func mayFailOver(in planner.Input, plan *planner.Plan) *Refused {
	fatal := plan.Refused()
	if len(fatal) == 0 && plan.Empty() {
		fatal = plan.Blockers
	}
	no := refusal("", fatal)
	if no != nil {
		no.orElse(elsewhere(in, plan))
	}
	return no
}

// elsewhere names the best other region, "" if none would do.
func elsewhere(in planner.Input, plan *planner.Plan) string {
	for _, c := range planner.Candidates(in) {
		if c.Region != plan.To && c.Eligible {
			return fmt.Sprintf("understudy failover --to %s would move %d secrets", c.Region, c.Secrets)
		}
	}
	return ""
}
