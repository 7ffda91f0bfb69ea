package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// AWSCLI writes a plan as a bash script of `aws` commands, for the day on
// which this program can't be used. It needs bash (3.2 or later) and the aws
// CLI. A block a step, in an order that its needs allow, each of which looks
// first, checks what the plan was made on, acts, and waits until the effect
// shows, as package executor does; so a script that stopped is run again.
//
// In an emergency a step that can't be done is left, with what needs it, and
// so is each further step in a region that turned out not to answer; all else
// goes on. A planned move stops at the first step that can't be done, and has
// the steps that call it off before its first promotion, commented out.
//
// Steps in regions that did not answer when the plan was made are written
// commented out, at the end. No value of a secret is in the script or on any
// command line of it.
//
// It returns an error, and writes nothing, for a plan that is refused as a
// whole or can't be put into an order.
func AWSCLI(w io.Writer, plan *planner.Plan) error {
	if fatal := plan.Refused(); len(fatal) > 0 {
		return fmt.Errorf("a refused plan makes no script: %s", fatal[0].Message)
	}
	s, err := newScript(plan)
	if err != nil {
		return err
	}
	s.header()
	if len(plan.Steps) > 0 {
		s.text.WriteString("\n" + s.helpers())
		s.checks()
		s.blocks()
	}
	_, err = w.Write(s.text.Bytes())
	return err
}

// A script is a plan being written down as one.
type script struct {
	plan *planner.Plan
	text bytes.Buffer
	live []*planner.Step // in the order in which they run
	owed []*planner.Step // those that no region answers to
	// order is all of them.
	order []*planner.Step
	// numbers are what the script calls those by ID that may be left undone.
	numbers map[string]string
	// adopters are the regions that promoted copies later become replicas of.
	adopters map[*planner.Step]topology.Region
	// home is the later promotion of the copy that a step changes; noted are
	// those promotions.
	home  map[*planner.Step]*planner.Step
	noted map[*planner.Step]bool
	// back takes back what a planned move does before its first promotion.
	back []*planner.Step
	// enabled are the alarms that the plan switches on.
	enabled map[alarmAt]bool
}

// A place is one copy of a secret.
type place struct {
	secret topology.Name
	region topology.Region
}

func placeOf(step *planner.Step) place { return place{step.Secret, step.Region} }

func newScript(plan *planner.Plan) (*script, error) {
	order, err := inOrder(plan.Steps)
	if err != nil {
		return nil, err
	}
	s := &script{plan: plan, order: order, adopters: map[*planner.Step]topology.Region{}, enabled: map[alarmAt]bool{},
		home: map[*planner.Step]*planner.Step{}, noted: map[*planner.Step]bool{}, numbers: map[string]string{}}
	s.findLater()
	left := map[string]bool{} // IDs of owed steps
	for _, step := range order {
		if strings.ContainsRune(step.Subject(), 0) {
			return nil, fmt.Errorf("%s: a name with a NUL in it can't be written in a shell script", step.Action)
		}
		dark := func(r topology.Region) bool { return slices.Contains(plan.Unobserved, r) }
		if slices.ContainsFunc(regionsOf(step), dark) ||
			slices.ContainsFunc(step.Needs, func(id string) bool { return left[id] }) {
			left[step.ID] = true
			s.owed = append(s.owed, step)
			continue
		}
		s.live = append(s.live, step)
	}
	s.findBack()
	for i, step := range s.live {
		if s.mayBeLeft(step) {
			s.numbers[step.ID] = strconv.Itoa(i + 1)
		}
	}
	for i, step := range s.owed {
		s.numbers[step.ID] = "owed " + strconv.Itoa(i+1)
	}
	return s, nil
}

// emergency: what can be done must be done, whatever can't.
func (s *script) emergency() bool { return s.plan.Command == "failover" }

// mayBeLeft: the script goes on if the step can't be done. The old primary may
// stop answering at any time, and must not hold up the rest.
func (s *script) mayBeLeft(step *planner.Step) bool {
	return s.emergency() || step.Owed || slices.Contains(s.owed, step) || slices.Contains(s.back, step)
}

// findLater notes what steps must know of later ones, so that a script which
// is run again finds them done by what those left behind.
func (s *script) findLater() {
	promotions, adopters := map[place]*planner.Step{}, map[place]topology.Region{}
	for _, step := range slices.Backward(s.order) {
		at := placeOf(step)
		switch {
		case step.Action == planner.EnableAlarms:
			for _, name := range alarmsOf(step) {
				s.enabled[alarmAt{name, step.Region}] = true
			}
		case step.Secret == "" || step.Action == planner.AwaitEqual: // its copy is a replica until it is promoted
		case step.Action == planner.Promote:
			s.adopters[step], promotions[at] = adopters[at], step
		case promotions[at] != nil:
			s.home[step] = promotions[at]
			s.noted[promotions[at]] = true
		case step.Action == planner.OverwriteReplica:
			adopters[at] = step.Params.From
		}
	}
}

// regionsOf are the regions that a step calls. A promotion names the old
// primary for people only.
func regionsOf(step *planner.Step) []topology.Region {
	if step.Params.From == "" || step.Action == planner.Promote {
		return []topology.Region{step.Region}
	}
	return []topology.Region{step.Region, step.Params.From}
}

// inOrder puts each step behind all that it needs, and otherwise leaves the
// plan's order as it is.
func inOrder(steps []planner.Step) ([]*planner.Step, error) {
	byID := make(map[string]*planner.Step, len(steps))
	for i := range steps {
		byID[steps[i].ID] = &steps[i]
	}
	const entered, placed = 1, 2
	state := map[string]int{}
	order := make([]*planner.Step, 0, len(steps))
	var place func(*planner.Step) error
	place = func(s *planner.Step) error {
		switch state[s.ID] {
		case placed:
			return nil
		case entered:
			return errors.New("steps of the plan need each other in a circle")
		}
		state[s.ID] = entered
		for _, id := range s.Needs {
			need := byID[id]
			if need == nil {
				return fmt.Errorf("step %s needs %s, which is not in the plan", s.ID, id)
			}
			if err := place(need); err != nil {
				return err
			}
		}
		state[s.ID] = placed
		order = append(order, s)
		return nil
	}
	for i := range steps {
		if err := place(&steps[i]); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.text, format+"\n", args...) }

// comment writes text from anywhere on one line: a newline in it would end
// the comment and run the rest.
func (s *script) comment(words ...string) {
	s.line("%s", strings.TrimRight("# "+clean(strings.Join(words, "")), " "))
}

// checks come before the first block: the right account, and consent to all
// gated steps, so that nothing is done by half for want of it.
func (s *script) checks() {
	var flags []string
	for _, step := range s.live {
		if f := step.Requires; f != "" && !slices.Contains(flags, f) {
			flags = append(flags, f)
		}
	}
	slices.Sort(flags)
	for _, f := range flags {
		s.line("allowed %s", quote(f))
	}
	if len(s.live) > 0 && s.plan.Account != "" {
		s.line("in_account %s %s", quote(s.plan.Account), quote(string(s.live[0].Region)))
	}
	if slices.ContainsFunc(s.order, movesValues) {
		s.line("no_history")
	}
	if len(s.noted) > 0 {
		s.line("note_moves_in %s", quote("understudy-"+strings.Map(inFilename, s.plan.ID)+".moved"))
	}
}

// inFilename drops all but letters and digits.
func inFilename(r rune) rune {
	if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return r
	}
	return -1
}

func (s *script) blocks() {
	if len(s.back) > 0 {
		s.line("")
		s.line("## blocks")
		s.line("CALL_OFF=possible")
	}
	promoted := false
	for i, step := range s.live {
		if step.Action == planner.Promote && !promoted && len(s.back) > 0 {
			promoted = true
			s.line("")
			s.line("CALL_OFF=''")
		}
		s.block(step, fmt.Sprintf("%d/%d", i+1, len(s.live)), "")
	}
	s.arns()
	s.calledOff()
	var last topology.Region
	for i, step := range s.owed {
		if dark := s.darkRegion(step); dark != last || i == 0 {
			last = dark
			s.line("")
			s.line("## owed: when %s answers, take the \"# \" in front of the lines below away, as this does:", clean(string(dark)))
			s.line("##   sed '/^## owed/,$ s/^# //' THIS-FILE >later.sh && bash later.sh")
		}
		s.block(step, fmt.Sprintf("owed %d/%d", i+1, len(s.owed)), "# ")
	}
	s.line("")
	s.line("STEP=''")
	s.line("if [[ -n $NOT_DONE ]]; then printf 'Done, but for these:%%s\\nOnce the cause is gone, run the same again: what is done is skipped.\\n' \"$NOT_DONE\" >&2; exit 1; fi")
	if len(s.noted) > 0 {
		s.line(`if [[ $CALL_OFF != done ]]; then rm -f "$MOVED"; fi`)
	}
	s.line("printf 'Done.\\n'")
}

// arns lists all that consumers must follow.
func (s *script) arns() {
	if len(s.plan.ARNs) == 0 {
		return
	}
	s.line("")
	s.comment("ARNs that change, for whoever reads these secrets by ARN:")
	for _, a := range s.plan.ARNs {
		s.comment("  ", a.Old, " -> ", a.New)
	}
}

func (s *script) darkRegion(step *planner.Step) topology.Region {
	for _, r := range regionsOf(step) {
		if slices.Contains(s.plan.Unobserved, r) {
			return r
		}
	}
	return step.Region
}

// block writes one step, each of its lines behind prefix.
func (s *script) block(step *planner.Step, number, prefix string) {
	b := &block{step: step, adopter: s.adopters[step], home: s.home[step], noted: s.noted[step], enabled: s.enabled, emergency: s.emergency(), back: slices.Contains(s.back, step)}
	b.add("# %s", clean(b.explanation()))
	b.add("begin %s", quote("["+number+"] "+clean(titleOf(step))))
	if s.mayBeLeft(step) {
		b.add("set +e")
		b.add("(")
		b.indent()
		b.add("set -e")
		b.answering()
		if b.back {
			s.unlessPromoted(b)
		}
		s.act(b)
		b.outdent()
		b.add(")")
		b.add("not_done $?")
		b.add("set -e")
	} else {
		s.act(b)
	}
	s.line("")
	for _, line := range strings.Split(strings.TrimRight(b.text.String(), "\n"), "\n") {
		s.line("%s", strings.TrimRight(prefix+line, " "))
	}
}

// act writes what the step needs, and the step.
func (s *script) act(b *block) {
	var numbers []string
	for _, id := range b.step.Needs {
		if n := s.numbers[id]; n != "" {
			numbers = append(numbers, quote(n))
		}
	}
	if len(numbers) > 0 {
		b.add("needs %s", strings.Join(numbers, " "))
	}
	if b.step.Requires != "" {
		b.add("allowed %s", quote(b.step.Requires))
	}
	b.act()
}

func titleOf(step *planner.Step) string {
	subject := step.Subject()
	if n := len(step.Params.Alarms); n > 1 {
		subject = fmt.Sprintf("%s and %d more", subject, n-1)
	}
	return string(step.Action) + " " + subject + " in " + string(step.Region)
}
