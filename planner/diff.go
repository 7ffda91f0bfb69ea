package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// wantReplica compares a region that should hold a replica with what is
// there.
func (b *build) wantReplica(s *Standing, g *topology.Group, c *Copy, p *topology.Secret) {
	switch c.State {
	case CopyReplica:
		b.checkReplica(s, g, c)
	case CopyUnknown, CopyAwaitingFence:
		b.dark[c.Region] = true
	case CopyAbsent:
		b.addReplica(s, g, c)
	case CopyStray:
		b.reparentStray(s, g, c, p)
	case CopySplitBrain:
		b.splitBrain(s, c)
	case CopyDeleting:
		b.skip(s.Secret, c.Region, "the name is reserved: a secret there is scheduled for deletion on "+day(c.Secret.Deleted))
	default:
		b.overwrite(s, g, c, p, nil)
	}
}

// checkReplica plans nothing for a healthy replica, and must stay cheap: most
// of a fleet ends here.
func (b *build) checkReplica(s *Standing, g *topology.Group, c *Copy) {
	want := b.desired.Key(g, c.Region)
	if c.Listed {
		switch c.Entry.Status {
		case topology.InProgress:
			return // waiting is not drift
		case topology.Failed:
			b.retry(s, g, c, want)
			return
		}
	}
	same, known := b.view(c.Region).SameKey(want, c.Secret.KmsKeyID)
	switch {
	case same:
	case !known:
		b.skip(s.Secret, c.Region, "key not compared: "+keyName(c.Secret.KmsKeyID)+" or "+keyName(want)+" could not be resolved")
	case b.keysUsable(s, c.Region, want):
		b.rekey(s, g, c, want)
	}
}

func (b *build) addReplica(s *Standing, g *topology.Group, c *Copy) {
	want := b.desired.Key(g, c.Region)
	if c.Listed {
		switch c.Entry.Status {
		case topology.Failed:
			b.retry(s, g, c, want)
			return
		case topology.InSync:
			b.skip(s.Secret, c.Region, "listed as InSync but not found there: listings lag up to five minutes")
			return
		}
		return // in progress
	}
	if !b.keysUsable(s, c.Region, want) {
		return
	}
	b.add(rankReplicas, Step{
		Action: Replicate, Secret: s.Secret, Region: c.Region, Group: g.Name, Tier: g.Priority, Phase: PhaseReplicas,
		Params: Params{From: s.Primary, Key: keyParam(want)},
		Before: "absent", After: "replica of " + string(s.Primary) + " under " + keyName(want),
		Reason: "replica missing in " + string(c.Region),
	})
}

// retry repeats a failed replication: ReplicateSecretToRegions again for the
// same region.
func (b *build) retry(s *Standing, g *topology.Group, c *Copy, want string) {
	if !b.keysUsable(s, c.Region, want) {
		return
	}
	step := Step{
		Action: RetryReplica, Secret: s.Secret, Region: c.Region, Group: g.Name, Tier: g.Priority, Phase: PhaseReplicas,
		Params: Params{From: s.Primary, Key: keyParam(want)},
		Before: "Failed: " + shortCause(c.Entry.Message), After: "replica of " + string(s.Primary) + " under " + keyName(want),
		Reason: "replication to " + string(c.Region) + " failed: " + FailureOf(c.Entry.Message).String(),
	}
	if c.Secret != nil {
		step.Before += "; holds an older copy"
		step.Expect = Expect{ARN: c.Secret.ARN, PrimaryRegion: s.Primary}
	}
	b.add(rankReplicas, step)
}

func (b *build) rekey(s *Standing, g *topology.Group, c *Copy, want string) {
	step := Step{
		Action: RekeyReplica, Secret: s.Secret, Region: c.Region, Group: g.Name, Tier: g.Priority, Phase: PhaseReplicas,
		Params: Params{From: s.Primary, Key: keyParam(want)},
		Expect: Expect{ARN: c.Secret.ARN, PrimaryRegion: s.Primary},
		Before: "replica under " + keyName(c.Secret.KmsKeyID), After: "replica under " + keyName(want),
		Reason: "wrong key in " + string(c.Region),
	}
	if b.in.Quirks.RekeyInPlace != "yes" {
		step.Params.ViaRemoval, step.Requires = true, AllowReplicaGap
		step.Reason += "; removed and added again, so reads there fail meanwhile"
	}
	b.add(rankReplicas, step)
}

func (b *build) removeReplica(s *Standing, g *topology.Group, c *Copy) {
	step := Step{
		Action: RemoveReplica, Secret: s.Secret, Region: c.Region, Group: g.Name, Tier: g.Priority, Phase: PhaseReplicas,
		Params: Params{From: s.Primary}, Requires: AllowRemove,
		Before: "Failed: " + shortCause(c.Entry.Message), After: "absent",
		Reason: "group " + g.Name + " wants no replica in " + string(c.Region),
	}
	if c.Secret != nil {
		step.Expect = Expect{ARN: c.Secret.ARN, PrimaryRegion: s.Primary}
		step.Before = "replica, " + lastRead(c) + "; deleted at once, no recovery window"
	}
	b.add(rankReplicas, step)
}

// overwrite replaces a standalone copy by a replica, with force, where
// nothing would be lost by it; else it says why not.
func (b *build) overwrite(s *Standing, g *topology.Group, c *Copy, p *topology.Secret, needs []string) {
	if x := b.overwriteBlocker(s, c, p); x != nil {
		b.block(*x)
		return
	}
	want := b.desired.Key(g, c.Region)
	if !b.keysUsable(s, c.Region, want) {
		return
	}
	if id := b.unfence(s.Secret, g, c.Region); id != "" {
		needs = append(slices.Clone(needs), id)
	}
	b.add(rankReparent, Step{
		Action: OverwriteReplica, Secret: s.Secret, Region: c.Region, Group: g.Name, Tier: g.Priority, Phase: PhaseReparent,
		Needs: needs, Requires: AllowOverwrite,
		Params: Params{From: s.Primary, Key: keyParam(want)},
		Expect: Expect{ARN: c.Secret.ARN, Versions: VersionIDs(c.Secret)},
		Before: b.copyWords(c.State) + ", " + versionsWords(c.Secret), After: "replica of " + string(s.Primary) + " under " + keyName(want),
		Reason: "a " + b.copyWords(c.State) + " stands in the replica's place; it holds nothing that " + string(s.Primary) + " lacks",
	})
}

// overwriteBlocker is why a copy must not be overwritten, nil if it may.
func (b *build) overwriteBlocker(s *Standing, c *Copy, p *topology.Secret) *Blocker {
	x := &Blocker{Secret: s.Secret, Region: c.Region}
	orphans := s.lacking(c.Secret, p)
	switch {
	case len(c.Secret.Replicas) > 0 && c.Secret.Described && c.Secret.Role() != topology.RoleReplica: // what a replica lists is its primary's
		x.Code = "has-replicas"
		x.Message = fmt.Sprintf("the %s in %s has replicas of its own (%s): AWS refuses to overwrite it, even with force", b.copyWords(c.State), c.Region, replicaRegions(c.Secret))
		x.Fix = b.listedFix(s, c)
	case len(orphans) == 0:
		return nil
	case c.State == CopyNameClash:
		x.Code = "name-clash"
		x.Message = fmt.Sprintf("another secret of this name stands in %s (%s) with %s that %s lacks", c.Region, c.Secret.ARN, count(len(orphans), "version"), s.Primary)
		x.Fix = "rename or delete it there yourself, then understudy apply"
	default:
		x.Code = "holds-other-versions"
		x.Message = fmt.Sprintf("the %s in %s holds %s that %s lacks: %s", b.copyWords(c.State), c.Region, count(len(orphans), "version"), s.Primary, few(orphans))
		x.Fix = b.orElsewhere(s, c.Region, "understudy rescue --from "+string(c.Region))
	}
	return x
}

// orElsewhere puts before a way out the one for a secret that somebody moved
// without this journal: promoted by hand, or from a machine that keeps its
// state elsewhere.
func (b *build) orElsewhere(s *Standing, r topology.Region, fix string) string {
	if s.Copy(r).State != CopyPromotedOutside {
		return fix
	}
	return WayOutside(r) + "; else " + fix
}

// WayOutside says how a move that is in no journal of ours gets into it.
func WayOutside(r topology.Region) string {
	return fmt.Sprintf("if %s is the primary now, by hand or by a machine with another state directory, understudy failover --to %s records it", r, r)
}

// listedFix is the way out for a copy that lists replicas: real ones are for
// people to look at; entries of regions that were promoted while the copy was
// cut off go with a failback, which frees such lists.
func (b *build) listedFix(s *Standing, c *Copy) string {
	for _, e := range c.Secret.Replicas {
		if there := s.Copy(e.Region).Secret; there.Role() == topology.RoleReplica && there.PrimaryRegion == c.Region {
			return b.orElsewhere(s, c.Region, "look at those replicas first; nothing here is done by itself")
		}
	}
	if s.Primary != b.desired.Primary {
		return "none of them follows it any more; understudy failback --to " + string(b.desired.Primary) + " frees such lists, apply does not"
	}
	return fmt.Sprintf("none of them follows it any more: learn on a canary secret whether remove-regions-from-replication in %s spares a promoted secret, or ask AWS support to clear the entries", c.Region)
}

// reparentStray takes a replica of the region that we moved away from into
// the new primary: promote it there, then overwrite it. AWS refuses to
// overwrite a replica of another primary, even with force.
func (b *build) reparentStray(s *Standing, g *topology.Group, c *Copy, p *topology.Secret) {
	if s.Move == nil || s.Move.To != s.Primary {
		by := c.Secret.PrimaryRegion
		b.block(Blocker{
			Code: "stray-replica", Secret: s.Secret, Region: c.Region,
			Message: fmt.Sprintf("follows %s, not %s", by, s.Primary),
			Fix:     b.orElsewhere(s, by, fmt.Sprintf("if %s is not its primary, run aws secretsmanager stop-replication-to-replica in %s, then understudy apply", by, c.Region)),
		})
		return
	}
	if orphans := s.lacking(c.Secret, p); len(orphans) > 0 {
		b.block(thirdRegionAhead(s.Secret, c, s.Primary, orphans))
		return
	}
	want := b.desired.Key(g, c.Region)
	if !b.keysUsable(s, c.Region, want) {
		return
	}
	promoted := b.add(rankPromoteThird, promoteStep(s, g, c, Step{
		Requires: AllowOverwrite,
		After:    "standalone, then replica of " + string(s.Primary),
		Reason:   fmt.Sprintf("still follows %s, which is no longer the primary", c.Secret.PrimaryRegion),
	}))
	after := *c
	after.State = CopyPromoted
	b.overwrite(s, g, &after, p, []string{promoted})
}

func thirdRegionAhead(n topology.Name, c *Copy, primary topology.Region, orphans []string) Blocker {
	return Blocker{
		Code: "third-region-ahead", Secret: n, Region: c.Region,
		Message: fmt.Sprintf("%s holds %s that %s lacks (%s): not overwritten", c.Region, count(len(orphans), "version"), primary, few(orphans)),
		Fix:     "understudy rescue --from " + string(c.Region),
	}
}

func (b *build) splitBrain(s *Standing, c *Copy) {
	b.block(Blocker{
		Code: "split-brain", Secret: s.Secret, Region: c.Region,
		Message: fmt.Sprintf("two writers: %s and %s (%s)", s.Primary, c.Region, writerWords(s, c)),
		Fix:     "understudy fence --region " + string(c.Region) + ", then understudy rescue --from " + string(c.Region),
	})
}

func writerWords(s *Standing, c *Copy) string {
	var words []string
	if c.Secret.Rotation.Enabled {
		words = append(words, "rotation on")
	}
	if orphans, known := s.Orphans(c.Region); known && len(orphans) > 0 {
		words = append(words, count(len(orphans), "version")+" only there")
	}
	if len(words) == 0 {
		words = append(words, "changed "+day(c.Secret.Changed))
	}
	return strings.Join(words, ", ")
}

// keysUsable says whether a replica could be made under a key now, and
// blocks or skips the secret in that region if not.
func (b *build) keysUsable(s *Standing, r topology.Region, want string) bool {
	if p := s.PrimarySecret(); p != nil {
		if k, known := b.view(s.Primary).Key(p.KmsKeyID); known && !usable(p.KmsKeyID, k) {
			b.block(Blocker{
				Code: "primary-key-unusable", Secret: s.Secret, Region: s.Primary,
				Message: fmt.Sprintf("its key %s in %s is %s: AWS cannot decrypt it to replicate", keyName(p.KmsKeyID), s.Primary, keyState(k)),
				Fix:     "enable the key",
			})
			return false
		}
	}
	if want == topology.DefaultKey || want == "" {
		return true
	}
	k, known := b.view(r).Key(want)
	switch {
	case !known:
		b.skip(s.Secret, r, "the key "+want+" could not be looked up: nothing is planned under it")
		return false
	case !k.Usable():
		b.block(Blocker{
			Code: "key-unusable", Secret: s.Secret, Region: r,
			Message: fmt.Sprintf("the key %s in %s is %s", want, r, keyState(k)),
			Fix:     "enable or create it, or name another under [keys]",
		})
		return false
	}
	return true
}

// usable treats the AWS-managed key's missing alias as usable: AWS makes it
// on first use.
func usable(ref string, k topology.Key) bool {
	if k.Missing {
		return ref == "" || ref == topology.DefaultKey
	}
	return k.Usable()
}

func keyState(k topology.Key) string {
	if k.Missing {
		return "missing"
	}
	return k.State
}

// keyParam is a key as a step carries it: "" is the AWS-managed key.
func keyParam(ref string) string {
	if ref == topology.DefaultKey {
		return ""
	}
	return ref
}

func keyName(ref string) string {
	if ref == "" {
		return topology.DefaultKey
	}
	return ref
}

// A FailureCause classes the StatusMessage of a Failed replica.
type FailureCause string

// The causes. AWS documents the message of the first three by example only,
// so they are matched on their fixed words.
const (
	FailedNameTaken   FailureCause = "a secret of that name is already there"
	FailedHasReplicas FailureCause = "the secret there has replicas of its own"
	FailedIsReplica   FailureCause = "the secret there is a replica of another region"
	FailedKey         FailureCause = "its key cannot be used"
	FailedOther       FailureCause = "see the message"
)

func (f FailureCause) String() string { return string(f) }

// FailureOf reads the cause out of a StatusMessage
// (types.ReplicationStatusType).
func FailureOf(message string) FailureCause {
	m := strings.ToLower(message)
	switch {
	case strings.Contains(m, "already exists in region"):
		return FailedNameTaken
	case strings.Contains(m, "currently replicated to"):
		return FailedHasReplicas
	case strings.Contains(m, "currently replicated from"):
		return FailedIsReplica
	case strings.Contains(m, "kms"), strings.Contains(m, "key"):
		return FailedKey
	}
	return FailedOther
}
