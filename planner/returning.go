package planner

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// returning is one secret on its way home.
type returning struct {
	moving
	source *topology.Secret // the acting primary's copy
	allow  []string         // versions of other copies that may go: superseded, or given up
	// settling: entries of promoted regions are about to go, as they were
	// promoted while all regions answered. The executor waits for it.
	settling bool
	ready    []string // steps after which the old home may be touched
	rescued  int      // versions that come into the acting primary before
}

// mayReturn says whether the secret can go home, and blocks it if not.
func (r *returning) mayReturn() bool {
	home, p := r.target, r.s.Copy(r.from)
	x := Blocker{Secret: r.s.Secret, Region: r.to}
	switch {
	case p.State != CopyPrimary || !r.s.Confirmed:
		x.Code, x.Region, x.Message, x.Fix = "no-primary", r.from, fmt.Sprintf("%s should be its primary, and its copy there is %s", r.from, p.State), "understudy drift"
	case home.Secret != nil && home.Secret.Role() != topology.RoleReplica && !home.Secret.Described:
		x.Code, x.Message, x.Fix = "unknown", "DescribeSecret did not tell which replicas it lists", "the same again"
	case p.Secret.RotationInFlight():
		x.Code, x.Region, x.Message = "rotation-in-flight", r.from, "a rotation is under way: AWSPENDING is on "+p.Secret.Stage(topology.StagePending)
		x.Fix = "let it finish, or mend its function; else " + PendingWayOut(p.Secret)
		if found := r.s.lacking(home.Secret, p.Secret); len(found) > 0 {
			x.Fix += fmt.Sprintf(" (if neither works, %s has versions of its own: understudy rescue --from %s, and test them)", r.to, r.to)
		}
	case home.State == CopyDeleting:
		x.Code, x.Message = "pending-deletion", "the copy in "+string(r.to)+" is scheduled for deletion on "+day(home.Secret.Deleted)
		x.Fix = "aws secretsmanager restore-secret in " + string(r.to)
	case home.State == CopyNameClash:
		x.Code, x.Message = "name-clash", fmt.Sprintf("another secret of this name stands in %s (%s)", r.to, home.Secret.ARN)
		x.Fix = "rename or delete it there yourself"
	case home.State == CopyStray:
		x.Code, x.Message = "stray-replica", fmt.Sprintf("its copy in %s follows %s, not %s", r.to, home.Secret.PrimaryRegion, r.from)
		x.Fix = "understudy apply --allow-overwrite re-parents it"
	case home.State == CopyPromotedOutside && home.Secret.Rotation.Enabled && !p.Secret.Rotation.Enabled:
		x.Code, x.Message = "promoted-outside", fmt.Sprintf("it rotates in %s, and not in %s: nothing was moved away from there, by this journal", r.to, r.from)
		x.Fix = WayOutside(r.to)
	case home.State == CopyUnknown, home.State == CopyAwaitingFence:
		x.Code, x.Message = "unknown", "its copy in "+string(r.to)+" is not known"
	default:
		return r.keysUsable(r.s, r.to, r.desired.Key(r.g, r.to)) && r.listKnown()
	}
	r.block(x)
	return false
}

// listKnown refuses an old home that lists a region which nobody looked at.
func (r *returning) listKnown() bool {
	if r.target.Secret == nil || r.target.Secret.Role() == topology.RoleReplica {
		return true
	}
	for _, e := range r.target.Secret.Replicas {
		if r.s.Copy(e.Region).State == CopyUnknown {
			r.block(Blocker{Code: "entry-unknown", Secret: r.s.Secret, Region: r.to,
				Message: fmt.Sprintf("%s lists a replica in %s, a region that the configuration does not mention, so nobody looked there", r.to, e.Region),
				Fix:     "add " + string(e.Region) + " to [regions] standby, and once it answers, the same again"})
			return false
		}
	}
	return true
}

func (r *returning) plan() {
	r.fenceOthers()
	r.promoteStrays()
	if !r.settleOrphans() {
		return
	}
	switch {
	case !r.inPlace():
		r.overwriteHome()
	case r.labelFree():
		r.refill()
	default:
		return
	}
	r.policyNotes()
	if r.in.PolicyLost(r.to, r.source) {
		r.note(Blocker{
			Code: PolicyGone, Secret: r.s.Secret, Region: r.from,
			Message: fmt.Sprintf("it had a resource policy before it left %s, and has none in %s: after this it has none anywhere", r.to, r.from),
			Fix:     fmt.Sprintf("if it is to stay, read it first: aws secretsmanager get-resource-policy --region %s --secret-id %s; and put it in %s", r.to, r.s.Secret, r.from),
		})
	}
	r.build.plan.ARNs = append(r.build.plan.ARNs, ARNChange{r.s.Secret, r.source.ARN, topology.WithRegion(r.source.ARN, r.to)})
	if f := r.functionAt(r.to, r.s.Secret); f.arn != "" {
		r.unfenceFunction(f, r.g.Priority) // also where rotation was turned off meanwhile
	}
	last := r.leave()
	if rotation, on := r.rotationNow(); on {
		r.attachHome(rotation, last)
	}
}

// like is what all steps of the secret share.
func (r *returning) like(a Action, region topology.Region, phase string) Step {
	return Step{Action: a, Secret: r.s.Secret, Region: region, Group: r.g.Name, Tier: r.g.Priority, Phase: phase}
}

// others are the configured regions that are not the acting primary.
func (r *returning) others() []*Copy {
	var list []*Copy
	for i := range r.s.Copies {
		if c := &r.s.Copies[i]; c.Region != r.from && r.configured(c.Region) {
			list = append(list, c)
		}
	}
	return list
}

// standalone: a writable copy of the secret beside the acting primary.
func standalone(c *Copy) bool {
	switch c.State {
	case CopyFenced, CopySplitBrain, CopyPromoted, CopyPromotedOutside:
		return true
	}
	return false
}

// fenceOthers stops whatever still rotates beside the acting primary. It has
// no undo: that would make a second writer (G2).
func (r *returning) fenceOthers() {
	for _, c := range r.others() {
		if !standalone(c) || !c.Secret.Rotation.Enabled {
			continue
		}
		step := r.like(CancelRotation, c.Region, PhaseOldPrimary)
		step.Undo = NoUndo
		step.Before, step.After = "rotation on", "rotation off"
		step.Reason = "fence: " + string(c.Region) + " must not rotate beside " + string(r.from)
		r.ready = append(r.ready, r.add(rankFenceHome, step))
	}
}

// promoteStrays cuts off regions that still follow a copy which is no longer
// the primary: one that lists a real replica can't be overwritten.
func (r *returning) promoteStrays() {
	for _, c := range r.others() {
		if c.State == CopyStray {
			r.ready = append(r.ready, r.add(rankPromoteStray, promoteStep(r.s, r.g, c, Step{
				Params: Params{From: c.Secret.PrimaryRegion},
				After:  "standalone, then replica of " + string(r.to),
				Reason: fmt.Sprintf("still follows %s, which can be overwritten only once it lists none", c.Secret.PrimaryRegion),
			})))
		}
	}
}

// stale are the regions that the old home lists as its replicas although
// their copies are not, and will not be freed by a promotion of this plan.
func (r *returning) stale() []topology.Region {
	if r.target.Secret == nil || r.target.Secret.Role() == topology.RoleReplica {
		return nil
	}
	return r.staleEntries(r.target.Secret)
}

func (r *returning) staleEntries(s *topology.Secret) []topology.Region {
	var list []topology.Region
	for _, e := range s.Replicas {
		if c := r.s.Copy(e.Region); c.Secret.Role() != topology.RoleReplica || c.Secret.PrimaryRegion != s.Region {
			list = append(list, e.Region)
		}
	}
	return list
}

func (r *returning) inPlace() bool { return len(r.stale()) > 0 }

// overwriteHome makes the old home a replica of the acting primary, freezes
// that, waits until both are equal, and promotes home.
func (r *returning) overwriteHome() {
	want := r.desired.Key(r.g, r.to)
	step := r.like(OverwriteReplica, r.to, PhaseReturn)
	step.Needs = r.ready
	step.Params = Params{From: r.from, Key: keyParam(want)}
	step.After = "replica of " + string(r.from) + " under " + keyName(want)
	home, needs := r.target.Secret, r.ready
	switch {
	case home == nil:
		step.Action, step.Before = Replicate, "absent"
		step.Reason = string(r.to) + " has no copy any more"
		needs = []string{r.add(rankReturn, step)}
	case home.Role() != topology.RoleReplica:
		step.Before = r.copyWords(r.target.State) + ", " + versionsWords(home)
		step.Expect = Expect{ARN: home.ARN, Versions: r.mayGo(home)}
		step.Reason = fmt.Sprintf("it must hold what %s holds; %s", r.from, r.lossWords())
		needs = []string{r.add(rankReturn, step)}
	}
	needs = r.freeze(needs)
	equal := r.like(AwaitEqual, r.to, PhaseEquality)
	equal.Needs = needs
	equal.Params = Params{From: r.from, Regions: []topology.Region{r.to}, WindowSeconds: r.in.Options.Window.Seconds()}
	equal.Before, equal.After = "replica of "+string(r.from), "the same versions in "+string(r.to)+" and "+string(r.from)
	equal.Reason = "a way back loses nothing"
	promote := r.like(Promote, r.to, PhasePromote)
	promote.Needs = []string{r.add(rankEqual, equal)}
	promote.Params = Params{From: r.from}
	promote.Expect = Expect{ARN: topology.WithRegion(r.source.ARN, r.to), PrimaryRegion: r.from, SameAs: r.from}
	promote.Before, promote.After = "replica of "+string(r.from), "standalone, writable: the primary"
	promote.Reason = "failback from " + string(r.from)
	r.promoted = r.add(rankPromote, promote)
}

func (r *returning) lossWords() string {
	if r.givesUp() {
		return "the versions given up go with it"
	}
	return "it holds nothing that would be lost"
}

// labelFree refuses a way home by match-versions where it would stop midway:
// what is copied, and a primary whose list is to be renewed, need a label for
// a moment.
func (r *returning) labelFree() bool {
	if _, used := labelsOf(r.source); used+r.rescued < MostLabels {
		return true
	}
	r.block(Blocker{
		Code: "label-limit", Secret: r.s.Secret, Region: r.from,
		Message: fmt.Sprintf("the way home needs one staging label for a moment, and all %d that AWS allows are taken", MostLabels),
		Fix:     "take a label that is not needed off its versions (aws secretsmanager update-secret-version-stage)",
	})
	return false
}

// refill brings an old home up to date that can't be overwritten.
func (r *returning) refill() {
	needs := r.ready
	if id := r.unfence(r.s.Secret, r.g, r.to, needs...); id != "" {
		needs = append(slices.Clone(needs), id)
	}
	home, stale := r.target.Secret, regionList(r.stale())
	match := r.like(MatchVersions, r.to, PhaseReturn)
	match.Needs = r.freeze(needs)
	match.Params = Params{From: r.from}
	match.Expect = Expect{ARN: home.ARN, Versions: r.mayGo(home)}
	match.Before = r.copyWords(r.target.State) + ", " + versionsWords(home)
	match.After = "the versions and labels of " + string(r.from)
	match.Reason = fmt.Sprintf("it still lists %s as a replica, which is none any more, so AWS refuses to overwrite it; %s", stale, r.lossWords())
	promote := r.like(Promote, r.to, PhasePromote)
	promote.Needs = []string{r.add(rankMatch, match)}
	promote.Params = Params{From: r.from}
	promote.Expect = Expect{ARN: home.ARN}
	promote.Before, promote.After = "standalone already, equal to "+string(r.from), "the primary"
	promote.Reason = "failback from " + string(r.from) + ": records the move"
	r.promoted = r.add(rankPromote, promote)
	r.note(Blocker{
		Code: "stale-entries", Region: r.to,
		Message: fmt.Sprintf("%s still lists %s, promoted while it was dark: what it lacks is written into it, and nothing is removed", r.to, stale),
	})
}

// freeze stops the acting primary's rotation, so that no version is made
// while the primary moves. An abort puts it back.
func (r *returning) freeze(needs []string) []string {
	p := r.source
	if !p.Rotation.Enabled {
		return needs
	}
	step := r.like(CancelRotation, r.from, PhaseFreeze)
	step.Needs = slices.Clone(needs)
	step.Params = Params{Lambda: p.Rotation.LambdaARN, Rules: p.Rotation.Rules, Settled: true, WindowSeconds: r.in.Options.Window.Seconds()}
	step.Expect = Expect{ARN: p.ARN}
	step.Before, step.After = rulesWords(p.Rotation.Rules)+" by "+functionName(p.Rotation.LambdaARN), "rotation off, to be resumed in "+string(r.to)
	step.Reason = "no version may be made while the primary moves"
	return append(slices.Clone(needs), r.add(rankFreeze, step))
}

// attachHome brings rotation home: the rules by which it rotates now, or, if
// the failover could not attach it, by which it rotated before. It comes last
// (AWS may fire a schedule that is overdue at once): a password that changed
// before all follow home again would not work where they do not.
func (r *returning) attachHome(rotation topology.Rotation, last string) {
	lambda, ok := r.function()
	if !ok {
		return
	}
	step := r.like(AttachRotation, r.to, PhaseRotation)
	step.Needs = r.needs()
	if last != "" {
		step.Needs = append(step.Needs, last)
		step.Group, step.Tier = r.g.Name+" re-parent", r.lastTier()+1 // as what it waits for
	}
	step.Params = Params{Lambda: lambda, Rules: rotation.Rules}
	step.Expect = Expect{ARN: topology.WithRegion(r.source.ARN, r.to)}
	step.Before, step.After = "rotation off", rulesWords(rotation.Rules)+" by "+functionName(lambda)
	step.Reason = "rotation comes home with the primary"
	if r.invokable(&step, fn{r.to, lambda}, r.g.Priority) {
		r.add(rankRotation, step)
	}
}

// rotationLeft is how a secret is to rotate that came home without: as the copy
// that it left did, by its own word or, where that is a replica again, by what
// is remembered of it; else as it did before it left home.
func (r *returning) rotationLeft(left *topology.Secret) (topology.Rotation, bool) {
	if left.Role() != topology.RoleReplica && left.Rotation.LambdaARN != "" {
		return left.Rotation, true // frozen by that failback
	}
	before, _ := r.in.Recovery.Secret(left.Region, r.s.Secret)
	if r.source.Rotation.LambdaARN == "" && before.Writable() && before.Rotation.Enabled {
		return before.Rotation, true
	}
	return r.rotationNow()
}

func (r *returning) rotationNow() (topology.Rotation, bool) {
	now := r.source.Rotation
	if now.Enabled || now.LambdaARN != "" { // on, or turned off there by somebody
		return now, now.Enabled
	}
	before, _ := r.in.Recovery.Secret(r.to, r.s.Secret)
	home := r.target.Secret
	switch {
	case before != nil && before.Role() != topology.RoleReplica && before.Rotation.Enabled:
		return before.Rotation, true
	case home != nil && home.Role() != topology.RoleReplica && home.Rotation.LambdaARN != "":
		return home.Rotation, home.Rotation.Enabled || before == nil
	}
	return topology.Rotation{}, false
}
