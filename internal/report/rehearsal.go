package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/understudy-dr/understudy/runbooks"
)

// Rehearsal writes a game day: its timeline, recovery time by phase, what was
// claimed and whether it held.
func Rehearsal(w io.Writer, r *runbooks.Rehearsal, s Style) error {
	p := newPrinter(w)
	p.line(s.paint(strong, fmt.Sprintf("Rehearsal of %s on the %s (seed %d)", clean(r.Scenario), clean(r.Stage), r.Seed)))
	p.line("")
	timeline(p, r.Timeline, s)
	if len(r.Phases) > 0 {
		p.line("")
		g := grid{style: s, indent: 2}
		for _, ph := range r.Phases {
			g.add(text(ph.Name), cell{fmt.Sprintf("%9s", seconds(ph.Seconds)), strong}, text(ph.Result))
		}
		g.write(p)
	}
	rehearsalCalls(p, r, s)
	hypotheses(p, r, s)
	for _, left := range r.Leftovers {
		p.line(s.paint(notice, "  left over: "+clean(left)))
	}
	p.line("")
	p.line(outcome(r, s))
	return p.done()
}

func timeline(p *printer, list []runbooks.Moment, s Style) {
	g := grid{style: s, indent: 2}
	for _, m := range list {
		look := plain
		if m.At == 0 {
			look = bad
		}
		g.add(cell{fmt.Sprintf("%+8.2f s", m.At), faint}, cell{clean(m.Text), look})
	}
	g.write(p)
}

func rehearsalCalls(p *printer, r *runbooks.Rehearsal, s Style) {
	if len(r.Calls) == 0 {
		return
	}
	p.line("")
	g := grid{style: s, indent: 2}
	g.add(cell{"calls during failover", faint}, cell{"   total", faint}, cell{"mutating", faint}, cell{"", plain})
	for _, region := range slices.Sorted(maps.Keys(r.Calls)) {
		c := r.Calls[region]
		look, note := plain, ""
		switch region {
		case r.Lost:
			look, note = good, "the lost region"
			if c.Total > 0 {
				look = notice
			}
			if c.Mutating > 0 {
				look = bad
			}
		case r.To:
			note = "the new primary"
		}
		g.add(cell{string(region), look}, cell{fmt.Sprintf("%8d", c.Total), look}, cell{fmt.Sprintf("%8d", c.Mutating), look}, cell{note, faint})
	}
	g.write(p)
}

func hypotheses(p *printer, r *runbooks.Rehearsal, s Style) {
	if len(r.Hypotheses) == 0 {
		return
	}
	p.line("")
	g := grid{style: s, indent: 2}
	for _, h := range r.Hypotheses {
		look := map[string]paint{"held": good, "broken": bad}[h.Verdict]
		if look == plain {
			look = notice
		}
		g.add(cell{clean(h.Verdict), look}, text(h.Name), cell{clean(h.Detail), faint})
	}
	g.write(p)
}

func outcome(r *runbooks.Rehearsal, s Style) string {
	look := good
	if r.Outcome != "passed" {
		look = bad
	}
	lost := "no version lost"
	if r.RPOVersions != 0 {
		lost = many(r.RPOVersions, "version", "versions") + " lost"
	}
	return s.paint(look, "Rehearsal "+clean(r.Outcome)) +
		fmt.Sprintf(": %s lost, %s took over in %s, %s.", r.Lost, r.To, seconds(r.RTOSeconds), lost)
}
