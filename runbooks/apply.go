package runbooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Plan says what would make the actual state the desired one, and changes
// nothing. Regions that could not be judged are in Plan.Unobserved: a plan
// that is empty with some there is no proof. Where a secret has two writers
// the plan, which leaves it alone, comes beside a *SplitBrain.
func Plan(ctx context.Context, env Env) (*planner.Plan, error) {
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return nil, err
	}
	return planner.Converge(in), oneWriter(in)
}

// Apply makes the actual state the desired one, by a saved plan or a fresh
// one, and captures the recovery snapshot. It refuses, having changed
// nothing, a saved plan once the world has moved (stale-plan) and a plan with
// steps whose flag was not given (needs-flag), and while a move of the primary
// that is about the same is unfinished (unfinished-run). Where a region did not answer,
// the rest is done and an *Incomplete comes beside the report.
//
// With nothing to do the report is completed, has no ID, and there is no run.
func Apply(ctx context.Context, env Env, o ApplyOptions) (*executor.Report, error) {
	env = env.counting()
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return nil, err
	}
	plan := planner.Converge(in)
	if err := oneWriter(in); err != nil {
		return nil, err
	}
	if err := stillHolds(o.Saved, plan); err != nil {
		return nil, err
	}
	if err := env.apart(ctx, plan, false); err != nil {
		return nil, err
	}
	if err := needsFlags(plan, o); err != nil {
		return nil, err
	}
	if plan.Empty() {
		if _, err := env.capture(ctx, in); err != nil {
			return nil, err
		}
		return nothingDone(plan), judgedAll(plan)
	}
	if err := env.confirm(ctx, plan); err != nil {
		return nil, err
	}
	report, err := env.run(ctx, plan, executor.SpecOf(env.Desired), env.sameWorld(plan))
	if err != nil {
		return report, err
	}
	defer env.tellCalls(report)
	if err := env.captureAfresh(ctx); err != nil {
		return report, err
	}
	return report, judgedAll(plan)
}

// judgedAll: nothing to do, or all done, is no success while the state of a
// region, or of one service in it, is unknown.
func judgedAll(plan *planner.Plan) error {
	if plan.Judged() {
		return nil
	}
	var silent []string
	for _, r := range plan.Unobserved {
		silent = append(silent, string(r))
	}
	for _, u := range plan.Unanswered {
		silent = append(silent, strings.Join(u.Services, " and ")+" in "+string(u.Region))
	}
	return &Incomplete{
		Message: strings.Join(silent, ", ") + " did not answer: what should be there was not judged",
		Hint:    "understudy apply, once it answers",
	}
}

// stillHolds refuses a saved plan that a fresh one differs from.
func stillHolds(saved, fresh *planner.Plan) error {
	if saved == nil {
		return nil
	}
	if saved.Fingerprint == fresh.Fingerprint && saved.ID == fresh.ID {
		return asWritten(saved, fresh)
	}
	var moved []string
	for _, c := range planner.Compare(saved, fresh) {
		moved = append(moved, c.String())
	}
	if len(moved) == 0 {
		moved = []string{"nothing that the plan touches, but something beside it"}
	}
	return &Refused{
		Code:    "stale-plan",
		Message: fmt.Sprintf("the world moved since plan %s was made; nothing was changed. What moved:\n  %s", saved.ID, strings.Join(firstOf(moved, 20), "\n  ")),
		Hint:    "understudy plan --out FILE makes a new one",
	}
}

// asWritten refuses a saved plan of which somebody has changed the steps: what
// is run is made afresh, so a step that was taken out would be done all the
// same.
func asWritten(saved, fresh *planner.Plan) error {
	old, err := json.Marshal(saved.Steps)
	if err != nil {
		return err
	}
	now, err := json.Marshal(fresh.Steps)
	if err != nil || bytes.Equal(old, now) {
		return err
	}
	return &Refused{
		Code:    "edited-plan",
		Message: fmt.Sprintf("the steps of plan %s were changed since it was saved; nothing was changed", saved.ID),
		Hint:    "a plan can't be edited; change the configuration, then: understudy plan --out FILE",
	}
}

// needsFlags refuses a plan with steps that nobody allowed.
func needsFlags(plan *planner.Plan, o ApplyOptions) error {
	gated := plan.Gated(o.allowed())
	if len(gated) == 0 {
		return nil
	}
	var flags, steps []string
	for _, s := range plan.Gated(nil) { // those given before are needed again
		if flag := "--" + s.Requires; !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	for i := range gated {
		s := &gated[i]
		steps = append(steps, fmt.Sprintf("%s %s in %s needs --%s: %s", s.Action, s.Subject(), s.Region, s.Requires, s.Reason))
	}
	slices.Sort(flags)
	return &Refused{
		Code:    "needs-flag",
		Message: "nothing was changed:\n  " + strings.Join(firstOf(steps, 20), "\n  "),
		Hint:    "understudy apply " + strings.Join(flags, " "),
	}
}

func (env Env) captureAfresh(ctx context.Context, skip ...topology.Region) error {
	in, err := env.look(ctx, planner.Options{}, skip...)
	if err != nil {
		return err
	}
	_, err = env.capture(ctx, in)
	return err
}

// nothingDone is the report of a plan without steps.
func nothingDone(plan *planner.Plan) *executor.Report {
	return &executor.Report{
		Schema: "understudy/run/v1", Command: plan.Command, State: executor.Completed, From: plan.From, To: plan.To,
		Failures: []executor.Failure{}, Owed: []topology.Debt{}, Phases: []executor.Phase{},
		Calls: map[topology.Region]executor.Calls{}, ARNs: []executor.ARN{}, Blocked: plan.Blockers,
	}
}

// firstOf shortens a list for people.
func firstOf(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(list[:n:n], fmt.Sprintf("and %d more", len(list)-n))
}
