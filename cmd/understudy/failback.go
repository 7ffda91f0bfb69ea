package main

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

const failbackDescription = `Makes REGION, which a failover left, the primary again. Versions that exist only
there (written and never replicated) are listed, and nothing is done (exit 3)
until each secret has a decision: --rescue copies them into the current primary
as UNDERSTUDY_RESCUED_1, _2 …, --give-up loses them; "all" is every secret. Then
REGION is fenced and brought up to date, rotation is frozen, and only when both
sides hold the same versions is it promoted. Rotation and alarms come home, all
other regions become its replicas. A region is never removed from a replica list.`

func failbackCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "failback",
		Usage:       "return to the old primary without losing a version",
		Description: failbackDescription,
		Flags: moveFlags("the `REGION` that becomes the primary again",
			&cli.StringSliceFlag{Name: "rescue", Usage: "copy what only an old copy of secret `NAME` holds; repeatable, or all"},
			&cli.StringSliceFlag{Name: "give-up", Usage: "lose what only an old copy of secret `NAME` holds; repeatable, or all"},
			windowFlag("how long rotations may take to end and copies to become equal")),
		Action: moveAction(w, "name the region that shall become the primary again, as a rule [regions] primary", checkFailback, (*session).failback),
	}
}

func checkFailback(c *cli.Context) error {
	for _, name := range c.StringSlice("rescue") {
		if slices.Contains(c.StringSlice("give-up"), name) {
			return usagef("say one of the two", "%q is both to be rescued and given up", name)
		}
	}
	return checkWindow(c)
}

// decision reads a list of secrets, of which "all" is every one.
func decision(names []string) []topology.Name {
	var list []topology.Name
	for _, n := range names {
		if n == "all" {
			list = append(list, planner.All)
			continue
		}
		list = append(list, topology.Name(n))
	}
	return list
}

func (s *session) failback(ctx context.Context) error {
	to, groups, err := s.target()
	if err != nil {
		return err
	}
	o := runbooks.FailbackOptions{
		To: to, Groups: groups, Window: s.cli.Duration("window"), DryRun: s.cli.Bool("dry-run"),
		Rescue: decision(s.cli.StringSlice("rescue")), GiveUp: decision(s.cli.StringSlice("give-up")),
	}
	plan, r, err := runbooks.Failback(ctx, s.env("failback"), o)
	if r == nil {
		return s.planned(plan, err)
	}
	if r.ID == "" && err == nil && !s.json {
		return s.say("Nothing to do: %s is the primary already.", o.To)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	return s.next("shows nothing to do", "plan")
}
