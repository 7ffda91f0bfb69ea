package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// A cell is one entry of a grid.
type cell struct {
	text  string
	paint paint
}

func text(s string) cell { return cell{clean(s), plain} }

// A grid is aligned columns. The last one is wrapped to the terminal; where
// too little room is left for it, it goes onto lines of its own.
type grid struct {
	style  Style
	indent int
	rows   [][]cell
}

const (
	gap      = 2
	overflow = 44 // a longer cell pushes its own line only
	roomy    = 26 // the least width for a last column beside the others
	beside   = 2  // lines that the last column may take there, if fewer do below
	hanging  = 4
)

func (g *grid) add(cells ...cell) { g.rows = append(g.rows, cells) }

func (g *grid) write(p *printer) {
	widths := g.widths()
	for _, row := range g.rows {
		g.line(p, row, widths)
	}
}

func (g *grid) widths() []int {
	var widths []int
	for _, row := range g.rows {
		for i, c := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if w := lipgloss.Width(c.text); w <= overflow {
				widths[i] = max(widths[i], w)
			}
		}
	}
	return widths
}

func (g *grid) line(p *printer, row []cell, widths []int) {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", g.indent))
	column := g.indent
	for i, c := range row[:len(row)-1] {
		w := lipgloss.Width(c.text)
		pad := max(widths[i]-w, 0) + gap
		b.WriteString(g.style.paint(c.paint, c.text) + strings.Repeat(" ", pad))
		column += w + pad
	}
	last := row[len(row)-1]
	lines := []string{last.text}
	if room := g.style.Width - column; g.style.Width > 0 && lipgloss.Width(last.text) > room {
		lines = wrap(last.text, max(room, roomy))
		below := wrap(last.text, max(g.style.Width-g.indent-hanging, roomy))
		if len(row) > 1 && (room < roomy || len(lines) > beside && len(below) < len(lines)) {
			p.line(strings.TrimRight(b.String(), " "))
			column = g.indent + hanging
			b.Reset()
			b.WriteString(strings.Repeat(" ", column))
			lines = below
		}
	}
	for i, l := range lines {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", column))
		}
		p.line(strings.TrimRight(b.String()+g.style.paint(last.paint, l), " "))
		b.Reset()
	}
}

// wrap breaks text at spaces only: an ARN or a command stays whole, to be
// copied, even if it is wider than the terminal.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		w := lipgloss.Width(word)
		if used > 0 && used+1+w > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+w
	}
	return append(lines, line)
}

// A printer remembers the first error of its writer.
type printer struct {
	w   *bufio.Writer
	err error
}

func newPrinter(w io.Writer) *printer { return &printer{w: bufio.NewWriter(w)} }

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = p.w.WriteString(s + "\n")
	}
}

func (p *printer) linef(format string, args ...any) { p.line(fmt.Sprintf(format, args...)) }

// paragraph writes text wrapped to the terminal.
func (p *printer) paragraph(s Style, c cell) {
	g := grid{style: s}
	g.add(c)
	g.write(p)
}

// done flushes and returns the first error.
func (p *printer) done() error {
	if p.err == nil {
		p.err = p.w.Flush()
	}
	return p.err
}

const (
	foldAbove = 50
	foldTo    = 20
)

// fold says how many of n rows to show, and the line that stands for the rest.
func (s Style) fold(n int) (shown int, rest string) {
	if s.Width == 0 && !s.Fold || n <= foldAbove {
		return n, ""
	}
	return foldTo, fmt.Sprintf("… and %d more; --output json shows all", n-foldTo)
}

// foldKinds cuts a list that is too long for a terminal so that some of every
// kind are left: rows of one key are put together, in the order in which the
// keys first appear, and each of them is to be cut to each rows.
func foldKinds[T any](s Style, rows []T, key func(T) string) (kinds [][]T, each int) {
	shown, _ := s.fold(len(rows))
	if shown == len(rows) {
		return [][]T{rows}, len(rows)
	}
	at := map[string]int{}
	for _, r := range rows {
		k := key(r)
		i, ok := at[k]
		if !ok {
			i, kinds = len(kinds), append(kinds, nil)
			at[k] = i
		}
		kinds[i] = append(kinds[i], r)
	}
	return kinds, max(2, shown/len(kinds))
}

// addMore is the line for rows that are left out, if any are.
func (g *grid) addMore(n int) {
	if n > 0 {
		g.add(cell{fmt.Sprintf("… and %d more of these", n), faint})
	}
}

// many counts things: "1 secret", "3 secrets".
func many(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
