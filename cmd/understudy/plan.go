package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

func planCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "plan",
		Usage: "show what would make the actual state the desired one; change nothing",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "save the plan to `FILE`, for apply --plan"},
			&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit 2 if there is something to do"},
			asFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := checkAs(c); err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.plan(ctx) })
		},
	}
}

func (s *session) plan(ctx context.Context) error {
	plan, err := runbooks.Plan(ctx, s.readOnlyEnv("plan"))
	if plan == nil || err != nil && s.byHand() { // what is refused is not to be run by hand either
		return err
	}
	out := s.cli.String("out")
	if err == nil {
		if serr := savePlan(out, plan); serr != nil { // before anything is on stdout: one document
			return serr
		}
	}
	if werr := s.printPlanBeside(plan, err); werr != nil {
		return werr
	}
	if err != nil {
		return s.beside(err)
	}
	switch {
	case !plan.Judged():
		err = exit(exitIncomplete)
	case len(plan.Steps) > 0 && s.cli.Bool("detailed-exitcode"):
		err = exit(exitChanges)
	}
	if len(plan.Steps) > 0 && !s.byHand() {
		r, rerr := runbooks.InTheWay(ctx, s.readOnlyEnv("plan"), plan)
		if rerr != nil {
			return rerr
		}
		if r != nil { // apply would refuse
			return cmp.Or(s.nextGoOn(r), err)
		}
		words := append([]string{"apply"}, neededFlags(plan)...)
		if out != "" {
			words = append(words, "--plan", quoted(out))
		}
		if nerr := s.next("", words...); nerr != nil {
			return nerr
		}
	}
	return err
}

// neededFlags are the flags without which apply would refuse the plan.
func neededFlags(plan *planner.Plan) []string {
	var flags []string
	for i := range plan.Steps {
		if r := plan.Steps[i].Requires; r != "" && !slices.Contains(flags, "--"+r) {
			flags = append(flags, "--"+r)
		}
	}
	slices.Sort(flags)
	return flags
}

// savePlan writes a plan beside its place and moves it there, so that a
// half-written plan is never found.
func savePlan(path string, plan *planner.Plan) error {
	if path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".understudy-plan-*")
	if err != nil {
		return usagef("name another file with --out", "--out %s: %s", path, reason(err))
	}
	defer func() { _ = os.Remove(f.Name()) }() // once it was moved there is nothing to remove
	if err := report.JSON(f, plan); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
