package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// confirmPlan shows the plan that is about to run and has the operator type
// the target region (or the command's name where there is none). It is asked
// just before something is changed.
func (s *session) confirmPlan(ctx context.Context, plan *planner.Plan) error {
	if err := s.showPlan(plan); err != nil {
		return err
	}
	word := cmp.Or(string(plan.To), plan.Command)
	question := fmt.Sprintf("This runs %d steps", len(plan.Steps))
	if oneWay := count(plan.Steps, planner.OneWay); oneWay > 0 {
		question += fmt.Sprintf(", %d of them one-way", oneWay)
	}
	if destructive := count(plan.Steps, planner.Destructive); destructive > 0 {
		question += fmt.Sprintf(", %d of them destructive", destructive)
	}
	return s.confirm(ctx, question, word)
}

// showPlan prints the plan for people: on stdout with the rest of the
// command's text, on stderr where stdout is a document's.
func (s *session) showPlan(plan *planner.Plan) error {
	switch {
	case !s.json:
		style := s.style
		style.Fold = s.cli.Bool("yes") // plan and --dry-run show every step
		return s.world.write(s.world.stdout, func(w io.Writer) error { return report.Plan(w, plan, style) })
	case s.world.stdinTTY && !s.cli.Bool("yes"):
		return report.Plan(s.world.stderr, plan, s.world.style(s.world.stderrWidth, s.cli.Bool("no-color")))
	}
	return nil
}

func count(steps []planner.Step, risk planner.Risk) int {
	n := 0
	for i := range steps {
		if steps[i].Risk == risk {
			n++
		}
	}
	return n
}

// confirm has the operator type a word. --yes is consent; without a terminal
// there is none.
func (s *session) confirm(ctx context.Context, question, word string) error {
	switch {
	case s.cli.Bool("yes"):
		s.stops.begin()
		return nil
	case !s.world.stdinTTY:
		return &runbooks.Refused{Code: "not-confirmed", Message: "not confirmed, nothing was changed: there is no terminal to ask on", Hint: "add --yes"}
	}
	fmt.Fprintf(s.world.stderr, "\n%s. Type %s to go on: ", question, word)
	typed, err := readLine(ctx, s.world.stdin)
	if err != nil {
		fmt.Fprintln(s.world.stderr)
		return &runbooks.Refused{Code: "not-confirmed", Message: "not confirmed, nothing was changed"}
	}
	if typed != word {
		return &runbooks.Refused{Code: "not-confirmed", Message: fmt.Sprintf("not confirmed, nothing was changed: %q is not %q", typed, word)}
	}
	s.stops.begin()
	return nil
}

// readLine reads a line, or gives up when ctx ends. The goroutine that still
// reads then ends with the process.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(r).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		if a.err != nil && a.line == "" {
			return "", a.err
		}
		return strings.TrimSpace(a.line), nil
	}
}
