package drift

import (
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Report is the outcome of one check (schema understudy/drift/v1).
type Report struct {
	Schema     string    `json:"schema"`
	Verdict    Verdict   `json:"verdict"`
	Checked    time.Time `json:"checked"`
	Findings   []Finding `json:"findings"` // most severe first, then by secret, region, code
	Unknown    []Unknown `json:"unknown"`
	Suppressed int       `json:"suppressed"`
	// Secrets and Regions are how much was looked at.
	Secrets int               `json:"secrets"`
	Regions []topology.Region `json:"regions"`
	// Skipped and Unmatched as in a plan.
	Skipped   int      `json:"skipped"`
	Unmatched []string `json:"unmatched"`
	// SplitBrain has both sides of every secret with two writers.
	SplitBrain []planner.Diagnosis `json:"split_brain,omitempty"`
	// Seen is what the next check needs to know (Options.Seen).
	Seen Seen `json:"-"`
}

// A Verdict sums a check up.
type Verdict string

// The verdicts. Incomplete is never clean: something could not be observed.
const (
	Clean      Verdict = "clean"
	Drifted    Verdict = "drift"
	Incomplete Verdict = "incomplete"
	SplitBrain Verdict = "split-brain"
)

// A Severity says how much a finding matters.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// A Kind keeps configuration apart from health.
type Kind string

// The kinds.
const (
	Configuration Kind = "configuration" // desired and actual differ
	Health        Kind = "health"        // as desired, but not well
	Hygiene       Kind = "hygiene"       // worth knowing
)

// A Finding is one difference.
type Finding struct {
	Code      string          `json:"code"`
	Severity  Severity        `json:"severity"`
	Kind      Kind            `json:"kind"`
	Secret    topology.Name   `json:"secret,omitempty"`
	Alarm     string          `json:"alarm,omitempty"`
	Subject   string          `json:"subject,omitempty"` // key, function or metric filter, where it is neither
	Region    topology.Region `json:"region,omitempty"`
	Message   string          `json:"message"`
	Fix       string          `json:"fix"` // the command to type, or what to do
	FirstSeen time.Time       `json:"first_seen,omitzero"`
}

// An Unknown is something that could not be observed.
type Unknown struct {
	Region topology.Region `json:"region"`
	Cause  string          `json:"cause"`
	Detail string          `json:"detail,omitempty"`
}

// Finding codes. They are stable: dashboards and suppressions name them.
const (
	CodeReplicaMissing    = "replica-missing"
	CodeReplicaFailed     = "replica-failed"
	CodeReplicaStuck      = "replica-stuck"
	CodeReplicaStale      = "replica-stale"
	CodeReplicaKey        = "replica-wrong-key"
	CodeReplicaExtra      = "replica-extra"
	CodeNameClash         = "name-clash" // a standalone secret of another lineage stands in the standby
	CodePromotedOutside   = "promoted-outside-us"
	CodeSplitBrain        = "split-brain"
	CodeFenceOwed         = "fence-owed"
	CodeRotationOff       = "rotation-off"
	CodeRotationFunction  = "rotation-function-different"
	CodeFunctionEndpoint  = "rotation-function-endpoint" // it dials another region
	CodeRotationInFlight  = "rotation-in-flight"
	CodeFunctionMissing   = "rotation-function-missing"
	CodeFunctionDenied    = "rotation-function-not-invokable"
	CodeKeyUnusable       = "key-unusable"
	CodeKeyPolicyForeign  = planner.KeyPolicyForeign    // a key's policy lets in who comes from another region
	CodeKeyPolicyEndpoint = planner.KeyPolicyEndpoint   // a key's policy asks for a VPC endpoint, of which region is unknown
	CodeKeyPolicyUnknown  = planner.KeyPolicyUnknown    // no answer
	CodeKeyPolicyUnread   = planner.KeyPolicyNotChecked // no permission to read it
	CodePolicyGone        = planner.PolicyGone          // the move left the resource policy behind
	CodePolicyTied        = planner.RiskPolicy          // a resource policy lets in who comes from the primary's region
	CodeAlarmMissing      = "alarm-missing"
	CodeAlarmDifferent    = "alarm-different"
	CodeAlarmActions      = "alarm-actions" // enabled where it should be off, or off where it should be on
	CodeFilterMissing     = "metric-filter-missing"
	CodeUnprotected       = "unprotected"
	CodeUnmatched         = "unmatched"
	CodeManaged           = "managed" // by another service: a group matches it, and nothing may be done for it
	CodePendingDeletion   = "pending-deletion"
	CodeOverwrittenAfter  = "promoted-became-replica" // somebody re-added a promoted region
	CodeClobberAttempted  = "clobber-attempted"       // the old primary tries to replicate over the new one
	CodePrimaryReplaced   = "primary-replaced"        // the new primary serves what was written elsewhere
	CodeSnapshotMissing   = "snapshot-missing"
	CodeSnapshotStale     = "snapshot-stale"
	CodePrimaryMissing    = "primary-missing"
	CodeRegionUnobserved  = "region-unobserved"
	CodeServiceUnobserved = "service-unobserved"
	CodeReplicaForeign    = "replica-of-another" // a replica of a region that is not the acting primary
	CodeVersionOrphaned   = "version-orphaned"   // a version that exists outside the acting primary only
	CodeNotReparented     = "not-reparented"     // promoted by a failover, and no replica of the new primary yet
	CodeRunDamaged        = "run-damaged"        // the journal of a run is known in part only
	CodeAwaitingFailback  = "awaiting-failback"  // the old primary, fenced: stale, and left alone
)
