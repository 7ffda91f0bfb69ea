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
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "the `REGION` that becomes the primary again"},
			&cli.StringSliceFlag{Name: "rescue", Usage: "copy what only an old copy of secret `NAME` holds; repeatable, or all"},
			&cli.StringSliceFlag{Name: "give-up", Usage: "lose what only an old copy of secret `NAME` holds; repeatable, or all"},
			&cli.DurationFlag{Name: "window", Value: runbooks.DefaultWindow, Usage: "how long rotations may take to end and copies to become equal"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan; change nothing"},
			asFlag(),
			yesFlag(),
			&cli.StringSliceFlag{Name: "group", Usage: "only this `GROUP`; repeatable"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := checkFailback(c); err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.failback(ctx) })
		},
	}
}

func checkFailback(c *cli.Context) error {
	switch {
	case c.String("to") == "":
		return usagef("name the region that shall become the primary again, as a rule [regions] primary", "--to REGION is missing")
	case c.Duration("window") <= 0:
		return usagef("write how long to wait, such as 5m", "--window %s", c.Duration("window"))
	case c.String("as") == "aws-cli" && !c.Bool("dry-run"):
		return usagef("add --dry-run", "--as aws-cli shows a plan, and runs none")
	}
	for _, name := range c.StringSlice("rescue") {
		if slices.Contains(c.StringSlice("give-up"), name) {
			return usagef("say one of the two", "%q is both to be rescued and given up", name)
		}
	}
	return checkAs(c)
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
	o := runbooks.FailbackOptions{
		To: topology.Region(s.cli.String("to")), Window: s.cli.Duration("window"), DryRun: s.cli.Bool("dry-run"),
		Rescue: decision(s.cli.StringSlice("rescue")), GiveUp: decision(s.cli.StringSlice("give-up")), Groups: s.cli.StringSlice("group"),
	}
	if err := s.checkRegion("to", string(o.To)); err != nil {
		return err
	}
	if err := s.checkGroups(o.Groups); err != nil {
		return err
	}
	plan, r, err := runbooks.Failback(ctx, s.env("failback"), o)
	if r == nil {
		return s.failbackPlanned(plan, o, err)
	}
	if r.ID == "" && err == nil && !s.json {
		return s.say("Nothing to do: %s is the primary already.", o.To)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	return s.next("shows nothing to do", "plan")
}

// failbackPlanned ends one that was not run: a dry run, or a refusal.
func (s *session) failbackPlanned(plan *planner.Plan, o runbooks.FailbackOptions, err error) error {
	if err != nil || plan == nil {
		return err
	}
	if err := s.printPlan(plan); err != nil || s.byHand() {
		return err
	}
	words := []string{"failback", "--to", string(o.To)}
	for _, flag := range []string{"rescue", "give-up", "group"} {
		for _, value := range s.cli.StringSlice(flag) {
			words = append(words, "--"+flag, quoted(value))
		}
	}
	if s.cli.IsSet("window") {
		words = append(words, "--window", o.Window.String())
	}
	return s.next("this was a dry run", words...)
}
