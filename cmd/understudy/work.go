package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/notify"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// work runs a command's body in a session with AWS clients, listening for
// interrupts.
func (w *world) work(c *cli.Context, body func(context.Context, *session) error) error {
	s, err := w.begin(c)
	if err != nil {
		return err
	}
	return s.do(func(ctx context.Context) error {
		if err := s.connect(ctx); err != nil {
			return err
		}
		return body(ctx, s)
	})
}

// do runs a body while listening for interrupts, and clears the progress line
// behind it.
func (s *session) do(body func(context.Context) error) error {
	ctx, stops, end := watch(s.cli.Context, s.progress)
	defer end()
	s.stops = stops
	defer s.progress.Close()
	ended := make(chan error, 1)
	go func() { ended <- body(ctx) }()
	var err error
	select {
	case err = <-ended:
	case <-stops.atOnce:
		return s.leave(stops)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && !stops.isRunning() {
		return &interruptedError{}
	}
	return err
}

// leave ends the program without waiting for what is under way.
func (s *session) leave(stops *interrupts) error {
	err := stops.stoppedAtOnce()
	if e := (*atOnceError)(nil); errors.As(err, &e) && e.run != "" {
		fmt.Fprintf(s.progress, "\nContinue with: %s\n", s.command("runs", "resume", e.run))
	}
	return err
}

// An interruptedError: Ctrl-C before anything was changed.
type interruptedError struct{}

func (*interruptedError) Error() string { return "interrupted, nothing was changed" }

// say writes a line of text to stdout.
func (s *session) say(format string, args ...any) error {
	return s.world.write(s.world.stdout, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	})
}

// beside handles an error that comes with a document already written: as
// text both are shown, as JSON the document has the say.
func (s *session) beside(err error) error {
	if err == nil || !s.json {
		return err
	}
	code, doc := problemOf(err)
	if doc != nil {
		s.world.completeProblem(doc)
		s.log.Error(doc.Message, "code", doc.Code)
	}
	return exit(code)
}

// splitOf are both sides of every secret with two writers, where an error says
// that there are some.
func (s *session) splitOf(err error) []planner.Diagnosis {
	split, ok := errors.AsType[*runbooks.SplitBrain](err)
	if !ok {
		return nil
	}
	s.world.completeSplit(split.Secrets)
	return split.Secrets
}

// finish writes a run's document, tells the webhooks, and says how the
// program ends. document is r, or r with more to it.
func (s *session) finish(ctx context.Context, r *executor.Report, document any, err error) error {
	s.progress.Close()
	if r == nil {
		return err
	}
	if r.ID != "" {
		s.notify(ctx, notify.OfRun(s.config.Account.ID, r, s.world.now()))
	}
	if split := s.splitOf(err); len(split) > 0 && document == any(r) {
		document = &endedByTwo{Report: *r, SplitBrain: split}
	}
	if perr := s.printRun(r, document); perr != nil {
		return perr
	}
	if errors.Is(err, executor.ErrStopped) || r.State == executor.Halted || r.State == executor.Running {
		if !s.json && err != nil && len(r.Failures) == 0 && r.Reason == "" {
			s.log.Error(s.world.complete(err.Error()))
		}
		if nerr := s.nextAfterStop(r, err); nerr != nil {
			return nerr
		}
		return exit(exitStopped)
	}
	return s.beside(err)
}

// endedByTwo is a run's document with both sides of every secret that has two
// writers when it has ended.
type endedByTwo struct {
	executor.Report
	SplitBrain []planner.Diagnosis `json:"split_brain"`
}

// nextAfterStop: whoever took the lease over has the run now.
func (s *session) nextAfterStop(r *executor.Report, err error) error {
	switch {
	case errors.Is(err, executor.ErrLeaseLost):
		return s.next("how far the controller is that took over", "runs", "show", r.ID)
	case r.Aborting:
		return s.next("takes back the rest", "runs", "abort", r.ID)
	}
	if err := s.next("goes on where this stopped", "runs", "resume", r.ID); err != nil || !unwinds(r) {
		return err
	}
	return s.next("or calls it off: nothing was promoted yet", "runs", "abort", r.ID)
}

// nextGoOn: a move of the primary is not finished.
func (s *session) nextGoOn(r *executor.Summary) error {
	switch {
	case !r.Stopped():
		return s.next("how far the move is that is under way", "runs", "show", r.ID)
	case r.Aborting:
		return s.next("takes back the rest of that", "runs", "abort", r.ID)
	}
	return s.next("goes on where that stopped", "runs", "resume", r.ID)
}

// unwinds: a planned move that has promoted nothing can still be called off.
func unwinds(r *executor.Report) bool {
	planned := r.Command == "switchover" || r.Command == "failback"
	return planned && !slices.ContainsFunc(r.Phases, func(p executor.Phase) bool { return p.Name == planner.PhasePromote })
}

// notify tells the webhooks. What goes wrong there is logged: a webhook never
// fails a run.
func (s *session) notify(ctx context.Context, e notify.Event) {
	var hooks []notify.Webhook
	for _, h := range s.config.Notify {
		hooks = append(hooks, notify.Webhook(h))
	}
	// A run that was interrupted is worth telling, too.
	if err := notify.New(hooks, notify.Options{}).Send(context.WithoutCancel(ctx), e); err != nil {
		s.log.Warn("webhook", "error", err)
	}
}
