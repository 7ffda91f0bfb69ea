package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/planner"
)

// Plan writes a plan: a line a step, then what is skipped, unmatched, blocked
// or unknown, then the sum.
func Plan(w io.Writer, plan *planner.Plan, s Style) error {
	p := newPrinter(w)
	for _, r := range plan.Unobserved {
		p.line(s.paint(bad, fmt.Sprintf("%s: not observed. Nothing is planned on what is unknown there.", r)))
	}
	for _, silence := range plan.Unanswered {
		p.line(s.paint(bad, fmt.Sprintf("%s: no answer from %s. Nothing is planned on what is unknown there.", silence.Region, list(silence.Services))))
	}
	steps(p, plan.Steps, s)
	blockers(p, plan.Blockers, s)
	skipped(p, plan, s)
	outlook(p, plan, s)
	if len(plan.Steps) > 0 || len(plan.Skipped) > 0 || len(plan.Unmatched) > 0 {
		p.line("")
	}
	planSum(p, plan, s)
	return p.done()
}

// steps writes a line a step. A long list is cut on a terminal, so that some
// of every kind are left.
func steps(p *printer, list []planner.Step, s Style) {
	rows := stepRows(list)
	kinds, each := foldKinds(s, rows, func(r stepRow) string { return r.action + " " + strings.Join(r.regions, " ") })
	g := grid{style: s, indent: 2}
	for _, kind := range kinds {
		for _, r := range kind[:min(each, len(kind))] {
			g.add(cell{r.action, r.look}, text(r.subject), text(strings.Join(r.regions, ", ")), text(r.text))
		}
		g.addMore(len(kind) - each)
	}
	g.write(p)
	if each < len(rows) {
		p.line("  " + s.paint(faint, "--output json shows all"))
	}
}

// A stepRow is a step, or neighbours that differ in nothing but the region.
type stepRow struct {
	action, subject, text string
	regions               []string
	look                  paint
}

func stepRows(list []planner.Step) []stepRow {
	var rows []stepRow
	for i := range list {
		r := rowOf(&list[i])
		if n := len(rows) - 1; n >= 0 && rows[n].action == r.action && rows[n].subject == r.subject && rows[n].text == r.text {
			rows[n].regions = append(rows[n].regions, r.regions...)
			continue
		}
		rows = append(rows, r)
	}
	return rows
}

func rowOf(step *planner.Step) stepRow {
	subject := step.Subject()
	if step.Action == planner.GrantInvoke { // the region stands beside it
		subject = subject[strings.LastIndex(subject, ":")+1:]
	}
	if n := len(step.Params.Alarms); n > 1 {
		subject = fmt.Sprintf("%s and %d more", subject, n-1)
	}
	return stepRow{
		action:  planner.TraitsOf(step.Action).Glyph + " " + string(step.Action),
		subject: subject,
		text:    strings.ReplaceAll(stepText(step), " in "+string(step.Region), ""),
		regions: []string{string(step.Region)},
		look:    riskPaint(step.Risk),
	}
}

// stepText is what changes and why, with the words an operator must not miss
// in front.
func stepText(step *planner.Step) string {
	var marks []string
	if step.Risk != planner.Safe {
		marks = append(marks, string(step.Risk))
	}
	if step.Requires != "" {
		marks = append(marks, "needs --"+step.Requires)
	}
	if step.Owed {
		marks = append(marks, "owed if dark")
	}
	var parts []string
	if len(marks) > 0 {
		parts = append(parts, "["+strings.Join(marks, ", ")+"]")
	}
	what := change(step.Before, step.After)
	if what != "" && step.Reason != "" {
		what += ";"
	}
	for _, part := range []string{what, step.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// Blocked writes what stands in the way where nothing could be done.
func Blocked(w io.Writer, list []planner.Blocker, s Style) error {
	p := newPrinter(w)
	p.line(s.paint(notice, "Nothing was done, and not all is as wanted:"))
	blockers(p, list, s)
	return p.done()
}

func blockers(p *printer, list []planner.Blocker, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(bad, "Blocked:"))
	shown, rest := s.fold(len(list))
	g := grid{style: s, indent: 2}
	for _, b := range list[:shown] {
		message := b.Message
		if b.Fix != "" {
			message += "; " + b.Fix
		}
		look := notice
		if b.Fatal {
			look = bad
		}
		g.add(cell{clean(b.Code), look}, text(string(b.Secret)), text(string(b.Region)), text(message))
	}
	g.write(p)
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
}

func skipped(p *printer, plan *planner.Plan, s Style) {
	if len(plan.Skipped) > 0 {
		p.line("")
		p.line(s.paint(faint, "Left alone:"))
		kinds, each := foldKinds(s, plan.Skipped, func(k planner.Skip) string { return string(k.Region) + " " + k.Reason })
		g := grid{style: s, indent: 2}
		for _, kind := range kinds {
			for _, skip := range kind[:min(each, len(kind))] {
				g.add(text(string(skip.Secret)), text(string(skip.Region)), text(skip.Reason))
			}
			g.addMore(len(kind) - each)
		}
		g.write(p)
	}
	unmatched(p, plan.Unmatched, s)
}

func unmatched(p *printer, names []string, s Style) {
	if len(names) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(faint, "Matched by no group, not touched:"))
	shown, rest := s.fold(len(names))
	for _, name := range names[:shown] {
		p.line("  " + clean(name))
	}
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
}

func planSum(p *printer, plan *planner.Plan, s Style) {
	if len(plan.Steps) == 0 {
		if len(plan.Blockers) > 0 || !plan.Judged() {
			p.line(s.paint(notice, "No steps planned, but see above."))
			return
		}
		p.line(s.paint(good, "Nothing to do: what is there is what is wanted."))
		return
	}
	var counts []string
	for _, action := range slices.Sorted(maps.Keys(plan.Summary)) {
		counts = append(counts, fmt.Sprintf("%d %s", plan.Summary[action], action))
	}
	title := "Plan " + plan.ID
	if plan.From != "" && plan.To != "" {
		title += fmt.Sprintf(", %s %s → %s", plan.Command, plan.From, plan.To)
	}
	p.paragraph(s, cell{title + ": " + list(counts) + ".", strong})
	terms := fmt.Sprintf("AWS's quotas allow it in %s.", seconds(plan.FloorSeconds))
	if c := plan.MonthlyCostChange; c != 0 {
		terms = dollars(c) + " a month. " + terms
	}
	p.line(terms)
}

func dollars(v float64) string {
	if v < 0 {
		return fmt.Sprintf("-$%.2f", -v)
	}
	return fmt.Sprintf("+$%.2f", v)
}

// Changes writes what moved since a plan was saved.
func Changes(w io.Writer, changes []string, s Style) error {
	p := newPrinter(w)
	shown, rest := s.fold(len(changes))
	for _, c := range changes[:shown] {
		p.line("  " + clean(c))
	}
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
	return p.done()
}
