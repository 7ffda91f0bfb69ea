package report

import (
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"

	"github.com/understudy-dr/understudy/planner"
)

// A Style is how text is written. The zero value is for pipes and files: no
// colour, nothing wrapped, every row shown.
type Style struct {
	Color bool
	// Width is the terminal's, in columns; 0 means no terminal. On a terminal
	// lists of more than 50 rows are cut to 20.
	Width int
	// Fold cuts such lists where there is no terminal, too.
	Fold bool
	Now  time.Time // for ages; zero prints times only
}

// A paint colours text.
type paint int

const (
	plain paint = iota
	good
	notice
	bad
	strong
	faint
	special
)

// colors are the terminal's own sixteen, so that they fit its background.
func (s Style) paint(p paint, text string) string {
	if !s.Color || p == plain || text == "" {
		return text
	}
	style := lipgloss.NewStyle()
	switch p {
	case good:
		style = style.Foreground(lipgloss.Green)
	case notice:
		style = style.Foreground(lipgloss.Yellow)
	case bad:
		style = style.Foreground(lipgloss.Red).Bold(true)
	case strong:
		style = style.Bold(true)
	case faint:
		style = style.Faint(true)
	case special:
		style = style.Foreground(lipgloss.Magenta)
	}
	return style.Render(text)
}

// riskPaint is one table, so that a risk looks the same everywhere.
func riskPaint(r planner.Risk) paint {
	switch r {
	case planner.Disruptive:
		return notice
	case planner.OneWay:
		return special
	case planner.Destructive:
		return bad
	}
	return good
}

// clean makes text from outside safe for a terminal and keeps it on one line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s)
}
