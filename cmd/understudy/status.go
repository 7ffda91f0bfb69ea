package main

import (
	"context"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/report"
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
				if err := s.print(st, func(w io.Writer) error { return report.Status(w, st, s.style) }); err != nil || len(st.SplitBrain) == 0 {
					return err
				}
				return exit(exitSplitBrain)
			})
		},
	}
}
