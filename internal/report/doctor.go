package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// fewSplits are shown of many: they tend to have one cause.
const fewSplits = 5

// DoctorLines says of every secret with two writers what each side holds,
// when it changed, who rotates, and what to do: for people.
// Of many the first are told, and how many more there are.
func DoctorLines(list []planner.Diagnosis) []string {
	var lines []string
	shown := len(list)
	if shown > alike {
		shown = fewSplits
	}
	for i := range list[:shown] {
		d := &list[i]
		lines = append(lines, string(d.Secret)+":")
		width := 0
		for _, side := range d.Sides {
			width = max(width, len(side.Region))
		}
		for _, side := range d.Sides {
			role := "second writer "
			if side.Region == d.Primary {
				role = "acting primary"
			}
			lines = append(lines, fmt.Sprintf("  %-*s  %s  %s  %s  %s", width, side.Region, role, written(&side, d.Checked), rotates(side), onlyHere(side)))
		}
		for _, e := range d.Timeline {
			lines = append(lines, fmt.Sprintf("    %s  %s: %s", moment(e.At), e.Region, e.Text))
		}
		lines = append(lines, "  "+d.Advice)
		for _, fix := range d.Fix {
			lines = append(lines, "    "+fix)
		}
	}
	if rest := len(list) - shown; rest > 0 {
		lines = append(lines, fmt.Sprintf("… and %s with two writers; --output json shows all", many(rest, "more secret", "more secrets")))
	}
	return lines
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// written says since when a side has changed, and until when.
func written(side *planner.Side, now time.Time) string {
	since := side.Since()
	switch {
	case side.Undated == topology.CauseDenied:
		return "changed " + dated(side.Changed, now) + " (what was written when is unknown: allow secretsmanager:ListSecretVersionIds)"
	case side.Undated != "":
		return "changed " + dated(side.Changed, now) + " (what was written when is unknown: " + string(side.Undated) + ")"
	case !side.Dated:
		return "changed " + dated(side.Changed, now)
	case since.IsZero():
		return "nothing written since they parted"
	}
	last := side.Written[len(side.Written)-1].Created
	if len(side.Written) == 1 {
		return "written " + dated(since, now)
	}
	return fmt.Sprintf("written since %s, %d versions, last %s", dated(since, now), len(side.Written), dated(last, now))
}

// dated is a moment and how long ago it was.
func dated(t, now time.Time) string {
	if t.IsZero() || now.IsZero() || t.After(now) {
		return moment(t)
	}
	return moment(t) + ", " + topology.Age(now.Sub(t)) + " ago"
}

func rotates(side planner.Side) string {
	switch {
	case !side.Rotates:
		return "does not rotate"
	case side.Next.IsZero():
		return "ROTATES"
	}
	return "ROTATES, next by " + moment(side.Next)
}

func onlyHere(side planner.Side) string {
	var words []string
	if len(side.OnlyHere) > 0 {
		words = append(words, "only here: "+strings.Join(side.OnlyHere, ", "))
	}
	if len(side.Finished) > 0 {
		words = append(words, "only here ended: the rotation to "+strings.Join(side.Finished, ", "))
	}
	if len(words) == 0 {
		return "holds nothing that the other lacks"
	}
	return strings.Join(words, "; ")
}

// doctor writes the lines, set apart.
func doctor(p *printer, list []planner.Diagnosis, s Style) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(bad, "Two writers:"))
	for _, line := range DoctorLines(list) {
		p.line("  " + clean(line))
	}
}
