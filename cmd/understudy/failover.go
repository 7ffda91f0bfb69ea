package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/notify"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

const failoverDescription = `Promotes the replicas in REGION to standalone, writable secrets, attaches rotation
to that region's function, switches the staged alarms on, and fences the old
primary, or owes it the fence while it does not answer. Needs nothing from the
old primary. Reads need no failover: replicas serve them all along. A promotion
can't be taken back.`

func failoverCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:        "failover",
		Usage:       "move the secrets out of a lost region, in an emergency",
		Description: failoverDescription,
		Flags: moveFlags("the `REGION` that becomes the primary",
			&cli.BoolFlag{Name: "primary-lost", Usage: "make no call at all to the old primary"},
			&cli.IntFlag{Name: "accept-stale", Usage: "go on although up to `N` secrets are behind (default: [failover] accept_stale)"}),
		Action: moveAction(w, "name the region that shall become the primary, one of [regions] standby", checkFailover, (*session).failover),
	}
}

func checkFailover(c *cli.Context) error {
	if n := c.Int("accept-stale"); n < 0 {
		return usagef("write how many secrets may be behind", "--accept-stale %d", n)
	}
	return nil
}

func (s *session) failover(ctx context.Context) error {
	to, groups, err := s.target()
	if err != nil {
		return err
	}
	o := runbooks.FailoverOptions{
		To: to, Groups: groups, PrimaryLost: s.cli.Bool("primary-lost"), DryRun: s.cli.Bool("dry-run"),
		AcceptStale: s.config.Desired().Failover.AcceptStale,
	}
	if s.cli.IsSet("accept-stale") {
		o.AcceptStale = s.cli.Int("accept-stale")
	}
	plan, r, err := runbooks.Failover(ctx, s.env("failover"), o)
	if r == nil {
		return s.failoverPlanned(plan, o, err)
	}
	if r.ID == "" && !s.json { // there was nothing to run
		if err != nil {
			return err
		}
		return s.say("Nothing to do: %s is the primary already.", o.To)
	}
	return s.failoverRan(ctx, r, err)
}

// failoverRan ends a failover that was run, or resumed by whoever took it over.
func (s *session) failoverRan(ctx context.Context, r *executor.Report, err error) error {
	document := &failedOver{Report: *r, SplitBrain: s.splitOf(err)}
	if len(r.ARNs) > 0 {
		document.Consumers = report.Consumers(string(r.From), string(r.To))
	}
	if r.State == executor.Completed && r.ID != "" {
		document.Probes = notify.Probe(ctx, s.config.Desired().Failover.Probes, nil, s.world.now)
	}
	err = s.finish(ctx, r, document, err)
	if err != nil && r.State != executor.Completed {
		return err
	}
	if err := s.printProbes(document.Probes); err != nil {
		return err
	}
	if perr := s.printAftermath(r, document.Consumers); perr != nil || err != nil {
		return cmp.Or(perr, err)
	}
	return s.next("copies in the other regions, and what is owed", "status")
}

// failedOver is a run's document with what the applications answered.
type failedOver struct {
	executor.Report
	Probes []notify.ProbeResult `json:"probes"`
	// Consumers is what those who read the secrets must do now.
	Consumers []string `json:"consumers,omitempty"`
	// SplitBrain has both sides of every secret with two writers.
	SplitBrain []planner.Diagnosis `json:"split_brain,omitempty"`
}

// failoverPlanned ends a failover that was not run: a dry run, or a refusal.
func (s *session) failoverPlanned(plan *planner.Plan, o runbooks.FailoverOptions, err error) error {
	if _, split := errors.AsType[*runbooks.SplitBrain](err); split && o.DryRun && !plan.Empty() && !s.byHand() {
		if werr := s.printPlanBeside(plan, err); werr != nil {
			return werr
		}
		return s.beside(err)
	}
	if no, refused := errors.AsType[*runbooks.Refused](err); refused && no.Plan != nil && !s.json && !s.byHand() {
		if werr := s.world.write(s.world.stdout, func(w io.Writer) error { return report.Outlook(w, no.Plan, s.style) }); werr != nil {
			return werr
		}
	}
	return s.planned(plan, err)
}

func (s *session) checkGroups(groups []string) error {
	var names []string
	for _, g := range s.config.Desired().Groups {
		names = append(names, g.Name)
	}
	for _, g := range groups {
		if !slices.Contains(names, g) {
			return usagef(suggest(g, names, "use one of "+strings.Join(names, ", ")), "--group %q is not a group of %s", g, s.config.File)
		}
	}
	return nil
}

// printAftermath says what a completed failover leaves to people.
func (s *session) printAftermath(r *executor.Report, consumers []string) error {
	if s.json {
		return nil
	}
	return s.world.write(s.world.stdout, func(w io.Writer) error {
		return report.Aftermath(w, r.UnprotectedSince, consumers, s.style)
	})
}

func (s *session) printProbes(list []notify.ProbeResult) error {
	if s.json || len(list) == 0 {
		return nil
	}
	if err := s.say("\nApplications:"); err != nil {
		return err
	}
	for _, p := range list {
		answer := "well"
		if !p.OK {
			answer = p.Error
		}
		if err := s.say("  %s: %s, %.1f s", p.Name, answer, p.Seconds); err != nil {
			return err
		}
	}
	return nil
}
