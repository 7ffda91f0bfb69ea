package runbooks

import (
	"slices"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Status is the secrets × regions matrix (schema understudy/status/v1).
type Status struct {
	Schema  string            `json:"schema"`
	Primary topology.Region   `json:"primary"` // the acting one of most secrets
	Home    topology.Region   `json:"home"`
	Regions []topology.Region `json:"region_order"`
	Secrets []SecretStatus    `json:"secrets"`
	Owed    []topology.Debt   `json:"owed"`
	// UnprotectedSince is when some secret last had a copy in sync in a
	// second region; nil while all have.
	UnprotectedSince *time.Time `json:"unprotected_since"`
	LastRehearsal    *time.Time `json:"last_rehearsal"`
	SnapshotTaken    *time.Time `json:"snapshot_taken"`
	Dark             []Dark     `json:"dark"`
	// Unfinished moves of the primary stopped midway, died, or are under way.
	// The fences that they did not come to, of what they moved, are owed.
	Unfinished []executor.Summary `json:"unfinished,omitempty"`
	// Damaged runs are known in part only: what they moved or owe may be missing above.
	Damaged []topology.DamagedRun `json:"damaged,omitempty"`
	// SplitBrain has both sides of every secret with two writers (exit 6).
	SplitBrain []planner.Diagnosis `json:"split_brain,omitempty"`
}

// Stopped is the oldest move of the primary that nobody is working on, nil if
// there is none.
func (st *Status) Stopped() *executor.Summary {
	i := slices.IndexFunc(st.Unfinished, func(r executor.Summary) bool { return r.Stopped() })
	if i < 0 {
		return nil
	}
	return &st.Unfinished[i]
}

// IsDark reports whether a region did not answer.
func (st *Status) IsDark(r topology.Region) bool {
	return slices.ContainsFunc(st.Dark, func(d Dark) bool { return d.Region == r })
}

// Overwritten is the status of a copy that we promoted and that is a replica
// again, by somebody else's hand.
const Overwritten = "overwritten"

// Guarded counts the secrets of which a copy in sync was seen in a second
// region. The others may have one in a region that did not answer.
func (st *Status) Guarded() int {
	n := 0
	for i := range st.Secrets {
		s := &st.Secrets[i]
		for r, c := range s.Regions {
			if r != s.Primary && c.Role == topology.RoleReplica && (c.Status == topology.InSync || c.Status == Overwritten) {
				n++
				break
			}
		}
	}
	return n
}

// A SecretStatus is one row of the matrix.
type SecretStatus struct {
	Name    topology.Name                  `json:"name"`
	Group   string                         `json:"group"`
	Primary topology.Region                `json:"primary"` // acting
	Regions map[topology.Region]CopyStatus `json:"regions"`
}

// A CopyStatus is one cell.
type CopyStatus struct {
	Role   topology.Role `json:"role"`
	Status string        `json:"status"` // InSync, InProgress, Failed, stale, overwritten, awaiting-fence, or ""
	Key    string        `json:"key"`
	// VersionsBehind counts versions of the acting primary that this copy
	// lacks; -1 is unknown.
	VersionsBehind int `json:"versions_behind"`
}

// A Dark region did not answer.
type Dark struct {
	Region topology.Region `json:"region"`
	Cause  topology.Cause  `json:"cause"`
	Detail string          `json:"detail,omitempty"`
}

// Readiness is the answer to "could we fail over now" (schema understudy/ready/v1).
type Readiness struct {
	Schema       string            `json:"schema"`
	To           topology.Region   `json:"to"`
	Verdict      string            `json:"verdict"` // READY, NOT_READY, UNKNOWN
	Secrets      []SecretReadiness `json:"secrets"`
	FloorSeconds float64           `json:"floor_seconds"`
}

// A SecretReadiness is one secret's verdict.
type SecretReadiness struct {
	Name     topology.Name `json:"name"`
	Verdict  string        `json:"verdict"`
	Blockers []Obstacle    `json:"blockers"`
}

// An Obstacle keeps a secret from being ready.
type Obstacle struct {
	Code    string          `json:"code"`
	Region  topology.Region `json:"region"`
	Message string          `json:"message"`
	Fix     string          `json:"fix"`
}

// A Rehearsal is the outcome of one game day (schema understudy/rehearsal/v1).
type Rehearsal struct {
	Schema   string           `json:"schema"`
	Outcome  string           `json:"outcome"` // passed, failed
	Scenario string           `json:"scenario"`
	Stage    string           `json:"stage"` // simulator, twin, canary
	Phases   []RehearsalPhase `json:"phases"`
	// RTOSeconds is from the region's death to the last secret writable with
	// rotation and alarms on in the new primary.
	RTOSeconds float64 `json:"rto_seconds"`
	// RPOVersions counts versions lost.
	RPOVersions int          `json:"rpo_versions"`
	Hypotheses  []Hypothesis `json:"hypotheses"`
	Leftovers   []string     `json:"leftovers"`
	Run         string       `json:"run"`
	Seed        int64        `json:"seed"`
	Timeline    []Moment     `json:"timeline"`
	// Calls by region during the failover itself: none to the lost one.
	Calls map[topology.Region]CallCount `json:"calls"`
	Lost  topology.Region               `json:"lost"`
	To    topology.Region               `json:"to"`
}

// A RehearsalPhase is one part of a game day.
type RehearsalPhase struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Result  string    `json:"result"` // one line for people
}

// A Hypothesis is a claim that the rehearsal tests.
type Hypothesis struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // held, broken, untested
	Detail  string `json:"detail,omitempty"`
}

// A Moment is one line of the timeline; At is seconds since the region died
// (negative before).
type Moment struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// A CallCount counts API calls in one region.
type CallCount struct {
	Total    int `json:"total"`
	Mutating int `json:"mutating"`
}
