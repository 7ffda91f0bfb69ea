package sim

import (
	"fmt"
	"strings"
	"time"
)

// The rule language of composite alarms. AWS: API reference,
// PutCompositeAlarm, AlarmRule:
//
//	rule  = and { "OR" and }
//	and   = not { "AND" not }
//	not   = [ "NOT" ] ( "(" rule ")" | call | "TRUE" | "FALSE" )
//	call  = ( "ALARM" | "OK" | "INSUFFICIENT_DATA" ) "(" name or ARN, quoted or not ")"

// A ruleNode is a parsed rule. op is "AND", "OR", "NOT", "TRUE", "FALSE" or
// an alarm state; alarm is the name that a state is asked of.
type ruleNode struct {
	op    string
	alarm string
	kids  []ruleNode
}

// Limits of composite alarms. AWS: CloudWatch quotas.
const (
	maxRuleChildren = 100
	maxRuleDepth    = 64
)

type ruleParser struct {
	rest  string
	depth int
}

func parseRule(text string) (ruleNode, error) {
	p := &ruleParser{rest: text}
	n, err := p.or()
	if err != nil {
		return ruleNode{}, err
	}
	if p.skip(); p.rest != "" {
		return ruleNode{}, fmt.Errorf("unexpected input at %q", clip(p.rest, 32))
	}
	return n, nil
}

func (p *ruleParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// word takes a keyword if it comes next.
func (p *ruleParser) word(w string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, w)
	if ok && (rest == "" || strings.ContainsAny(rest[:1], " \t\r\n()")) {
		p.rest = rest
		return true
	}
	return false
}

func (p *ruleParser) sign(s string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *ruleParser) or() (ruleNode, error) { return p.chain("OR", p.and) }

func (p *ruleParser) and() (ruleNode, error) { return p.chain("AND", p.not) }

func (p *ruleParser) chain(op string, next func() (ruleNode, error)) (ruleNode, error) {
	first, err := next()
	if err != nil {
		return first, err
	}
	n := ruleNode{op: op, kids: []ruleNode{first}}
	for p.word(op) {
		kid, err := next()
		if err != nil {
			return kid, err
		}
		n.kids = append(n.kids, kid)
	}
	if len(n.kids) == 1 {
		return first, nil
	}
	return n, nil
}

func (p *ruleParser) not() (ruleNode, error) {
	if p.depth++; p.depth > maxRuleDepth {
		return ruleNode{}, fmt.Errorf("nested too deeply")
	}
	defer func() { p.depth-- }()
	switch {
	case p.word("NOT"):
		kid, err := p.not()
		return ruleNode{op: "NOT", kids: []ruleNode{kid}}, err
	case p.word("TRUE"):
		return ruleNode{op: "TRUE"}, nil
	case p.word("FALSE"):
		return ruleNode{op: "FALSE"}, nil
	case p.sign("("):
		n, err := p.or()
		if err == nil && !p.sign(")") {
			err = fmt.Errorf("missing )")
		}
		return n, err
	}
	for _, state := range [...]string{alarmFiring, alarmOK, alarmInsufficient} {
		if p.word(state) {
			name, err := p.alarmName()
			return ruleNode{op: state, alarm: name}, err
		}
	}
	return ruleNode{}, fmt.Errorf("unexpected input at %q", clip(p.rest, 32))
}

// alarmName reads ("name"), (name) or an ARN in either form. AWS: a name that
// holds a parenthesis or a space must be quoted.
func (p *ruleParser) alarmName() (string, error) {
	if !p.sign("(") {
		return "", fmt.Errorf("missing (")
	}
	p.skip()
	var name string
	if p.sign(`"`) {
		end := strings.IndexByte(p.rest, '"')
		if end < 0 {
			return "", fmt.Errorf(`missing "`)
		}
		name, p.rest = p.rest[:end], p.rest[end+1:]
	} else {
		end := strings.IndexAny(p.rest, ") ")
		if end < 0 {
			return "", fmt.Errorf("missing )")
		}
		name, p.rest = p.rest[:end], p.rest[end:]
	}
	if !p.sign(")") || name == "" {
		return "", fmt.Errorf("missing )")
	}
	if parts := strings.SplitN(name, ":alarm:", 2); len(parts) == 2 && strings.HasPrefix(name, "arn:") {
		name = parts[1]
	}
	return name, nil
}

// children are the alarms that a rule asks, each once, in order.
func (n ruleNode) children() []string {
	seen := map[string]bool{}
	var list []string
	var walk func(ruleNode)
	walk = func(n ruleNode) {
		if n.alarm != "" && !seen[n.alarm] {
			seen[n.alarm] = true
			list = append(list, n.alarm)
		}
		for _, kid := range n.kids {
			walk(kid)
		}
	}
	walk(n)
	return list
}

func (n ruleNode) holds(s *alarmStore) bool {
	switch n.op {
	case "TRUE":
		return true
	case "FALSE":
		return false
	case "NOT":
		return !n.kids[0].holds(s)
	case "AND":
		for _, kid := range n.kids {
			if !kid.holds(s) {
				return false
			}
		}
		return true
	case "OR":
		for _, kid := range n.kids {
			if kid.holds(s) {
				return true
			}
		}
		return false
	}
	a := s.alarms[n.alarm]
	return a != nil && a.StateValue == n.op
}

// evaluateComposites lets every composite alarm look at its children again,
// until nothing changes. AWS allows composites that depend on each other in a
// ring and stops evaluating them; so does the bound.
func (s *regionStore) evaluateComposites(now time.Time) {
	if s.alarms.evaluating {
		return // enter, called below, asks for what is going on already
	}
	s.alarms.evaluating = true
	defer func() { s.alarms.evaluating = false }()
	for range len(s.alarms.composites) {
		changed := false
		for _, name := range sortedNames(s.alarms.composites) {
			changed = s.evaluateComposite(s.alarms.composites[name], now) || changed
		}
		if !changed {
			return
		}
	}
}

func (s *regionStore) evaluateComposite(a *alarm, now time.Time) bool {
	state := alarmOK
	if a.rule.holds(s.alarms) {
		state = alarmFiring
	}
	if state == a.StateValue {
		return false
	}
	s.enter(a, state, fmt.Sprintf("%s transitioned to %s at %s", a.AlarmArn, state, now.Format("Monday 02 January, 2006 15:04:05 MST")), nil, now)
	return true
}
