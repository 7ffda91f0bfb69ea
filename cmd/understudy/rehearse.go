package main

import (
	"cmp"
	"context"
	_ "embed" // the example configuration
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/notify"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// example is config.example.toml, a copy because go:embed reaches no parent
// directory; a test keeps them equal.
//
//go:embed example.toml
var example []byte

const rehearseDescription = `Plays a game day: converge, check, a region dies, fail over, verify, the region
comes back, its fence is paid. Planner, executor and runbooks are those of a
real failover; AWS is the embedded simulator. Without flags it needs neither
configuration nor credentials nor network. With --config it rehearses that
configuration on the fleet. Exits 2 if a claim did not hold.`

func rehearseCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "rehearse",
		Usage:       "play the loss of a region on the built-in simulator of AWS",
		Description: rehearseDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "fleet", Value: "example", Usage: "what the simulated account holds: example, generate:N, or a TOML `FILE`"},
			&cli.StringFlag{Name: "to", Usage: "the `REGION` to fail over to (default: the first standby)"},
			&cli.DurationFlag{Name: "lag", Value: defaultLag, Usage: "how long a change takes to replicate"},
			&cli.Int64Flag{Name: "seed", Value: 1, Usage: "what the simulator's ids and passwords derive from"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			s := w.look(c)
			return s.do(func(ctx context.Context) error { return s.rehearse(ctx) })
		},
	}
}

func (s *session) rehearse(ctx context.Context) error {
	if err := s.rehearsalConfig(); err != nil {
		return err
	}
	if to := s.cli.String("to"); to != "" {
		if err := s.checkRegion("to", to); err != nil {
			return err
		}
	}
	stage, err := s.simulator()
	if err != nil {
		return err
	}
	record, err := s.rehearsalState()
	if err != nil {
		return err
	}
	if err := s.connectTo(ctx, stage); err != nil {
		return err
	}
	env := s.env("rehearse")
	env.Confirm = nil
	r, err := runbooks.Rehearse(ctx, env, stage, runbooks.RehearseOptions{
		To: topology.Region(s.cli.String("to")), Seed: s.cli.Int64("seed"), Record: record,
		Phase: func(name string) { fmt.Fprintln(s.progress, "rehearse: "+name) },
	})
	s.progress.Close()
	if r == nil {
		return err
	}
	if perr := s.print(r, func(w io.Writer) error { return report.Rehearsal(w, r, s.style) }); perr != nil {
		return perr
	}
	s.notify(ctx, notify.OfRehearsal(s.config.Account.ID, notify.Rehearsal{
		Outcome: r.Outcome, Scenario: r.Scenario, Stage: r.Stage, RTOSeconds: r.RTOSeconds, RPOVersions: r.RPOVersions, Run: r.Run,
	}, s.world.now()))
	if err != nil {
		return s.beside(err)
	}
	if !s.json && r.Run != "" {
		line := "understudy --state-dir " + quoted(s.dir) + " runs show " + r.Run
		if err := report.Next(s.world.stdout, line, "the failover's journal", s.style); err != nil {
			return err
		}
	}
	if r.Outcome != "passed" {
		return exit(exitChanges)
	}
	return nil
}

// rehearsalConfig is the operator's where one was named, else the example.
func (s *session) rehearsalConfig() error {
	var err error
	if s.cli.IsSet("config") {
		s.config, err = config.Load(s.cli.String("config"))
		return err
	}
	s.config, err = config.Parse("config.example.toml", example)
	return err
}

func (s *session) simulator() (*simStage, error) {
	fleet, err := simFleet(s.cli.String("fleet"))
	if err != nil {
		return nil, usagef("use example, generate:N or a TOML file", "%s", err.Error())
	}
	cloud := sim.New(sim.Options{Account: s.config.Account.ID, Seed: s.cli.Int64("seed"), Lag: s.cli.Duration("lag")})
	if err := cloud.Load(fleet); err != nil {
		return nil, usagef("", "--fleet %s: %s", s.cli.String("fleet"), err.Error())
	}
	return newSimStage(cloud), nil
}

// rehearsalState opens a state of the rehearsal's own: a move on the simulator
// must never be taken for one of the real estate. The store that it returns
// is the real one, for the result only.
func (s *session) rehearsalState() (record journal.Store, err error) {
	base := cmp.Or(s.cli.String("state-dir"), s.config.State.Dir)
	if base == "" {
		if base, err = stateHome(s.world.getenv); err != nil {
			base = filepath.Join(os.TempDir(), "understudy")
		}
	}
	root := filepath.Join(base, "rehearsals")
	if err := os.MkdirAll(root, 0o700); err != nil {
		s.log.Warn("the state directory cannot be written: a temporary one is used", "dir", base, "error", err)
		base = filepath.Join(os.TempDir(), fmt.Sprintf("understudy-%d", os.Getuid()))
		root = filepath.Join(base, "rehearsals")
		if err := os.MkdirAll(root, 0o700); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(root, s.world.now().UTC().Format("20060102-150405-"))
	if err != nil {
		return nil, err
	}
	if err := s.open(dir); err != nil {
		return nil, err
	}
	return journal.OpenFile(base)
}

// connectTo makes clients that reach the simulator and nothing else, whatever
// the environment says about AWS.
func (s *session) connectTo(ctx context.Context, stage *simStage) error {
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if err := os.Setenv(name, os.DevNull); err != nil {
			return err
		}
	}
	var err error
	s.client, err = cloud.New(ctx, cloud.Options{
		Account: s.config.Account.ID, HTTPClient: stage.cloud, Credentials: madeUp(),
		Quota: s.config.Quota, Logger: s.log,
	})
	return err
}

// executor runs what no runbook is needed for.
func (s *session) executor(cmd string) *executor.Executor {
	env := s.env(cmd)
	return executor.New(executor.Options{
		Cloud: env.Cloud, Store: env.Store, Holder: env.Holder,
		Progress: env.Progress, CallCounts: env.CallCounts, Stop: env.Stop, LeaseTTL: env.LeaseTTL,
		Waiting: func(h *journal.HeldError, atMost time.Duration) { s.tell(runbooks.WaitingFor(h, atMost)) },
	})
}
