package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/cloud"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// A session is one invocation of a command that works on an estate.
type session struct {
	world *world
	cli   *cli.Context
	style report.Style
	json  bool

	log      *slog.Logger
	progress *report.Progress
	stops    *interrupts

	warned map[string]bool // what was said once

	config *config.Config
	store  journal.Store
	dir    string // of the store
	client *cloud.Client
}

// begin loads the configuration and opens the state. It makes no AWS call.
func (w *world) begin(c *cli.Context) (*session, error) {
	s := w.look(c)
	var err error
	if s.config, err = config.Load(c.String("config")); err != nil {
		return nil, err
	}
	return s, s.open(cmp.Or(c.String("state-dir"), s.config.State.Dir))
}

// look is a session without configuration or state.
func (w *world) look(c *cli.Context) *session {
	noColor := c.Bool("no-color")
	s := &session{
		world: w, cli: c, json: c.String("output") == "json",
		style: w.style(w.stdoutWidth, noColor),
	}
	s.progress = report.NewProgress(w.stderr, w.style(w.stderrWidth, noColor), s.quota, w.now)
	s.log = newLogger(s.progress, c.String("log-level"), w.style(w.stderrWidth, noColor))
	return s
}

// open opens the state directory, "" for the user's own.
func (s *session) open(dir string) error {
	if dir == "" {
		var err error
		if dir, err = stateHome(s.world.getenv); err != nil {
			return err
		}
	}
	store, err := journal.OpenFile(dir)
	if err != nil {
		return usagef("name another with --state-dir", "%s", err.Error())
	}
	s.store, s.dir = store, dir
	return nil
}

// stateHome is $XDG_STATE_HOME/understudy, by the XDG base directory
// specification below ~/.local/state.
func stateHome(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "understudy"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "understudy"), nil
	}
	return "", usagef("name it with --state-dir", "no place for the state: neither XDG_STATE_HOME nor HOME is set")
}

// connect makes the AWS clients. It makes no AWS call.
func (s *session) connect(ctx context.Context) error {
	account := s.config.Account
	opts := cloud.Options{
		Account: account.ID, RoleARN: account.RoleARN, ExternalID: account.ExternalID, Profile: account.Profile,
		Endpoint: s.cli.String("endpoint-url"), Quota: s.config.Quota, Logger: s.log,
	}
	opts.Credentials = testCredentials(opts, s.world.getenv)
	var err error
	s.client, err = cloud.New(ctx, opts)
	return err
}

// env is what runbooks stand on.
func (s *session) env(cmd string) runbooks.Env {
	return runbooks.Env{
		Desired: s.config.Desired(),
		Quirks:  s.config.Quirks,
		Observe: s.observe(s.client.Reader),
		Cloud:   s.client, CallCounts: s.client.Calls, KeyPolicy: s.client.KeyPolicy, Versions: s.client.Versions,
		ReadCurrent: s.client.ReadCurrent, Policy: s.client.Policy,
		Store: s.store, Holder: journal.Self(cmd),
		Confirm: s.confirmPlan, Progress: s.event, Stop: s.stops.stop, Warn: s.warn, Tell: s.tell,
		LeaseTTL: s.cli.Duration("lease-ttl"),
	}
}

// warn says something on stderr, once, whatever the log level.
func (s *session) warn(message string) {
	if s.warned[message] {
		return
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[message] = true
	fmt.Fprintf(s.progress, "WARNING: %s\n", s.world.complete(message))
}

// tell writes a line on stderr.
func (s *session) tell(message string) { fmt.Fprintln(s.progress, message) }

// event shows a run's progress, and keeps its ID for an interrupt.
func (s *session) event(e executor.Event) {
	s.stops.at(e.Run)
	s.progress.Event(e)
}

// readOnlyEnv is the same with clients that refuse to change anything, or to
// read a value.
func (s *session) readOnlyEnv(cmd string) runbooks.Env {
	env := s.env(cmd)
	env.Cloud, env.ReadCurrent = nil, nil
	reader := s.client.ReadOnly()
	env.Policy, env.KeyPolicy, env.Versions, env.Describe = reader.Policy, reader.KeyPolicy, reader.Versions, reader.Secret
	env.Observe = s.observe(reader)
	return env
}

// observe looks at all regions, alarms included, and says so meanwhile: a
// region that hangs costs seconds.
func (s *session) observe(reader *cloud.Reader) func(context.Context, []topology.Region, ...topology.Region) (*topology.Snapshot, error) {
	return func(ctx context.Context, skip []topology.Region, patient ...topology.Region) (*topology.Snapshot, error) {
		var names []string
		for _, r := range s.config.Desired().Regions() {
			if !slices.Contains(skip, r) {
				names = append(names, string(r))
			}
		}
		s.progress.Hint("looking at " + strings.Join(names, ", "))
		defer s.progress.Wipe()
		return reader.Observe(ctx, s.config.Desired(), cloud.ObserveOptions{Skip: skip, Patient: patient, Alarms: true})
	}
}

// quota is the pacing ceiling of a planner bucket: AWS's, or the
// configuration's.
func (s *session) quota(bucket string) float64 {
	if s.config != nil && s.config.Quota[bucket] > 0 {
		return s.config.Quota[bucket]
	}
	return map[string]float64{
		planner.BucketSecretWrites: 50, planner.BucketRotation: 50, planner.BucketPolicy: 50,
		planner.BucketPutAlarm: 3, planner.BucketAlarmActions: 3, planner.BucketFunction: 15, planner.BucketLogs: 5,
	}[bucket]
}

// command is a command line to type next, with the global flags of this one.
func (s *session) command(words ...string) string {
	return s.world.complete("understudy " + strings.Join(words, " "))
}

func quoted(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !safe(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// print writes a document: as JSON, or as text by its writer.
func (s *session) print(document any, text func(io.Writer) error) error {
	if s.json {
		return report.JSON(s.world.stdout, document)
	}
	return s.world.write(s.world.stdout, text)
}

// next writes the command to type next, for people.
func (s *session) next(why string, words ...string) error {
	if s.json {
		return nil
	}
	return report.Next(s.world.stdout, s.command(words...), why, s.style)
}

// checkRegion refuses a region that is not in the configuration.
func (s *session) checkRegion(flag, value string) error {
	d := s.config.Desired()
	if slices.Contains(d.Regions(), topology.Region(value)) {
		return nil
	}
	var names []string
	for _, r := range d.Regions() {
		names = append(names, string(r))
	}
	return usagef(suggest(value, names, "use one of "+strings.Join(names, ", ")), "--%s %q is not a region of %s", flag, value, s.config.File)
}

// printRun writes a run's report.
func (s *session) printRun(r *executor.Report, document any) error {
	return s.print(document, func(w io.Writer) error { return report.Run(w, r, s.style) })
}
