package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Usage: "do not ask"}
}

func applyCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "apply",
		Usage: "make the actual state the desired one, by a fresh or a saved plan",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "plan", Usage: "run the plan saved in `FILE`; refused once the world has moved"},
			yesFlag(),
			&cli.BoolFlag{Name: "allow-remove", Usage: "may remove replicas: AWS destroys them at once"},
			&cli.BoolFlag{Name: "allow-overwrite", Usage: "may overwrite another secret of the same name in a standby region"},
			&cli.BoolFlag{Name: "allow-replica-gap", Usage: "may take a replica away for the time of a key change"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			saved, err := readPlan(c.String("plan"))
			if err != nil {
				return err
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.apply(ctx, saved) })
		},
	}
}

func (s *session) apply(ctx context.Context, saved *planner.Plan) error {
	r, err := runbooks.Apply(ctx, s.env("apply"), runbooks.ApplyOptions{
		Saved:           saved,
		AllowRemove:     s.cli.Bool("allow-remove"),
		AllowOverwrite:  s.cli.Bool("allow-overwrite"),
		AllowReplicaGap: s.cli.Bool("allow-replica-gap"),
	})
	if r != nil && r.ID == "" && !s.json { // there was nothing to run
		if err != nil {
			return err
		}
		if len(r.Blocked) > 0 {
			return s.world.write(s.world.stdout, func(w io.Writer) error { return report.Blocked(w, r.Blocked, s.style) })
		}
		return s.say("Nothing to do: what is there is what is wanted.")
	}
	if err = s.finish(ctx, r, r, err); err != nil {
		return err
	}
	if r != nil && r.State == executor.Completed {
		return s.next("is everything as desired now?", "drift")
	}
	return nil
}

// readPlan reads what plan --out wrote; nil for no file.
func readPlan(path string) (*planner.Plan, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("make one with `understudy plan --out "+path+"`", "--plan %s: %s", path, reason(err))
	}
	plan := &planner.Plan{}
	if err := json.Unmarshal(data, plan); err != nil || plan.Schema != "understudy/plan/v1" || plan.Fingerprint == "" {
		return nil, usagef("make one with `understudy plan --out "+path+"`", "--plan %s: this is not a saved plan", path)
	}
	return plan, nil
}

// reason is a file error without the path, which the message has already.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
