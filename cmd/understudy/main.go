// Command understudy rehearses and performs the failover of AWS Secrets
// Manager secrets from a lost region to a standby, resumably.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/understudy-dr/understudy/internal/report"
)

// version is set by the linker (make build); otherwise the module's own is
// shown.
var version string

func main() {
	world := &world{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, now: time.Now,
		stdinTTY: isTerminal(os.Stdin), stdoutWidth: width(os.Stdout), stderrWidth: width(os.Stderr),
	}
	os.Exit(world.run(context.Background(), os.Args[1:]))
}

// A world is what the program has of the machine: handed in, so that tests
// can have another.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time

	// globals are the global flags of the command line that the next one needs,
	// too.
	globals string

	stdinTTY bool
	// Widths of terminals in columns, 0 where there is none.
	stdoutWidth, stderrWidth int
}

// run executes one command line and returns the exit code.
func (w *world) run(ctx context.Context, args []string) int {
	app := newApp(w) //nolint:contextcheck // the library hands each command its context
	ordered, err := arrange(app, args)
	w.globals = globalsOf(ordered)
	if err == nil {
		err = app.RunContext(ctx, ordered)
	}
	if err == nil {
		return exitOK
	}
	code, doc := problemOf(err)
	if doc != nil {
		w.completeProblem(doc)
		w.complain(doc, wantsJSON(args, w.getenv))
	}
	return code
}

// complain writes an error: for programs as the one document on stdout, for
// people on stderr.
func (w *world) complain(doc *report.Error, asJSON bool) {
	if asJSON {
		_ = report.JSON(w.stdout, doc) // nowhere left to complain to
		return
	}
	_ = report.Problem(w.stderr, doc, w.style(w.stderrWidth, false))
}

// style is how text is written to a stream of a width.
func (w *world) style(columns int, noColor bool) report.Style {
	plain := noColor || columns == 0 || w.getenv("NO_COLOR") != "" || w.getenv("TERM") == "dumb" || truthy(w.getenv("UNDERSTUDY_NO_COLOR"))
	return report.Style{Color: !plain, Width: columns, Now: w.now()}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// width is a terminal's, 0 if f is none. A terminal that does not know its
// width has the usual one.
func width(f *os.File) int {
	if !isTerminal(f) {
		return 0
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return 80
}
