package executor

import (
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// The kinds of records in a run's journal.
const (
	kindBegin   = "begin"   // session: the run is created
	kindResume  = "resume"  // session: another process continues it
	kindAbort   = "abort"   // session: undo steps follow
	kindIntent  = "intent"  // this call is about to be made
	kindTaken   = "taken"   // this call is about to take away what only this record remembers
	kindOutcome = "outcome" // this is how a step ended
	kindWave    = "wave"    // a group's next wave was opened
	kindEnd     = "end"     // the session ended by itself
)

// A session is one process at work on a run. Its epoch is the lease's, so
// that records of several runs have one order.
type session struct {
	Run     string          `json:"run"`
	Epoch   int64           `json:"epoch"`
	Command string          `json:"command"`
	Plan    string          `json:"plan"`
	PlanSum string          `json:"plan_sum"` // SHA-256 of plan.json
	From    topology.Region `json:"from,omitempty"`
	To      topology.Region `json:"to,omitempty"`
	Steps   int             `json:"steps"`
	Holder  journal.Holder  `json:"holder"`
}

type intent struct {
	Step   string          `json:"step"`
	Action planner.Action  `json:"action"`
	On     string          `json:"on"`
	Region topology.Region `json:"region"`
	Call   string          `json:"call"` // the AWS operation
	Undo   bool            `json:"undo,omitempty"`
}

// A taken record is what a call takes away, before the call: whoever puts it
// back has nothing else to go by.
type taken struct {
	Step       string              `json:"step"`
	On         string              `json:"on"`
	Region     topology.Region     `json:"region"`
	Permission topology.Permission `json:"permission"`
}

// An Outcome is how a step ended.
type Outcome string

// The outcomes.
const (
	Applied     Outcome = "applied"      // we made the call and saw its effect
	AlreadyDone Outcome = "already-done" // the effect was there, no call was made
	Deferred    Outcome = "deferred"     // the region does not answer, or refuses: owed
	Failing     Outcome = "failed"
)

// An outcome record says enough for Placement to do without the plan.
type outcome struct {
	Step    string          `json:"step"`
	Action  planner.Action  `json:"action"`
	On      string          `json:"on"`
	Region  topology.Region `json:"region"`
	Outcome Outcome         `json:"outcome"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Note    string          `json:"note,omitempty"`
	Alarms  []string        `json:"alarms,omitempty"`
	// Versions that the copy held when it was promoted.
	Versions []topology.Version `json:"versions,omitempty"`
	// Dated is when it was seen promoted, by AWS's clock.
	Dated time.Time `json:"dated,omitzero"`
	// Empty is the version in which a rescue found no value, and whose label a
	// fence keeps it from taking off.
	Empty string `json:"empty,omitempty"`
	// Away is how long an overwritten copy was not found, in seconds.
	Away *float64 `json:"away_seconds,omitempty"`
	Undo bool     `json:"undo,omitempty"`
	// Owed: what failed is a duty that stays, whatever becomes of the run.
	Owed bool `json:"owed,omitempty"`
}

type waveOpened struct {
	Group string `json:"group"`
	Tier  int    `json:"tier"`
	Wave  int    `json:"wave"` // from 1
	Of    int    `json:"of"`
}

type ended struct {
	State  State                     `json:"state"`
	Reason string                    `json:"reason,omitempty"`
	Steps  Counts                    `json:"steps"`
	Calls  map[topology.Region]Calls `json:"calls,omitempty"`
}
