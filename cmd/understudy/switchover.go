package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/runbooks"
)

const switchoverDescription = `Moves the primary to REGION while everything is well, and turns the old primary
into a replica of it. Refuses unless every region answers, apply has nothing to
do, all replicas are in sync and equal, and the keys and rotation functions that
it needs are usable. Rotation is frozen first; then it waits, up to the window,
until all replicas hold the same versions. Until the first promotion it is
called off by itself if something fails, and everything is as it was; after
Ctrl-C "runs abort" calls it off. A promotion can't be taken back. Where the
primary is lost, use failover.`

func switchoverCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "switchover",
		Usage:       "move the primary to another region, planned and without loss",
		Description: switchoverDescription,
		Flags: moveFlags("the `REGION` that becomes the primary",
			windowFlag("how long rotations may take to end and replicas to become equal")),
		Action: moveAction(w, "name the region that shall become the primary", checkWindow, (*session).switchover),
	}
}

func (s *session) switchover(ctx context.Context) error {
	to, groups, err := s.target()
	if err != nil {
		return err
	}
	o := runbooks.SwitchoverOptions{To: to, Groups: groups, Window: s.cli.Duration("window"), DryRun: s.cli.Bool("dry-run")}
	plan, r, err := runbooks.Switchover(ctx, s.env("switchover"), o)
	if r == nil {
		return s.planned(plan, err)
	}
	if r.ID == "" && err == nil && !s.json {
		return s.say("Nothing to do: %s is the primary already.", o.To)
	}
	if err := s.finish(ctx, r, r, err); err != nil {
		return err
	}
	return s.next("copies in the other regions", "status")
}
