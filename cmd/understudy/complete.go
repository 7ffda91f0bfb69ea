package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
)

// hinted are the commands that an output may tell people to type.
var hinted = regexp.MustCompile(`\bunderstudy (plan|apply|drift|ready|status|failover|switchover|failback|fence|rescue|rehearse|runs (list|show|resume|abort|verify))\b`)

// globalsOf are the global flags of an arranged command line that the next
// one needs, too. What the environment says is there anyway.
func globalsOf(ordered []string) string {
	var given []string
	for i := 1; i < len(ordered) && strings.HasPrefix(ordered[i], "-"); i++ {
		name, value, inline := strings.Cut(strings.TrimLeft(ordered[i], "-"), "=")
		f := flagNamed(globalFlags(), name)
		if f == nil {
			break
		}
		if _, isBool := f.(*cli.BoolFlag); !isBool && !inline && i+1 < len(ordered) {
			i++
			value = ordered[i]
		}
		switch name {
		case "config", "endpoint-url", "state-dir":
			given = append(given, "--"+name, quoted(value))
		}
	}
	return strings.Join(given, " ")
}

// complete gives every command that a text tells people to type the global
// flags that were typed this time: without them it would look elsewhere.
func (w *world) complete(text string) string {
	if w.globals == "" || !strings.Contains(text, "understudy ") {
		return text
	}
	var b strings.Builder
	last := 0
	for _, at := range hinted.FindAllStringIndex(text, -1) {
		if help, _, _ := strings.Cut(text[at[1]:], "`"); strings.TrimSpace(help) == "--help" {
			continue // needs none
		}
		behind := at[0] + len("understudy ")
		b.WriteString(text[last:behind] + w.globals + " ")
		last = behind
	}
	return b.String() + text[last:]
}

// write writes text with its commands completed.
func (w *world) write(to io.Writer, text func(io.Writer) error) error {
	var b bytes.Buffer
	if err := text(&b); err != nil {
		return err
	}
	_, err := io.WriteString(to, w.complete(b.String()))
	return err
}

// completeDrift completes what a drift document tells people to type.
func (w *world) completeDrift(r *drift.Report) {
	for i := range r.Findings {
		r.Findings[i].Message, r.Findings[i].Fix = w.complete(r.Findings[i].Message), w.complete(r.Findings[i].Fix)
	}
	w.completeSplit(r.SplitBrain)
}

// completeProblem completes what an error's document tells people to type.
func (w *world) completeProblem(doc *report.Error) {
	doc.Message, doc.Hint = w.complete(doc.Message), w.complete(doc.Hint)
	for i := range doc.Details {
		doc.Details[i] = w.complete(doc.Details[i])
	}
	w.completeSplit(doc.SplitBrain)
}

func (w *world) completeSplit(list []planner.Diagnosis) {
	for i := range list {
		list[i].Advice = w.complete(list[i].Advice)
		w.completeAll(list[i].Fix)
	}
}

func (w *world) completeAll(texts []string) {
	for i := range texts {
		texts[i] = w.complete(texts[i])
	}
}
