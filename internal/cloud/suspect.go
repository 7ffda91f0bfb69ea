package cloud

import (
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// asks lists the copies that the lists leave in doubt, by region: DescribeSecret
// is to tell. Nothing is asked about a healthy secret, nor about one that is
// not ours to look after (managed, matched by no group, on its way out).
func (ob *observation) asks() map[topology.Region][]topology.Name {
	out := map[topology.Region][]topology.Name{}
	for _, name := range ob.names() {
		for _, region := range ob.doubts(name) {
			out[region] = append(out[region], name)
		}
	}
	return out
}

// names are all secrets' names in all regions, sorted.
func (ob *observation) names() []topology.Name {
	var out []topology.Name
	for _, l := range ob.looks {
		for name := range l.view.Secrets {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// copies are a secret's copies in the regions that answered.
type copies map[topology.Region]*topology.Secret

func (ob *observation) copies(name topology.Name) copies {
	out := copies{}
	for _, l := range ob.looks {
		if s := l.view.Secrets[name]; s != nil {
			out[l.region] = s
		}
	}
	return out
}

// doubts are the regions in which a secret is to be described: where a copy
// should be and is not listed (the list may lag five minutes), every writable
// copy (it alone knows what its replicas suffer from), and replicas that
// differ from their primary, which may be no more than a list's lag.
func (ob *observation) doubts(name topology.Name) []topology.Region {
	found := ob.copies(name)
	g := ob.groupOf(found)
	if g == nil || found.leaving(ob.d.Primary) {
		return nil
	}
	primary := found.primary()
	if primary != nil && ob.healthy(g, primary, found) {
		return nil
	}
	var out []topology.Region
	for _, l := range ob.looks {
		if l.view.Dark != "" {
			continue
		}
		s := found[l.region]
		switch {
		case s == nil:
			if ob.expected(g, found, l.region) {
				out = append(out, l.region)
			}
		case s.Role() != topology.RoleReplica:
			out = append(out, l.region)
		case primary != nil && !ob.sound(g, primary, s):
			out = append(out, l.region)
		}
	}
	return out
}

// groupOf goes by the copy at home, whose tags are the secret's own, else by
// any.
func (ob *observation) groupOf(found copies) *topology.Group {
	for _, l := range ob.looks { // home comes first
		if s := found[l.region]; s != nil {
			return ob.group(s)
		}
	}
	return nil
}

// leaving: the copy at home is scheduled for deletion.
func (found copies) leaving(home topology.Region) bool {
	s := found[home]
	return s != nil && !s.Deleted.IsZero()
}

// primary is the one writable copy, nil if there is none or more than one.
func (found copies) primary() *topology.Secret {
	var out *topology.Secret
	for _, s := range found {
		if s.Role() == topology.RoleReplica {
			continue
		}
		if out != nil {
			return nil
		}
		out = s
	}
	return out
}

// expected: a region that should hold a copy, or that a replica says is its
// primary.
func (ob *observation) expected(g *topology.Group, found copies, region topology.Region) bool {
	if ob.holds(g, region) {
		return true
	}
	for _, s := range found {
		if s.PrimaryRegion == region {
			return true
		}
	}
	return false
}

// healthy: the primary rests, and its replicas are where they should be,
// nowhere else, and sound.
func (ob *observation) healthy(g *topology.Group, primary *topology.Secret, found copies) bool {
	if !primary.Deleted.IsZero() || primary.RotationInFlight() {
		return false
	}
	for _, l := range ob.looks {
		if l.region == primary.Region || l.view.Dark != "" {
			continue
		}
		s, wanted := found[l.region], ob.holds(g, l.region)
		if (s != nil) != wanted || s != nil && !ob.sound(g, primary, s) {
			return false
		}
	}
	return true
}

// sound: a replica of this primary, under the desired key, as fresh as its
// primary.
func (ob *observation) sound(g *topology.Group, primary, s *topology.Secret) bool {
	if s.Role() != topology.RoleReplica || s.PrimaryRegion != primary.Region || !s.Deleted.IsZero() {
		return false
	}
	same, known := ob.at(s.Region).view.SameKey(s.KmsKeyID, ob.d.Key(g, s.Region))
	return known && same && topology.SameVersions(primary, s)
}

// distrustEchoedKeys forgets key references that a replica merely repeats
// from its primary (moto does): if they mean nothing in the replica's region,
// its key is unknown, not missing.
func (ob *observation) distrustEchoedKeys() {
	for _, l := range ob.looks {
		configured := map[string]bool{}
		for i := range ob.d.Groups {
			configured[ob.d.Key(&ob.d.Groups[i], l.region)] = true
		}
		for name, s := range l.view.Secrets {
			if s.Role() != topology.RoleReplica || configured[s.KmsKeyID] || !l.view.Keys[s.KmsKeyID].Missing {
				continue
			}
			if home := ob.at(s.PrimaryRegion); home != nil {
				if p := home.view.Secrets[name]; p != nil && p.KmsKeyID == s.KmsKeyID {
					delete(l.view.Keys, s.KmsKeyID)
				}
			}
		}
	}
}
