package planner

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Converge plans what makes the actual state the desired one: `plan` and
// `apply`. Every secret is judged against its acting primary, so that a
// failover is never undone: its other standbys are protected again, and the
// old primary is left alone.
func Converge(in Input) *Plan {
	b := newBuild(&in, "apply")
	b.each(b.converge)
	b.oneRegionAtATime()
	b.staging()
	return b.finish()
}

// converge plans one secret.
func (b *build) converge(s *Standing) {
	g := b.concern(s)
	if g == nil {
		return
	}
	p := s.Copy(s.Primary)
	switch p.State {
	case CopyPrimary:
	case CopyUnknown, CopyAwaitingFence:
		b.dark[s.Primary] = true
		return
	case CopyDeleting:
		b.skip(s.Secret, s.Primary, "scheduled for deletion on "+day(p.Secret.Deleted))
		return
	case CopyAbsent:
		b.skip(s.Secret, s.Primary, "no such secret in the primary region "+string(s.Primary)+"; it exists "+b.elsewhere(s))
		return
	default:
		b.skip(s.Secret, s.Primary, fmt.Sprintf("a replica of %s, which has no such secret that can be written", p.Secret.PrimaryRegion))
		return
	}
	if s.Overwritten {
		b.block(Blocker{
			Code: "promoted-became-replica", Secret: s.Secret, Region: s.Move.To,
			Message: fmt.Sprintf("was promoted in %s and is a replica of %s again: somebody re-added it, and what was written there is gone", s.Move.To, s.Copy(s.Move.To).Secret.PrimaryRegion),
			Fix:     "find who replicates it (an infrastructure tool in the old region?), stop it, then understudy failover --to " + string(s.Move.To),
		})
		return // which side holds is for a person to say
	}
	// A failback that was interrupted may leave its own fence on the primary,
	// which refuses every step that is made from there.
	lifted, before := b.unfence(s.Secret, g, s.Primary), len(b.steps)
	for i := range s.Copies {
		c := &s.Copies[i]
		had := len(b.steps)
		switch {
		case c.Region == s.Primary:
		case b.wanted(g, s, c.Region):
			b.wantReplica(s, g, c, p.Secret)
		default:
			b.leftOver(s, g, c)
		}
		if (c.State == CopyPromotedOutside || c.State == CopySplitBrain) && len(b.steps) == had {
			b.mayLead[c.Region] = true // and stays
		}
	}
	for _, step := range b.steps[before:] {
		if lifted != "" {
			step.Needs = append(step.Needs, lifted)
		}
	}
	b.beyond(s, p.Secret)
}

// concern returns the group that a secret belongs to, or nil and says why it
// is left alone.
func (b *build) concern(s *Standing) *topology.Group {
	known := s.anyCopy()
	if known == nil {
		if s.Move != nil && s.Copy(s.Primary).State == CopyAbsent {
			b.skip(s.Secret, s.Primary, "moved to "+string(s.Primary)+" by run "+s.Move.Run+" and gone since")
		}
		return nil
	}
	if known.Managed() {
		b.skip(s.Secret, "", b.managedWords(known))
		return nil
	}
	g, _ := b.groupOf(s)
	if g == nil {
		b.plan.Unmatched = append(b.plan.Unmatched, string(s.Secret))
		return nil
	}
	b.primaries[s.Primary]++
	return g
}

// managedWords say why a managed secret is left alone and, when the primary
// moves, what to do instead.
func (b *build) managedWords(s *topology.Secret) string {
	words := "managed by " + s.OwningService + ": only that service may change it"
	if to := b.plan.To; to != "" {
		words = fmt.Sprintf("not moved: %s; fail over what it belongs to with %s, or give its readers in %s a secret of their own", words, s.OwningService, to)
	}
	return words
}

// groupOf returns the group that a secret belongs to, nil if none, and the
// copy whose tags said so, nil if none is known.
func (b *build) groupOf(s *Standing) (*topology.Group, *topology.Secret) {
	known := s.anyCopy()
	if known == nil {
		known, _ = b.in.Recovery.Secret(s.Primary, s.Secret)
	}
	if known == nil {
		return nil, nil
	}
	return b.desired.GroupOf(s.Secret, known.Tags), known
}

// anyCopy is the acting primary's copy, else the first that is known.
func (s *Standing) anyCopy() *topology.Secret {
	if p := s.PrimarySecret(); p != nil {
		return p
	}
	for i := range s.Copies {
		if s.Copies[i].Secret != nil {
			return s.Copies[i].Secret
		}
	}
	return nil
}

func (b *build) elsewhere(s *Standing) string {
	for i := range s.Copies {
		if c := &s.Copies[i]; c.Secret != nil {
			return "as " + string(c.Secret.Role()) + " in " + string(c.Region)
		}
	}
	return "nowhere"
}

func (b *build) wanted(g *topology.Group, s *Standing, r topology.Region) bool {
	return Wanted(b.desired, g, s, r)
}

// Wanted: replicas belong in the group's regions other than the acting
// primary's. Home is left alone while the primary is elsewhere and it awaits
// its fence and the failback; where it is a replica, as a switchover leaves
// it, it is one like any other.
func Wanted(d *topology.Desired, g *topology.Group, s *Standing, r topology.Region) bool {
	switch {
	case r == s.Primary:
		return false
	case r == d.Primary:
		c := s.Copy(r)
		return c.State == CopyReplica || c.State == CopyStray || c.State == CopyAbsent && c.Listed
	}
	return slices.Contains(g.Replicas, r)
}

// leftOver handles a copy where none is wanted.
func (b *build) leftOver(s *Standing, g *topology.Group, c *Copy) {
	switch {
	case c.State == CopyUnknown, c.State == CopyAwaitingFence:
		return // a dark region is listed as unobserved
	case c.State == CopySplitBrain:
		b.splitBrain(s, c)
	case c.Region == b.desired.Primary && c.State != CopyAbsent:
		b.skip(s.Secret, c.Region, "old primary ("+string(c.State)+"): left alone until failback")
	case !slices.Contains(b.desired.Regions(), c.Region):
		if c.State == CopyReplica {
			b.skip(s.Secret, c.Region, "extra replica in a region that the configuration does not mention: left alone")
		}
	case c.State == CopyReplica, c.State == CopyAbsent && c.Listed && c.Entry.Status == topology.Failed:
		b.removeReplica(s, g, c)
	case c.State == CopyDeleting, c.State == CopyAbsent:
	default:
		b.skip(s.Secret, c.Region, "no replica wanted there, and the copy is "+string(c.State)+": left alone")
	}
}

// beyond reports replicas in regions that were not observed because the
// configuration does not mention them.
func (b *build) beyond(s *Standing, p *topology.Secret) {
	for _, e := range p.Replicas {
		if !slices.Contains(b.res.Regions(), e.Region) {
			b.skip(s.Secret, e.Region, "extra replica in a region that the configuration does not mention: left alone")
		}
	}
}

// oneRegionAtATime keeps a secret whose replicas are removed to be re-keyed
// from being missing in two regions, also where the first one fails. Over all
// secrets the executor runs one such step at a time.
func (b *build) oneRegionAtATime() {
	previous := map[topology.Name]string{}
	for _, r := range b.res.Regions() {
		for i := range b.steps {
			s := &b.steps[i].Step
			if s.Region != r || !s.Params.ViaRemoval {
				continue
			}
			if id := previous[s.Secret]; id != "" {
				s.Needs = append(s.Needs, id)
			}
			previous[s.Secret] = s.ID
		}
	}
}
