package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Failover plans the emergency move of the primary to Options.To. It needs
// nothing of the old primary: what a dark one cannot tell (rotation, alarms,
// versions) comes from Recovery. Per secret, in this order:
//
//	grant-invoke       where the target's rotation function needs it
//	promote            in the target
//	promote            in every third region, early: a recovered old primary
//	                   keeps pushing into its replicas until then
//	attach-rotation    in the target
//	enable-alarms      in the target, staged first where they never were
//	overwrite-replica  third regions, from the target, one at a time
//	disable-alarms     in the old primary  } owed if it does not answer
//	cancel-rotation    in the old primary  } (the fence)
//	fence-policy       in the old primary, or revoke-invoke of its function,
//	                   where [failover] fence asks for more than "rotation"
//
// What is found done already is left out, so a second failover finishes what
// a first one began. Blockers say why a secret stays; Fatal ones refuse all.
func Failover(in Input) *Plan {
	b := newBuild(&in, "failover")
	m := &move{build: b, to: in.Options.To}
	b.plan.To = m.to
	if !m.targetRefused() {
		b.each(m.secret)
		m.settle()
	}
	return b.finish()
}

// A move is a failover being planned.
type move struct {
	*build
	to     topology.Region
	behind []Blocker // secrets whose copy in the target is behind
	here   int       // secrets whose acting primary is the target
	away   int       // secrets elsewhere although the target is home
	from   map[topology.Region]int
	left   map[topology.Region][]topology.Name // what stays, by acting primary: see stays
}

// targetRefused blocks the whole plan where the target cannot be one.
func (m *move) targetRefused() bool {
	x := Blocker{Region: m.to, Fatal: true}
	v := m.view(m.to)
	switch {
	case m.to == "":
		x.Code, x.Message, x.Fix = "no-target", "no target region was given", "--to REGION: one of "+regionList(m.desired.Standby)
	case m.to != m.desired.Primary && !slices.Contains(m.desired.Standby, m.to):
		x.Code, x.Message, x.Fix = "not-a-standby", string(m.to)+" is not a standby of this configuration", "choose one of "+regionList(m.desired.Standby)
	case v.Dark == topology.CauseThrottled:
		x.Code, x.Message = "target-throttles", fmt.Sprintf("%s answers, and throttles: others may be moving there, too", m.to)
		x.Fix = "the same again: the throttling passes; or choose another region"
	case v.Dark != "":
		x.Code, x.Message, x.Fix = "target-dark", string(m.to)+" "+m.darkWords(m.to), "choose another region: understudy status"
	case m.unknownGroup() != "":
		x.Code, x.Message, x.Fix = "no-such-group", "no group is named "+m.unknownGroup(), "the groups are "+m.groupNames()
	default:
		return false
	}
	m.block(x)
	return true
}

func regionList(regions []topology.Region) string {
	var names []string
	for _, r := range regions {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func (m *move) unknownGroup() string {
	for _, want := range sorted(m.in.Options.Groups) {
		if !slices.ContainsFunc(m.desired.Groups, func(g topology.Group) bool { return g.Name == want }) {
			return want
		}
	}
	return ""
}

func (m *move) groupNames() string {
	var names []string
	for i := range m.desired.Groups {
		names = append(names, m.desired.Groups[i].Name)
	}
	return strings.Join(names, ", ")
}

// secret plans the move of one secret.
func (m *move) secret(s *Standing) {
	g := m.concern(s)
	if g == nil {
		m.onlyInRecovery(s)
		return
	}
	if m.outside(g) {
		m.stays(s)
		return
	}
	from := s.Primary
	switch {
	case from == m.to:
		m.here++
		if s.Move == nil || m.to == m.desired.Primary {
			return
		}
		from = s.Move.From // finish what an earlier failover began
	case m.to == m.desired.Primary && s.Copy(m.to).State != CopyReplica:
		m.away++
		return
	}
	target := s.Copy(m.to)
	if !m.movable(s, &target, from) {
		m.stays(s)
		return
	}
	m.comesFrom(from)
	one := &moving{move: m, s: s, g: g, from: from, target: &target}
	one.plan()
}

// onlyInRecovery: the snapshot knows a secret of the dark primary that no
// answering region has a copy of.
func (m *move) onlyInRecovery(s *Standing) {
	if s.anyCopy() != nil || s.Copy(s.Primary).State == CopyAbsent {
		return
	}
	g, known := m.groupOf(s)
	if known != nil && known.Managed() && known.Deleted.IsZero() {
		m.skip(s.Secret, s.Primary, m.managedWords(known))
	}
	if g == nil || known.Managed() || !known.Deleted.IsZero() {
		return
	}
	if m.outside(g) {
		return
	}
	m.block(m.noReplica(s))
	m.stays(s)
}

func (m *move) noReplica(s *Standing) Blocker {
	return Blocker{
		Code: "no-replica", Secret: s.Secret, Region: m.to,
		Message: fmt.Sprintf("no copy in %s: its only writable copy is in %s", m.to, s.Primary),
		Fix:     "wait for " + string(s.Primary) + ", or restore the value from elsewhere",
	}
}

func (m *move) comesFrom(r topology.Region) {
	if m.from == nil {
		m.from = map[topology.Region]int{}
	}
	m.from[r]++
}

// movable says whether the target's copy may become the primary, and blocks
// the secret if not.
func (m *move) movable(s *Standing, target *Copy, from topology.Region) bool {
	for _, x := range m.limits(s, target, from) {
		if x.Code == codeStale || x.Code == codeFailedReplica || x.Code == codeLanding {
			m.behind = append(m.behind, x)
			continue
		}
		m.block(x)
		return false
	}
	return true
}

// settle decides what concerns all secrets together: staleness, alarms, and
// what there is to say of an empty plan.
func (m *move) settle() {
	m.judgeStaleness()
	if m.away > 0 {
		m.block(Blocker{
			Code: "not-a-standby", Region: m.to, Fatal: true,
			Message: fmt.Sprintf("%s is the home region of %s that moved away: its copies may be stale", m.to, count(m.away, "secret")),
			Fix:     "understudy failback --to " + string(m.to),
		})
		return
	}
	if len(m.from) > 0 {
		m.plan.From = m.mainSource()
		m.alarms(m.plan.From)
		m.fenceFunctions()
		m.unknowns(m.plan.From)
		m.keyNotes()
	}
	if len(m.steps) == 0 && len(m.plan.Blockers) == 0 {
		m.nothingMoves()
	}
}

// unknowns notes what dark regions keep from us.
func (m *move) unknowns(from topology.Region) {
	if m.view(from).Dark != "" && m.in.Recovery.View(from).Dark != "" {
		m.note(Blocker{
			Code: "no-snapshot", Region: from,
			Message: fmt.Sprintf("%s is dark and no recovery snapshot knows it: secrets without a replica, rotation settings and staleness are unknown", from),
			Fix:     "run understudy drift in peace time: it captures the snapshot",
		})
	}
	for _, r := range m.desired.Regions() {
		if r != m.to && r != from && m.view(r).Dark != "" {
			m.note(Blocker{
				Code: "third-region-dark", Region: r,
				Message: fmt.Sprintf("%s %s: its copies still follow %s", r, m.darkWords(r), from),
				Fix:     "understudy apply, once it answers",
			})
		}
	}
}

func (m *move) nothingMoves() {
	x := Blocker{Code: "nothing-to-move", Region: m.to, Message: "no secret of the configuration was found that could move to " + string(m.to)}
	if m.here > 0 {
		x.Code = "already-there"
		x.Message = fmt.Sprintf("already there: %s is the acting primary of %s", m.to, count(m.here, "secret"))
	}
	m.note(x)
}

// mainSource is the region that most of the moving secrets leave.
func (m *move) mainSource() topology.Region {
	best := topology.Region("")
	for _, r := range append(m.res.Regions(), sortedRegions(m.from)...) {
		if m.from[r] > m.from[best] {
			best = r
		}
	}
	return best
}

func sortedRegions(set map[topology.Region]int) []topology.Region {
	var out []topology.Region
	for r := range set {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// judgeStaleness refuses the plan if more secrets are behind than accepted,
// and otherwise says which versions the move gives up.
func (m *move) judgeStaleness() {
	accepted := max(m.in.Options.AcceptStale, m.desired.Failover.AcceptStale)
	for _, x := range m.behind {
		if len(m.behind) <= accepted {
			m.note(x)
			continue
		}
		x.Fatal = true
		x.Fix = fmt.Sprintf("--accept-stale %d gives those versions up; or choose a fresher region", len(m.behind))
		m.block(x)
	}
}

// alarms plans that the target's alarms act and the old primary's do not.
// Those that were never staged are put first.
func (m *move) alarms(from topology.Region) {
	source := m.alarmsOf(from)
	v := m.view(m.to)
	staged := m.alarmsOf(m.to)
	missing := source.without(staged)
	puts := m.stageAlarms(missing, m.to)
	for name, a := range staged.metrics { // what the source no longer tells
		if source.metrics[name] == nil && source.composites[name] == nil {
			source.metrics[name] = a
		}
	}
	for name, a := range staged.composites {
		if source.composites[name] == nil && source.metrics[name] == nil {
			source.composites[name] = a
		}
	}
	origin := source
	origin.region = from
	m.enable(source, m.to, func(name string) bool {
		a, c := v.Alarms[name], v.Composites[name]
		on := a != nil && a.ActionsEnabled || c != nil && c.ActionsEnabled
		there := a != nil || c != nil || puts[name] != "" || v.Lacks("cloudwatch")
		return there && !on && m.wereOn(origin, name)
	}, puts, string(m.to)+" becomes the primary")
	old := m.view(from)
	watching, kept := m.watchOver(from, &source), []string{}
	m.disable(source, from, func(name string) bool {
		if m.owedAlready(topology.Debt{Action: string(DisableAlarms), Alarm: name, Region: from}) {
			return false // what another group's move left on is not owed yet
		}
		a, c := old.Alarms[name], old.Composites[name]
		quiet := a != nil && !a.ActionsEnabled || c != nil && !c.ActionsEnabled
		absent := !old.Lacks("cloudwatch") && a == nil && c == nil
		if !quiet && !absent && watching.needed(name) {
			kept = append(kept, name)
			return false
		}
		return !quiet && !absent
	}, Step{
		Owed: true, Tier: m.switchTier(), Phase: PhaseOldPrimary, Needs: m.arrivals(),
		Before: "actions on", After: "actions off", Reason: string(from) + " is no longer the primary" + m.owedWords(from),
	}, rankOldAlarms)
	m.noteKept(from, kept)
}

// arrivals are the steps by which the target becomes the primary: until all of
// them are made, a secret may have stayed whose alarms would fall silent.
func (m *move) arrivals() (ids []string) {
	for i := range m.steps {
		if s := &m.steps[i].Step; s.Region == m.to && (s.Action == Promote || s.Action == EnableAlarms) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// owedWords says of a step in the old primary when it will be done.
func (m *move) owedWords(r topology.Region) string {
	switch {
	case m.in.Options.PrimaryLost:
		return "; owed: no call is made to a region given up for lost"
	case m.view(r).Dark != "":
		return "; owed until " + string(r) + " answers"
	}
	return ""
}

// owedAlready reports a debt of an earlier run that cannot be paid now: it
// stays in the journal and is not recorded twice.
func (m *move) owedAlready(debt topology.Debt) bool {
	if m.view(debt.Region).Dark == "" && !m.in.Options.PrimaryLost {
		return false
	}
	return slices.ContainsFunc(m.in.Placement.Owed, func(d topology.Debt) bool {
		return d.Action == debt.Action && d.Secret == debt.Secret && d.Alarm == debt.Alarm && d.Region == debt.Region
	})
}

// without is the part of a set that another region lacks.
func (set *alarmSet) without(there alarmSet) alarmSet {
	out := alarmSet{region: set.region, known: set.known, filters: set.filters,
		metrics: map[string]*topology.Alarm{}, composites: map[string]*topology.CompositeAlarm{}}
	for name, a := range set.metrics {
		if there.metrics[name] == nil {
			out.metrics[name] = a
		}
	}
	for name, a := range set.composites {
		if there.composites[name] == nil {
			out.composites[name] = a
		}
	}
	if len(out.metrics) == 0 {
		out.filters = nil // what they feed was staged with them
	}
	return out
}
