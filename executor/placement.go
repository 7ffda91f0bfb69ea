package executor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Placement is what all runs together say: which region a failover,
// switchover or failback made each secret's primary (the promotions in the
// plan's To; a third region's say nothing), and what is still owed.
//
// A move is undone by a later step that made its copy a replica again: then
// the primary is where it was before.
//
// A debt is settled by a later step of the same action, subject and region
// that was applied or found done; it is void once its opposite was applied,
// the copy it is about was overwritten, or is the primary again. "Later" is by
// the lease's epoch and the record's number, never by a clock. What a move that
// is not finished did not come to is owed since what it is for was done.
//
// A run that is damaged counts as far as it can be read; History names it.
func Placement(ctx context.Context, s journal.Store) (topology.Placement, error) {
	placement, _, err := History(ctx, s)
	return placement, err
}

// History is Placement, and the runs that it knows in part only: one of them
// must not stand in the way of an emergency, nor go unsaid.
func History(ctx context.Context, s journal.Store) (topology.Placement, []Damage, error) {
	ids, err := runIDs(ctx, s)
	if err != nil {
		return topology.Placement{}, nil, err
	}
	var all []deed
	var damage []Damage
	for _, id := range ids {
		p, err := deedsOf(ctx, s, id)
		if err == nil && p.unfinished && MovesPrimary(p.last.Command) {
			p.deeds, err = withUnbegun(ctx, s, id, p.deeds)
		}
		if ctx.Err() != nil {
			return topology.Placement{}, nil, context.Cause(ctx)
		}
		if err != nil {
			damage = append(damage, damaged(ctx, s, id, p.last, err))
		}
		all = append(all, p.deeds...)
	}
	slices.SortStableFunc(all, func(a, b deed) int { return cmp.Compare(a.epoch, b.epoch) })
	p := fold(all)
	for i := range damage {
		p.Damaged = append(p.Damaged, damage[i].known())
	}
	return p, damage, nil
}

// A deed is an outcome, or that something is taken away, with its place among
// all runs'.
type deed struct {
	outcome
	taken   *topology.Permission
	epoch   int64
	session session
	at      time.Time
}

// A past is what a run's journal tells: its outcomes, of failures those that
// stay a duty, and its last session.
type past struct {
	deeds      []deed
	last       session
	unfinished bool // it stopped midway, died, or is under way
}

// deedsOf reads a run's past; beside an error, as far as it could be read.
func deedsOf(ctx context.Context, s journal.Store, id string) (p past, err error) {
	err = each(ctx, s, id, func(rec journal.Record) error {
		switch rec.Kind {
		case kindBegin, kindResume, kindAbort:
			return read(rec, func(s session) error { p.last, p.unfinished = s, true; return nil })
		case kindOutcome:
			return read(rec, func(o outcome) error {
				if o.Outcome != Failing || o.Owed {
					p.deeds = append(p.deeds, deed{o, nil, p.last.Epoch, p.last, rec.Time})
				}
				return nil
			})
		case kindTaken:
			return read(rec, func(t taken) error {
				o := outcome{Action: planner.RevokeInvoke, On: t.On, Region: t.Region, Outcome: Deferred}
				p.deeds = append(p.deeds, deed{o, &t.Permission, p.last.Epoch, p.last, rec.Time})
				return nil
			})
		case kindEnd:
			return read(rec, func(e ended) error { p.unfinished = e.State == Halted; return nil })
		}
		return nil
	})
	return p, err
}

// open: it was not done, and stays a duty.
func (o *outcome) open() bool { return o.Outcome == Deferred || o.Outcome == Failing && o.Owed }

// hindrance is the code of what kept a duty from being done in a region that
// answers; "" if it did not.
func (o *outcome) hindrance() string {
	if o.Code == CodeUnreachable || o.Code == CodeUnknownOutcome {
		return ""
	}
	return o.Code
}

type debtKey struct {
	action planner.Action
	on     string
	region topology.Region
}

func fold(all []deed) topology.Placement {
	owed, fences := map[debtKey]topology.Debt{}, map[debtKey]topology.Debt{}
	moves := map[topology.Name][]topology.Move{} // the last one is in force
	gone := map[debtKey][]topology.Permission{}
	for _, d := range all {
		if d.taken != nil {
			d.take(gone)
			continue
		}
		if d.open() {
			d.owe(owed)
			continue
		}
		d.settle(owed)
		d.fence(fences)
		if d.Action == planner.GrantInvoke {
			delete(gone, d.key(planner.RevokeInvoke))
		}
		n := topology.Name(d.On)
		switch was := last(moves[n]); {
		case d.Action == planner.Promote && d.Region == d.session.To && MovesPrimary(d.session.Command):
			if was.To == d.Region { // told again
				moves[n] = moves[n][:len(moves[n])-1]
			}
			moves[n] = append(moves[n], topology.Move{From: d.session.From, To: d.session.To,
				Time: d.at.UTC(), Dated: d.Dated, Run: d.session.Run, Versions: d.Versions, Held: held(was.Held, d.Versions)})
			d.leads(owed, d.Region)
		case d.Empty != "" && len(moves[n]) > 0:
			was.Empty = append(slices.Clone(was.Empty), d.Empty)
			moves[n][len(moves[n])-1] = was
		case d.replaces() && d.Region == was.To:
			moves[n] = moves[n][:len(moves[n])-1]
			d.leads(owed, cmp.Or(last(moves[n]).To, was.From))
		}
	}
	p := topology.Placement{Owed: debtsOf(owed), Fences: debtsOf(fences), Taken: takenOf(gone)}
	for n, list := range moves {
		if len(list) == 0 {
			continue
		}
		if p.Acting == nil {
			p.Acting = map[topology.Name]topology.Move{}
		}
		p.Acting[n] = last(list)
	}
	return p
}

func last(moves []topology.Move) topology.Move {
	if len(moves) == 0 {
		return topology.Move{}
	}
	return moves[len(moves)-1]
}

// leads: who is the primary again owes nothing.
func (d *deed) leads(owed map[debtKey]topology.Debt, r topology.Region) {
	for _, a := range copyDebts {
		delete(owed, debtKey{a, d.On, r})
	}
}

// copyDebts are debts of one copy of a secret.
var copyDebts = [...]planner.Action{planner.CancelRotation, planner.ClearPending, planner.FencePolicy}

// replaces: a replica stands there now, whatever stood there before.
func (d *deed) replaces() bool {
	return d.Action == planner.OverwriteReplica || d.Action == planner.Replicate
}

// held adds the ids of what was promoted now to those of earlier moves.
func held(before []string, now []topology.Version) []string {
	ids := slices.Clone(before)
	for _, v := range now {
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func debtsOf(set map[debtKey]topology.Debt) []topology.Debt {
	var list []topology.Debt
	for _, debt := range set {
		list = append(list, debt)
	}
	slices.SortFunc(list, func(a, b topology.Debt) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Secret, b.Secret),
			cmp.Compare(a.Alarm, b.Alarm), cmp.Compare(a.Target, b.Target))
	})
	return list
}

// fence keeps the fences in force: put up by us, and neither taken down since
// nor gone with the copy, which then has its new primary's policy.
func (d *deed) fence(fences map[debtKey]topology.Debt) {
	switch d.Action {
	case planner.FencePolicy, planner.RevokeInvoke:
		d.owe(fences)
	case planner.UnfencePolicy:
		delete(fences, debtKey{planner.FencePolicy, d.On, d.Region})
	case planner.GrantInvoke:
		delete(fences, debtKey{planner.RevokeInvoke, d.On, d.Region})
	case planner.OverwriteReplica, planner.Replicate:
		delete(fences, debtKey{planner.FencePolicy, d.On, d.Region})
	}
}

func (d *deed) key(a planner.Action) debtKey { return debtKey{a, d.On, d.Region} }

// take keeps what is about to be taken away; of one name the last, which is
// how it was.
func (d *deed) take(gone map[debtKey][]topology.Permission) {
	list := slices.DeleteFunc(gone[d.key(d.Action)], func(p topology.Permission) bool { return p.Sid == d.taken.Sid })
	gone[d.key(d.Action)] = append(list, *d.taken)
}

func takenOf(gone map[debtKey][]topology.Permission) []topology.Taken {
	var list []topology.Taken
	for key, permissions := range gone {
		list = append(list, topology.Taken{Function: key.on, Region: key.region, Permissions: permissions})
	}
	slices.SortFunc(list, func(a, b topology.Taken) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Function, b.Function))
	})
	return list
}

// MovesPrimary reports whether a command is one that moves the primary.
func MovesPrimary(command string) bool {
	switch command {
	case "failover", "switchover", "failback":
		return true
	}
	return false
}

// subjects are what a deed is about: each alarm of a batch by itself.
func (d *deed) subjects() []string {
	if len(d.Alarms) > 0 {
		return d.Alarms
	}
	return []string{d.On}
}

func (d *deed) onAlarm() bool {
	return d.Action == planner.EnableAlarms || d.Action == planner.DisableAlarms ||
		d.Action == planner.PutAlarm || d.Action == planner.PutCompositeAlarm
}

func (d *deed) owe(owed map[debtKey]topology.Debt) {
	for _, on := range d.subjects() {
		key := debtKey{d.Action, on, d.Region}
		if debt, ok := owed[key]; ok { // owed since then
			debt.Cause = d.hindrance()
			owed[key] = debt
			continue
		}
		debt := topology.Debt{Action: string(d.Action), Region: d.Region, Run: d.session.Run, Since: d.at.UTC(), Cause: d.hindrance()}
		switch {
		case d.onAlarm():
			debt.Alarm = on
		case d.Action == planner.RevokeInvoke:
			debt.Target = on
		default:
			debt.Secret = topology.Name(on)
		}
		owed[key] = debt
	}
}

func (d *deed) settle(owed map[debtKey]topology.Debt) {
	for _, on := range d.subjects() {
		delete(owed, debtKey{d.Action, on, d.Region})
		if opposite := planner.TraitsOf(d.Action).Undo; opposite != planner.NoUndo {
			delete(owed, debtKey{opposite, on, d.Region})
		}
		switch d.Action {
		case planner.GrantInvoke:
			delete(owed, debtKey{planner.RevokeInvoke, on, d.Region})
		case planner.OverwriteReplica, planner.Replicate, planner.RemoveReplica:
			// A replica neither rotates nor has a policy of its own.
			for _, a := range copyDebts {
				delete(owed, debtKey{a, on, d.Region})
			}
		}
	}
}
