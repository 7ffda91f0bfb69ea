package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// What failover, switchover and failback have in common: each moves the
// primary to a region, and can be tried dry.

func moveFlags(to string, own ...cli.Flag) []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "to", Usage: to},
		&cli.BoolFlag{Name: "dry-run", Usage: "show the plan; change nothing"},
		asFlag(),
		yesFlag(),
		&cli.StringSliceFlag{Name: "group", Usage: "only this `GROUP`; repeatable"},
	}, own)
}

func windowFlag(usage string) cli.Flag {
	return &cli.DurationFlag{Name: "window", Value: runbooks.DefaultWindow, Usage: usage}
}

// moveAction checks the flags that all moves share, then the command's own,
// and runs it. whereTo is the hint where --to is missing.
func moveAction(w *world, whereTo string, check func(*cli.Context) error, run func(*session, context.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		switch {
		case c.String("to") == "":
			return usagef(whereTo, "--to REGION is missing")
		case c.String("as") == "aws-cli" && !c.Bool("dry-run"):
			return usagef("add --dry-run", "--as aws-cli shows a plan, and runs none")
		}
		if err := checkAs(c); err != nil {
			return err
		}
		if err := check(c); err != nil {
			return err
		}
		return w.work(c, func(ctx context.Context, s *session) error { return run(s, ctx) })
	}
}

func checkWindow(c *cli.Context) error {
	if c.Duration("window") <= 0 {
		return usagef("write how long to wait, such as 5m", "--window %s", c.Duration("window"))
	}
	return nil
}

// target is the region and the groups that a move is about, if the
// configuration knows them.
func (s *session) target() (topology.Region, []string, error) {
	to, groups := topology.Region(s.cli.String("to")), s.cli.StringSlice("group")
	if err := s.checkRegion("to", string(to)); err != nil {
		return "", nil, err
	}
	return to, groups, s.checkGroups(groups)
}

// planned ends a move that was not run: a dry run, or a refusal, which says
// itself all that is wrong with the plan.
func (s *session) planned(plan *planner.Plan, err error) error {
	if err != nil || plan == nil {
		return err
	}
	if err := s.printPlan(plan); err != nil || s.byHand() {
		return err
	}
	return s.next("this was a dry run", s.typed("dry-run", "as")...)
}

// typed is the command as the operator typed it, without some of its flags.
func (s *session) typed(without ...string) []string {
	words := []string{s.cli.Command.Name}
	for _, flag := range s.cli.Command.Flags {
		name := flag.Names()[0]
		if !s.cli.IsSet(name) || slices.Contains(without, name) {
			continue
		}
		switch flag.(type) {
		case *cli.BoolFlag:
			words = append(words, "--"+name)
		case *cli.StringSliceFlag:
			for _, value := range s.cli.StringSlice(name) {
				words = append(words, "--"+name, quoted(value))
			}
		default:
			words = append(words, "--"+name, quoted(fmt.Sprint(s.cli.Value(name))))
		}
	}
	return words
}
