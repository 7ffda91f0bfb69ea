package report

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/planner"
)

// What the blocks of a script call: looks, checks and waits. The first is part
// of every script, each other one of those with an action that calls it.
var (
	//go:embed awscli.sh
	shellCore string
	//go:embed awscli_replicas.sh
	shellReplicas string
	//go:embed awscli_overwrite.sh
	shellOverwrite string
	//go:embed awscli_equal.sh
	shellEqual string
	//go:embed awscli_values.sh
	shellValues string
	//go:embed awscli_moved.sh
	shellMoved string
	//go:embed awscli_alarms.sh
	shellAlarms string
	//go:embed awscli_functions.sh
	shellFunctions string
	//go:embed awscli_policies.sh
	shellPolicies string
)

const dashes = "\n# ------------------------------------------------------------------------------\n"

// helpers is the part of a script above the line of dashes.
func (s *script) helpers() string {
	var b strings.Builder
	b.WriteString(shellCore)
	for _, part := range []struct {
		text string
		of   func(*planner.Step) bool
	}{
		{shellReplicas, actionIn(planner.Replicate, planner.RetryReplica, planner.RekeyReplica, planner.RemoveReplica, planner.OverwriteReplica)},
		{shellOverwrite, actionIn(planner.OverwriteReplica)},
		{shellEqual, func(step *planner.Step) bool { return step.Action == planner.AwaitEqual || step.Expect.SameAs != "" }},
		{shellValues, movesValues},
		{shellMoved, func(step *planner.Step) bool { return s.noted[step] }},
		{shellAlarms, actionIn(planner.EnableAlarms, planner.DisableAlarms)},
		{shellFunctions, actionIn(planner.GrantInvoke, planner.RevokeInvoke)},
		{shellPolicies, actionIn(planner.FencePolicy, planner.UnfencePolicy)},
	} {
		if slices.ContainsFunc(s.live, part.of) || slices.ContainsFunc(s.owed, part.of) {
			b.WriteString(part.text)
		}
	}
	return b.String() + dashes
}

func actionIn(actions ...planner.Action) func(*planner.Step) bool {
	return func(step *planner.Step) bool { return slices.Contains(actions, step.Action) }
}

// movesValues: the steps that read a secret's value, and write it elsewhere.
func movesValues(step *planner.Step) bool {
	return step.Action == planner.RescueVersion || step.Action == planner.MatchVersions
}
