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
	// AlarmThrottle is the error code by which CloudWatch throttles, of the
	// two that its API's common errors name: "Throttling" or
	// "ThrottlingException".
	AlarmThrottle string
	// NameHeld is how long a name can't be used again after
	// ForceDeleteWithoutRecovery; default 0.
	NameHeld time.Duration
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
		{"alarm-throttle", []string{"Throttling", "ThrottlingException"}, func(q *Quirks) *string { return &q.AlarmThrottle }},
		{"key-error", []string{"modelled", "access-denied"}, func(q *Quirks) *string { return &q.KeyError }},
		{"overdue-rotation", []string{"fire", "wait"}, func(q *Quirks) *string { return &q.OverdueRotation }},
		{"primary-region", []string{"keep", "clear"}, func(q *Quirks) *string { return &q.PrimaryRegion }},
		{"promoted-policy", []string{"keep", "drop"}, func(q *Quirks) *string { return &q.PromotedPolicy }},
		{"rekey", []string{"noop", "rekey", "failed"}, func(q *Quirks) *string { return &q.Rekey }},
		{"remove-absent", []string{"ignore", "refuse"}, func(q *Quirks) *string { return &q.RemoveAbsent }},
		{"remove-promoted", []string{"delete", "spare"}, func(q *Quirks) *string { return &q.RemovePromoted }},
		{"replica-key-update", []string{"refuse", "allow"}, func(q *Quirks) *string { return &q.ReplicaKeyUpdate }},
		{"replica-rotation", []string{"hide", "show"}, func(q *Quirks) *string { return &q.ReplicaRotation }},
		{"replica-status", []string{"hide", "show"}, func(q *Quirks) *string { return &q.ReplicaStatus }},
		{"stale-entry", []string{"keep", "drop"}, func(q *Quirks) *string { return &q.StaleEntry }},
		{"stop-standalone", []string{"invalid-parameter", "invalid-request"}, func(q *Quirks) *string { return &q.StopStandalone }},
	}
}

// QuirkNames lists the quirks with their values, the default first, in the
// form "stale-entry=keep|drop", sorted.
func QuirkNames() []string {
	names := []string{"name-held=DURATION"}
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
	if name == "name-held" {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("quirk name-held: %q is not a duration: write it like 30s", value)
		}
		q.NameHeld = d
		return nil
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

// withDefaults fills in what was left "", so that code can compare plainly.
func (q Quirks) withDefaults() Quirks {
	for _, s := range quirkSwitches() {
		if f := s.field(&q); *f == "" {
			*f = s.values[0]
		}
	}
	return q
}

// quirks are the cloud's; New has set every field.
func (c *Cloud) quirks() *Quirks { return &c.opts.Quirks }
