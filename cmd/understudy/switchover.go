package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

const switchoverDescription = `Moves the primary to REGION while everything is well, and turns the old primary
into a replica of it. Refuses unless every region answers, apply has nothing to
do, and all replicas are in sync and equal. Rotation is frozen first; then it
waits, up to the window, until all replicas hold the same versions. Until the
first promotion it is called off by itself if something fails, and everything
is as it was; a promotion can't be taken back. Where the primary is lost, use
failover.`

func switchoverCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "switchover",
		Usage:       "move the primary to another region, planned and without loss",
		Description: switchoverDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "the `REGION` that becomes the primary"},
			&cli.DurationFlag{Name: "window", Value: runbooks.DefaultWindow, Usage: "how long rotations may take to end and replicas to become equal"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan; change nothing"},
			asFlag(),
			yesFlag(),
			&cli.StringSliceFlag{Name: "group", Usage: "only this `GROUP`; repeatable"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			switch {
			case c.String("to") == "":
				return usagef("name the region that shall become the primary", "--to REGION is missing")
			case c.Duration("window") <= 0:
				return usagef("write how long to wait, such as 5m", "--window %s", c.Duration("window"))
			case c.String("as") == "aws-cli" && !c.Bool("dry-run"):
				return usagef("add --dry-run", "--as aws-cli shows a plan, and runs none")
			}
			if err := checkAs(c); err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.switchover(ctx) })
		},
	}
}

func (s *session) switchover(ctx context.Context) error {
	o := runbooks.SwitchoverOptions{
		To: topology.Region(s.cli.String("to")), Window: s.cli.Duration("window"),
		DryRun: s.cli.Bool("dry-run"), Groups: s.cli.StringSlice("group"),
	}
	if err := s.checkRegion("to", string(o.To)); err != nil {
		return err
	}
	if err := s.checkGroups(o.Groups); err != nil {
		return err
	}
	plan, r, err := runbooks.Switchover(ctx, s.env("switchover"), o)
	if r == nil {
		return s.switchoverPlanned(plan, o, err)
	}
	if r.ID == "" && err == nil && !s.json {
		return s.say("Nothing to do: %s is the primary already.", o.To)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	return s.next("copies in the other regions", "status")
}

// switchoverPlanned ends one that was not run: a dry run, or a refusal.
func (s *session) switchoverPlanned(plan *planner.Plan, o runbooks.SwitchoverOptions, err error) error {
	if err != nil || plan == nil {
		return err
	}
	if err := s.printPlan(plan); err != nil || s.byHand() {
		return err
	}
	words := []string{"switchover", "--to", string(o.To)}
	if s.cli.IsSet("window") {
		words = append(words, "--window", o.Window.String())
	}
	for _, g := range o.Groups {
		words = append(words, "--group", quoted(g))
	}
	return s.next("this was a dry run", words...)
}
