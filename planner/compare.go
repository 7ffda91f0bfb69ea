package planner

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Change is one difference between a saved plan and a fresh one, in words:
// why the saved one is stale.
type Change struct {
	Subject string          `json:"subject"` // secret, alarm, function or filter; "" for the whole
	Region  topology.Region `json:"region,omitempty"`
	Message string          `json:"message"`
}

func (c Change) String() string {
	s := c.Subject
	if c.Region != "" {
		s += " in " + string(c.Region)
	}
	if s == "" {
		return c.Message
	}
	return s + ": " + c.Message
}

// Compare says what moved between a saved plan and one made now, sorted by
// subject; nil if the saved plan still holds. Steps are told apart by what
// they are about, so that a step which is merely done differently is one
// change, not two.
func Compare(saved, fresh *Plan) []Change {
	if saved.Fingerprint == fresh.Fingerprint && saved.ID == fresh.ID {
		return nil
	}
	var changes []Change
	for _, pair := range pairSteps(saved, fresh) {
		if message := pair.message(); message != "" {
			changes = append(changes, Change{pair.key.subject, pair.key.region, message})
		}
	}
	told := map[string]bool{}
	for _, c := range changes {
		told[c.Subject] = true
	}
	for subject, hash := range saved.Basis {
		now, ok := fresh.Basis[subject]
		if ok && now != hash && !told[subject] {
			changes = append(changes, Change{subject, "", "its role, key, rotation or settings changed in some region"})
		}
	}
	for _, r := range saved.Unobserved {
		if !slices.Contains(fresh.Unobserved, r) {
			changes = append(changes, Change{"", r, "did not answer when the plan was made, and answers now"})
		}
	}
	for _, r := range fresh.Unobserved {
		if !slices.Contains(saved.Unobserved, r) {
			changes = append(changes, Change{"", r, "answered when the plan was made, and does not now"})
		}
	}
	if len(changes) == 0 {
		changes = append(changes, Change{Message: "the configuration, or something that no step is about, changed since the plan was made"})
	}
	slices.SortFunc(changes, compareChanges)
	return changes
}

func compareChanges(x, y Change) int {
	return cmp.Or(cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.Region, y.Region), cmp.Compare(x.Message, y.Message))
}

type stepKey struct {
	action  Action
	subject string
	region  topology.Region
}

type stepPair struct {
	key          stepKey
	saved, fresh *Step
}

func pairSteps(saved, fresh *Plan) []*stepPair {
	byKey := map[stepKey]*stepPair{}
	var pairs []*stepPair
	at := func(s *Step) *stepPair {
		key := stepKey{s.Action, s.Subject(), s.Region}
		if byKey[key] == nil {
			byKey[key] = &stepPair{key: key}
			pairs = append(pairs, byKey[key])
		}
		return byKey[key]
	}
	for i := range saved.Steps {
		at(&saved.Steps[i]).saved = &saved.Steps[i]
	}
	for i := range fresh.Steps {
		at(&fresh.Steps[i]).fresh = &fresh.Steps[i]
	}
	return pairs
}

func (p *stepPair) message() string {
	switch {
	case p.fresh == nil:
		return fmt.Sprintf("%s is no longer to be done (was %q)", p.key.action, p.saved.Before)
	case p.saved == nil:
		return fmt.Sprintf("%s is to be done now: %s", p.key.action, p.fresh.Reason)
	case p.saved.Before != p.fresh.Before:
		return fmt.Sprintf("%s found %q then, %q now", p.key.action, p.saved.Before, p.fresh.Before)
	case p.saved.ID != p.fresh.ID || p.saved.After != p.fresh.After:
		return fmt.Sprintf("%s would lead to %q then, %q now", p.key.action, p.saved.After, p.fresh.After)
	}
	return ""
}
