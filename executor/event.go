package executor

import (
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// An EventKind says what an Event is about.
type EventKind string

// The kinds of events.
const (
	RunStarted  EventKind = "run-started"
	StepStarted EventKind = "step-started"
	StepEnded   EventKind = "step-ended"
	WaveOpened  EventKind = "wave-opened"
	GroupHalted EventKind = "group-halted" // more failures than max_failures
	RunEnded    EventKind = "run-ended"
)

// An Event is progress. Events of a run come one after the other, from one
// goroutine, which they hold up: hand them on, do not work in them.
type Event struct {
	Kind EventKind
	Time time.Time
	Run  string
	// Step is set on step events; it belongs to the plan and must not be
	// changed.
	Step    *planner.Step
	Outcome Outcome
	Code    string
	Message string

	Group string // wave and group events
	Wave  int
	Waves int

	Steps    Counts // so far
	Total    int
	InFlight int
	Tier     int // of the step, or the lowest that is not finished
	TierDone int // steps of that tier that have ended
	TierAll  int
	// Oldest is when the step that has been under way longest was started,
	// and OldestSecret its secret; zero if none is.
	Oldest       time.Time
	OldestSecret topology.Name
}
