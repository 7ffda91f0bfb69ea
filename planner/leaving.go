package planner

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// leave makes the region that we leave and all third regions replicas of
// home, one at a time. It returns the last step, "" if there is none.
func (r *returning) leave() string {
	needs := r.freeThirds(r.needs())
	needs = r.clearLists(needs)
	p := r.s.Copy(r.from)
	return r.followAll(needs, r.follow(&p, needs))
}

// followAll makes all others replicas of home, each behind the one before it,
// and returns the last.
func (r *returning) followAll(needs []string, previous string) string {
	for _, c := range r.others() {
		if c.Region == r.to || c.State == CopyReplica && c.Secret.PrimaryRegion == r.to {
			continue
		}
		after := needs
		if previous != "" {
			after = append(slices.Clone(needs), previous)
		}
		if id := r.follow(c, after); id != "" {
			previous = id
		}
	}
	return previous
}

// clearLists frees third regions that list a region which is their replica no
// more, as a failover of a failover leaves them: such a copy can't be
// overwritten either. It is brought up to date from home, then the region
// that it lists becomes its replica again, with the same content, and is
// promoted, which takes the entry off now that both answer.
func (r *returning) clearLists(needs []string) []string {
	needs = slices.Clone(needs)
	for _, c := range r.others() {
		if c.Region == r.to || !standalone(c) || !r.wantedAfter(c.Region) {
			continue
		}
		stale := r.staleEntries(c.Secret)
		if len(stale) == 0 || r.settling || !r.clearable(stale) {
			continue
		}
		why := fmt.Sprintf("%s lists %s, which is its replica no more, so AWS refuses to overwrite it", c.Region, regionList(stale))
		match := r.like(MatchVersions, c.Region, PhaseReparent)
		match.Needs = slices.Clone(needs)
		if id := r.unfence(r.s.Secret, r.g, c.Region, needs...); id != "" {
			match.Needs = append(match.Needs, id)
		}
		match.Params = Params{From: r.to}
		match.Expect = Expect{ARN: c.Secret.ARN, Versions: r.mayGo(c.Secret)}
		match.Before, match.After, match.Reason = r.copyWords(c.State), "the versions and labels of "+string(r.to), why
		needs = append(needs, r.behind(rankReparent-2, match))
		for _, listed := range stale {
			needs = append(needs, r.adopt(c.Region, listed, needs, why))
		}
	}
	return needs
}

// adopt makes a region the replica of a third region and promotes it again.
func (r *returning) adopt(third, listed topology.Region, needs []string, why string) string {
	copy := r.s.Copy(listed).Secret
	adopt := r.like(OverwriteReplica, listed, PhaseReparent)
	adopt.Needs = slices.Clone(needs)
	adopt.Params = Params{From: third, Key: keyParam(r.desired.Key(r.g, listed))}
	adopt.Expect = Expect{ARN: copy.ARN, Versions: r.mayGo(copy)}
	adopt.Before, adopt.After, adopt.Reason = "listed by "+string(third), "replica of "+string(third)+" for a moment, with the same content", why
	promote := r.like(Promote, listed, PhaseReparent)
	promote.Needs = append(slices.Clone(needs), r.behind(rankReparent-1, adopt))
	promote.Params = Params{From: third}
	promote.Expect = Expect{ARN: copy.ARN, PrimaryRegion: third}
	promote.Before, promote.After, promote.Reason = "replica of "+string(third), "standalone, and off the list of "+string(third), why
	return r.behind(rankReparent-1, promote)
}

// behind adds a step that holds up no secret's move.
func (r *returning) behind(rank int, s Step) string {
	s.Group, s.Tier = r.g.Name+" re-parent", r.lastTier()+1
	return r.add(rank, s)
}

// clearable: regions whose copies are in our hands once the primary is home.
func (r *returning) clearable(stale []topology.Region) bool {
	for _, region := range stale {
		c := r.s.Copy(region)
		if region == r.to || !r.configured(region) || region != r.from && c.State != CopyReplica && !standalone(&c) {
			return false
		}
	}
	return true
}

// wantedAfter: the regions of the group, and a home that is left again.
func (r *returning) wantedAfter(region topology.Region) bool {
	return slices.Contains(r.g.Replicas, region) || region == r.desired.Primary
}

// follow plans that a region's copy becomes a replica of home, "" if not.
func (r *returning) follow(c *Copy, needs []string) string {
	if !r.wantedAfter(c.Region) {
		if c.Secret != nil {
			r.skip(r.s.Secret, c.Region, "group "+r.g.Name+" wants no replica in "+string(c.Region)+": its copy stays there")
		}
		return ""
	}
	if x := r.unfit(c.Secret, c.Region); x != nil {
		r.note(*x)
		return ""
	}
	want := r.desired.Key(r.g, c.Region)
	if k, known := r.view(c.Region).Key(want); known && !usable(want, k) {
		r.note(Blocker{Code: "key-unusable", Secret: r.s.Secret, Region: c.Region,
			Message: fmt.Sprintf("the key %s in %s is %s: it stays without a replica", want, c.Region, keyState(k)), Fix: "enable it, then understudy apply"})
		return ""
	}
	step := r.like(OverwriteReplica, c.Region, PhaseReparent)
	step.Needs = slices.Clone(needs)
	step.Params = Params{From: r.to, Key: keyParam(want)}
	step.After = "replica of " + string(r.to) + " under " + keyName(want)
	step.Reason = "follow the primary home; it holds nothing that " + string(r.to) + " lacks"
	switch {
	case c.Secret == nil:
		step.Action, step.Before, step.Reason = Replicate, "absent", "replica missing in "+string(c.Region)
	case c.Region == r.from:
		step.Before = "the primary until now"
		step.Expect = Expect{ARN: c.Secret.ARN, Versions: VersionIDs(r.source)}
	default:
		step.Before = r.copyWords(c.State)
		step.Expect = Expect{ARN: c.Secret.ARN, Versions: r.mayGo(c.Secret)}
	}
	return r.behind(rankReparent, step)
}

// unfit is why a region's copy can't become a replica of home, nil if it can.
func (r *returning) unfit(c *topology.Secret, region topology.Region) *Blocker {
	if c == nil {
		return nil
	}
	x := &Blocker{Secret: r.s.Secret, Region: region}
	state := r.s.Copy(region).State
	switch {
	case state == CopyDeleting || state == CopyNameClash:
		x.Code = string(state)
		x.Message = fmt.Sprintf("the copy in %s is %s: it stays without a replica", region, r.copyWords(state))
		x.Fix = "rename, delete or restore it there yourself, then understudy apply"
		return x
	case region == r.from:
		for _, e := range c.Replicas {
			if e.Region != r.to && !slices.ContainsFunc(r.others(), func(o *Copy) bool { return o.Region == e.Region && o.State == CopyReplica }) {
				return r.listsStill(x, e.Region)
			}
		}
	case c.Role() != topology.RoleReplica:
		if stale := r.staleEntries(c); len(stale) > 0 && !r.settling && !r.clearable(stale) {
			return r.listsStill(x, stale[0])
		}
	}
	return nil
}

func (r *returning) listsStill(x *Blocker, listed topology.Region) *Blocker {
	x.Code = "has-replicas"
	x.Message = fmt.Sprintf("%s lists a replica in %s that this plan can't free it of, so AWS refuses to overwrite it: its copy stays standalone and fenced", x.Region, listed)
	x.Fix = fmt.Sprintf("learn on a canary secret whether remove-regions-from-replication in %s spares a promoted secret, or ask AWS support to clear the entry", x.Region)
	return x
}
