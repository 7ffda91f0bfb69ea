package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/topology"
)

// Drift writes the findings of a check and its verdict. Secrets that no group
// matches are among the findings.
func Drift(w io.Writer, r *drift.Report, s Style) error {
	p := newPrinter(w)
	for _, u := range r.Unknown {
		p.line(s.paint(bad, fmt.Sprintf("%s is unknown: %s", u.Region, clean(u.Cause))) + detail(u.Detail))
	}
	findings(p, r.Findings, s)
	if len(r.Findings)+len(r.Unknown) > 0 {
		p.line("")
	}
	doctor(p, r.SplitBrain, s)
	driftSum(p, r, s)
	return p.done()
}

func detail(text string) string {
	if text == "" {
		return ""
	}
	return " (" + clean(text) + ")"
}

// alike is how many findings of one code in one region are a line each; more
// are one line together, in a file as on a terminal.
const alike = 20

func findings(p *printer, list []drift.Finding, s Style) {
	list, left := together(list)
	kinds, each := foldKinds(s, list, kindOf)
	g := grid{style: s}
	for _, kind := range kinds {
		for i := range kind[:min(each, len(kind))] {
			g.add(findingCells(&kind[i])...)
		}
		g.addMore(len(kind) - each)
	}
	g.write(p)
	if left || each < len(list) {
		p.line(s.paint(faint, "--output json shows all"))
	}
}

func kindOf(f drift.Finding) string {
	return string(f.Severity) + " " + f.Code + " " + string(f.Region)
}

// together makes one line of findings that say the same of many, where the
// first of them stands.
func together(list []drift.Finding) (lines []drift.Finding, left bool) {
	kinds, done := map[string][]drift.Finding{}, map[string]bool{}
	for _, f := range list {
		kinds[kindOf(f)] = append(kinds[kindOf(f)], f)
	}
	for _, f := range list {
		kind := kinds[kindOf(f)]
		if len(kind) <= alike {
			lines = append(lines, f)
			continue
		}
		if !done[kindOf(f)] {
			lines, left, done[kindOf(f)] = append(lines, summed(kind)), true, true
		}
	}
	return lines, left
}

// summed is many findings of a kind in one: who the first are, and what is
// said of all of them, or for instance of the first.
func summed(kind []drift.Finding) drift.Finding {
	f, thing := kind[0], "secrets"
	if f.Secret == "" {
		thing = "alarms"
	}
	if f.Secret == "" && f.Alarm == "" {
		thing = "of these"
	}
	var names []string
	for i := range kind[:3] {
		names = append(names, subjectOf(&kind[i]))
	}
	f.Secret = topology.Name(fmt.Sprintf("%d %s: %s and %d more", len(kind), thing, strings.Join(names, ", "), len(kind)-len(names)))
	if slices.ContainsFunc(kind, func(o drift.Finding) bool { return o.Message != kind[0].Message }) {
		f.Message = "such as: " + f.Message
	}
	if slices.ContainsFunc(kind, func(o drift.Finding) bool { return o.Fix != kind[0].Fix }) && f.Fix != "" {
		f.Fix = "each its own, such as: " + f.Fix
	}
	return f
}

// subjectOf is what a finding is about.
func subjectOf(f *drift.Finding) string {
	subject := f.Subject
	if _, function, ok := strings.Cut(subject, ":function:"); ok { // the region stands beside it
		subject = function
	}
	return cmp.Or(string(f.Secret), f.Alarm, subject)
}

func findingCells(f *drift.Finding) []cell {
	message := f.Message
	if f.Fix != "" {
		message = strings.TrimSuffix(message, ".") + "; fix: " + f.Fix
	}
	return []cell{
		{string(f.Severity), severityPaint(f.Severity)}, text(f.Code),
		text(subjectOf(f)), text(string(f.Region)), text(message),
	}
}

func severityPaint(severity drift.Severity) paint {
	switch severity {
	case drift.Critical:
		return bad
	case drift.Warning:
		return notice
	}
	return faint
}

func driftSum(p *printer, r *drift.Report, s Style) {
	looked := fmt.Sprintf("%s in %s checked", many(r.Secrets, "secret", "secrets"), many(len(r.Regions), "region", "regions"))
	var extra []string
	if r.Skipped > 0 {
		extra = append(extra, fmt.Sprintf("%d skipped", r.Skipped))
	}
	if r.Suppressed > 0 {
		extra = append(extra, fmt.Sprintf("%d suppressed", r.Suppressed))
	}
	if len(extra) > 0 {
		looked += " (" + strings.Join(extra, ", ") + ")"
	}
	look := map[drift.Verdict]paint{
		drift.Clean: good, drift.Drifted: notice, drift.Incomplete: bad, drift.SplitBrain: bad,
	}[r.Verdict]
	count := map[drift.Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
	}
	var counts []string
	for _, severity := range []drift.Severity{drift.Critical, drift.Warning, drift.Info} {
		if n := count[severity]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	line := "Verdict: " + string(r.Verdict)
	if len(counts) > 0 {
		line += ", " + many(len(r.Findings), "finding", "findings") + ": " + strings.Join(counts, ", ")
	}
	p.paragraph(s, cell{line + ".", look})
	p.line(looked + ".")
}
