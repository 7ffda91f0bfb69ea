package planner

import (
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// PhaseReturn is the part of a failback in which the old home is brought up
// to date.
const PhaseReturn = "return"

// Ranks of a failback beside those of build.go.
const (
	rankFenceHome    = rankGrant + 2
	rankPromoteStray = rankGrant + 3
	rankRescue       = rankGrant + 4
	rankReturn       = rankGrant + 5
	rankMatch        = rankEqual + 1
)

// Failback plans the way back: Options.To, which a failover left, becomes the
// primary again, and no version is lost (G1). Per secret:
//
//	cancel-rotation    in the old home: the fence, if it was not paid yet
//	promote            third regions that still follow the old home
//	rescue-version     what only the old home holds, into the acting primary,
//	                   or given up: without the operator's word all is refused
//	overwrite-replica  the old home, from the acting primary
//	cancel-rotation    in the acting primary: the freeze
//	await-equal        until the old home holds the same versions
//	promote            in the old home, which must still equal the other side
//	promote            third regions, so that the region we leave lists none
//	overwrite-replica  the region we leave, then third regions, one at a time
//	grant-invoke       of home's function: what its fence took, as it was
//	attach-rotation    at home: all get what it makes
//	enable-alarms      at home; disable-alarms in the region we leave
//
// An old home that still lists a region as its replica which is none any more
// (promoted while it was dark) can't be overwritten: AWS refuses, even with
// force. RemoveRegionsFromReplication would clear the list, and perhaps
// destroy the promoted secret, so it is never called. Such a home is writable
// and keeps its own copy: after the freeze match-versions copies into it what
// it lacks (PutSecretValue) and moves the labels, and promote merely records
// the move. The regions of the stale entries are then overwritten from home,
// which AWS takes for the retry of a failed replication.
//
// Every blocker is fatal: a failback has time.
func Failback(in Input) *Plan {
	b := newBuild(&in, "failback")
	f := &failback{move: &move{build: b, to: in.Options.To}}
	b.plan.To = f.to
	if !f.targetRefused() && f.allAnswer("wait for it; only a region that no copy lists as a replica can be left out of the configuration") {
		b.each(f.secret)
		f.settle()
	}
	return b.allOrNothing()
}

// A failback is one being planned.
type failback struct{ *move }

// secret plans one secret's way home.
func (f *failback) secret(s *Standing) {
	g := f.concern(s)
	if g == nil {
		return
	}
	if f.outside(g) {
		f.stays(s)
		return
	}
	if s.Primary == f.to {
		f.here++
		if !f.deleted(s) {
			f.finish(s, g)
		}
		return
	}
	home := s.Copy(f.to)
	r := &returning{
		moving: moving{move: f.move, s: s, g: g, from: s.Primary, target: &home},
		source: s.PrimarySecret(),
	}
	if !r.mayReturn() {
		return
	}
	f.comesFrom(s.Primary)
	r.plan()
}

// deleted refuses a secret whose copy was scheduled for deletion where we had
// moved it: home's, from before the move, would quietly take its place, and
// what was written since would go with the other.
func (f *failback) deleted(s *Standing) bool {
	if s.Move == nil || s.Move.To == f.to {
		return false
	}
	left := s.Copy(s.Move.To)
	x := Blocker{Secret: s.Secret, Region: s.Move.To}
	switch _, giveUp := f.in.Options.decided(s.Secret); {
	case left.State == CopyAbsent:
		x.Code, x.Message = "gone", fmt.Sprintf("it was moved to %s and is not there any more: what %s has is from before the move", s.Move.To, f.to)
		f.note(x)
	case left.State == CopyDeleting && giveUp:
		x.Code, x.Message = "given-up", fmt.Sprintf("given up: the copy in %s, scheduled for deletion", s.Move.To)
		f.note(x)
	case left.State == CopyDeleting:
		x.Code = "pending-deletion"
		x.Message = fmt.Sprintf("it was moved to %s, and the copy there is scheduled for deletion on %s: what %s has is from before the move", s.Move.To, day(left.Secret.Deleted), f.to)
		x.Fix = fmt.Sprintf("aws secretsmanager restore-secret in %s; if it is to go, understudy failback --to %s --give-up NAME", s.Move.To, f.to)
		f.block(x)
		return true
	}
	return false
}

// finish plans what an earlier failback that was aborted left undone: the
// region that it moved the secret from still stands on its own, or rotation
// did not come home, also where an apply has made that region a replica since.
func (f *failback) finish(s *Standing, g *topology.Group) {
	home := s.Copy(f.to)
	if s.Move == nil || !s.Confirmed || home.State != CopyPrimary {
		return
	}
	if f.returned(s, g, &home) {
		return
	}
	left := s.Copy(s.Move.From)
	if !standalone(&left) && left.State != CopyReplica {
		return
	}
	r := &returning{moving: moving{move: f.move, s: s, g: g, from: f.to, target: &home}, source: home.Secret, settling: f.in.Now.Sub(s.Move.Time) < settleTime}
	f.comesFrom(left.Region)
	r.fenceOthers()
	r.promoteStrays()
	if !r.settleOrphans() {
		return
	}
	last := r.followAll(r.clearLists(r.ready), "")
	if rotation, on := r.rotationLeft(left.Secret); on && !home.Secret.Rotation.Enabled {
		r.attachHome(rotation, last)
	}
}

// settleTime is how long after a promotion an entry may still be listed that
// is about to go. What is listed after that was promoted while the regions
// could not hear of each other, and may stay for good.
const settleTime = 2 * time.Minute

// settle decides what concerns all secrets together.
func (f *failback) settle() {
	if len(f.from) > 0 {
		f.plan.From = f.mainSource()
		f.alarms(f.plan.From)
		f.quietAlarms()
		f.keyNotes()
	}
	if len(f.steps) == 0 && len(f.build.plan.Blockers) == 0 {
		f.nothingMoves()
	}
}

// quietAlarms switches those on that a failover still owes to silence at
// home, also where it never did: finding them on is what voids the debt.
func (f *failback) quietAlarms() {
	planned := map[string]bool{}
	for _, s := range f.steps {
		if s.Action == EnableAlarms && s.Region == f.to {
			for _, name := range s.Params.Alarms {
				planned[name] = true
			}
		}
	}
	owed := map[string]bool{}
	for _, d := range f.in.Placement.Owed {
		if Action(d.Action) == DisableAlarms && d.Region == f.to && !planned[d.Alarm] {
			owed[d.Alarm] = true
		}
	}
	v := f.view(f.to)
	f.enable(f.alarmsOf(f.to), f.to, func(name string) bool {
		return owed[name] && (v.Alarms[name] != nil || v.Composites[name] != nil)
	}, nil, string(f.to)+" becomes the primary, so their silence is owed no more")
}
