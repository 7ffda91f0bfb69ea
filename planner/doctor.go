package planner

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Diagnosis is what is known of one secret with two writers: what each side
// holds and since when, who rotates, and what to do. It names versions by id,
// never by value.
type Diagnosis struct {
	Secret  topology.Name   `json:"secret"`
	Primary topology.Region `json:"primary"` // the acting one
	Sides   []Side          `json:"sides"`   // the acting primary's first
	// Timeline is what is known of both sides, oldest first.
	Timeline []Event  `json:"timeline"`
	Advice   string   `json:"advice"`
	Fix      []string `json:"fix"` // commands, in order
}

// A Side is one of the writers.
type Side struct {
	Region   topology.Region `json:"region"`
	Current  string          `json:"current"`   // version id of AWSCURRENT
	OnlyHere []string        `json:"only_here"` // version ids that the other side does not hold
	Changed  time.Time       `json:"changed,omitzero"`
	Rotates  bool            `json:"rotates"`
	Function string          `json:"function,omitempty"` // by which it rotates, or did
	Next     time.Time       `json:"next_rotation,omitzero"`
}

// An Event is one line of a Timeline.
type Event struct {
	At     time.Time       `json:"at"`
	Region topology.Region `json:"region"`
	Text   string          `json:"text"`
}

// Doctor diagnoses every secret of a group that has two writers, by name.
func Doctor(in Input) []Diagnosis {
	b := newBuild(&in, "doctor")
	var list []Diagnosis
	b.each(func(s *Standing) {
		if !s.SplitBrain() {
			return
		}
		if g, known := b.groupOf(s); g == nil || known.Managed() {
			return
		}
		list = append(list, diagnose(s))
	})
	return list
}

func diagnose(s *Standing) Diagnosis {
	d := Diagnosis{Secret: s.Secret, Primary: s.Primary}
	p := s.PrimarySecret()
	if m := s.Move; m != nil {
		d.Timeline = append(d.Timeline, Event{m.Time, m.To, fmt.Sprintf("promoted by run %s, leaving %s", m.Run, m.From)})
	}
	var others []*topology.Secret
	for i := range s.Copies {
		if c := &s.Copies[i]; c.State == CopySplitBrain {
			others = append(others, c.Secret)
		}
	}
	d.side(nil, p, others...)
	for _, other := range others {
		d.side(s.Move, other, p)
	}
	slices.SortStableFunc(d.Timeline, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Region, b.Region)) })
	d.advise(s, others)
	return d
}

// side describes one writer. What moved with the primary and was superseded
// there is nothing that only the other side holds.
func (d *Diagnosis) side(m *topology.Move, s *topology.Secret, others ...*topology.Secret) {
	if s == nil {
		return // the acting primary is dark
	}
	side := Side{Region: s.Region, Current: s.Stage(topology.StageCurrent), OnlyHere: []string{}, Changed: s.Changed,
		Rotates: s.Rotation.Enabled, Function: s.Rotation.LambdaARN}
	if side.Rotates {
		side.Next = s.Rotation.Next
	}
	for _, v := range s.Versions {
		moved := m != nil && slices.ContainsFunc(m.Versions, func(w topology.Version) bool { return w.ID == v.ID })
		if !moved && !slices.ContainsFunc(others, func(o *topology.Secret) bool { return holds(o, v.ID) }) {
			side.OnlyHere = append(side.OnlyHere, v.ID)
		}
	}
	d.Sides = append(d.Sides, side)
	d.event(s.Created, s.Region, "created")
	d.event(s.Rotation.Last, s.Region, "rotated, or a value was put")
	d.event(s.Changed, s.Region, "last changed; AWSCURRENT is "+cmp.Or(side.Current, "none"))
}

func (d *Diagnosis) event(at time.Time, r topology.Region, text string) {
	if !at.IsZero() {
		d.Timeline = append(d.Timeline, Event{at, r, text})
	}
}

func (d *Diagnosis) advise(s *Standing, others []*topology.Secret) {
	moved := s.Move != nil && s.Move.To == s.Primary
	for _, o := range others {
		side := d.Sides[slices.IndexFunc(d.Sides, func(x Side) bool { return x.Region == o.Region })]
		switch {
		case side.Rotates && moved:
			d.Fix = append(d.Fix, fmt.Sprintf("understudy fence --region %s", o.Region))
		case side.Rotates:
			d.Fix = append(d.Fix, fmt.Sprintf("aws secretsmanager cancel-rotate-secret --region %s --secret-id %s", o.Region, s.Secret))
		}
		if len(side.OnlyHere) > 0 {
			d.Fix = append(d.Fix, fmt.Sprintf("understudy rescue --from %s", o.Region))
		}
	}
	switch {
	case moved:
		d.Advice = fmt.Sprintf("%s holds since the move: stop whoever writes to the other side, then keep what exists only there", s.Primary)
	case len(d.Sides) > 1 && len(d.Sides[1].OnlyHere) > 0:
		d.Advice = "nobody moved it with understudy: decide which side holds, ask the applications which one they read; the commands keep " + string(s.Primary)
	default:
		d.Advice = "nobody moved it with understudy: decide which side holds; the commands keep " + string(s.Primary)
	}
}
