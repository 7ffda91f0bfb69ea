package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	// Checked is when all this was seen.
	Checked time.Time `json:"checked,omitzero"`
}

// A Side is one of the writers.
type Side struct {
	Region   topology.Region `json:"region"`
	Current  string          `json:"current"`   // version id of AWSCURRENT
	OnlyHere []string        `json:"only_here"` // version ids that the other side does not hold
	// Finished are versions whose rotation ended here, while the acting primary
	// holds them as begun (see Finished).
	Finished []string  `json:"finished,omitempty"`
	Changed  time.Time `json:"changed,omitzero"`
	// Written are the versions that were made here since the sides parted,
	// oldest first, also those that have lost their labels since. Dated says
	// that it is known, Undated why it is not where it was asked for.
	Written  []topology.DatedVersion `json:"written,omitempty"`
	Dated    bool                    `json:"dated,omitempty"`
	Undated  topology.Cause          `json:"undated,omitempty"`
	Rotates  bool                    `json:"rotates"`
	Function string                  `json:"function,omitempty"` // by which it rotates, or did
	Next     time.Time               `json:"next_rotation,omitzero"`

	secret topology.Name
}

// A History is a secret's versions in one region, oldest first, or why they
// were not told.
type History struct {
	Versions []topology.DatedVersion
	Unread   topology.Cause
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
		list = append(list, in.diagnose(s))
	})
	return list
}

func (in Input) diagnose(s *Standing) Diagnosis {
	d := Diagnosis{Secret: s.Secret, Primary: s.Primary, Checked: in.Now}
	p := s.PrimarySecret()
	if m := s.Move; m != nil {
		d.Timeline = append(d.Timeline, Event{m.When(), m.To, fmt.Sprintf("promoted by run %s, leaving %s", m.Run, m.From)})
	}
	var others []*topology.Secret
	for i := range s.Copies {
		if c := &s.Copies[i]; c.State == CopySplitBrain {
			others = append(others, c.Secret)
		}
	}
	d.side(in, nil, p, others...)
	for _, other := range others {
		d.side(in, s.Move, other, p)
		d.Sides[len(d.Sides)-1].Finished = Finished(s.Move, other, p)
	}
	slices.SortStableFunc(d.Timeline, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Region, b.Region)) })
	d.advise(s, others, in.Desired.Failover.Fence)
	return d
}

// side describes one writer. What moved with the primary and was superseded
// there is nothing that only the other side holds.
func (d *Diagnosis) side(in Input, m *topology.Move, s *topology.Secret, others ...*topology.Secret) {
	if s == nil {
		return // the acting primary is dark
	}
	side := Side{Region: s.Region, secret: s.Name, Current: s.Stage(topology.StageCurrent), OnlyHere: []string{}, Changed: s.Changed,
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
	side.date(in, others)
	d.Sides = append(d.Sides, side)
	d.event(s.Created, s.Region, "created")
	d.writes(&side)
	if !side.Dated {
		d.event(s.Rotation.Last, s.Region, "rotated, or a value was put")
	}
	d.event(s.Changed, s.Region, "last changed; AWSCURRENT is "+cmp.Or(side.Current, "none"))
}

// date fills in what was written here and never came from, or went to, the
// other sides.
func (x *Side) date(in Input, others []*topology.Secret) {
	h, asked := in.Histories[x.Region][x.secret]
	if x.Undated = h.Unread; !asked || h.Unread != "" {
		return
	}
	x.Dated = true
	x.OnlyHere = slices.DeleteFunc(x.OnlyHere, func(id string) bool { return in.anyKeeps(others, id) })
	move := in.Placement.Acting[x.secret]
	for _, v := range h.Versions {
		if !in.anyKeeps(others, v.ID) && !move.Promoted(v.ID) {
			x.Written = append(x.Written, v)
		}
	}
}

// anyKeeps reports whether one of the copies has a version, with a label or,
// by its history, without. The copy of a dark region is nil.
func (in Input) anyKeeps(copies []*topology.Secret, id string) bool {
	return slices.ContainsFunc(copies, func(c *topology.Secret) bool {
		return c != nil && (holds(c, id) || slices.ContainsFunc(in.Histories[c.Region][c.Name].Versions, func(v topology.DatedVersion) bool { return v.ID == id }))
	})
}

// Since is when this side was first written after the sides parted; zero if
// it was not, or nobody knows.
func (x *Side) Since() time.Time {
	if len(x.Written) == 0 {
		return time.Time{}
	}
	return x.Written[0].Created
}

// manyWrites of one side are told by the first and last of them.
const manyWrites = 5

func (d *Diagnosis) writes(x *Side) {
	list := x.Written
	for i, v := range list {
		switch left := len(list) - 4; {
		case len(list) > manyWrites && i == len(list)-3:
			d.event(v.Created, x.Region, fmt.Sprintf("%s written by then", count(left, "more version")))
		case len(list) > manyWrites && i >= 2 && i < len(list)-2:
		default:
			d.event(v.Created, x.Region, "version "+v.ID+" written, "+cmp.Or(strings.Join(v.Stages, " and "), "superseded since"))
		}
	}
}

func (d *Diagnosis) event(at time.Time, r topology.Region, text string) {
	if !at.IsZero() {
		d.Timeline = append(d.Timeline, Event{at, r, text})
	}
}

func (d *Diagnosis) advise(s *Standing, others []*topology.Secret, fence string) {
	moved := s.Move != nil && s.Move.To == s.Primary
	for _, o := range others {
		side := d.Sides[slices.IndexFunc(d.Sides, func(x Side) bool { return x.Region == o.Region })]
		switch {
		case side.Rotates && moved:
			d.Fix = append(d.Fix, fmt.Sprintf("understudy fence --region %s", o.Region))
		case side.Rotates:
			d.Fix = append(d.Fix, fmt.Sprintf("aws secretsmanager cancel-rotate-secret --region %s --secret-id %s", o.Region, s.Secret))
		}
		if len(side.OnlyHere)+len(side.Finished) > 0 {
			d.Fix = append(d.Fix, fmt.Sprintf("understudy rescue --from %s", o.Region))
		}
	}
	switch {
	case moved:
		d.Advice = fmt.Sprintf("%s holds since the move: stop whoever writes to the other side, then keep what exists only there", s.Primary)
		if slices.ContainsFunc(d.Sides, func(x Side) bool { return len(x.Finished) > 0 }) {
			d.Advice += ", and make AWSCURRENT what logs in"
		}
		if fence != fencePolicy {
			d.Advice += "; whoever can't be stopped is refused by AWS once [failover] fence = \"policy\" and understudy fence have denied writes there"
		}
	case len(d.Sides) > 1 && len(d.Sides[1].OnlyHere) > 0:
		d.Advice = "nobody moved it with understudy: decide which side holds, ask the applications which one they read; the commands keep " + string(s.Primary)
	default:
		d.Advice = "nobody moved it with understudy: decide which side holds; the commands keep " + string(s.Primary)
	}
}
