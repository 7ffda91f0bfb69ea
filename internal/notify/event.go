package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
)

// The events that a webhook may ask for.
const (
	RunCompleted   = "run-completed"
	RunHalted      = "run-halted"
	DriftFound     = "drift"
	RehearsalEnded = "rehearsal"
)

// An Event is what a webhook of format "json" receives.
type Event struct {
	Schema  string    `json:"schema"` // understudy/event/v1
	Event   string    `json:"event"`  // one of the constants above
	Time    time.Time `json:"time"`
	Account string    `json:"account,omitempty"`
	Summary string    `json:"summary"` // one line for people

	Run       *Run       `json:"run,omitempty"`
	Drift     *Drift     `json:"drift,omitempty"`
	Rehearsal *Rehearsal `json:"rehearsal,omitempty"`

	// key makes a repeated delivery recognisable: the Idempotency-Key header.
	key string
}

// A Run is the short form of understudy/run/v1.
type Run struct {
	ID       string          `json:"id"`
	Command  string          `json:"command"`
	State    executor.State  `json:"state"`
	From     string          `json:"from,omitempty"`
	To       string          `json:"to,omitempty"`
	Steps    executor.Counts `json:"steps"`
	Failures int             `json:"failures"`
	Owed     int             `json:"owed"`
	Seconds  float64         `json:"seconds"`
}

// Drift is the short form of understudy/drift/v1.
type Drift struct {
	Verdict  drift.Verdict          `json:"verdict"`
	Findings map[drift.Severity]int `json:"findings"`
	Codes    map[string]int         `json:"codes"`
}

// A Rehearsal is the short form of understudy/rehearsal/v1.
type Rehearsal struct {
	Outcome     string  `json:"outcome"`
	Scenario    string  `json:"scenario"`
	Stage       string  `json:"stage"`
	RTOSeconds  float64 `json:"rto_seconds"`
	RPOVersions int     `json:"rpo_versions"`
	Run         string  `json:"run"`
}

const schema = "understudy/event/v1"

// OfRun is the event of a run that ended.
func OfRun(account string, r *executor.Report, now time.Time) Event {
	kind := RunCompleted
	if r.State != executor.Completed {
		kind = RunHalted
	}
	end := r.Ended
	if end.IsZero() {
		end = now
	}
	run := &Run{
		ID: r.ID, Command: r.Command, State: r.State, From: string(r.From), To: string(r.To),
		Steps: r.Steps, Failures: len(r.Failures), Owed: len(r.Owed), Seconds: end.Sub(r.Started).Seconds(),
	}
	summary := fmt.Sprintf("%s %s %s", r.Command, r.ID, r.State)
	if r.From != "" && r.To != "" {
		summary = fmt.Sprintf("%s %s → %s, run %s %s", r.Command, r.From, r.To, r.ID, r.State)
	}
	summary += fmt.Sprintf(": %d applied, %d already done, %d failed, %d left, %d owed",
		r.Steps.Applied, r.Steps.AlreadyDone, r.Steps.Failed, r.Steps.Left, len(r.Owed))
	return Event{
		Schema: schema, Event: kind, Time: now.UTC(), Account: account, Summary: summary, Run: run,
		// A run that is resumed ends more than once, each time anew.
		key: key(kind, r.ID, string(r.State), end.UTC().Format(time.RFC3339Nano)),
	}
}

// OfDrift is the event of a check that found something.
func OfDrift(account string, r *drift.Report, now time.Time) Event {
	d := &Drift{Verdict: r.Verdict, Findings: map[drift.Severity]int{}, Codes: map[string]int{}}
	for i := range r.Findings {
		d.Findings[r.Findings[i].Severity]++
		d.Codes[r.Findings[i].Code]++
	}
	summary := fmt.Sprintf("drift: %s, %d critical, %d warning, %d info",
		r.Verdict, d.Findings[drift.Critical], d.Findings[drift.Warning], d.Findings[drift.Info])
	return Event{
		Schema: schema, Event: DriftFound, Time: now.UTC(), Account: account, Summary: summary, Drift: d,
		key: key(DriftFound, account, r.Checked.UTC().Format(time.RFC3339Nano)),
	}
}

// OfRehearsal is the event of a rehearsal that ended.
func OfRehearsal(account string, r Rehearsal, now time.Time) Event {
	return Event{
		Schema: schema, Event: RehearsalEnded, Time: now.UTC(), Account: account,
		Summary: fmt.Sprintf("rehearsal of %s on the %s %s: recovery in %.1f s, %d versions lost",
			r.Scenario, r.Stage, r.Outcome, r.RTOSeconds, r.RPOVersions),
		Rehearsal: &r,
		key:       key(RehearsalEnded, r.Run, now.UTC().Format(time.RFC3339Nano)),
	}
}

func key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
