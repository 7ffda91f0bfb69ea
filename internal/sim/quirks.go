package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Quirks are the simulator's answers to what AWS leaves undocumented. The
// zero value takes for each the answer that is hardest on a caller, so that a
// program which works against it need not know which one AWS gives. A text
// field is "" for its default, which is the first value listed.
type Quirks struct {
	// StaleEntry says what the old primary's ReplicationStatus shows for a
	// region that was promoted while the two could not talk: "keep" leaves
	// the entry until the next change fails on it; "drop" removes it once
	// they talk again. When both are up, promotion always removes the entry.
	StaleEntry string
	// RemovePromoted says what RemoveRegionsFromReplication does to a secret
	// that was promoted but is still listed: "delete" destroys it like a
	// replica, "spare" only drops the entry.
	RemovePromoted string
	// RemoveAbsent says how RemoveRegionsFromReplication takes a region that
	// has no replica: "ignore" succeeds, "refuse" is InvalidParameterException.
	RemoveAbsent string
	// Rekey says what ReplicateSecretToRegions does for a region that already
	// holds an InSync replica: "noop" changes nothing, "rekey" re-encrypts it
	// in place under the key given, "failed" turns the entry to Failed.
	Rekey string
	// PrimaryRegion says whether DescribeSecret still answers PrimaryRegion
	// after the last replica was removed: "keep" or "clear".
	PrimaryRegion string
	// ReplicaOwner says whether a replica of a managed secret tells so, by
	// OwningService and by the owning service's tag: "hide" or "show".
	ReplicaOwner string
	// ReplicaStatus says whether DescribeSecret on a replica repeats the
	// primary's ReplicationStatus: "hide" or "show".
	ReplicaStatus string
	// ReplicaRotation says whether DescribeSecret on a replica shows the
	// primary's rotation settings: "hide" or "show".
	ReplicaRotation string
	// ReplicaKeyUpdate says how UpdateSecret with nothing but a KmsKeyId is
	// taken on a replica: "refuse" as any other write, "allow" re-encrypts it.
	ReplicaKeyUpdate string
	// KeyError says how an unusable KMS key is reported: "modelled" with the
	// model's DecryptionFailure and EncryptionFailure, "access-denied" with
	// AccessDeniedException "Access to KMS is not allowed".
	KeyError string
	// StopStandalone is the error of StopReplicationToReplica on a secret that
	// is no replica: "invalid-parameter" or "invalid-request".
	StopStandalone string
	// PromotedPolicy says whether a promoted secret still has the resource
	// policy it had as a replica: "keep" or "drop".
	PromotedPolicy string
	// OverdueRotation says what happens when rotation is attached, without
	// RotateImmediately, to a secret whose last rotation is older than its
	// schedule: "fire" rotates at once, "wait" waits for the next window.
	OverdueRotation string
	// ReplicaPolicy says whether GetResourcePolicy is answered on a replica:
	// "answer", or "refuse" as a write would be.
	ReplicaPolicy string
	// ForceDeleted says what ForceOverwriteReplicaSecret does to a secret of
	// that name which is scheduled for deletion: "fail", as the name is
	// reserved, or "overwrite".
	ForceDeleted string
	// FailedKeyText is the wording of a Failed entry whose cause is a key:
	// "long" names region and remedy, "short" is the bare error.
	FailedKeyText string
	// CancelUnconfigured says how CancelRotateSecret takes a secret that has no
	// rotation: "refuse" is InvalidRequestException, "ignore" succeeds.
	CancelUnconfigured string
	// TestPending says what becomes of AWSPENDING when the test fails that
	// RotateImmediately false runs: "keep" or "drop".
	TestPending string
	// ForeignFunction says how RotateSecret takes a function of another
	// region: "refuse" as one that can't be invoked, "invoke" uses it.
	ForeignFunction string
	// RotationAttempts is how many times a rotation that fails is tried before
	// it waits for its next window: "5" or "1". RotationPause lies between.
	RotationAttempts string
	// ListOrder is the order of ListSecrets and BatchGetSecretValue where none
	// is asked for: "oldest" or "newest" first.
	ListOrder string
	// AlarmActionsQuota is the quota of DeleteAlarms, EnableAlarmActions,
	// DisableAlarmActions and SetAlarmState: "3" a second each, or "none".
	AlarmActionsQuota string
	// AlarmThrottle is the error code by which CloudWatch throttles, of the
	// two that its API's common errors name: "Throttling" or
	// "ThrottlingException".
	AlarmThrottle string
	// NameHeld is how long a name can't be used again after
	// ForceDeleteWithoutRecovery; default 0.
	NameHeld time.Duration
	// RotationPause lies between two attempts at a rotation; default 15m.
	RotationPause time.Duration
	// TokenLife is how long a pagination token is good; default 24h, as
	// CloudWatch Logs documents for its own.
	TokenLife time.Duration
}

// A quirkSwitch is one text field of Quirks: its name, what it may be (the
// default first), and where it is.
type quirkSwitch struct {
	name   string
	values []string
	field  func(*Quirks) *string
}

func quirkSwitches() []quirkSwitch {
	return []quirkSwitch{
		{"alarm-actions-quota", []string{"3", "none"}, func(q *Quirks) *string { return &q.AlarmActionsQuota }},
		{"alarm-throttle", []string{"Throttling", "ThrottlingException"}, func(q *Quirks) *string { return &q.AlarmThrottle }},
		{"cancel-unconfigured", []string{"refuse", "ignore"}, func(q *Quirks) *string { return &q.CancelUnconfigured }},
		{"failed-key-text", []string{"long", "short"}, func(q *Quirks) *string { return &q.FailedKeyText }},
		{"force-deleted", []string{"fail", "overwrite"}, func(q *Quirks) *string { return &q.ForceDeleted }},
		{"foreign-function", []string{"refuse", "invoke"}, func(q *Quirks) *string { return &q.ForeignFunction }},
		{"key-error", []string{"modelled", "access-denied"}, func(q *Quirks) *string { return &q.KeyError }},
		{"list-order", []string{"oldest", "newest"}, func(q *Quirks) *string { return &q.ListOrder }},
		{"overdue-rotation", []string{"fire", "wait"}, func(q *Quirks) *string { return &q.OverdueRotation }},
		{"primary-region", []string{"keep", "clear"}, func(q *Quirks) *string { return &q.PrimaryRegion }},
		{"promoted-policy", []string{"keep", "drop"}, func(q *Quirks) *string { return &q.PromotedPolicy }},
		{"rekey", []string{"noop", "rekey", "failed"}, func(q *Quirks) *string { return &q.Rekey }},
		{"remove-absent", []string{"ignore", "refuse"}, func(q *Quirks) *string { return &q.RemoveAbsent }},
		{"remove-promoted", []string{"delete", "spare"}, func(q *Quirks) *string { return &q.RemovePromoted }},
		{"replica-key-update", []string{"refuse", "allow"}, func(q *Quirks) *string { return &q.ReplicaKeyUpdate }},
		{"replica-owner", []string{"hide", "show"}, func(q *Quirks) *string { return &q.ReplicaOwner }},
		{"replica-policy", []string{"answer", "refuse"}, func(q *Quirks) *string { return &q.ReplicaPolicy }},
		{"replica-rotation", []string{"hide", "show"}, func(q *Quirks) *string { return &q.ReplicaRotation }},
		{"replica-status", []string{"hide", "show"}, func(q *Quirks) *string { return &q.ReplicaStatus }},
		{"rotation-attempts", []string{"5", "1"}, func(q *Quirks) *string { return &q.RotationAttempts }},
		{"stale-entry", []string{"keep", "drop"}, func(q *Quirks) *string { return &q.StaleEntry }},
		{"stop-standalone", []string{"invalid-parameter", "invalid-request"}, func(q *Quirks) *string { return &q.StopStandalone }},
		{"test-pending", []string{"keep", "drop"}, func(q *Quirks) *string { return &q.TestPending }},
	}
}

// A durationQuirk is one field of Quirks that is a time.
type durationQuirk struct {
	name    string
	initial time.Duration // what 0 stands for
	field   func(*Quirks) *time.Duration
}

func durationQuirks() []durationQuirk {
	return []durationQuirk{
		{"name-held", 0, func(q *Quirks) *time.Duration { return &q.NameHeld }},
		{"rotation-pause", 15 * time.Minute, func(q *Quirks) *time.Duration { return &q.RotationPause }},
		{"token-life", 24 * time.Hour, func(q *Quirks) *time.Duration { return &q.TokenLife }},
	}
}

// QuirkNames lists the quirks with their values, the default first, in the
// form "stale-entry=keep|drop", sorted.
func QuirkNames() []string {
	var names []string
	for _, d := range durationQuirks() {
		names = append(names, d.name+"=DURATION")
	}
	for _, s := range quirkSwitches() {
		names = append(names, s.name+"="+strings.Join(s.values, "|"))
	}
	slices.Sort(names)
	return names
}

// ParseQuirk sets one quirk in q from text like "stale-entry=drop". The error
// names the quirks there are, or the values of the one that was meant.
func ParseQuirk(q *Quirks, text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("quirk %q: write it as name=value; there are: %s", text, strings.Join(QuirkNames(), ", "))
	}
	for _, d := range durationQuirks() {
		if d.name == name {
			return parseDurationQuirk(d.field(q), name, value)
		}
	}
	for _, s := range quirkSwitches() {
		if s.name != name {
			continue
		}
		if !slices.Contains(s.values, value) {
			return fmt.Errorf("quirk %s: %q is none of its values: use %s", name, value, strings.Join(s.values, " or "))
		}
		*s.field(q) = value
		return nil
	}
	return fmt.Errorf("quirk %q: no such quirk; there are: %s", name, strings.Join(QuirkNames(), ", "))
}

func parseDurationQuirk(field *time.Duration, name, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return fmt.Errorf("quirk %s: %q is not a duration: write it like 30s", name, value)
	}
	*field = d
	return nil
}

// withDefaults fills in what was left "", so that code can compare plainly.
func (q Quirks) withDefaults() Quirks {
	for _, s := range quirkSwitches() {
		if f := s.field(&q); *f == "" {
			*f = s.values[0]
		}
	}
	for _, d := range durationQuirks() {
		if f := d.field(&q); *f == 0 {
			*f = d.initial
		}
	}
	return q
}

// quirks are the cloud's; New has set every field.
func (c *Cloud) quirks() *Quirks { return &c.opts.Quirks }
