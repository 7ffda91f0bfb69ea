package main

import (
	"context"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/notify"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/runbooks"
)

func driftCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "drift",
		Usage: "check desired against actual; change nothing in AWS; keep what a failover will need to know",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "`text` or json (default: --output)"},
			&cli.StringFlag{Name: "fail-on", Value: "warning", Usage: "exit 2 from this `SEVERITY` on: info, warning or critical"},
			&cli.BoolFlag{Name: "no-snapshot", Usage: "do not capture the recovery snapshot"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := oneOf("fail-on", c.String("fail-on"), severities()); err != nil {
				return err
			}
			if f := c.String("format"); f != "" {
				if err := oneOf("format", f, outputs()); err != nil {
					return err
				}
			}
			return w.work(c, func(ctx context.Context, s *session) error { return s.drift(ctx) })
		},
	}
}

// severities are mildest first.
func severities() []string {
	return []string{string(drift.Info), string(drift.Warning), string(drift.Critical)}
}

func (s *session) drift(ctx context.Context) error {
	if f := s.cli.String("format"); f != "" {
		s.json = f == "json"
	}
	r, err := runbooks.Drift(ctx, s.readOnlyEnv("drift"), runbooks.DriftOptions{NoSnapshot: s.cli.Bool("no-snapshot")})
	if err != nil {
		return err
	}
	s.world.completeDrift(r)
	if err := s.print(r, func(w io.Writer) error { return report.Drift(w, r, s.style) }); err != nil {
		return err
	}
	code := driftExit(r, s.cli.String("fail-on"))
	if code != exitOK {
		s.notify(ctx, notify.OfDrift(s.config.Account.ID, r, s.world.now()))
	}
	if err := s.nextAfterDrift(r); err != nil {
		return err
	}
	return exit(code)
}

// nextAfterDrift: first of all the old primary must stop writing.
func (s *session) nextAfterDrift(r *drift.Report) error {
	payable := func(f drift.Finding) bool {
		return f.Code == drift.CodeFenceOwed && !slices.ContainsFunc(r.Unknown, func(u drift.Unknown) bool { return u.Region == f.Region })
	}
	switch {
	case slices.ContainsFunc(r.Findings, payable):
		return s.next("the old primary answers: stop it from writing", "fence")
	case slices.ContainsFunc(r.Findings, func(f drift.Finding) bool { return f.Kind == drift.Configuration }):
		return s.next("what would mend it", "plan")
	}
	return nil
}

// driftExit is the exit code of a verdict. What could not be observed
// outweighs what was found, and two writers outweigh everything.
func driftExit(r *drift.Report, failOn string) int {
	switch r.Verdict {
	case drift.SplitBrain:
		return exitSplitBrain
	case drift.Incomplete:
		return exitIncomplete
	}
	rank := severities()
	least := slices.Index(rank, failOn)
	if slices.ContainsFunc(r.Findings, func(f drift.Finding) bool { return slices.Index(rank, string(f.Severity)) >= least }) {
		return exitChanges
	}
	return exitOK
}
