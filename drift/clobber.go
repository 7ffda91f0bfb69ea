package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// clobber finds the marks of somebody who replicates over a secret that we
// promoted: an infrastructure tool whose state still lists the region as a
// replica of the old primary. It may have tried (AWS refused), or with force
// it may have succeeded, and AWS says nothing of that to anybody.
func (c *check) clobber(s *planner.Standing) {
	if s.Move == nil {
		return
	}
	if s.Overwritten {
		c.overwritten(s)
		return
	}
	if s.Move.To != s.Primary {
		return
	}
	for i := range s.Copies {
		other := &s.Copies[i]
		if other.Region == s.Primary || other.Secret.Role() == topology.RoleReplica {
			continue
		}
		c.attempted(s, other)
	}
	c.replaced(s)
}

// attempted: a region that is no longer the primary tries to replicate to the
// one that is.
func (c *check) attempted(s *planner.Standing, by *planner.Copy) {
	e, listed := by.Secret.Replica(s.Primary)
	if !listed || e.Status != topology.Failed {
		return
	}
	switch planner.FailureOf(e.Message) {
	case planner.FailedNameTaken, planner.FailedHasReplicas:
	default:
		return
	}
	f := Finding{
		Code: CodeClobberAttempted, Severity: Critical, Kind: Health, Secret: s.Secret, Region: by.Region,
		Message: fmt.Sprintf("%s lists the promoted %s and failed to replicate over it (%s): an entry kept from before the move, or somebody re-added the region; with force, and where %s has no replicas, it would destroy what is there",
			by.Region, s.Primary, strings.TrimSuffix(strings.TrimPrefix(e.Message, "Replication failed: "), "."), s.Primary),
		Fix: fmt.Sprintf("take %s out of the replicas in whatever manages %s (a terraform replica block, a controller); "+
			"never remove the region from replication in %s: that could delete the promoted secret; [failover] fence = \"policy\" and understudy fence make AWS refuse it",
			s.Primary, by.Region, by.Region),
	}
	if c.in.Placement.Fenced(string(s.Secret), by.Region) {
		f.Severity = Info
		f.Message = fmt.Sprintf("%s lists the promoted %s and failed to replicate over it; the policy fence there refuses another attempt", by.Region, s.Primary)
		f.Fix = fmt.Sprintf("take %s out of the replicas in whatever manages %s, before the failback lifts the fence", s.Primary, by.Region)
	}
	c.add(f)
}

// overwritten: it succeeded. What is gone is what the recovery snapshot, and
// the move, know of the region.
func (c *check) overwritten(s *planner.Standing) {
	to := s.Move.To
	gone, left := c.gone(s)
	f := Finding{
		Code: CodeOverwrittenAfter, Severity: Critical, Kind: Health, Secret: s.Secret, Region: to,
		Message: fmt.Sprintf("we promoted it in %s, and it is a replica there again: somebody re-added the region, and what was written there since is gone", to),
		Fix:     fmt.Sprintf("find who lists %s as a replica (a terraform apply?), stop it, then understudy failover --to %s", to, to),
	}
	c.tellGone(&f, gone, left)
	c.add(f)
}

// replaced: the promoted secret can still be written, but it serves a version
// that was written elsewhere after the move, and lost its own: somebody
// replicated over it, and promoted it again.
func (c *check) replaced(s *planner.Standing) {
	gone, left := c.gone(s)
	by := s.ReplacedBy()
	if by == "" || len(gone) == 0 {
		return
	}
	current := s.PrimarySecret().Stage(topology.StageCurrent)
	f := Finding{
		Code: CodePrimaryReplaced, Severity: Critical, Kind: Health, Secret: s.Secret, Region: s.Primary,
		Message: fmt.Sprintf("%s serves version %s, which was written in %s after the move: somebody replicated over it", s.Primary, current, by),
		Fix:     fmt.Sprintf("find who lists %s as a replica and stop it; then put the right value in %s", s.Primary, s.Primary),
	}
	c.tellGone(&f, gone, left)
	c.add(f)
}

// gone are the versions that the promoted copy is known to have held after
// the move and holds no more, and the regions that still hold one of them.
// Versions of the move itself do not count: newer ones supersede them.
func (c *check) gone(s *planner.Standing) (ids []string, left []topology.Region) {
	before, _ := c.in.Recovery.Secret(s.Move.To, s.Secret)
	now := s.Copy(s.Move.To).Secret
	if before == nil || now == nil || before.Role() == topology.RoleReplica {
		return nil, nil
	}
	for _, id := range planner.Lacking(before, now) {
		if slices.ContainsFunc(s.Move.Versions, func(v topology.Version) bool { return v.ID == id }) {
			continue
		}
		ids = append(ids, id)
		for i := range s.Copies {
			other := &s.Copies[i]
			if other.Secret != nil && slices.Contains(planner.VersionIDs(other.Secret), id) && !slices.Contains(left, other.Region) {
				left = append(left, other.Region)
			}
		}
	}
	return ids, left
}

func (c *check) tellGone(f *Finding, gone []string, left []topology.Region) {
	switch {
	case len(gone) == 0:
		return
	case len(left) == 0:
		f.Message += "; gone for good: version " + strings.Join(gone, ", ")
		f.Fix += "; the values of the versions that are gone must come from where they were set"
	default:
		f.Message += "; gone there: version " + strings.Join(gone, ", ")
		for _, r := range left {
			f.Fix += fmt.Sprintf("; understudy rescue --from %s copies what %s still holds", r, r)
		}
	}
}
