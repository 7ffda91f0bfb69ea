package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Step is one Action on one Secret (or alarm, function, metric filter) in
// one Region. It is data, never a closure: it is printed, journaled, saved
// in a file, and run by a process that did not make it.
type Step struct {
	ID      string          `json:"id"` // hash of what the step does, see NewStep; the journal's key
	Action  Action          `json:"action"`
	Account string          `json:"account,omitempty"`
	Secret  topology.Name   `json:"secret,omitempty"`
	Alarm   string          `json:"alarm,omitempty"`  // alarm; the first one of Params.Alarms
	Target  string          `json:"target,omitempty"` // function ARN or metric filter, where it is neither secret nor alarm
	Region  topology.Region `json:"region"`           // where the change shows
	// Needs are the IDs of steps that must be applied (or found done) first.
	Needs  []string `json:"needs"`
	Params Params   `json:"params,omitzero"`
	// Expect must still hold when the step is re-observed, else the step
	// fails with executor.ErrStalePlan and changes nothing.
	Expect Expect `json:"expect,omitzero"`
	Risk   Risk   `json:"risk"`
	Undo   Action `json:"undo"`
	Group  string `json:"group,omitempty"`
	Tier   int    `json:"tier,omitempty"` // Group.Priority: lower runs first
	// Phase labels steps for people and for recovery times ("promote",
	// "rotation", "alarms" …). It orders nothing: Needs and Tier do.
	Phase string `json:"phase,omitempty"`
	// Requires names the flag without which the step must not run
	// ("allow-remove", "allow-overwrite", "allow-replica-gap"). A plan always
	// shows such a step; who runs the plan refuses it without the flag.
	Requires string `json:"requires,omitempty"`
	// Owed: if the region does not answer, or in a move refuses, the step is
	// deferred and journaled as owed instead of failing.
	Owed bool `json:"owed,omitempty"`

	Before string `json:"before"`
	After  string `json:"after"`
	Reason string `json:"reason"` // for people; the executor never reads it
}

// Params say how an action is done. Each action reads only what it needs.
type Params struct {
	From topology.Region `json:"from,omitempty"` // primary region to call (replicate, remove, overwrite); region to copy from (rescue)
	// Key is the KMS key of the replica in Region; "" is the AWS-managed key.
	Key string `json:"key,omitempty"`
	// ViaRemoval re-keys by remove → gone → add → InSync (allowed gap);
	// otherwise a re-key is done in place, and failing that, not at all.
	ViaRemoval bool `json:"via_removal,omitempty"`

	Lambda            string                 `json:"lambda,omitempty"`
	Rules             topology.RotationRules `json:"rules,omitzero"`
	RotateImmediately bool                   `json:"rotate_immediately,omitempty"`

	Version string `json:"version,omitempty"` // clear-pending, rescue-version
	Label   string `json:"label,omitempty"`   // rescue-version's staging label

	Alarms    []string                 `json:"alarms,omitempty"` // enable/disable: at most 100 names
	Metric    *topology.Alarm          `json:"metric_alarm,omitempty"`
	Composite *topology.CompositeAlarm `json:"composite_alarm,omitempty"`
	Filter    *topology.MetricFilter   `json:"metric_filter,omitempty"`
	Statement string                   `json:"statement,omitempty"` // grant-invoke: statement id; fence-policy: Sid
	// Permissions that grant-invoke writes as they were before a fence.
	Permissions []topology.Permission `json:"permissions,omitempty"`

	// Regions whose copies must hold what From's does (await-equal), or must be
	// seen not to follow Region (fence-policy).
	Regions []topology.Region `json:"regions,omitempty"`
	// WindowSeconds is how long a step may wait for what it waits for; 0 is
	// the executor's own patience.
	WindowSeconds float64 `json:"window_seconds,omitempty"`
	// Settled: cancel-rotation waits for a rotation under way to end, and does
	// not cut it off between two of its steps.
	Settled bool `json:"settled,omitempty"`
}

// Expect is a precondition, checked against a fresh read just before the
// act. Zero fields are not checked.
type Expect struct {
	ARN string `json:"arn,omitempty"` // of the secret in Region: same lineage
	// Current is the version that must carry AWSCURRENT in Region: for
	// promote the version the operator was shown; an overwrite is refused if
	// the target moved on.
	Current string `json:"current,omitempty"`
	// Versions, when set, are all versions the target may hold: another one
	// means that something would be lost (G1).
	Versions []string `json:"versions,omitempty"`
	// PrimaryRegion of the copy in Region.
	PrimaryRegion topology.Region `json:"primary_region,omitempty"`
	// SameAs: promote waits until the copy holds the same versions, under the
	// same labels, as this region's (a planned move loses nothing).
	SameAs topology.Region `json:"same_as,omitempty"`
}

// Subject is what the step is about, for people.
func (s *Step) Subject() string {
	switch {
	case s.Secret != "":
		return string(s.Secret)
	case s.Alarm != "":
		return s.Alarm
	}
	return s.Target
}

// Subjects are what a step is about; alarms and functions belong to a region,
// a secret is one everywhere.
func (s *Step) Subjects() []string {
	switch {
	case s.Secret != "":
		return []string{string(s.Secret)}
	case len(s.Params.Alarms) == 0:
		return []string{s.Subject() + " in " + string(s.Region)}
	}
	var list []string
	for _, name := range s.Params.Alarms {
		list = append(list, name+" in "+string(s.Region))
	}
	return list
}

// Both are the subjects that two lists of steps have in common, sorted.
func Both(x, y []Step) []string {
	of := map[string]bool{}
	for i := range x {
		for _, on := range x[i].Subjects() {
			of[on] = true
		}
	}
	var both []string
	for i := range y {
		for _, on := range y[i].Subjects() {
			if of[on] {
				both = append(both, on)
				delete(of, on) // each is named once
			}
		}
	}
	slices.Sort(both)
	return both
}

// identity is what a step's ID hashes: what it does, not why.
type identity struct {
	Action  Action
	Account string
	Subject string
	Region  topology.Region
	Params  Params
}

// Seal fills in what follows from the rest: ID, Risk and Undo where unset,
// and a non-nil Needs.
func (s Step) Seal() Step {
	data, err := json.Marshal(identity{s.Action, s.Account, s.Subject(), s.Region, s.Params})
	if err != nil {
		panic("planner: a step is plain data: " + err.Error()) // NaN thresholds are refused on observation
	}
	sum := sha256.Sum256(data)
	s.ID = hex.EncodeToString(sum[:6])
	t := TraitsOf(s.Action)
	if s.Risk == "" {
		s.Risk = t.Risk
	}
	if s.Undo == "" {
		s.Undo = t.Undo
	}
	if s.Needs == nil {
		s.Needs = []string{}
	}
	return s
}
