package report

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/planner"
)

// findBack notes the steps that call a planned move off before its first
// promotion, the last one first.
func (s *script) findBack() {
	if s.emergency() {
		return
	}
	first := slices.IndexFunc(s.live, func(step *planner.Step) bool { return step.Action == planner.Promote })
	for i := first - 1; i >= 0; i-- {
		back := *s.live[i]
		if back.Undo != planner.AttachRotation && back.Undo != planner.FencePolicy {
			continue // it changed nothing, or harms nobody
		}
		back.Action, back.Needs, back.Expect, back.Requires = back.Undo, nil, planner.Expect{}, ""
		back.Before, back.After, back.Reason = "", "", "as it was before"
		s.back = append(s.back, &back)
	}
}

// calledOff writes those steps, commented out.
func (s *script) calledOff() {
	if len(s.back) == 0 {
		return
	}
	s.line("")
	s.line("## called off: as long as nothing was promoted, this takes back what the blocks above did:")
	s.line("##   sed -e '/^## blocks/,/^## called off/d' -e '/^## back/,/^## end/s/^# //' THIS-FILE >back.sh && bash back.sh")
	s.line("## back")
	s.line("# CALL_OFF='done' # of what may have moved already, the note stays")
	for i, step := range s.back {
		s.block(step, fmt.Sprintf("back %d/%d", i+1, len(s.back)), "# ")
	}
	s.line("## end of back")
}

// unlessPromoted stops a block where the secret has a new primary already: its
// rotation would make a second writer.
func (s *script) unlessPromoted(b *block) {
	secret, to := quote(string(b.step.Secret)), quote(string(s.plan.To))
	moved := `stop 'it was promoted: go on with the script, there is no way back'`
	for _, step := range s.live {
		if step.Action != planner.Promote || placeOf(step) != (place{b.step.Secret, s.plan.To}) {
			continue
		}
		if s.noted[step] {
			b.add("if is_home %s %s %s %s; then %s; fi", quote(step.ID), quote(string(step.Params.From)), to, secret, moved)
			return
		}
		b.add("look %s %s", to, secret)
		b.add("if is_writable; then %s; fi", moved)
	}
}

// callOff is how the header says it.
func (s *script) callOff() []string {
	if len(s.back) == 0 {
		return nil
	}
	return []string{"Until the first promotion it can be called off: see \"## called off\" further down."}
}
