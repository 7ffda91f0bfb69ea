package drift

import (
	"fmt"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// replica judges a replica of the acting primary: its entry there, and
// whether it holds what the primary holds. InSync says only that it was
// created.
func (c *check) replica(s *planner.Standing, copy *planner.Copy) {
	c.entry(s, copy)
	p := s.PrimarySecret()
	if p == nil || topology.SameVersions(p, copy.Secret) {
		return
	}
	since := p.Changed
	if seen := c.since(seenKey("behind", copy.Region, string(s.Secret))); since.IsZero() || seen.Before(since) {
		since = seen
	}
	f := Finding{
		Code: CodeReplicaStale, Severity: Warning, Kind: Health, Secret: s.Secret, Region: copy.Region,
		Fix: staleFix(s, copy),
	}
	switch n := len(planner.Lacking(p, copy.Secret)); {
	case n == 1:
		f.Message = "1 version behind " + string(s.Primary)
	case n > 1:
		f.Message = fmt.Sprintf("%d versions behind %s", n, s.Primary)
	case p.Stage(topology.StageCurrent) != copy.Secret.Stage(topology.StageCurrent):
		f.Message = "serves another AWSCURRENT than " + string(s.Primary)
	default:
		// Labels move one by one, and pruned versions go away later.
		f.Severity, f.Message = Info, "the same AWSCURRENT as "+string(s.Primary)+", other labels differ"
	}
	f.Message += ", since " + stamp(since)
	if c.options.Now.Sub(since) < c.options.LagGrace {
		f.Severity = Info // on its way
	}
	c.add(f)
}

// staleFix is safe under every answer of AWS. Only a replication that failed
// may be asked for again: what ReplicateSecretToRegions does to a replica that
// is InSync is not documented, and to remove one destroys it at once.
func staleFix(s *planner.Standing, copy *planner.Copy) string {
	look := fmt.Sprintf("aws secretsmanager describe-secret --region %s --secret-id %s", s.Primary, s.Secret)
	switch copy.Entry.Status {
	case topology.InProgress:
		return "on its way, as " + look + " says: understudy drift again"
	case topology.Failed:
		return "its replication failed: understudy apply tries again what can be"
	}
	return fmt.Sprintf("lists lag: understudy drift again in five minutes. If it stays behind, %s: what Failed, understudy apply tries again; "+
		"while it is InSync, neither replicate to %s again nor remove it: the next change of the secret may bring it along, else ask AWS support",
		look, copy.Region)
}

// entry judges the acting primary's ReplicationStatus for a region. In
// progress is how every replica begins: no drift until it is stuck.
func (c *check) entry(s *planner.Standing, copy *planner.Copy) {
	if !copy.Listed {
		return
	}
	switch copy.Entry.Status {
	case topology.InProgress:
		since := c.since(seenKey("progress", copy.Region, string(s.Secret)))
		if age := c.options.Now.Sub(since); age > c.options.StuckAfter {
			c.add(Finding{
				Code: CodeReplicaStuck, Severity: Warning, Kind: Health, Secret: s.Secret, Region: copy.Region,
				Message: fmt.Sprintf("in progress for %s, seen since %s%s", topology.Age(age), stamp(since), quoted(copy.Entry.Message)),
				Fix: fmt.Sprintf("aws secretsmanager describe-secret --region %s --secret-id %s; check the keys on both sides",
					s.Primary, s.Secret),
			})
		}
	case topology.Failed:
		c.add(Finding{
			Code: CodeReplicaFailed, Severity: Critical, Kind: Configuration, Secret: s.Secret, Region: copy.Region,
			Message: "replication failed" + quoted(copy.Entry.Message),
			Fix:     c.wayOut(s, copy), // the plan would have had a step
		})
	}
}

// quoted adds AWS's own words.
func quoted(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
