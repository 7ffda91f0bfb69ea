package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/planner"
)

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
