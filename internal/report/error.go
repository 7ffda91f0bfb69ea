package report

import (
	"io"
	"strings"

	"github.com/understudy-dr/understudy/planner"
)

// An Error is what a command that did not do its work says (schema
// understudy/error/v1). Code is stable.
type Error struct {
	Schema  string `json:"schema"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// Details are further lines: all of a file's mistakes, what moved since a
	// plan was saved.
	Details []string `json:"details,omitempty"`
	// SplitBrain has both sides of every secret with two writers.
	SplitBrain []planner.Diagnosis `json:"split_brain,omitempty"`
	// Plan is what was refused: all its blockers, the other regions, how stale
	// each copy is.
	Plan *planner.Plan `json:"plan,omitempty"`
}

// Problem writes an error for people.
func Problem(w io.Writer, e *Error, s Style) error {
	p := newPrinter(w)
	p.line(s.paint(bad, "understudy: ") + tidy(e.Message))
	shown, rest := s.fold(len(e.Details))
	for _, d := range e.Details[:shown] {
		p.line("  " + clean(d))
	}
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
	if e.Hint != "" {
		p.line("  " + s.paint(strong, tidy(e.Hint)))
	}
	return p.done()
}

// tidy keeps line breaks and indents what follows them.
func tidy(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n  ")
}

// Next writes the command to type next, set apart.
func Next(w io.Writer, command, why string, s Style) error {
	p := newPrinter(w)
	p.line("")
	line := "Next: " + s.paint(strong, command)
	if why != "" {
		line += s.paint(faint, "   # "+why)
	}
	p.line(line)
	return p.done()
}
