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
	s.section("LOGINS THAT MAY FAIL after the move.", s.logins())
	if s.emergency() && s.plan.Summary[planner.Promote] > 0 {
		s.section("IF READS ARE ALL THAT IS NEEDED, do not run this.", []string{"Replicas serve them without any failover, and a promotion can't be taken back."})
	}
}

// logins are the causes for which applications may fail to log in.
func (s *script) logins() []string {
	var rows []string
	for i := range s.plan.LoginRisks {
		x := &s.plan.LoginRisks[i]
		names := make([]string, 0, 4)
		for _, n := range x.Secrets[:min(3, len(x.Secrets))] {
			names = append(names, string(n))
		}
		if more := len(x.Secrets) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		row := fmt.Sprintf("%s: %s: %s", x.Code, list(names), x.Message)
		if x.Fix != "" {
			row += "; " + x.Fix
		}
		rows = append(rows, row)
	}
	return rows
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
	s.section("HOW TO RUN IT.", append([]string{
		fmt.Sprintf("It needs bash, the aws CLI, credentials for the account, and about %s.", took(len(s.live))),
		"Whole:           bash THIS-FILE 2>&1 | tee -a by-hand.log",
		"Block by block:  start `bash`, paste all down to the line of dashes, then one block",
		"                 after the other. " + s.failing(),
		"Every block looks before it acts, checks what the plan was made on, and waits for the",
		"effect: PATIENCE=900 bash THIS-FILE gives each wait 15 minutes instead of 5.",
		"If it stops, or leaves steps, read why, and run it again: what is done is skipped.",
	}, s.callOff()...))
	if s.emergency() {
		s.section("IF UNDERSTUDY IS DEAD and this file is no longer fresh.", []string{
			"A promotion is refused where AWSCURRENT is not what it was when this was printed: the",
			"secret was rotated since, or the copy fell behind. Once you know which, or can't wait,",
			"ALLOW='accept-stale' bash THIS-FILE promotes these too. Nothing is lost by that; what",
			"the old primary has and the copy lacks stays there.",
		})
	}
	s.section("WHAT IT CANNOT DO.", []string{
		"No journal:  understudy does not see what is done here; by-hand.log is all there is.",
		"No lease:    make sure that nobody runs understudy, or this file, at the same time.",
		"No debts:    what a region that is dark still owes stands in this file only, and nobody",
		"             is reminded of it.",
	})
	s.section("AFTERWARDS, once understudy works again:", s.afterwards())
}

// failing is what a failing check does to a bash that blocks are pasted into.
func (s *script) failing() string {
	if s.emergency() {
		return "One that fails is left, with what needs it."
	}
	return "A check that fails ends that bash: that is meant."
}

// took is how long a number of steps takes by hand, roughly: three seconds
// each, as aws takes most of a second for one call.
func took(steps int) string {
	if steps <= 20 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", (steps+19)/20)
}

// afterwards are the commands by which understudy learns what was done.
func (s *script) afterwards() []string {
	to := string(s.plan.To)
	switch s.plan.Command {
	case "failover":
		return []string{
			"understudy failover --to " + to + "   finds each step done, changes nothing, and knows from then on",
			strings.Repeat(" ", len("understudy failover --to "+to)) + "   where the primary is and what is owed",
			"understudy fence" + strings.Repeat(" ", max(0, len("failover --to "+to)-len("fence"))) + "   pays what is owed, as soon as the old region answers",
		}
	case "failback":
		return []string{
			"understudy failback --to " + to + "   finds it done, changes nothing, and knows from then on",
			strings.Repeat(" ", len("understudy failback --to "+to)) + "   where the primary is",
		}
	case "switchover":
		return []string{"understudy status   sees by itself that " + to + " is the primary", "understudy plan     says what is left; then make " + to + " the primary in the configuration"}
	}
	return []string{"understudy plan     says what is left: nothing, if all of this was done"}
}
