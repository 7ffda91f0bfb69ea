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
		p.line(s.paint(bad, fmt.Sprintf("%s was not observed: nothing is planned on what is unknown there", r)))
	}
	steps(p, plan.Steps, s)
	blockers(p, plan.Blockers, s)
	skipped(p, plan, s)
	if len(plan.Steps) > 0 || len(plan.Skipped) > 0 || len(plan.Unmatched) > 0 {
		p.line("")
	}
	planSum(p, plan, s)
	return p.done()
}

func steps(p *printer, list []planner.Step, s Style) {
	shown, rest := s.fold(len(list))
	g := grid{style: s, indent: 2}
	for i := range list[:shown] {
		g.add(stepCells(&list[i])...)
	}
	g.write(p)
	if rest != "" {
		p.line("  " + s.paint(faint, rest))
	}
}

func stepCells(step *planner.Step) []cell {
	t := planner.TraitsOf(step.Action)
	look := riskPaint(step.Risk)
	subject := step.Subject()
	if step.Action == planner.GrantInvoke { // the region stands beside it
		subject = subject[strings.LastIndex(subject, ":function:")+1:]
		subject = strings.TrimPrefix(subject, "function:")
	}
	if n := len(step.Params.Alarms); n > 1 {
		subject = fmt.Sprintf("%s and %d more", subject, n-1)
	}
	return []cell{
		{t.Glyph + " " + string(step.Action), look}, text(subject), text(string(step.Region)),
		text(stepText(step)),
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
		shown, rest := s.fold(len(plan.Skipped))
		g := grid{style: s, indent: 2}
		for _, skip := range plan.Skipped[:shown] {
			g.add(text(string(skip.Secret)), text(string(skip.Region)), text(skip.Reason))
		}
		g.write(p)
		if rest != "" {
			p.line("  " + s.paint(faint, rest))
		}
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
		if len(plan.Blockers) > 0 || len(plan.Unobserved) > 0 {
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
