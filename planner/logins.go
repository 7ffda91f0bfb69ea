package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A LoginRisk is why applications may fail to log in with what a region
// serves of some secrets after a move. The password behind a secret is
// changed by whoever rotates it, and no region can be asked whether the one
// it serves is in force; but how it may have come not to be is known. Code is
// stable.
type LoginRisk struct {
	Code    string          `json:"code"`
	Region  topology.Region `json:"region"` // that serves them
	Secrets []topology.Name `json:"secrets"`
	Message string          `json:"message"`
	Fix     string          `json:"fix,omitempty"`
}

// Codes of login risks; those of drift's findings and of blockers where they
// are about the same.
const (
	RiskInFlight   = "rotation-in-flight"  // the database may have the pending password
	RiskStale      = "stale-standby"       // the target lacks the version that was current
	RiskAhead      = "third-region-ahead"  // another region has a version that the target lacks
	RiskOverdue    = "rotation-overdue"    // it may fire before third regions follow
	RiskOldRotates = "old-primary-rotates" // the fence is owed, and rotation on
	RiskUnseen     = "unseen-writes"       // the old primary was dark: nobody knows what it wrote last
	RiskKey        = "key-unusable"        // nobody can read it there
	RiskPolicy     = "policy-names-old-region"
	RiskGivenUp    = "given-up"            // a version that was current may have been the right one
	RiskRescued    = "rescued-not-current" // the same, kept under another label
	RiskSplitBrain = "split-brain"         // the old primary was changed after the move
)

// Risks is a list of them being made.
type Risks []LoginRisk

// Add names a secret; those of one cause are told together.
func (l *Risks) Add(x LoginRisk, n topology.Name) {
	i := slices.IndexFunc(*l, func(y LoginRisk) bool {
		return x.Code == y.Code && x.Region == y.Region && x.Message == y.Message && x.Fix == y.Fix
	})
	if i < 0 {
		i, *l = len(*l), append(*l, x)
	}
	(*l)[i].Secrets = append((*l)[i].Secrets, n)
}

// Sorted puts the gravest first, each with its secrets in order.
func (l Risks) Sorted() Risks {
	grave := []string{RiskKey, RiskSplitBrain, RiskGivenUp, RiskRescued, RiskInFlight, RiskStale, RiskAhead, RiskPolicy, KeyPolicyForeign, RiskOverdue, RiskOldRotates, RiskUnseen}
	slices.SortFunc(l, func(x, y LoginRisk) int {
		return cmp.Or(cmp.Compare(slices.Index(grave, x.Code), slices.Index(grave, y.Code)),
			cmp.Compare(x.Region, y.Region), cmp.Compare(x.Message, y.Message), cmp.Compare(x.Fix, y.Fix))
	})
	for i := range l {
		slices.Sort(l[i].Secrets)
		l[i].Secrets = slices.Compact(l[i].Secrets)
	}
	return l
}

func (b *build) risk(x LoginRisk, n topology.Name) { b.plan.LoginRisks.Add(x, n) }

// risksNoted are notes that are about logins as well.
func (b *build) risksNoted() {
	for _, x := range b.plan.Notes {
		if x.Code == RiskPolicy || x.Code == KeyPolicyForeign {
			b.risk(LoginRisk{Code: x.Code, Region: x.Region, Message: x.Message, Fix: x.Fix}, x.Secret)
		}
	}
}

// loginRisks says why the target's AWSCURRENT may not be the password in
// force. It is asked before the move, and nothing of it refuses one: a copy
// that is behind was judged already (limits).
func (m *moving) loginRisks() {
	m.risksInFlight()
	m.risksStale()
	m.risksOfTheDark()
}

func (m *moving) risksInFlight() {
	x := LoginRisk{Code: RiskInFlight, Region: m.to, Fix: "try AWSCURRENT, AWSPENDING and AWSPREVIOUS; label the one that logs in AWSCURRENT before anything rotates"}
	old := m.old()
	switch {
	case m.target.Secret.RotationInFlight():
		x.Message = fmt.Sprintf("a rotation was under way in %s: from its setSecret on, the database has the password that %s holds as AWSPENDING", m.from, m.to)
	case old != nil && old.RotationInFlight() && old.Stage(topology.StagePending) != m.target.Secret.Stage(topology.StageCurrent):
		x.Message = fmt.Sprintf("a rotation was under way in %s, and its AWSPENDING is not in %s: from its setSecret on, the database has a password that only %s knows", m.from, m.to, m.from)
		x.Fix = "understudy rescue --from " + string(m.from) + ", once it answers; or set a password by hand, in the database and in " + string(m.to)
	default:
		return
	}
	m.risk(x, m.s.Secret)
}

// risksStale compares what is current: a version that is missing under
// another label logs nobody in.
func (m *moving) risksStale() {
	x := LoginRisk{Region: m.to, Fix: "understudy rescue, once the region that has it answers; or set a password by hand, in the database and in " + string(m.to)}
	served := m.target.Secret.Stage(topology.StageCurrent)
	if old := m.old(); old != nil && old.Stage(topology.StageCurrent) != served {
		behind := m.s.Copy(m.from).Secret != nil
		if !behind {
			n, _, known := m.behindRecovery(m.s, m.target, m.from)
			behind = known && n > 0
		}
		if behind {
			x.Code, x.Message = RiskStale, fmt.Sprintf("%s serves another version than %s did last", m.to, m.from)
			m.risk(x, m.s.Secret)
			return
		}
	}
	for i := range m.s.Copies {
		c := &m.s.Copies[i]
		current := c.Secret.Stage(topology.StageCurrent)
		if c.Region == m.to || c.Region == m.from || current == "" || holds(m.target.Secret, current) ||
			m.s.Move.Promoted(current) || !topology.SameLineage(m.target.Secret, c.Secret) {
			continue
		}
		x.Code, x.Message = RiskAhead, fmt.Sprintf("%s serves a version that %s never got", c.Region, m.to)
		x.Fix = "understudy rescue --from " + string(c.Region) + ", and label the version that logs in AWSCURRENT"
		m.risk(x, m.s.Secret)
	}
}

// risksOfTheDark are what an old primary that does not answer may have done
// last, and will do when it is back.
func (m *moving) risksOfTheDark() {
	if m.view(m.from).Dark == "" && !m.in.Options.PrimaryLost {
		return
	}
	if old := m.recovered(); old == nil || old.Rotation.Enabled {
		m.risk(OldRotates(m.from, m.to), m.s.Secret)
	}
	since := "and no snapshot knows its versions"
	if _, _, known := m.behindRecovery(m.s, m.target, m.from); known {
		since = "and it was last seen at the snapshot" + ago(m.in.Now, m.in.Recovery.View(m.from).Taken)
	}
	m.risk(LoginRisk{
		Code: RiskUnseen, Region: m.to,
		Message: fmt.Sprintf("%s does not answer, %s: a password changed there since then is not known in %s unless it was replicated", m.from, since, m.to),
		Fix:     "test a login; understudy rescue --from " + string(m.from) + ", once it answers",
	}, m.s.Secret)
}

// A firing is a rotation that may fire in the target before a third region
// follows it, if its window opens while the run lasts.
type firing struct {
	opens  time.Time
	risk   LoginRisk
	secret topology.Name
}

// riskFiring says of a third region what its readers get if the target rotates
// before it follows. AWS may fire a schedule that is overdue as soon as it is
// attached, also with RotateImmediately false.
func (m *moving) riskFiring(third topology.Region) {
	if m.attached == nil || !m.wanted(m.g, m.s, third) {
		return
	}
	x := LoginRisk{
		Code: RiskOverdue, Region: third,
		Message: fmt.Sprintf("rotation is overdue, or due while this runs: attached in %s it may fire at once, and then what %s serves logs nobody in until it follows", m.to, third),
		Fix:     fmt.Sprintf("consumers there read from %s until understudy status shows %s in sync", m.to, third),
	}
	if m.attached.Params.RotateImmediately {
		x.Message = fmt.Sprintf("rotate_immediately: the password changes as soon as rotation is attached in %s, and then what %s serves logs nobody in until it follows", m.to, third)
		m.risk(x, m.s.Secret)
		return
	}
	rotation, _, _ := m.rotation()
	if opens := windowOpens(&rotation); !opens.IsZero() && !m.rotatedSince() {
		m.firings = append(m.firings, firing{opens, x, m.s.Secret})
	}
}

// rotatedSince: the target got another current version than the snapshot knows,
// whose next date is then out of date.
func (m *moving) rotatedSince() bool {
	now, before := m.s.Copy(m.from).Secret, m.rotated()
	return (now == nil || !now.Rotation.Enabled) && before != nil &&
		before.Stage(topology.StageCurrent) != m.target.Secret.Stage(topology.StageCurrent)
}

// windowOpens is when a rotation may fire next; zero if that is not known.
// What AWS tells is the end of its window, which without a duration is an hour
// for schedules in hours, else the UTC day (AWS: Rotation windows).
func windowOpens(r *topology.Rotation) time.Time {
	hours, err := strconv.Atoi(strings.TrimSuffix(r.Rules.Duration, "h"))
	switch {
	case r.Next.IsZero() && (r.Last.IsZero() || r.Rules.AfterDays == 0):
		return time.Time{}
	case r.Next.IsZero():
		return r.Last.AddDate(0, 0, int(r.Rules.AfterDays)).Truncate(24 * time.Hour)
	case err == nil:
		return r.Next.Add(-time.Duration(hours) * time.Hour)
	case strings.Contains(r.Rules.Schedule, "hour"):
		return r.Next.Add(-time.Hour)
	}
	return r.Next.Add(-time.Second).Truncate(24 * time.Hour)
}

// risksFiring are those of rotations whose window is open when the run ends, if
// quotas alone hold it up.
func (b *build) risksFiring() {
	ends := b.in.Now.Add(time.Duration(b.plan.FloorSeconds * float64(time.Second)))
	for _, f := range b.firings {
		if !f.opens.After(ends) {
			b.risk(f.risk, f.secret)
		}
	}
}

// OldRotates is the risk of an old primary whose rotation nobody could stop.
func OldRotates(from, to topology.Region) LoginRisk {
	return LoginRisk{
		Code: RiskOldRotates, Region: to,
		Message: fmt.Sprintf("rotation is on in %s, and its fence is owed: if it is back and rotates before that is paid, the password changes under %s", from, to),
		Fix:     "understudy fence, as soon as " + string(from) + " answers",
	}
}

// riskOrphans says of versions that a failback gives up or keeps under
// another label that one of them may be the password in force.
func (r *returning) riskOrphans(found []orphan, rescued bool) {
	i := slices.IndexFunc(found, func(o orphan) bool { return urgency(o) < 2 })
	if i < 0 {
		return // neither current nor pending anywhere: nobody logs in with it
	}
	x := LoginRisk{
		Code: RiskGivenUp, Region: r.to,
		Message: fmt.Sprintf("a version that is %s in %s is given up: if the database has its password, nobody knows it any more", strings.Join(found[i].version.Stages, ", "), found[i].region),
		Fix:     "test a login; else set a password by hand, in the database and in " + string(r.to),
	}
	if rescued {
		x.Code = RiskRescued
		x.Message = fmt.Sprintf("a version that is %s in %s is kept under %s…, and not current: if the database has its password, logins fail until it is", strings.Join(found[i].version.Stages, ", "), found[i].region, RescueLabel)
		x.Fix = "test a login with it; if it works, aws secretsmanager update-secret-version-stage moves AWSCURRENT to it"
	}
	r.risk(x, r.s.Secret)
}
