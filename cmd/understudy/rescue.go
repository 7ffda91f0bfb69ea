package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

const rescueDescription = `Copies versions that exist only in REGION into each secret's current primary, as
UNDERSTUDY_RESCUED_1, _2 …, in memory from one region's API to the other's. The
version keeps its id; AWSCURRENT stays where it is. What should become current,
a person decides: aws secretsmanager update-secret-version-stage.`

func rescueCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "rescue",
		Usage:       "copy versions that exist only in an old primary into the current one",
		Description: rescueDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the `REGION` to copy from"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan; change nothing"},
			yesFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if c.String("from") == "" {
				return usagef("name the region that holds them, as a rule the old primary", "--from REGION is missing")
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.rescue(ctx) })
		},
	}
}

func (s *session) rescue(ctx context.Context) error {
	o := runbooks.RescueOptions{From: topology.Region(s.cli.String("from")), DryRun: s.cli.Bool("dry-run")}
	if err := s.checkRegion("from", string(o.From)); err != nil {
		return err
	}
	plan, r, err := runbooks.Rescue(ctx, s.env("rescue"), o)
	if r == nil {
		if err != nil || plan == nil {
			return err
		}
		if err := s.printPlan(plan); err != nil {
			return err
		}
		return s.next("this was a dry run", "rescue", "--from", string(o.From))
	}
	if r.ID == "" && err == nil && !s.json {
		return s.say("Nothing to rescue: %s holds no version that the current primaries never had.", o.From)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	return s.next("finds nothing that exists in one region only", "drift")
}
