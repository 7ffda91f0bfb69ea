package main

import (
	"cmp"
	"context"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

const fenceDescription = `Pays what is owed to an old primary that answers again: cancels its rotation
and switches its alarms off, so that it writes nothing beside the new primary;
with [failover] fence = "rotation+lambda" it takes invoke permission from its
rotation functions, with "policy" it denies writes. Idempotent. What is owed to
a region that does not answer, or refuses, stays owed. Two writers do not keep
it from its work; where there are two still when that is done, both sides are
shown, and the exit code is 6.`

func fenceCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "fence",
		Usage:       "pay the fences owed to old primaries that answer again",
		Description: fenceDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "region", Usage: "only this `REGION` (default: all that answer)"},
			yesFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.fence(ctx) })
		},
	}
}

func (s *session) fence(ctx context.Context) error {
	region := s.cli.String("region")
	if region != "" {
		if err := s.checkRegion("region", region); err != nil {
			return err
		}
	}
	plan, r, err := runbooks.Fence(ctx, s.env("fence"), runbooks.FenceOptions{Region: topology.Region(region)})
	if r != nil && r.ID == "" && !s.json {
		unpaid := s.say("Nothing is owed.")
		if len(r.Owed) > 0 {
			unpaid = s.unpaid(plan, len(r.Owed))
		}
		return cmp.Or(err, unpaid)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	if len(r.Owed) > 0 {
		return exit(exitIncomplete)
	}
	return s.next("what is left to be done", "drift")
}

// unpaid says why debts stay owed.
func (s *session) unpaid(plan *planner.Plan, debts int) error {
	if len(plan.Blockers) == 0 {
		if err := s.say("Nothing could be paid: %d debts stay owed, as their regions do not answer.", debts); err != nil {
			return err
		}
		return exit(exitIncomplete)
	}
	if err := s.say("Nothing could be paid: %d debts stay owed.", debts); err != nil {
		return err
	}
	for _, b := range plan.Blockers {
		if err := s.say("  %s in %s: %s: %s", b.Secret, b.Region, b.Message, b.Fix); err != nil {
			return err
		}
	}
	return exit(exitIncomplete)
}
