package report

import (
	"fmt"
	"io"

	"github.com/understudy-dr/understudy/executor"
)

// Runs writes the list of runs, oldest first.
func Runs(w io.Writer, list []executor.Summary, s Style) error {
	p := newPrinter(w)
	if len(list) == 0 {
		p.line("No runs yet.")
		return p.done()
	}
	from := 0
	if shown, _ := s.fold(len(list)); shown < len(list) {
		from = len(list) - shown // the latest matter
		p.line(s.paint(faint, fmt.Sprintf("… %d older ones; --output json shows all", from)))
	}
	g := grid{style: s}
	for i := range list[from:] {
		r := &list[from+i]
		move := ""
		if r.From != "" && r.To != "" {
			move = fmt.Sprintf("%s → %s", r.From, r.To)
		}
		state := cell{string(r.State), good}
		switch {
		case r.State == executor.Corrupt:
			state = cell{"CORRUPT", bad}
		case r.Died:
			state = cell{"died", bad}
		case r.State == executor.Halted:
			state.paint = bad
		case r.State != executor.Completed:
			state.paint = notice
		}
		done := r.Steps.Applied + r.Steps.AlreadyDone + r.Steps.Deferred
		g.add(text(r.ID), text(r.Command), text(move), state, text(fmt.Sprintf("%d/%d", done, r.Total)),
			text(started(r)), text(who(r)))
	}
	g.write(p)
	for i := range list {
		if r := &list[i]; r.Problem != "" {
			p.line(s.paint(bad, r.ID+": "+clean(r.Problem)))
		}
	}
	return p.done()
}

func started(r *executor.Summary) string {
	if r.Started.IsZero() {
		return "-"
	}
	return r.Started.UTC().Format("2006-01-02 15:04:05Z")
}

func who(r *executor.Summary) string {
	if r.Holder.Host == "" {
		return r.Holder.Name
	}
	return r.Holder.Name + "@" + r.Holder.Host
}
