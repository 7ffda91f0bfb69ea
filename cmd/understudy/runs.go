package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/runbooks"
)

func runsCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "runs",
		Usage: "the journal: list, show, resume, abort, verify",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list all runs, oldest first",
				Action: func(c *cli.Context) error {
					if err := noArguments(c); err != nil {
						return err
					}
					return w.offline(c, func(ctx context.Context, s *session) error { return s.runsList(ctx) })
				},
			},
			runCommand("show", "show what a run did and what it left", nil, func(c *cli.Context, id string) error {
				return w.offline(c, func(ctx context.Context, s *session) error { return s.runsShow(ctx, id) })
			}),
			runCommand("resume", "go on with a run that stopped or died", []cli.Flag{yesFlag()}, func(c *cli.Context, id string) error {
				return w.work(c, func(ctx context.Context, s *session) error { return s.runsResume(ctx, id) })
			}),
			runCommand("abort", "end a run for good, and take back what can be taken back", []cli.Flag{yesFlag()}, func(c *cli.Context, id string) error {
				return w.work(c, func(ctx context.Context, s *session) error { return s.runsAbort(ctx, id) })
			}),
			runCommand("verify", "check a run's journal for damage, offline", nil, func(c *cli.Context, id string) error {
				return w.offline(c, func(ctx context.Context, s *session) error { return s.runsVerify(ctx, id) })
			}),
		},
	}
}

// runCommand is a subcommand that takes a run's ID.
func runCommand(name, usage string, flags []cli.Flag, do func(c *cli.Context, id string) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "ID", Flags: flags,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("see `understudy runs list`", "`understudy runs %s` takes one run ID, got %d", name, c.NArg())
			}
			return do(c, c.Args().First())
		},
	}
}

// offline runs a command that needs the state directory only: a journal can be
// read where there is no configuration.
func (w *world) offline(c *cli.Context, body func(context.Context, *session) error) error {
	s := w.look(c)
	dir := c.String("state-dir")
	if dir == "" {
		cfg, err := config.Load(c.String("config"))
		switch {
		case err == nil:
			dir = cfg.State.Dir
		case c.IsSet("config") || !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if err := s.open(dir); err != nil {
		return err
	}
	return s.do(func(ctx context.Context) error { return body(ctx, s) })
}

func (s *session) runsList(ctx context.Context) error {
	list, err := executor.Runs(ctx, s.store)
	if err != nil {
		return err
	}
	if lease, err := journal.Inspect(ctx, s.store, nil); err == nil && lease.Problem != nil {
		s.warn(fmt.Sprintf("%v. Whether anybody is at work is not known. The next command that changes something waits for a sign of life, and then writes it anew", lease.Problem))
	}
	document := &struct {
		Schema string             `json:"schema"`
		Runs   []executor.Summary `json:"runs"`
	}{"understudy/runs/v1", list}
	return s.print(document, func(w io.Writer) error { return report.Runs(w, list, s.style) })
}

func (s *session) runsShow(ctx context.Context, id string) error {
	r, _, err := executor.Load(ctx, s.store, id)
	if err != nil {
		return err
	}
	if err := s.printRun(r, r); err != nil {
		return err
	}
	if r.State == executor.Halted || r.State == executor.Running {
		return s.nextAfterStop(r, nil)
	}
	return nil
}

func (s *session) runsResume(ctx context.Context, id string) error {
	r, plan, err := executor.Load(ctx, s.store, id)
	if err != nil {
		return err
	}
	if r.Aborting {
		return &runbooks.Refused{Code: "unfinished-abort", Message: "the abort of " + r.ID + " is not finished, so it can't go on; nothing was changed", Hint: "understudy runs abort " + r.ID}
	}
	if r.State != executor.Completed || len(r.Owed) > 0 { // what is owed is tried again
		question := "This resumes " + r.ID
		if err := s.confirm(ctx, question, cmp.Or(string(plan.To), r.Command)); err != nil {
			return err
		}
	}
	s.stops.begin()
	r, err = runbooks.Resume(ctx, s.env("runs resume"), r.ID)
	switch {
	case errors.Is(err, executor.ErrOvertaken), errors.Is(err, executor.ErrAborted):
		return err // nothing ran, and what the run said then is not so any more
	case r != nil && r.Command == "failover":
		return s.failoverRan(ctx, r, err)
	}
	return s.finish(ctx, r, r, err)
}

func (s *session) runsAbort(ctx context.Context, id string) error {
	r, _, err := executor.Load(ctx, s.store, id)
	if err != nil {
		return err
	}
	if r.State == executor.Completed {
		// Taking back what still can be would leave half of it: a region that
		// was failed over to, without its alarms.
		return &runbooks.Refused{Code: "completed", Message: r.ID + " is completed, so there is nothing to end; nothing was changed"}
	}
	if err := s.confirm(ctx, "This ends "+r.ID+" for good and takes back what can be taken back", "abort"); err != nil {
		return err
	}
	r, err = s.executor("runs abort").Abort(ctx, r.ID)
	return s.finish(ctx, r, r, err)
}

func (s *session) runsVerify(ctx context.Context, id string) error {
	proof, err := executor.Prove(ctx, s.store, id)
	if err != nil {
		return err
	}
	document := &struct {
		Schema string `json:"schema"`
		ID     string `json:"id"`
		Intact bool   `json:"intact"`
		executor.Proof
		Open string `json:"open,omitempty"`
	}{"understudy/verify/v1", id, true, proof, proof.Open()}
	return s.print(document, func(io.Writer) error {
		if proof.Complete {
			return s.say("%s is intact and complete: %d records.", id, proof.Records)
		}
		return s.say("%s is intact as far as it goes: %d records; %s.", id, proof.Records, proof.Open())
	})
}
