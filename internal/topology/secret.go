package topology

import (
	"slices"
	"time"
)

// A Name is a secret's friendly name. Calls use it rather than the ARN: SDKs
// ignore the region inside a SecretId, so an ARN sent to the wrong region is
// simply not found.
type Name string

// A Role is what one region's copy of a secret is.
type Role string

// The roles. AWS says replica only by PrimaryRegion: present and different
// from the region asked.
const (
	RolePrimary    Role = "primary"    // has replicas, or once had
	RoleReplica    Role = "replica"    // read-only copy of another region's secret
	RoleStandalone Role = "standalone" // linked to nothing: never replicated, or promoted
	RoleAbsent     Role = "absent"
	RoleUnknown    Role = "unknown" // the region did not answer
)

// A Secret is one region's copy of a secret, as ListSecrets or DescribeSecret
// of that region reported it.
type Secret struct {
	Name          Name      `json:"name"`
	ARN           string    `json:"arn"`
	Region        Region    `json:"region"`
	PrimaryRegion Region    `json:"primary_region,omitempty"`
	KmsKeyID      string    `json:"kms_key_id,omitempty"` // as reported; "" is alias/aws/secretsmanager
	OwningService string    `json:"owning_service,omitempty"`
	Description   string    `json:"description,omitempty"`
	Tags          []Tag     `json:"tags,omitempty"`     // sorted by key
	Versions      []Version `json:"versions,omitempty"` // sorted by id
	Rotation      Rotation  `json:"rotation,omitzero"`
	Created       time.Time `json:"created,omitzero"`
	Changed       time.Time `json:"changed,omitzero"`
	Accessed      time.Time `json:"accessed,omitzero"` // day grain
	Deleted       time.Time `json:"deleted,omitzero"`  // scheduled for deletion
	// Seen is when AWS described it, by AWS's clock; zero if it was listed.
	Seen time.Time `json:"-"`

	// Described says that DescribeSecret answered, so Replicas is the truth;
	// otherwise Replicas is unknown, not empty.
	Described bool            `json:"described,omitempty"`
	Replicas  []ReplicaStatus `json:"replicas,omitempty"` // sorted by region

	// Policy is the resource policy document, where it was asked for
	// (PolicyKnown). It is no secret; a snapshot keeps it.
	Policy      string `json:"policy,omitempty"`
	PolicyKnown bool   `json:"policy_known,omitempty"`
}

// A Tag is one tag of a secret.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// A Version is one secret version and the staging labels attached to it.
type Version struct {
	ID     string   `json:"id"`
	Stages []string `json:"stages"` // sorted
}

// A DatedVersion is a version and when it was made, as ListSecretVersionIds
// tells of it; Stages is empty once it has lost its last label.
type DatedVersion struct {
	ID      string    `json:"id"`
	Stages  []string  `json:"stages"` // sorted
	Created time.Time `json:"created"`
}

// A ReplicaStatus is one entry of the primary's ReplicationStatus.
type ReplicaStatus struct {
	Region   Region    `json:"region"`
	KmsKeyID string    `json:"kms_key_id,omitempty"`
	Status   string    `json:"status"` // InSync, InProgress, Failed (types.StatusType)
	Message  string    `json:"message,omitempty"`
	Accessed time.Time `json:"accessed,omitzero"`
}

// Replica states, AWS's words (types.StatusType). InSync says only that the
// replica was created; freshness is a comparison of versions.
const (
	InSync     = "InSync"
	InProgress = "InProgress"
	Failed     = "Failed"
)

// Staging labels that Secrets Manager itself moves.
const (
	StageCurrent  = "AWSCURRENT"
	StagePending  = "AWSPENDING"
	StagePrevious = "AWSPREVIOUS"
)

// Rotation is a secret's rotation configuration. A cancelled rotation keeps
// LambdaARN and the rules with Enabled false.
type Rotation struct {
	Enabled   bool          `json:"enabled,omitempty"`
	LambdaARN string        `json:"lambda_arn,omitempty"`
	Rules     RotationRules `json:"rules,omitzero"`
	Last      time.Time     `json:"last,omitzero"`
	Next      time.Time     `json:"next,omitzero"`
}

// RotationRules are types.RotationRulesType: days or a schedule expression,
// and the window's length such as "2h".
type RotationRules struct {
	AfterDays int64  `json:"after_days,omitempty"`
	Schedule  string `json:"schedule,omitempty"`
	Duration  string `json:"duration,omitempty"`
}

// Role tells what this copy is. A secret scheduled for deletion still has
// its role.
func (s *Secret) Role() Role {
	switch {
	case s == nil:
		return RoleAbsent
	case s.PrimaryRegion != "" && s.PrimaryRegion != s.Region:
		return RoleReplica
	case s.PrimaryRegion == s.Region, len(s.Replicas) > 0:
		return RolePrimary
	}
	return RoleStandalone
}

// Writable reports whether writes are accepted here: anything but a replica
// or a secret on its way out.
func (s *Secret) Writable() bool {
	return s != nil && s.Role() != RoleReplica && s.Deleted.IsZero()
}

// Managed reports whether another AWS service owns the secret (rds!db-…):
// only that service may change it, so we never do.
func (s *Secret) Managed() bool { return s.OwningService != "" }

// Stage returns the version that carries the staging label, "" if none does.
func (s *Secret) Stage(label string) string {
	if s == nil {
		return ""
	}
	for _, v := range s.Versions {
		if slices.Contains(v.Stages, label) {
			return v.ID
		}
	}
	return ""
}

// RotationInFlight reports an AWSPENDING label on a version other than
// AWSCURRENT's: a rotation is running, or died half-way.
func (s *Secret) RotationInFlight() bool {
	pending := s.Stage(StagePending)
	return pending != "" && pending != s.Stage(StageCurrent)
}

// Replica returns the primary's entry for a region.
func (s *Secret) Replica(r Region) (ReplicaStatus, bool) {
	if s == nil {
		return ReplicaStatus{}, false
	}
	i := slices.IndexFunc(s.Replicas, func(e ReplicaStatus) bool { return e.Region == r })
	if i < 0 {
		return ReplicaStatus{}, false
	}
	return s.Replicas[i], true
}

// Tag returns a tag's value.
func (s *Secret) Tag(key string) (string, bool) {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value, true
		}
	}
	return "", false
}

// SameVersions reports whether two copies hold the same versions under the
// same labels. Labels may differ for an instant while a rotation moves them.
func SameVersions(a, b *Secret) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Versions, b.Versions, func(x, y Version) bool {
		return x.ID == y.ID && slices.Equal(x.Stages, y.Stages)
	})
}

// SameLineage reports whether two ARNs differ in nothing but the region: the
// six-character suffix of a replica is its primary's, and stays after a
// promotion. A standalone secret of another suffix merely has the same name.
func SameLineage(a, b *Secret) bool {
	return a != nil && b != nil && WithRegion(a.ARN, b.Region) == b.ARN
}
