package executor

import (
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Report is what one run did and what it left (schema understudy/run/v1).
type Report struct {
	Schema   string          `json:"schema"`
	ID       string          `json:"id"`
	Command  string          `json:"command"`
	State    State           `json:"state"`
	From     topology.Region `json:"from,omitempty"`
	To       topology.Region `json:"to,omitempty"`
	Started  time.Time       `json:"started,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`
	Steps    Counts          `json:"steps"`
	Failures []Failure       `json:"failures"`
	Owed     []topology.Debt `json:"owed"`
	Phases   []Phase         `json:"phases"`
	// Calls made for the run by region, the looks before and after it included.
	Calls map[topology.Region]Calls `json:"calls"`
	ARNs  []ARN                     `json:"arns"`
	// Holder is who worked on it last.
	Holder journal.Holder `json:"holder,omitzero"`
	// Reason is why the run halted, "" if it did not, or steps failed and
	// that is all.
	Reason string `json:"reason,omitempty"`
	// Aborting: an abort has begun and not ended, so that only an abort can
	// end the run. Stuck are the undos that failed.
	Aborting bool      `json:"aborting,omitempty"`
	Stuck    []Failure `json:"stuck,omitempty"`
	// OneWay are the steps of an aborted run that nothing takes back.
	OneWay []OneWayStep `json:"one_way,omitempty"`
	// Blocked is what stands in the way of a plan that had nothing to do.
	Blocked []planner.Blocker `json:"blocked,omitempty"`
	// LoginRisks are the secrets with which applications may fail to log in
	// now, by cause: the plan's word, and what the runbook found after the run.
	LoginRisks planner.Risks `json:"login_risks,omitempty"`
	// Blinks are how long copies that were made replicas of the new primary
	// were away meanwhile.
	Blinks []Blink `json:"blinks,omitempty"`
	// Read is how many secrets the runbook read in the new primary after the
	// run, their values dropped; 0 where that was not asked for.
	Read int `json:"read,omitempty"`
	// UnprotectedSince is when some secret last had a copy in sync in a second
	// region, as the runbook found after the run; nil while all have.
	UnprotectedSince *time.Time `json:"unprotected_since,omitempty"`
}

// A OneWayStep was applied and stays so.
type OneWayStep struct {
	Step    string          `json:"step"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Region  topology.Region `json:"region"`
	Risk    string          `json:"risk"`
}

// A State is where a run stands.
type State string

// The states.
const (
	Running   State = "running"   // or its process died: resume
	Completed State = "completed" // everything applied, found done, or owed
	Halted    State = "halted"    // stopped midway: failures, an interrupt, a lost lease
	Aborted   State = "aborted"
)

// Counts are steps by outcome.
type Counts struct {
	Applied     int `json:"applied"`
	AlreadyDone int `json:"already_done"`
	Deferred    int `json:"deferred"`
	Failed      int `json:"failed"`
	Left        int `json:"left"`
}

// A Failure is one step that failed. Code is the AWS error code, or one of
// ours in lower case.
type Failure struct {
	Step    string          `json:"step"`
	Action  string          `json:"action"`
	Code    string          `json:"code"`
	Secret  topology.Name   `json:"secret,omitempty"`
	Alarm   string          `json:"alarm,omitempty"`
	Region  topology.Region `json:"region"`
	Message string          `json:"message"`
}

// A Phase is how long the steps of one label took, first start to last end.
type Phase struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
}

// Calls counts API calls, every attempt included.
type Calls struct {
	Total     int `json:"total"`
	Mutating  int `json:"mutating"`
	Throttled int `json:"throttled"`
}

// An ARN is one secret's ARN before and after a move.
type ARN struct {
	Secret topology.Name `json:"secret"`
	Old    string        `json:"old"`
	New    string        `json:"new"`
}
