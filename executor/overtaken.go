package executor

import (
	"context"
	"fmt"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// since is what other runs have done since a run began: what its plan meant
// was meant for another world.
type since struct {
	// elsewhere are secrets of which another region is the primary now. The
	// Run is "" where no later run moved it on, but one made what this run
	// promoted a replica again.
	elsewhere map[topology.Name]topology.Move
	acting    map[topology.Region]bool          // some secret was moved there and is there still
	arrived   map[topology.Region]topology.Move // one of the later moves to each region
	left      map[topology.Region]topology.Move // one of the later moves from each region
}

// leads reports whether some secret was moved to a region, and is there still.
func (s *since) leads(r topology.Region) bool { return s.acting[r] }

// movedSince asks the journal what became of the world since the run began.
func (r *run) movedSince(ctx context.Context) (since, error) {
	placement, damage, err := History(ctx, r.e.opts.Store)
	if err != nil {
		return since{}, err
	}
	for i := range damage {
		if d := &damage[i]; d.Moves() && epochOf(d.Run) > epochOf(r.id) {
			return since{}, fmt.Errorf("run %s came later, and what it moved is not known: %w; in an emergency begin anew, which looks at every region", d.Run, d.Err)
		}
	}
	s := since{
		elsewhere: map[topology.Name]topology.Move{}, acting: map[topology.Region]bool{},
		arrived: map[topology.Region]topology.Move{}, left: map[topology.Region]topology.Move{},
	}
	for n, m := range placement.Acting {
		s.acting[m.To] = true
		if m.Run != r.id && epochOf(m.Run) > epochOf(r.id) {
			s.elsewhere[n], s.arrived[m.To], s.left[m.From] = m, m, m
		}
	}
	return s, r.takenBack(ctx, placement, &s)
}

// takenBack adds the secrets that this run moved, by the journal, and that
// are not where it moved them, although no later run moved them on.
func (r *run) takenBack(ctx context.Context, placement topology.Placement, s *since) error {
	p, err := deedsOf(ctx, r.e.opts.Store, r.id)
	if err != nil {
		return err
	}
	for i := range p.deeds {
		d := &p.deeds[i]
		n := topology.Name(d.On)
		_, known := s.elsewhere[n]
		if d.Undo || d.open() || d.Action != planner.Promote || d.Region != r.plan.To || !MovesPrimary(r.plan.Command) || known || placement.Acting[n].Run == r.id {
			continue
		}
		m := topology.Move{From: r.plan.To, To: r.plan.From}
		if now, ok := placement.Acting[n]; ok {
			m.To = now.To
		}
		s.elsewhere[n] = m
	}
	return nil
}

// superseded refuses a step that other runs have overtaken. A fence that is
// owed to a region which a secret has left is as right as ever.
func (r *run) superseded(s *planner.Step) error {
	switch m, moved := r.since.elsewhere[s.Secret]; {
	case moved && s.Owed && s.Region != m.To:
		return nil
	case moved && m.Run == "":
		return stale("its copy in %s was made a replica again, and %s is the primary", m.From, m.To)
	case moved:
		return stale("run %s has moved the secret to %s since", m.Run, m.To)
	}
	arrived, back := r.since.arrived[s.Region]
	left, gone := r.since.left[s.Region]
	switch s.Action {
	case planner.DisableAlarms, planner.RevokeInvoke:
		if back {
			return stale("run %s has made %s the primary since", arrived.Run, s.Region)
		}
	case planner.EnableAlarms:
		if gone && !r.since.leads(s.Region) {
			return stale("run %s has moved the primary from %s to %s since", left.Run, left.From, left.To)
		}
	}
	return nil
}

// overtaken refuses to resume a run of which later ones have left nothing to
// do: every step would fail, and a run that was completed would not be.
func (r *run) overtaken(ctx context.Context) error {
	p, err := deedsOf(ctx, r.e.opts.Store, r.id)
	if err != nil {
		return err
	}
	settled := map[string]bool{}
	for i := range p.deeds {
		settled[p.deeds[i].Step] = !p.deeds[i].open()
	}
	var why error
	for i := range r.plan.Steps {
		if settled[r.plan.Steps[i].ID] {
			continue
		}
		err := r.superseded(&r.plan.Steps[i])
		if err == nil {
			return nil
		}
		why = err
	}
	if why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrOvertaken, why)
}
