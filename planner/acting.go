package planner

import (
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A CopyState is what one region's copy of a secret is, relative to the
// secret's acting primary P. The whole case analysis, decided once in
// Resolver.classify for plan, failover, drift and status:
//
//	region answers │ copy there              │ relation to P                          │ state
//	───────────────┼─────────────────────────┼────────────────────────────────────────┼─────────────────
//	no             │ ?                       │ left by a move of ours                 │ awaiting-fence
//	no             │ ?                       │ any                                    │ unknown
//	yes            │ none                    │ any                                    │ absent
//	yes            │ scheduled for deletion  │ any                                    │ deleting
//	yes            │ writable                │ is P                                   │ primary
//	yes            │ replica                 │ of P                                   │ replica
//	yes            │ replica                 │ of another region                      │ stray
//	yes            │ writable, other suffix  │ another secret of that name            │ name-clash
//	yes            │ writable, same suffix   │ we moved; rotates, or changed since    │ split-brain
//	yes            │ writable, same suffix   │ we moved away from here; quiet         │ fenced
//	yes            │ writable, same suffix   │ we moved elsewhere; quiet              │ promoted
//	yes            │ writable, same suffix   │ no move of ours; both changed, or both │
//	               │                         │ rotate                                 │ split-brain
//	yes            │ writable, same suffix   │ no move of ours, or it was so before   │ promoted-outside
//
// "Suffix" is the six characters at the end of the ARN, which a replica keeps
// when it is promoted. "Quiet" is rotation off and no version written after
// the move.
type CopyState string

// The states.
const (
	CopyPrimary         CopyState = "primary"
	CopyReplica         CopyState = "replica"
	CopyAbsent          CopyState = "absent"
	CopyUnknown         CopyState = "unknown"
	CopyStray           CopyState = "stray"            // AWS refuses to overwrite it, even with force
	CopyNameClash       CopyState = "name-clash"       // works by name, breaks by ARN
	CopyPromotedOutside CopyState = "promoted-outside" // promoted, and not by us
	CopyPromoted        CopyState = "promoted"         // third region, promoted by us, not yet re-parented
	CopyAwaitingFence   CopyState = "awaiting-fence"   // old primary, dark: whether it writes is unknown
	CopyFenced          CopyState = "fenced"           // old primary, stale, awaits failback
	CopySplitBrain      CopyState = "split-brain"      // a second writer
	CopyDeleting        CopyState = "deleting"         // the name stays reserved until then
)

// A Standing is where one secret's copies stand.
type Standing struct {
	Secret topology.Name
	// Primary is the acting primary region, which everything is judged
	// against: where the journal moved the secret and observation does not
	// contradict it, else the region that home's copy follows, or that alone
	// has it where others were moved, else home.
	Primary topology.Region
	// Confirmed: Primary answered and its copy is writable. Otherwise Primary
	// is the journal's word, a replica's, or merely home.
	Confirmed bool
	// Move is our last move of the secret, nil if it was never moved.
	Move *topology.Move
	// Overwritten: the region that we promoted is a replica again. Somebody
	// re-added it, and what was written there is gone.
	Overwritten bool
	// Copies of every configured region in order of preference, then of other
	// observed regions by name.
	Copies []Copy
}

// A Copy is one region's copy in a Standing.
type Copy struct {
	Region topology.Region
	State  CopyState
	Secret *topology.Secret // nil: absent or unknown
	// Entry is the acting primary's ReplicationStatus for this region; Listed
	// says that there is one. An undescribed primary lists nothing.
	Entry  topology.ReplicaStatus
	Listed bool
}

// Copy returns a region's copy; a region never asked is unknown.
func (s *Standing) Copy(r topology.Region) Copy {
	for i := range s.Copies {
		if s.Copies[i].Region == r {
			return s.Copies[i]
		}
	}
	return Copy{Region: r, State: CopyUnknown}
}

// PrimarySecret is the acting primary's copy, nil if unknown or absent.
func (s *Standing) PrimarySecret() *topology.Secret { return s.Copy(s.Primary).Secret }

// SplitBrain reports whether any copy is a second writer.
func (s *Standing) SplitBrain() bool {
	return slices.ContainsFunc(s.Copies, func(c Copy) bool { return c.State == CopySplitBrain })
}

// Orphans are the version ids that the copy holds and the acting primary
// lacks, sorted: overwriting or removing the copy would lose them (G1). known
// is false where either side is unknown.
func (s *Standing) Orphans(r topology.Region) (ids []string, known bool) {
	c, p := s.Copy(r), s.PrimarySecret()
	if c.Secret == nil || p == nil {
		return nil, false
	}
	return s.lacking(c.Secret, p), true
}

// lacking returns the ids of c's versions that the acting primary p never
// held, or of which it may have no value (valueless). What it held when it was
// promoted and no longer lists has lost its last label there, to a newer
// version, and AWS lists none without (AWS: DescribeSecret,
// VersionIdsToStages): superseded, not lost.
func (s *Standing) lacking(c, p *topology.Secret) []string {
	ids := Lacking(c, p)
	if s.Move != nil && s.Move.To == s.Primary && p != nil && p.Region == s.Primary {
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return slices.ContainsFunc(s.Move.Versions, func(v topology.Version) bool { return v.ID == id })
		})
	}
	ids = append(ids, valueless(s.Move, c, p)...)
	ids = slices.DeleteFunc(ids, func(id string) bool { return knownEmpty(s.Move, c, id) })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// knownEmpty: a look has shown that there is no value in this version of c.
func knownEmpty(m *topology.Move, c *topology.Secret, id string) bool {
	return c != nil && slices.ContainsFunc(c.Versions, func(v topology.Version) bool { return v.ID == id && m.KnownEmpty(v) })
}

// valueless are the versions of c of which p may have the id and not the value.
func valueless(m *topology.Move, c, p *topology.Secret) []string {
	return append(Finished(m, c, p), leftBegun(m, c, p)...)
}

// Finished are the versions of c whose rotation was brought to its end there,
// and which p holds, or was promoted with, as begun: under AWSPENDING alone.
// A rotation makes the version before its first step writes the value (AWS:
// Lambda rotation functions), so p may have it empty, and no listing tells;
// and from the second step on the database has that password.
func Finished(m *topology.Move, c, p *topology.Secret) []string {
	if c == nil || p == nil {
		return nil
	}
	var ids []string
	for _, v := range c.Versions {
		if !slices.Contains(v.Stages, topology.StageCurrent) && !slices.Contains(v.Stages, topology.StagePrevious) {
			continue
		}
		if begun(p.Versions, v.ID) || !holds(p, v.ID) && m != nil && begun(m.Versions, v.ID) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// leftBegun are the versions of the old primary c whose rotation never ended,
// and which p was promoted with as begun and has let go since. What the first
// step wrote, and the second may have given to the database, may be in c alone:
// c went on when the others had it no more.
func leftBegun(m *topology.Move, c, p *topology.Secret) []string {
	if c == nil || p == nil || m == nil || c.Region != m.From {
		return nil
	}
	var ids []string
	for _, v := range c.Versions {
		if onlyPending(v) && !holds(p, v.ID) && begun(m.Versions, v.ID) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// begun: the version is listed, under AWSPENDING alone.
func begun(versions []topology.Version, id string) bool {
	return slices.ContainsFunc(versions, func(v topology.Version) bool { return v.ID == id && onlyPending(v) })
}

// Lacking returns the ids of a's versions that b does not hold, sorted.
func Lacking(a, b *topology.Secret) []string {
	if a == nil {
		return nil
	}
	var ids []string
	for _, v := range a.Versions {
		if !holds(b, v.ID) {
			ids = append(ids, v.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func holds(s *topology.Secret, id string) bool {
	return s != nil && slices.ContainsFunc(s.Versions, func(v topology.Version) bool { return v.ID == id })
}

// VersionIDs are the ids of all versions that a copy holds, sorted.
func VersionIDs(s *topology.Secret) []string { return Lacking(s, nil) }

// ActingPrimary returns the acting primary of one secret and where all its
// copies stand. For many secrets make one Resolver.
func (in Input) ActingPrimary(n topology.Name) (topology.Region, Standing) {
	var s Standing
	in.Resolver().Resolve(n, &s)
	return s.Primary, s
}

// A Resolver finds the standing of many secrets of one Input.
type Resolver struct {
	in      *Input
	regions []topology.Region
	views   []*topology.RegionView
	names   []topology.Name
	away    map[topology.Region]bool // see movedTo
}

// Resolver prepares for many calls of Resolve.
func (in Input) Resolver() *Resolver {
	r := &Resolver{in: &in, regions: in.Desired.Regions()}
	var others []topology.Region
	if in.Observed != nil {
		for region := range in.Observed.Regions {
			if !slices.Contains(r.regions, region) {
				others = append(others, region)
			}
		}
	}
	slices.Sort(others)
	r.regions = append(r.regions, others...)
	for _, region := range r.regions {
		r.views = append(r.views, in.Observed.View(region))
	}
	return r
}

// Regions are the configured regions in order of preference, then other
// observed ones by name.
func (r *Resolver) Regions() []topology.Region { return r.regions }

// Names are all secrets that an answering region, the journal or, for
// regions that are dark, the recovery snapshot knows, sorted.
func (r *Resolver) Names() []topology.Name {
	if r.names != nil {
		return r.names
	}
	var names []topology.Name
	var seen []map[topology.Name]*topology.Secret
	for i, v := range r.views {
		secrets := v.Secrets
		if v.Dark != "" {
			secrets = r.in.Recovery.View(r.regions[i]).Secrets
		}
		names = slices.Grow(names, max(0, len(secrets)-len(names)))
		for n := range secrets {
			if !anyHas(seen, n) { // most names are in every region: sort them once
				names = append(names, n)
			}
		}
		seen = append(seen, secrets)
	}
	for n := range r.in.Placement.Acting {
		names = append(names, n)
	}
	slices.Sort(names)
	r.names = slices.Compact(names)
	return r.names
}

func anyHas(maps []map[topology.Name]*topology.Secret, n topology.Name) bool {
	for _, m := range maps {
		if _, ok := m[n]; ok {
			return true
		}
	}
	return false
}

// Resolve fills in the standing of one secret, reusing s.Copies.
func (r *Resolver) Resolve(n topology.Name, s *Standing) {
	*s = Standing{Secret: n, Copies: s.Copies[:0]}
	if m, ok := r.in.Placement.Acting[n]; ok {
		move := m // only a moved secret costs an allocation
		s.Move = &move
	}
	for i, region := range r.regions {
		c := Copy{Region: region, State: CopyUnknown}
		if v := r.views[i]; v.Dark == "" {
			c.Secret, c.State = v.Secrets[n], CopyAbsent
		}
		s.Copies = append(s.Copies, c)
	}
	r.findPrimary(s)
	p := s.PrimarySecret()
	for i := range s.Copies {
		c := &s.Copies[i]
		if p != nil && c.Region != s.Primary {
			c.Entry, c.Listed = p.Replica(c.Region)
		}
		c.State = r.classify(s, c, p)
	}
}

// findPrimary decides Primary, Confirmed and Overwritten.
func (r *Resolver) findPrimary(s *Standing) {
	if s.Move != nil {
		placed := s.Copy(s.Move.To)
		switch {
		case placed.State == CopyUnknown:
			s.Primary = s.Move.To
			return
		case placed.Secret.Writable():
			s.Primary, s.Confirmed = s.Move.To, true
			return
		}
		s.Overwritten = placed.Secret.Role() == topology.RoleReplica
		if s.Overwritten {
			// A late re-parenting from a third region that we had promoted
			// before: that region is the primary, not the home we left.
			if leads := s.Copy(placed.Secret.PrimaryRegion); leads.Secret.Writable() {
				s.Primary, s.Confirmed = leads.Region, true
				return
			}
		}
	}
	home := s.Copy(r.in.Desired.Primary)
	s.Primary = home.Region
	switch {
	case home.State == CopyUnknown:
	case home.Secret == nil && s.Move == nil:
		// First created where the others had moved to: home never had it.
		if only := r.onlyWriter(s); only != "" {
			s.Primary, s.Confirmed = only, true
		}
	case home.Secret.Writable():
		s.Confirmed = true
	case home.Secret.Role() == topology.RoleReplica:
		// Somebody made the move without us, all the way: home follows it.
		s.Primary = home.Secret.PrimaryRegion
		s.Confirmed = s.Copy(s.Primary).Secret.Writable()
	}
}

// onlyWriter is the one region with a writable copy, if others were moved
// there; "" if it is not, or a region may have one that is dark.
func (r *Resolver) onlyWriter(s *Standing) (only topology.Region) {
	for i := range s.Copies {
		switch c := &s.Copies[i]; {
		case c.State == CopyUnknown, c.Secret.Writable() && only != "":
			return ""
		case c.Secret.Writable():
			only = c.Region
		}
	}
	if !r.movedTo(only) {
		return ""
	}
	return only
}

// movedTo reports whether a move of ours has put secrets into a region, also
// if another one has taken them on since, and not home.
func (r *Resolver) movedTo(region topology.Region) bool {
	if r.away == nil {
		r.away = map[topology.Region]bool{}
		for _, m := range r.in.Placement.Acting {
			r.away[m.To] = true
			if m.To != r.in.Desired.Primary {
				r.away[m.From] = true
			}
		}
	}
	return r.away[region]
}

func (r *Resolver) classify(s *Standing, c *Copy, p *topology.Secret) CopyState {
	secret := c.Secret
	switch {
	case c.State == CopyUnknown:
		if s.Move != nil && s.Move.From == c.Region && s.Primary != c.Region {
			return CopyAwaitingFence
		}
		return CopyUnknown
	case secret == nil:
		return CopyAbsent
	case !secret.Deleted.IsZero():
		return CopyDeleting
	case secret.Role() == topology.RoleReplica:
		if secret.PrimaryRegion == s.Primary {
			return CopyReplica
		}
		return CopyStray
	case c.Region == s.Primary:
		return CopyPrimary
	case !r.sameLineage(s, secret):
		return CopyNameClash
	}
	return r.classifyWriter(s, secret, p)
}

// classifyWriter judges a second writable copy of the primary's lineage.
func (r *Resolver) classifyWriter(s *Standing, old, p *topology.Secret) CopyState {
	if m := s.Move; m != nil && m.To == s.Primary {
		switch {
		case old.Rotation.Enabled, r.changedSince(m, old, p):
			return CopySplitBrain
		case old.Region == m.From:
			return CopyFenced
		case r.writableBefore(m, old):
			return CopyPromotedOutside
		}
		return CopyPromoted
	}
	if p != nil && (old.Rotation.Enabled && p.Rotation.Enabled ||
		len(Lacking(old, p)) > 0 && len(Lacking(p, old)) > 0) {
		return CopySplitBrain
	}
	return CopyPromotedOutside
}

// changedSince reports whether a version was written to old after the move,
// or a rotation ended there. LastChangedDate alone proves nothing, as the
// fence itself sets it; a version that was there before the move, though never
// replicated, is a loss to be rescued but no second writer. Which it is, its
// own date says, where it was read.
func (r *Resolver) changedSince(m *topology.Move, old, p *topology.Secret) bool {
	if moved := m.When(); !old.Changed.IsZero() && !moved.IsZero() && !old.Changed.After(moved) {
		return false
	}
	if len(Finished(m, old, p)) > 0 {
		return true
	}
	if h, asked := r.in.Histories[old.Region][old.Name]; asked && h.Unread == "" && !m.When().IsZero() {
		return slices.ContainsFunc(h.Versions, func(v topology.DatedVersion) bool {
			return v.Created.After(m.When()) && holds(old, v.ID) && !m.Promoted(v.ID) && !holds(p, v.ID) && !knownEmpty(m, old, v.ID)
		})
	}
	before, _ := r.in.Recovery.Secret(old.Region, old.Name)
	for _, v := range old.Versions {
		if !m.Promoted(v.ID) && !holds(p, v.ID) && !m.KnownEmpty(v) && !(holds(before, v.ID) && r.recoveredBefore(m, old.Region)) {
			return true
		}
	}
	return false
}

// writableBefore reports whether a third region's copy stood on its own
// before the move: then it was not our move that promoted it.
func (r *Resolver) writableBefore(m *topology.Move, c *topology.Secret) bool {
	before, known := r.in.Recovery.Secret(c.Region, c.Name)
	return known && before.Writable() && r.recoveredBefore(m, c.Region)
}

func (r *Resolver) recoveredBefore(m *topology.Move, region topology.Region) bool {
	taken := r.in.Recovery.View(region).Taken
	return !taken.IsZero() && taken.Before(m.Time)
}

// sameLineage compares the ARN of a writable copy with the primary's, or
// with what else tells the primary's suffix: the recovery snapshot, also of the
// region that our move left, or a replica elsewhere. Where nothing does, and no
// other region has a copy of this suffix, it counts as another secret.
func (r *Resolver) sameLineage(s *Standing, secret *topology.Secret) bool {
	if p := s.PrimarySecret(); p != nil && p.Region != secret.Region {
		return topology.SameLineage(p, secret)
	}
	if p, known := r.in.Recovery.Secret(s.Primary, s.Secret); known && p != nil {
		return topology.SameLineage(p, secret)
	}
	for i := range s.Copies {
		other := s.Copies[i].Secret
		if other != nil && other.Region != secret.Region && other.PrimaryRegion == s.Primary {
			return topology.SameLineage(other, secret)
		}
	}
	if s.Move != nil && s.Move.To == s.Primary {
		if p, known := r.in.Recovery.Secret(s.Move.From, s.Secret); known && p != nil {
			return topology.SameLineage(p, secret)
		}
	}
	// A journal that is lost, and a home that is dark: only replication gives
	// two regions the same suffix.
	return slices.ContainsFunc(s.Copies, func(c Copy) bool {
		return c.Region != secret.Region && topology.SameLineage(c.Secret, secret)
	})
}
