package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A SecretState is one secret in one region as GET /_sim/state shows it:
// everything but values.
type SecretState struct {
	ARN         string                  `json:"arn"`
	Primary     string                  `json:"primary_region,omitempty"`
	Key         string                  `json:"key,omitempty"` // as set; "" is the AWS-managed key
	Description string                  `json:"description,omitempty"`
	Owner       string                  `json:"owning_service,omitempty"`
	Type        string                  `json:"type,omitempty"` // of a managed external secret
	Tags        map[string]string       `json:"tags,omitempty"`
	Versions    map[string]VersionState `json:"versions,omitempty"` // by VersionId
	Replicas    map[string]ReplicaState `json:"replicas,omitempty"` // by region; on a primary
	Rotation    *RotationState          `json:"rotation,omitempty"`
	Policy      string                  `json:"policy,omitempty"`
	Deleted     *time.Time              `json:"deleted,omitempty"` // end of the recovery window
}

// A VersionState is one version; Value is the SHA-256 of its value, "" while
// nothing was put into it.
type VersionState struct {
	Stages []string `json:"stages,omitempty"`
	Value  string   `json:"value_sha256,omitempty"`
	Key    string   `json:"key,omitempty"` // key ARN; "" is the AWS-managed key
}

// A ReplicaState is one entry of ReplicationStatus.
type ReplicaState struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	Key     string `json:"key"`
}

// A RotationState is a secret's rotation settings.
type RotationState struct {
	Enabled  bool       `json:"enabled"`
	Lambda   string     `json:"lambda,omitempty"`
	Days     int        `json:"days,omitempty"`
	Schedule string     `json:"schedule,omitempty"`
	Duration string     `json:"duration,omitempty"`
	Last     *time.Time `json:"last,omitempty"`
	Next     *time.Time `json:"next,omitempty"`
}

// secretState is every secret of a region, by name.
func (at *regionStore) secretState() map[string]SecretState {
	out := make(map[string]SecretState, len(at.secrets.byName))
	for name, s := range at.secrets.byName {
		out[name] = s.state(at)
	}
	return out
}

func (s *secret) state(at *regionStore) SecretState {
	out := SecretState{
		ARN: s.arn(at), Primary: s.primary, Key: s.kmsKeyID, Description: s.description, Owner: s.owner, Type: s.kind,
		Policy: s.policy, Deleted: s.deleteAt.optional(), Rotation: s.rotation.state(),
		Tags: make(map[string]string, len(s.tags)), Versions: make(map[string]VersionState, len(s.versions)),
		Replicas: make(map[string]ReplicaState, len(s.replicas)),
	}
	for _, t := range s.tags {
		out.Tags[t.Key] = t.Value
	}
	for _, v := range s.versions {
		out.Versions[v.id] = VersionState{Stages: v.stages, Value: v.value.hash(), Key: v.keyARN}
	}
	for _, p := range s.replicas {
		out.Replicas[p.region] = ReplicaState{Status: p.status, Message: p.message, Key: p.shownKey()}
	}
	return out
}

func (r *rotation) state() *RotationState {
	if r == nil || !r.configured {
		return nil
	}
	return &RotationState{
		Enabled: r.enabled, Lambda: r.lambda, Days: r.rules.AutomaticallyAfterDays,
		Schedule: r.rules.ScheduleExpression, Duration: r.rules.Duration,
		Last: r.last.optional(), Next: r.next.optional(),
	}
}

// optional is the time, nil for never.
func (s stamp) optional() *time.Time {
	if s == 0 {
		return nil
	}
	t := s.time()
	return &t
}

// hash is what may be shown of a value.
func (v *value) hash() string {
	if v == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(v.data))
	return hex.EncodeToString(sum[:])
}
