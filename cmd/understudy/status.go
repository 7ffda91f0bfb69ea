package main

import (
	"context"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

func statusCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show secrets × regions, owed fences, unprotected since when",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error {
				st, err := runbooks.ReadStatus(ctx, s.readOnlyEnv("status"))
				if err != nil {
					return err
				}
				w.completeSplit(st.SplitBrain)
				if err := s.print(st, func(w io.Writer) error { return report.Status(w, st, s.style) }); err != nil {
					return err
				}
				if r := st.Stopped(); r != nil {
					if err := s.nextGoOn(r); err != nil {
						return err
					}
				} else if slices.ContainsFunc(st.Owed, func(d topology.Debt) bool { return !st.IsDark(d.Region) }) {
					if err := s.next("the old primary answers: stop it from writing", "fence"); err != nil {
						return err
					}
				}
				if len(st.SplitBrain) > 0 {
					return exit(exitSplitBrain)
				}
				return nil
			})
		},
	}
}
