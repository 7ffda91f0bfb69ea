package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// shellHelpers is what the blocks of a script call: looks, checks and waits.
//
//go:embed awscli.sh
var shellHelpers string

// AWSCLI writes a plan as a bash script of `aws` commands, for the day on
// which this program can't be used. It needs bash (3.2 or later) and the aws
// CLI. A block a step, in an order that its needs allow, each of which looks
// first, checks what the plan was made on, acts, and waits until the effect
// shows, as package executor does; so a script that stopped is run again.
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
		s.text.WriteString("\n" + shellHelpers)
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
	// adopters are the regions that copies are made replicas of.
	adopters map[place]topology.Region
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
	s := &script{plan: plan, adopters: map[place]topology.Region{}}
	left := map[string]bool{} // IDs of owed steps
	for _, step := range order {
		if strings.ContainsRune(step.Subject(), 0) {
			return nil, fmt.Errorf("%s: a name with a NUL in it can't be written in a shell script", step.Action)
		}
		if step.Action == planner.OverwriteReplica {
			s.adopters[placeOf(step)] = step.Params.From
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
	return s, nil
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

func (s *script) header() {
	p := s.plan
	s.line("#!/usr/bin/env bash")
	title := "understudy " + p.Command
	if p.From != "" && p.To != "" {
		title += " from " + string(p.From) + " to " + string(p.To)
	}
	s.comment(title, ", by hand. Plan ", p.ID, ", account ", p.Account, ".")
	var counts []string
	for _, action := range slices.Sorted(maps.Keys(p.Summary)) {
		counts = append(counts, fmt.Sprintf("%d %s", p.Summary[action], action))
	}
	if len(counts) == 0 {
		s.comment("Nothing to do: there are no steps.")
	} else {
		s.comment(list(counts), ".")
	}
	s.doors()
	s.notes()
	if len(counts) > 0 {
		s.manual()
	}
}

// doors lists what can't be taken back, what needs a flag, and what is owed.
func (s *script) doors() {
	var oneWay, gated, owed []string
	for _, step := range s.live {
		if step.Risk == planner.OneWay || step.Risk == planner.Destructive {
			oneWay = append(oneWay, titleOf(step)+" ("+string(step.Risk)+")")
		}
		if step.Requires != "" {
			gated = append(gated, titleOf(step)+": needs ALLOW='"+step.Requires+"'")
		}
	}
	for _, step := range s.owed {
		owed = append(owed, titleOf(step))
	}
	s.section("ONE-WAY DOORS: nothing takes these back.", oneWay)
	s.section("REFUSED unless you allow it.", gated)
	s.section("OWED, commented out at the end of this file: their region did not answer.", owed)
}

func (s *script) notes() {
	var blocked, notes []string
	for _, b := range s.plan.Blockers {
		blocked = append(blocked, blockerWords(&b))
	}
	for _, b := range s.plan.Notes {
		notes = append(notes, blockerWords(&b))
	}
	s.section("NOT IN THIS FILE: what the plan could not do.", blocked)
	s.section("NOTE.", notes)
}

func blockerWords(b *planner.Blocker) string {
	words := b.Code + " " + string(b.Secret) + " " + string(b.Region) + ": " + b.Message
	if b.Fix != "" {
		words += "; " + b.Fix
	}
	return strings.Join(strings.Fields(words), " ")
}

// mostListed rows of a kind stand in the header; the blocks say it again.
const mostListed = 20

func (s *script) section(title string, rows []string) {
	if len(rows) == 0 {
		return
	}
	s.comment()
	s.comment(title)
	for _, row := range rows[:min(len(rows), mostListed)] {
		s.comment("  ", row)
	}
	if more := len(rows) - mostListed; more > 0 {
		s.comment(fmt.Sprintf("  and %d more", more))
	}
}

func (s *script) manual() {
	for _, text := range []string{
		"",
		"Needs bash and the aws CLI, with credentials for the account. About 2 s a step.",
		"Whole:          bash THIS-FILE",
		"Block by block: start `bash`, paste all down to the line of dashes, then one block",
		"                after the other. A check that fails ends that bash: that is meant.",
		"Every block looks before it acts, checks what the plan was made on, and waits for",
		"the effect. If it stops, read why, and run it again: what is done is skipped.",
		"",
		"understudy's journal does not see what is done here. Once understudy works again, see",
	} {
		s.comment(text)
	}
	switch p := s.plan; p.Command {
	case "failover":
		s.comment("`understudy status` and `understudy failover --to ", string(p.To), " --dry-run` before anything else.")
	default:
		s.comment("`understudy plan` for what is left.")
	}
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
}

func (s *script) blocks() {
	for i, step := range s.live {
		s.block(step, fmt.Sprintf("%d/%d", i+1, len(s.live)), "")
	}
	s.arns()
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
	s.line("if [[ -n $NOT_DONE ]]; then printf 'Done, but for what is still owed:\\n%%s' \"$NOT_DONE\" >&2; exit 1; fi")
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
	b := &block{step: step, adopter: s.adopters[placeOf(step)]}
	b.add("# %s", clean(b.explanation()))
	b.add("begin %s", quote("["+number+"] "+clean(titleOf(step))))
	if step.Requires != "" {
		b.add("allowed %s", quote(step.Requires))
	}
	tolerated := step.Owed && prefix == ""
	if tolerated { // the old primary may stop answering meanwhile, and must not hold up the rest
		b.add("set +e")
		b.add("(")
		b.indent()
		b.add("set -e")
	}
	b.act()
	if tolerated {
		b.outdent()
		b.add(")")
		b.add("not_done $?")
		b.add("set -e")
	}
	s.line("")
	for _, line := range strings.Split(strings.TrimRight(b.text.String(), "\n"), "\n") {
		s.line("%s", strings.TrimRight(prefix+line, " "))
	}
}

func titleOf(step *planner.Step) string {
	subject := step.Subject()
	if n := len(step.Params.Alarms); n > 1 {
		subject = fmt.Sprintf("%s and %d more", subject, n-1)
	}
	return string(step.Action) + " " + subject + " in " + string(step.Region)
}
