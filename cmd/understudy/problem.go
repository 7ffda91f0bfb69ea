package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/config"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// Exit codes. They are a contract: scripts and runbooks branch on them.
const (
	exitOK         = 0
	exitFailed     = 1
	exitChanges    = 2
	exitRefused    = 3
	exitStopped    = 4
	exitIncomplete = 5
	exitSplitBrain = 6
	exitUsage      = 64
)

const exitTable = `Exit codes:
   0  done, or clean
   1  error
   2  changes, drift, or not ready (plan: only with --detailed-exitcode)
   3  refused by a guard, nothing changed (stale plan, lease held, safety check)
   4  stopped midway: runs resume continues
   5  incomplete: something could not be observed, so there is no verdict
   6  split brain: two writers were found
  64  wrong usage or configuration`

// A usageError is a command line or a value that can't be.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), hint}
}

// An exitError ends the program with a code after its document was written:
// there is nothing more to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit is nil for code 0.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError(code)
}

// problemOf maps an error to its exit code and its document. A nil document
// means that everything has been said.
func problemOf(err error) (int, *report.Error) {
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code), nil
	}
	if list := config.Errors(err); len(list) > 0 {
		return exitUsage, configProblem(list)
	}
	for _, kind := range []func(error) (int, *report.Error){usageProblem, guardProblem, stateProblem} {
		if code, doc := kind(err); doc != nil {
			return code, doc
		}
	}
	doc := problem("error", err.Error(), "")
	if op, ok := errors.AsType[*topology.OpError](err); ok && op.Code != "" {
		doc.Code = op.Code
	}
	return exitFailed, doc
}

func problem(code, message, hint string, details ...string) *report.Error {
	return &report.Error{Schema: "understudy/error/v1", Code: code, Message: message, Hint: hint, Details: details}
}

func configProblem(list []*config.Error) *report.Error {
	if len(list) == 1 {
		e := *list[0]
		hint := e.Hint
		e.Hint = ""
		return problem("config", e.Error(), hint)
	}
	var lines []string
	for _, e := range list {
		lines = append(lines, e.Error())
	}
	return problem("config", strings.Join(lines, "\n"), "")
}

func usageProblem(err error) (int, *report.Error) {
	if e, ok := errors.AsType[*usageError](err); ok {
		return exitUsage, problem("usage", e.message, e.hint)
	}
	if e, ok := errors.AsType[cli.ExitCoder](err); ok {
		code := "error"
		if e.ExitCode() == exitUsage {
			code = "usage"
		}
		return e.ExitCode(), problem(code, e.Error(), "")
	}
	return 0, nil
}

// guardProblem are refusals and verdicts of the runbooks.
func guardProblem(err error) (int, *report.Error) {
	if e, ok := errors.AsType[*runbooks.Refused](err); ok {
		doc := problem(e.Code, e.Message, e.Hint)
		doc.Plan = e.Plan
		return exitRefused, doc
	}
	if e, ok := errors.AsType[*runbooks.SplitBrain](err); ok {
		doc := problem("split-brain", e.Message, e.Hint, report.DoctorLines(e.Secrets)...)
		doc.SplitBrain = e.Secrets
		return exitSplitBrain, doc
	}
	if e, ok := errors.AsType[*runbooks.Incomplete](err); ok {
		return exitIncomplete, problem("incomplete", e.Message, e.Hint)
	}
	return 0, nil
}

// stateProblem are what lease, journal and executor say.
func stateProblem(err error) (int, *report.Error) {
	switch {
	case errors.Is(err, journal.ErrLeaseHeld), errors.Is(err, executor.ErrLeaseHeld):
		return exitRefused, problem("lease-held", err.Error(), "see `understudy runs list`")
	case errors.Is(err, executor.ErrLeaseLost), errors.Is(err, journal.ErrLeaseLost):
		return exitStopped, problem("lease-lost", err.Error(), "see `understudy runs list` for who took over")
	case errors.Is(err, executor.ErrOvertaken):
		return exitRefused, problem("overtaken", err.Error(), "what is there now: `understudy status`; to end an unfinished one: `understudy runs abort ID`")
	case errors.Is(err, executor.ErrStopped):
		return exitStopped, problem("stopped", err.Error(), resumeHint(err))
	case errors.Is(err, executor.ErrStalePlan):
		return exitRefused, problem("stale-plan", err.Error(), "make a new plan: `understudy plan`")
	case errors.Is(err, journal.ErrCorrupt):
		return exitFailed, problem("corrupt-journal", err.Error(), "what is there now: understudy status; all else goes on without the damaged part, and says so")
	case errors.Is(err, executor.ErrNoRun):
		return exitUsage, problem("no-such-run", err.Error(), "")
	case errors.Is(err, executor.ErrAborted):
		return exitRefused, problem("aborted", err.Error(), "plan afresh: `understudy plan`")
	case isAtOnce(err):
		return exitStopped, problem("stopped", err.Error(), "")
	case isInterrupted(err):
		return exitFailed, problem("interrupted", err.Error(), "")
	case errors.Is(err, context.Canceled):
		return exitFailed, problem("interrupted", "interrupted", "")
	}
	return 0, nil
}

func resumeHint(err error) string {
	if e, ok := errors.AsType[*executor.StoppedError](err); ok {
		return "continue with: understudy runs resume " + e.Run
	}
	return "continue with `understudy runs resume ID`"
}

func isAtOnce(err error) bool {
	_, ok := errors.AsType[*atOnceError](err)
	return ok
}

func isInterrupted(err error) bool {
	_, ok := errors.AsType[*interruptedError](err)
	return ok
}
