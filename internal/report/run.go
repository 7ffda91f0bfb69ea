package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// Run writes what a run did and what it left.
func Run(w io.Writer, r *executor.Report, s Style) error {
	p := newPrinter(w)
	p.line(runTitle(r, s))
	p.linef("  %d applied, %d already done, %d deferred, %d failed, %d left",
		r.Steps.Applied, r.Steps.AlreadyDone, r.Steps.Deferred, r.Steps.Failed, r.Steps.Left)
	if r.Reason != "" {
		p.paragraph(s, cell{"  " + clean(r.Reason), bad})
	}
	failures(p, "Failed", r.Failures, s)
	failures(p, "Could not take back", r.Stuck, s)
	oneWay(p, r.OneWay, s)
	owed(p, r.Owed, s)
	loginRisks(p, r.LoginRisks, s)
	phases(p, r.Phases, s)
	blinks(p, r.Blinks)
	calls(p, r.Calls, r.From, s)
	if r.Read > 0 {
		p.linef("\nRead in %s after the run, values dropped: %s.", r.To, many(r.Read, "secret", "secrets"))
	}
	arns(p, r.ARNs, s)
	return p.done()
}

func runTitle(r *executor.Report, s Style) string {
	title := fmt.Sprintf("Run %s: %s", r.ID, r.Command)
	if r.From != "" && r.To != "" {
		title += fmt.Sprintf(" %s → %s", r.From, r.To)
	}
	look := good
	switch r.State {
	case executor.Halted:
		look = bad
	case executor.Running, executor.Aborted:
		look = notice
	}
	title = s.paint(strong, title+", ") + s.paint(look, string(r.State))
	if !r.Ended.IsZero() {
		title += " after " + seconds(r.Ended.Sub(r.Started).Seconds())
	}
	return title
}

// failures are grouped by cause: a thousand secrets under one disabled key are
// one thing to mend.
func failures(p *printer, what string, list []executor.Failure, s Style) {
	if len(list) == 0 {
		return
	}
	type cause struct{ code, message string }
	groups := map[cause][]executor.Failure{}
	for _, f := range list {
		c := cause{f.Code, causeOf(f)}
		groups[c] = append(groups[c], f)
	}
	causes := slices.SortedFunc(maps.Keys(groups), func(a, b cause) int {
		return cmp.Or(cmp.Compare(len(groups[b]), len(groups[a])), cmp.Compare(a.code, b.code), cmp.Compare(a.message, b.message))
	})
	p.line("")
	for _, c := range causes {
		p.line(s.paint(bad, fmt.Sprintf("%s %s: %s", what, many(len(groups[c]), "step", "steps"), clean(c.code))))
		g := grid{style: s, indent: 2}
		shown, rest := s.fold(len(groups[c]))
		if len(groups[c]) > 1 { // what they share is said once
			p.paragraph(s, text("  "+c.message))
		}
		for _, f := range groups[c][:shown] {
			row := []cell{text(f.Action), text(cmp.Or(string(f.Secret), f.Alarm)), text(string(f.Region))}
			if len(groups[c]) == 1 {
				row = append(row, text(causeText(f)))
			}
			g.add(row...)
		}
		g.write(p)
		if rest != "" {
			p.line("  " + s.paint(faint, rest))
		}
	}
}

// causeText is a failure's message without the prefix that the other columns
// say already.
func causeText(f executor.Failure) string {
	prefix := fmt.Sprintf("%s %s in %s: ", f.Action, cmp.Or(string(f.Secret), f.Alarm), f.Region)
	return strings.TrimPrefix(f.Message, prefix)
}

// causeOf is a failure's message without what differs from step to step: the
// operation's name, the secret and the region stand in the rows.
func causeOf(f executor.Failure) string {
	m := f.Message
	if _, cause, ok := strings.Cut(m, " in "+string(f.Region)+": "); ok {
		m = cause
	}
	for _, name := range []string{string(f.Secret), f.Alarm, f.Step, string(f.Region)} {
		if name != "" {
			m = strings.ReplaceAll(m, name, "*")
		}
	}
	return m
}

// oneWay are doors that an abort could not go back through.
func oneWay(p *printer, list []executor.OneWayStep, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(notice, fmt.Sprintf("Applied, and not to be taken back (%d):", len(list))))
	shown, rest := s.fold(len(list))
	g := grid{style: s, indent: 2}
	for _, step := range list[:shown] {
		g.add(text(step.Action), text(step.Subject), text(string(step.Region)), text(step.Risk))
	}
	g.write(p)
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
}

// owed writes duties that wait for a region to answer.
func owed(p *printer, list []topology.Debt, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(notice, fmt.Sprintf("Owed, and paid when the region answers (%d):", len(list))))
	type kind struct {
		action string
		region topology.Region
		cause  string
	}
	subjects := map[kind][]string{}
	for _, d := range list {
		k := kind{d.Action, d.Region, d.Cause}
		subjects[k] = append(subjects[k], cmp.Or(string(d.Secret), d.Alarm))
	}
	g := grid{style: s, indent: 2}
	for _, k := range slices.SortedFunc(maps.Keys(subjects), func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.region, b.region), cmp.Compare(a.action, b.action), cmp.Compare(a.cause, b.cause))
	}) {
		names := some(subjects[k], 3)
		if k.cause != "" {
			names += "; when last tried: " + k.cause
		}
		g.add(text(k.action), text(string(k.region)), text(names))
	}
	g.write(p)
}

// some names the first few of many.
func some(names []string, n int) string {
	names = slices.Sorted(slices.Values(names))
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

func phases(p *printer, list []executor.Phase, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	g := grid{style: s, indent: 2}
	for _, ph := range list {
		g.add(text(ph.Name), cell{fmt.Sprintf("%9s", seconds(ph.Seconds)), plain}, cell{"from " + ph.Start.UTC().Format("15:04:05.0Z"), faint})
	}
	g.write(p)
}

// blinks say what readers in a re-parented region may have met.
func blinks(p *printer, list []executor.Blink) {
	for i := range list {
		b := &list[i]
		line := fmt.Sprintf("%s made replicas in %s: ", many(b.Secrets, "copy", "copies"), b.Region)
		if b.Missing == 0 {
			line += "none was found missing meanwhile (a look every 0.2 to 2 s)"
		} else {
			line += fmt.Sprintf("%d found missing meanwhile, for at most %s (%s)", b.Missing, seconds(b.LongestSeconds), clean(string(b.Secret)))
		}
		if i == 0 {
			p.line("")
		}
		p.line(line)
	}
}

func calls(p *printer, byRegion map[topology.Region]executor.Calls, lost topology.Region, s Style) {
	if len(byRegion) == 0 {
		return
	}
	p.line("")
	g := grid{style: s, indent: 2}
	g.add(cell{"calls to", faint}, cell{"   total", faint}, cell{"mutating", faint}, cell{"throttled", faint})
	for _, r := range slices.Sorted(maps.Keys(byRegion)) {
		c := byRegion[r]
		look := plain
		if r == lost && c.Total == 0 {
			look = good
		}
		g.add(cell{string(r), look}, cell{fmt.Sprintf("%8d", c.Total), look},
			cell{fmt.Sprintf("%8d", c.Mutating), look}, cell{fmt.Sprintf("%9d", c.Throttled), look})
	}
	g.write(p)
}

// arns are what consumers have to change. The new ARN is the old one with
// another region, unless a secret was made anew.
func arns(p *printer, list []executor.ARN, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line("Whoever names these secrets by ARN must use the new one:")
	shown := len(list)
	if s.Width > 0 && shown > 2*fewARNs {
		shown = fewARNs
	}
	for _, a := range list[:shown] {
		if topology.WithRegion(a.Old, topology.RegionOf(a.New)) != a.New {
			p.line("  " + s.paint(faint, clean(a.Old)) + " →")
		}
		p.line("  " + clean(a.New))
	}
	if left := len(list) - shown; left > 0 {
		p.line("  " + s.paint(faint, fmt.Sprintf("… and %d more; runs show ID --output json lists old and new", left)))
	}
}

// fewARNs is how many of many are shown on a terminal.
const fewARNs = 5
