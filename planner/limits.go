package planner

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Blocker codes that are counted against --accept-stale.
const (
	codeStale         = "stale-standby"
	codeFailedReplica = "replica-failed"
	codeLanding       = "overwrite-under-way"
)

// codeUnknown notes that nobody knows how fresh a copy is. It refuses nothing.
const codeUnknown = "staleness-unknown"

// limits are the reasons why the target's copy cannot, or should not,
// become the primary.
func (m *move) limits(s *Standing, target *Copy, from topology.Region) []Blocker {
	x := Blocker{Secret: s.Secret, Region: m.to}
	switch target.State {
	case CopyAbsent:
		return []Blocker{m.noReplica(s)}
	case CopyDeleting:
		x.Code, x.Message = "pending-deletion", "the copy in "+string(m.to)+" is scheduled for deletion on "+day(target.Secret.Deleted)
		x.Fix = "aws secretsmanager restore-secret in " + string(m.to)
		return []Blocker{x}
	case CopyNameClash:
		x.Code, x.Message = "name-clash", fmt.Sprintf("another secret of this name stands in %s (%s): its ARN is not the replica's", m.to, target.Secret.ARN)
		x.Fix = "choose another region for it"
		return []Blocker{x}
	case CopySplitBrain:
		x.Code, x.Message = "split-brain", fmt.Sprintf("%s and %s are both written", s.Primary, m.to)
		x.Fix = "understudy drift: decide which one holds"
		return []Blocker{x}
	case CopyUnknown, CopyAwaitingFence:
		x.Code, x.Message = "unknown", "its copy in "+string(m.to)+" is not known"
		return []Blocker{x}
	}
	if leader := m.leader(s, target); leader != "" {
		x.Code, x.Message = "moved-already", fmt.Sprintf("its copy in %s follows %s, which can be written: somebody moved it there, and no journal here says so", m.to, leader)
		x.Fix = fmt.Sprintf("use the state directory that knows of the move; or understudy failover --to %s, which records it", leader)
		return []Blocker{x}
	}
	ref := target.Secret.KmsKeyID
	if k, known := m.view(m.to).Key(ref); known && !usable(ref, k) {
		x.Code, x.Message = "key-unusable", fmt.Sprintf("the key %s in %s is %s: nobody could read or write it there", keyName(ref), m.to, keyState(k))
		x.Fix = "enable the key, or choose another region"
		m.risk(LoginRisk{Code: RiskKey, Region: m.to, Message: x.Message, Fix: x.Fix}, s.Secret)
		return []Blocker{x}
	}
	if target.State == CopyPrimary {
		return nil // moved already: what it lacked was judged then
	}
	if words := m.landing(s, target); words != "" {
		x.Code, x.Message = codeLanding, "its copy in "+string(m.to)+" "+words
		x.Fix = "wait until that has arrived, or choose another region"
		return []Blocker{x}
	}
	return m.freshness(s, target, from)
}

// leader is the region that has become the primary behind our back, as far as
// the target's copy tells: while home is dark, and no journal knows of a move.
// To promote the target then would make a second writer beside it (G2).
func (m *move) leader(s *Standing, target *Copy) topology.Region {
	leads := s.Copy(target.Secret.PrimaryRegion)
	if target.State != CopyStray || s.Move != nil || s.Confirmed || !leads.Secret.Writable() {
		return ""
	}
	return leads.Region
}

// landing says who may be about to overwrite the target's standalone copy: a
// forced replication that AWS has accepted and that is not there yet. It would
// land in the new primary, on all that is written there until then. It can't
// be called back: RemoveRegionsFromReplication might delete what it finds.
func (m *move) landing(s *Standing, target *Copy) string {
	if target.Secret.Role() == topology.RoleReplica {
		return ""
	}
	for i := range s.Copies {
		c := &s.Copies[i]
		if e, listed := c.Secret.Replica(m.to); listed && c.Region != m.to && e.Status == topology.InProgress {
			return fmt.Sprintf("is being overwritten from %s (InProgress): what is written there after the move would be lost", c.Region)
		}
	}
	if target.State == CopyPromoted && s.Copy(s.Primary).Secret == nil {
		return fmt.Sprintf("was to become a replica of %s, which does not answer: if that has begun, it goes on when %s is back, and what was written there after the move is lost", s.Primary, s.Primary)
	}
	return ""
}

// freshness compares the target's versions with the observed primary's, else
// with the recovery snapshot's, and notes what is unknown.
func (m *move) freshness(s *Standing, target *Copy, from topology.Region) []Blocker {
	primary := s.Copy(from).Secret
	behind, words, known := 0, "", true
	switch {
	case primary != nil:
		behind, words = behindObserved(primary, target.Secret)
	default:
		behind, words, known = m.behindRecovery(s, target, from)
	}
	m.inFlight(s, target, primary, from)
	failed := target.Listed && target.Entry.Status == topology.Failed || m.failedInRecovery(s, from)
	x := Blocker{Secret: s.Secret, Region: m.to}
	switch {
	case failed && (behind > 0 || !known):
		x.Code, x.Message = codeFailedReplica, fmt.Sprintf("its replication to %s had failed, so the copy there is old%s", m.to, commaWords(words))
	case behind > 0:
		x.Code, x.Message = codeStale, fmt.Sprintf("%s is behind %s: %s", m.to, from, words)
	case !known:
		x.Code, x.Message = codeUnknown, fmt.Sprintf("%s is dark and no snapshot knows its versions: %s may be behind", from, m.to)
		m.note(x)
		return nil
	default:
		return nil
	}
	return []Blocker{x}
}

func commaWords(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

func (m *move) failedInRecovery(s *Standing, from topology.Region) bool {
	if s.Copy(from).Secret != nil {
		return false
	}
	p, _ := m.in.Recovery.Secret(from, s.Secret)
	e, listed := p.Replica(m.to)
	return listed && e.Status == topology.Failed
}

// behindObserved counts the versions that the target lacks of a primary that
// answered. A pending version is a rotation in flight, judged apart.
func behindObserved(primary, target *topology.Secret) (int, string) {
	missing := 0
	for _, v := range primary.Versions {
		if !holds(target, v.ID) && !onlyPending(v) {
			missing++
		}
	}
	switch {
	case missing > 0:
		return missing, "lacks " + count(missing, "version") + lag(primary.Changed, target.Changed)
	case primary.Stage(topology.StageCurrent) != target.Stage(topology.StageCurrent):
		return 1, "AWSCURRENT has not moved to " + primary.Stage(topology.StageCurrent)
	}
	return 0, ""
}

func onlyPending(v topology.Version) bool {
	return len(v.Stages) == 1 && v.Stages[0] == topology.StagePending
}

func lag(primary, target time.Time) string {
	if primary.IsZero() || target.IsZero() || !primary.After(target) {
		return ""
	}
	return ", changed " + topology.Age(primary.Sub(target).Round(time.Second)) + " later"
}

// behindRecovery judges against the snapshot. The target is at least as
// fresh if it holds the version that was current then, or was changed after
// the snapshot; more is not known.
func (m *move) behindRecovery(s *Standing, target *Copy, from topology.Region) (int, string, bool) {
	then, known := m.in.Recovery.Secret(from, s.Secret)
	if !known || then == nil {
		return 0, "", false
	}
	taken := m.in.Recovery.View(from).Taken
	if taken.IsZero() {
		taken = m.in.Recovery.Taken
	}
	current := then.Stage(topology.StageCurrent)
	if current == "" || holds(target.Secret, current) || target.Secret.Changed.After(taken) {
		return 0, "", true
	}
	missing, _ := behindObserved(then, target.Secret)
	return max(missing, 1), fmt.Sprintf("lacks %s that %s had at the last snapshot%s%s", count(max(missing, 1), "version"), from,
		ago(m.in.Now, taken), lag(then.Changed, target.Secret.Changed)), true
}

// ago is how old a look is, where both times are known.
func ago(now, then time.Time) string {
	if now.IsZero() || then.IsZero() || now.Before(then) {
		return ""
	}
	return " " + topology.Age(now.Sub(then)) + " ago"
}

// inFlight notes a rotation that only the old primary knows to be under way.
// One that the target's copy shows blocks its rotation (attachRotation).
func (m *move) inFlight(s *Standing, target *Copy, primary *topology.Secret, from topology.Region) {
	if primary == nil {
		primary, _ = m.in.Recovery.Secret(from, s.Secret)
	}
	if primary == nil || !primary.RotationInFlight() || target.Secret.RotationInFlight() {
		return
	}
	pending := primary.Stage(topology.StagePending)
	message := fmt.Sprintf("a rotation was under way in %s, and AWSPENDING %s is not in %s: if the database has its password already, logins fail", from, pending, m.to)
	if holds(target.Secret, pending) {
		message = fmt.Sprintf("a rotation was under way in %s; %s holds its version %s, labelled otherwise", from, m.to, pending)
	}
	m.note(Blocker{
		Code: "rotation-in-flight", Secret: s.Secret, Region: m.to, Message: message,
		Fix: "test a login with AWSCURRENT, then with AWSPREVIOUS, before anything rotates",
	})
}

// endpointRegion is the region in an endpoint such as
// https://secretsmanager.us-west-2.amazonaws.com, "" if it has none.
func endpointRegion(endpoint string) topology.Region {
	for _, part := range strings.FieldsFunc(endpoint, func(c rune) bool { return c == '.' || c == '/' || c == ':' }) {
		if r := topology.Region(part); r.Valid() {
			return r
		}
	}
	return ""
}

// functionName is the last field of a function's ARN.
func functionName(arn string) string {
	if i := strings.LastIndex(arn, ":function:"); i >= 0 {
		return arn[i+len(":function:"):]
	}
	return arn
}
