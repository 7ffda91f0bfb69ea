package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/understudy-dr/understudy/drift"
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

func findings(p *printer, list []drift.Finding, s Style) {
	kinds, each := foldKinds(s, list, func(f drift.Finding) string {
		return string(f.Severity) + " " + f.Code + " " + string(f.Region)
	})
	g := grid{style: s}
	for _, kind := range kinds {
		for i := range kind[:min(each, len(kind))] {
			g.add(findingCells(&kind[i])...)
		}
		g.addMore(len(kind) - each)
	}
	g.write(p)
	if each < len(list) {
		p.line(s.paint(faint, "--output json shows all"))
	}
}

func findingCells(f *drift.Finding) []cell {
	message := f.Message
	if f.Fix != "" {
		message = strings.TrimSuffix(message, ".") + "; fix: " + f.Fix
	}
	return []cell{
		{string(f.Severity), severityPaint(f.Severity)}, text(f.Code),
		text(cmp.Or(string(f.Secret), f.Alarm)), text(string(f.Region)), text(message),
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
