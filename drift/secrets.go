package drift

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// secrets judges every secret that a group matches, copy by copy.
func (c *check) secrets() {
	resolver := c.in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		group, managed := c.groupOf(&s)
		if group == nil || managed {
			continue
		}
		c.report.Secrets++
		c.primary(&s, group)
		for i := range s.Copies {
			c.copy(&s, &s.Copies[i], group)
		}
		c.protection(&s, group)
	}
}

// groupOf finds a secret's group by any copy that is known, the acting
// primary's first: a dark primary does not make a secret unmatched.
func (c *check) groupOf(s *planner.Standing) (group *topology.Group, managed bool) {
	known := s.PrimarySecret()
	for i := range s.Copies {
		if known == nil {
			known = s.Copies[i].Secret
		}
	}
	for _, r := range c.in.Desired.Regions() {
		if known == nil {
			known, _ = c.in.Recovery.Secret(r, s.Secret)
		}
	}
	if known == nil {
		return c.in.Desired.GroupOf(s.Secret, nil), false
	}
	return c.in.Desired.GroupOf(s.Secret, known.Tags), known.Managed()
}

// primary judges the acting primary's copy.
func (c *check) primary(s *planner.Standing, g *topology.Group) {
	p := s.Copy(s.Primary)
	at := Finding{Secret: s.Secret, Region: s.Primary, Kind: Health}
	if s.Overwritten {
		f := at
		f.Code, f.Severity, f.Region = CodeOverwrittenAfter, Critical, s.Move.To
		f.Message = fmt.Sprintf("we promoted it in %s, and it is a replica there again: somebody re-added the region, and what was written there since is gone",
			s.Move.To)
		f.Fix = fmt.Sprintf("find who lists %s as a replica (a terraform apply?), stop it, then understudy failover --to %s", s.Move.To, s.Move.To)
		c.add(f)
	}
	switch {
	case p.State == planner.CopyAbsent:
		f := at
		f.Code, f.Severity = CodePrimaryMissing, Critical
		f.Message = "its acting primary " + string(s.Primary) + " does not have it"
		f.Fix = "understudy status; promote a copy that is left with understudy failover"
		c.add(f)
	case p.State == planner.CopyDeleting:
		f := at
		f.Code, f.Severity = CodePendingDeletion, Warning
		f.Message = "scheduled for deletion since " + stamp(p.Secret.Deleted)
		f.Fix = fmt.Sprintf("aws secretsmanager restore-secret --region %s --secret-id %s, if it should stay", s.Primary, s.Secret)
		c.add(f)
	case p.Secret != nil:
		c.primaryRotation(s, g, p.Secret)
	}
}

// primaryRotation judges rotation at the acting primary, where it runs.
func (c *check) primaryRotation(s *planner.Standing, g *topology.Group, p *topology.Secret) {
	at := Finding{Secret: s.Secret, Region: s.Primary, Kind: Health}
	if p.RotationInFlight() {
		f := at
		f.Code, f.Severity = CodeRotationInFlight, Info
		since := c.since(seenKey("pending", s.Primary, string(s.Secret), p.Stage(topology.StagePending)))
		if c.options.Now.Sub(since) > c.options.StuckAfter {
			f.Severity = Warning
		}
		f.Message = fmt.Sprintf("a rotation is under way or died half-way (AWSPENDING on %s, seen since %s)",
			p.Stage(topology.StagePending), stamp(since))
		f.Fix = fmt.Sprintf("aws secretsmanager rotate-secret --region %s --secret-id %s, or mend the function first", s.Primary, s.Secret)
		c.add(f)
	}
	want := g.Rotation.LambdaIn(s.Primary, c.in.Observed.Account)
	switch {
	case !p.Rotation.Enabled && c.rotates(s):
		f := at
		f.Code, f.Severity = CodeRotationOff, Warning
		f.Message = "rotation is off in its acting primary " + string(s.Primary)
		f.Fix = fmt.Sprintf("aws secretsmanager rotate-secret --region %s --secret-id %s --rotation-lambda-arn %s --no-rotate-immediately",
			s.Primary, s.Secret, orElse(want, p.Rotation.LambdaARN))
		c.add(f)
	case p.Rotation.Enabled && want != "" && p.Rotation.LambdaARN != want:
		f := at
		f.Code, f.Severity, f.Subject = CodeRotationFunction, Warning, p.Rotation.LambdaARN
		f.Message = fmt.Sprintf("rotates through %s, and the configuration names %s", p.Rotation.LambdaARN, want)
		f.Fix = fmt.Sprintf("aws secretsmanager rotate-secret --region %s --secret-id %s --rotation-lambda-arn %s --no-rotate-immediately",
			s.Primary, s.Secret, want)
		c.add(f)
	}
}

// rotates reports whether the secret is one that rotation was ever set up
// for: a cancelled rotation keeps its function, in the secret or, after a
// move, in what the recovery snapshot knows of where it came from.
func (c *check) rotates(s *planner.Standing) bool {
	if p := s.PrimarySecret(); p != nil && p.Rotation.LambdaARN != "" {
		return true
	}
	if s.Move == nil {
		return false
	}
	if old := s.Copy(s.Move.From).Secret; old != nil && old.Rotation.LambdaARN != "" {
		return true
	}
	old, _ := c.in.Recovery.Secret(s.Move.From, s.Secret)
	return old != nil && old.Rotation.LambdaARN != ""
}

// copy judges one copy outside the acting primary. What the plan mends has
// its finding already; the rest is here.
func (c *check) copy(s *planner.Standing, copy *planner.Copy, g *topology.Group) {
	at := Finding{Secret: s.Secret, Region: copy.Region, Kind: Health}
	switch copy.State {
	case planner.CopyReplica:
		c.replica(s, copy)
	case planner.CopyAbsent:
		c.entry(s, copy)
	case planner.CopyStray:
		f := at
		f.Code, f.Severity, f.Kind = CodeReplicaForeign, Critical, Configuration
		f.Message = fmt.Sprintf("a replica of %s, and the acting primary is %s: AWS refuses to overwrite it, even with force",
			copy.Secret.PrimaryRegion, s.Primary)
		f.Fix = fmt.Sprintf("aws secretsmanager stop-replication-to-replica --region %s --secret-id %s, then understudy apply", copy.Region, s.Secret)
		c.add(f)
	case planner.CopyNameClash:
		f := at
		f.Code, f.Severity, f.Kind = CodeNameClash, Critical, Configuration
		f.Message = fmt.Sprintf("another secret of this name stands there (%s): a replica cannot be made, and readers by ARN miss it", copy.Secret.ARN)
		f.Fix = "rename it, or lose it and all its versions: understudy apply --allow-overwrite"
		c.add(f)
	case planner.CopyPromotedOutside:
		f := at
		f.Code, f.Severity = CodePromotedOutside, Critical
		f.Message = "promoted, and not by us: it no longer follows " + string(s.Primary) + orphans(s, copy.Region)
		f.Fix = "ask who promoted it; to make it a replica again: understudy apply --allow-overwrite"
		c.add(f)
	case planner.CopyPromoted:
		f := at
		f.Code, f.Severity = CodePromotedOutside, Warning
		f.Message = "promoted by our failover and not yet a replica of " + string(s.Primary)
		f.Fix = "understudy runs resume " + s.Move.Run
		c.add(f)
	case planner.CopySplitBrain:
		c.splitBrain(s, copy)
	case planner.CopyFenced, planner.CopyAwaitingFence:
		c.oldPrimary(s, copy)
	case planner.CopyDeleting:
		if slices.Contains(g.Replicas, copy.Region) {
			f := at
			f.Code, f.Severity = CodePendingDeletion, Warning
			f.Message = "scheduled for deletion since " + stamp(copy.Secret.Deleted) + ": the name stays reserved, a replica cannot be made"
			f.Fix = fmt.Sprintf("aws secretsmanager restore-secret --region %s --secret-id %s", copy.Region, s.Secret)
			c.add(f)
		}
	}
}

// splitBrain tells which side changed since when, in version ids.
func (c *check) splitBrain(s *planner.Standing, copy *planner.Copy) {
	f := Finding{
		Code: CodeSplitBrain, Severity: Critical, Kind: Health, Secret: s.Secret, Region: copy.Region,
		Fix: fmt.Sprintf("understudy fence --region %s", copy.Region),
	}
	var why []string
	if copy.Secret.Rotation.Enabled {
		why = append(why, "rotation is still on there")
	}
	if s.Move != nil && copy.Secret.Changed.After(s.Move.Time) {
		why = append(why, "changed there "+stamp(copy.Secret.Changed)+", after the move of "+stamp(s.Move.Time))
	}
	f.Message = fmt.Sprintf("two writers: %s and %s", s.Primary, copy.Region)
	if len(why) > 0 {
		f.Message += " (" + strings.Join(why, "; ") + ")"
	}
	f.Message += orphans(s, copy.Region)
	if s.Move == nil {
		f.Fix = fmt.Sprintf("decide which one is the primary; cancel rotation in the other: aws secretsmanager cancel-rotate-secret --region %s --secret-id %s",
			copy.Region, s.Secret)
	}
	c.add(f)
}

// oldPrimary is where we moved away from: left alone on purpose.
func (c *check) oldPrimary(s *planner.Standing, copy *planner.Copy) {
	f := Finding{
		Code: CodeAwaitingFailback, Severity: Info, Kind: Health, Secret: s.Secret, Region: copy.Region,
		Message: fmt.Sprintf("the old primary; the secret moved to %s %s", s.Primary, stamp(s.Move.Time)) + orphans(s, copy.Region),
		Fix:     fmt.Sprintf("understudy failback --to %s, or make %s the primary in the configuration", copy.Region, s.Primary),
	}
	if ids, known := s.Orphans(copy.Region); known && len(ids) > 0 {
		f.Code, f.Severity = CodeVersionOrphaned, Warning
		f.Fix = fmt.Sprintf("understudy rescue --from %s", copy.Region)
	}
	c.add(f)
}

func orphans(s *planner.Standing, r topology.Region) string {
	ids, known := s.Orphans(r)
	if !known || len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("; only there: version %s", strings.Join(ids, ", "))
}

// protection finds secrets whose loss is one region away.
func (c *check) protection(s *planner.Standing, g *topology.Group) {
	if len(g.Replicas) == 0 || s.Copy(s.Primary).State == planner.CopyDeleting {
		return
	}
	for i := range s.Copies {
		if protects(&s.Copies[i]) {
			return
		}
	}
	since := c.since(seenKey(CodeUnprotected, s.Primary, string(s.Secret), "", ""))
	c.add(Finding{
		Code: CodeUnprotected, Severity: Critical, Kind: Health, Secret: s.Secret, Region: s.Primary,
		Message: fmt.Sprintf("no second region holds a copy in sync, since %s", stamp(since)),
		Fix:     "understudy apply",
	})
}

// protects: the copy could be promoted, or it cannot be seen and so may be.
// An entry that is not listed belongs to a primary that was not described,
// which a listing with equal versions makes unnecessary.
func protects(copy *planner.Copy) bool {
	switch copy.State {
	case planner.CopyReplica:
		return !copy.Listed || copy.Entry.Status == topology.InSync
	case planner.CopyUnknown:
		return true
	}
	return false
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
