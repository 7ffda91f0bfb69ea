package drift

import (
	"cmp"
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
		group, known := c.groupOf(&s)
		if group == nil {
			continue
		}
		if known != nil && known.Managed() {
			c.managed(&s, group, known)
			continue
		}
		c.report.Secrets++
		c.primary(&s, group)
		c.policy(&s, group)
		c.policyGone(&s)
		c.clobber(&s)
		for i := range s.Copies {
			c.copy(&s, &s.Copies[i], group)
		}
		c.protection(&s, group)
	}
}

// groupOf finds a secret's group by any copy that is known, the acting
// primary's first: a dark primary does not make a secret unmatched.
func (c *check) groupOf(s *planner.Standing) (group *topology.Group, known *topology.Secret) {
	known = s.PrimarySecret()
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
		return c.in.Desired.GroupOf(s.Secret, nil), nil
	}
	return c.in.Desired.GroupOf(s.Secret, known.Tags), known
}

// managed tells of a secret that a group asks to protect and that no plan may
// touch, so that nobody takes silence for protection.
func (c *check) managed(s *planner.Standing, g *topology.Group, known *topology.Secret) {
	c.add(Finding{
		Code: CodeManaged, Severity: Info, Kind: Hygiene, Secret: s.Secret, Region: known.Region,
		Message: fmt.Sprintf("managed by %s, which alone may change it: group %s matches it, and it is not protected", known.OwningService, g.Name),
		Fix:     fmt.Sprintf("plan its failover with %s; [[group]] exclude of %s silences this", known.OwningService, g.Name),
	})
}

// primary judges the acting primary's copy.
func (c *check) primary(s *planner.Standing, g *topology.Group) {
	p := s.Copy(s.Primary)
	at := Finding{Secret: s.Secret, Region: s.Primary, Kind: Health}
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
		f.Fix = "it ends by itself, if its function works"
		if c.options.Now.Sub(since) > c.options.StuckAfter {
			f.Severity = Warning
			f.Fix = fmt.Sprintf("mend its function, then aws secretsmanager rotate-secret --region %s --secret-id %s; else %s", s.Primary, s.Secret, planner.PendingWayOut(p))
		}
		f.Message = fmt.Sprintf("a rotation is under way or died half-way (AWSPENDING on %s, seen since %s)",
			p.Stage(topology.StagePending), stamp(since))
		if !p.Rotation.Enabled { // cancelled amid it (AWS: CancelRotateSecret), or promoted amid it
			f.Severity, f.Fix = Warning, "rotation is off, so it never ends; "+planner.PendingWayOut(p)
		}
		c.add(f)
	}
	want := g.Rotation.LambdaIn(s.Primary, c.in.Observed.Account)
	switch {
	case !p.Rotation.Enabled && rotatesBeside(s) != "":
		f, other := at, rotatesBeside(s)
		f.Code, f.Severity = CodeRotationOff, Warning
		f.Message = fmt.Sprintf("rotation is off in %s, and on in %s, which nobody promoted with this journal", s.Primary, other)
		f.Fix = "do not turn it on beside the other; " + planner.WayOutside(other)
		c.add(f)
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

// rotatesBeside is the region of another writable copy that rotates, "" if
// there is none: to rotate here too would make two passwords of one.
func rotatesBeside(s *planner.Standing) topology.Region {
	for i := range s.Copies {
		if c := &s.Copies[i]; c.State == planner.CopyPromotedOutside && c.Secret.Rotation.Enabled {
			return c.Region
		}
	}
	return ""
}

// rotates reports whether the secret is one that rotation was ever set up
// for: a cancelled rotation keeps its function, in the secret or, after any
// number of moves, where it came from, or in what the recovery snapshot knows
// of that.
func (c *check) rotates(s *planner.Standing) bool {
	if p := s.PrimarySecret(); p != nil && p.Rotation.LambdaARN != "" {
		return true
	}
	if s.Move == nil {
		return false
	}
	for i := range s.Copies {
		old := &s.Copies[i]
		if old.State == planner.CopyNameClash {
			continue // another secret
		}
		before, _ := c.in.Recovery.Secret(old.Region, s.Secret)
		if old.Secret != nil && old.Secret.Rotation.LambdaARN != "" || before != nil && before.Rotation.LambdaARN != "" {
			return true
		}
	}
	return false
}

// copy judges one copy outside the acting primary. What the plan mends has
// its finding already; the rest is here: differences that a person must mend
// first, and what is not as it should be though as desired.
func (c *check) copy(s *planner.Standing, copy *planner.Copy, g *topology.Group) {
	switch copy.State {
	case planner.CopyPromotedOutside:
		c.outside[copy.Region] = true
	case planner.CopySplitBrain:
		c.splitBrain(s, copy)
		return
	case planner.CopyFenced, planner.CopyAwaitingFence:
		c.oldPrimary(s, copy)
		return
	case planner.CopyReplica:
		c.replica(s, copy)
	case planner.CopyPrimary, planner.CopyUnknown:
		return
	}
	if !c.wanted(g, s, copy.Region) {
		c.extra(s, copy)
		return
	}
	c.misfit(s, copy)
}

// wanted: where planner.Converge wants a replica.
func (c *check) wanted(g *topology.Group, s *planner.Standing, r topology.Region) bool {
	return planner.Wanted(c.in.Desired, g, s, r)
}

// misfit names what stands where a replica is wanted. The plan's own finding
// for it, if there is a step, came first and stays.
func (c *check) misfit(s *planner.Standing, copy *planner.Copy) {
	f := Finding{Severity: Critical, Kind: Configuration, Secret: s.Secret, Region: copy.Region}
	switch f.Code = misfitCode(copy.State); copy.State {
	case planner.CopyAbsent:
		if copy.Listed {
			c.entry(s, copy)
			return
		}
		f.Message = "no replica in " + string(copy.Region)
	case planner.CopyStray:
		f.Message = fmt.Sprintf("a replica of %s, and the acting primary is %s", copy.Secret.PrimaryRegion, s.Primary)
	case planner.CopyNameClash:
		f.Message = fmt.Sprintf("another secret of this name stands there (%s): a replica cannot be made, and readers by ARN miss it", copy.Secret.ARN)
	case planner.CopyPromotedOutside:
		f.Message = "promoted, and not by us: it no longer follows " + string(s.Primary) + orphans(s, copy.Region)
	case planner.CopyPromoted:
		f.Message = "promoted by our failover and not yet a replica of " + string(s.Primary)
	case planner.CopyDeleting:
		f.Severity = Warning
		f.Message = "scheduled for deletion since " + stamp(copy.Secret.Deleted) + ": the name stays reserved, a replica cannot be made"
	default:
		return
	}
	f.Fix = c.wayOut(s, copy)
	c.add(f)
}

// misfitCode is the finding for a copy that is no replica of the acting
// primary.
func misfitCode(state planner.CopyState) string {
	switch state {
	case planner.CopyStray:
		return CodeReplicaForeign
	case planner.CopyNameClash:
		return CodeNameClash
	case planner.CopyPromotedOutside:
		return CodePromotedOutside
	case planner.CopyPromoted:
		return CodeNotReparented
	case planner.CopyDeleting:
		return CodePendingDeletion
	}
	return CodeReplicaMissing
}

// wayOut is what a person must do before a plan can mend it: what blocked
// the plan says so.
func (c *check) wayOut(s *planner.Standing, copy *planner.Copy) string {
	for _, b := range c.plan.Blockers {
		if b.Secret == s.Secret && (b.Region == copy.Region || b.Region == s.Primary) && b.Fix != "" {
			return b.Fix
		}
	}
	if copy.State == planner.CopyDeleting {
		return fmt.Sprintf("aws secretsmanager restore-secret --region %s --secret-id %s", copy.Region, s.Secret)
	}
	return "understudy plan says what is in the way"
}

// extra lists what stands where nothing is wanted. A replica that the plan
// would remove has its finding; the rest is left alone, and only told.
func (c *check) extra(s *planner.Standing, copy *planner.Copy) {
	if copy.State == planner.CopyAbsent || copy.State == planner.CopyDeleting || copy.Region == c.in.Desired.Primary {
		return
	}
	c.add(Finding{
		Code: CodeReplicaExtra, Severity: Info, Kind: Hygiene, Secret: s.Secret, Region: copy.Region,
		Message: fmt.Sprintf("a copy (%s) where the configuration wants none: left alone", copy.State),
		Fix:     "add the region to the configuration, or remove it there yourself",
	})
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
	if s.Move != nil && copy.Secret.Changed.After(s.Move.When()) {
		why = append(why, "changed there "+stamp(copy.Secret.Changed)+", after the move of "+stamp(s.Move.When()))
	}
	f.Message = fmt.Sprintf("two writers: %s and %s", s.Primary, copy.Region)
	if len(why) > 0 {
		f.Message += " (" + strings.Join(why, "; ") + ")"
	}
	f.Message += orphans(s, copy.Region)
	switch {
	case s.Move == nil:
		f.Fix = fmt.Sprintf("decide which one is the primary; cancel rotation in the other: aws secretsmanager cancel-rotate-secret --region %s --secret-id %s",
			copy.Region, s.Secret)
	case len(finished(s, copy.Region)) > 0 && !copy.Secret.Rotation.Enabled: // its rotation ended before the fence
		f.Fix = fmt.Sprintf("understudy rescue --from %s; then try the rescued version, and move AWSCURRENT to it if it logs in: aws secretsmanager update-secret-version-stage --region %s --secret-id %s --version-stage AWSCURRENT --remove-from-version-id %s --move-to-version-id %s",
			copy.Region, s.Primary, s.Secret, orElse(s.PrimarySecret().Stage(topology.StageCurrent), "VERSION"), finished(s, copy.Region)[0])
	case !copy.Secret.Rotation.Enabled: // fenced, and written all the same
		f.Fix = fmt.Sprintf("find who writes to %s and stop it, then understudy rescue --from %s", copy.Region, copy.Region)
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
	if len(orphanIDs(s, copy.Region)) > 0 {
		f.Code, f.Severity = CodeVersionOrphaned, Warning
		f.Fix = fmt.Sprintf("understudy rescue --from %s", copy.Region)
	}
	c.add(f)
}

// orphanIDs are the versions that only this copy ever held.
func orphanIDs(s *planner.Standing, r topology.Region) []string {
	ids, _ := s.Orphans(r)
	return ids
}

func orphans(s *planner.Standing, r topology.Region) (words string) {
	ended := finished(s, r)
	only := slices.DeleteFunc(orphanIDs(s, r), func(id string) bool { return slices.Contains(ended, id) })
	if len(only) > 0 {
		words = "; only there: version " + strings.Join(only, ", ")
	}
	if len(ended) > 0 {
		words += fmt.Sprintf("; the rotation to version %s ended there, so the database has that password, and %s knows it as begun, perhaps without its value",
			strings.Join(ended, ", "), s.Primary)
	}
	return words
}

// finished are the versions whose rotation ended in a copy.
func finished(s *planner.Standing, r topology.Region) []string {
	return planner.Finished(s.Move, s.Copy(r).Secret, s.PrimarySecret())
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
	key := seenKey(CodeUnprotected, s.Primary, string(s.Secret), "", "")
	if _, known := c.options.Seen[key]; !known && s.Move != nil && s.Move.To == s.Primary && !s.Move.Time.IsZero() {
		c.seen[key] = s.Move.Time // the move itself left it without
	}
	since := c.since(key)
	c.add(Finding{
		Code: CodeUnprotected, Severity: Critical, Kind: Health, Secret: s.Secret, Region: s.Primary,
		Message: fmt.Sprintf("no second region holds a copy in sync, since %s", stamp(since)),
		Fix:     c.protectBy(s, g),
	})
}

// protectBy is what gives a secret a second region. Where its only standby is
// the primary now, a plan makes nothing: home is left alone until the failback.
func (c *check) protectBy(s *planner.Standing, g *topology.Group) string {
	wanted := slices.ContainsFunc(c.in.Desired.Regions(), func(r topology.Region) bool { return c.wanted(g, s, r) })
	if home := c.in.Desired.Primary; !wanted && s.Primary != home {
		return fmt.Sprintf("understudy failback --to %s, once it is well; or add a region to [regions] standby and to the replicas of group %s, then understudy apply", home, g.Name)
	}
	return cmp.Or(c.pending.protects[s.Secret], c.applying("understudy plan, then understudy apply"))
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
