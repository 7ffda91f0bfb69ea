package sim

import (
	"slices"
	"time"
)

// The staging labels that Secrets Manager itself moves.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

// valueOf is the value in an input, nil if it has none.
func valueOf(text *string, binary []byte) (*value, error) {
	switch {
	case text != nil && binary != nil:
		return nil, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		return &value{data: *text}, nil
	case binary != nil:
		return &value{data: string(binary), binary: true}, nil
	}
	return nil, nil
}

func (v *value) equal(other *value) bool {
	return other != nil && v.data == other.data && v.binary == other.binary
}

func errTokenInUse(token, arn string) error {
	return errorf("ResourceExistsException", 400,
		"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, arn)
}

// version finds a version by id; nil if there is none.
func (s *secret) version(id string) *version {
	for i := range s.versions {
		if s.versions[i].id == id {
			return &s.versions[i]
		}
	}
	return nil
}

// staged finds the version that a staging label is attached to.
func (s *secret) staged(stage string) *version {
	for i := range s.versions {
		if slices.Contains(s.versions[i].stages, stage) {
			return &s.versions[i]
		}
	}
	return nil
}

// ownVersions makes the versions safe to change in place: nobody else sees
// this copy.
func (s *secret) ownVersions() { s.versions = slices.Clone(s.versions) }

// attach moves a label to version id. Moving AWSCURRENT moves AWSPREVIOUS
// to where it came from. AWS: UpdateSecretVersionStage.
func (s *secret) attach(stage, id string) {
	s.ownVersions()
	from := s.staged(stage)
	if from != nil && from.id == id {
		return
	}
	if from != nil {
		from.drop(stage)
		if stage == stageCurrent {
			if old := s.staged(stagePrevious); old != nil {
				old.drop(stagePrevious)
			}
			from.stages = append(slices.Clip(from.stages), stagePrevious)
		}
	}
	to := s.version(id)
	to.stages = append(slices.Clip(to.stages), stage)
}

// detach takes a label off whatever version has it.
func (s *secret) detach(stage string) {
	s.ownVersions()
	if v := s.staged(stage); v != nil {
		v.drop(stage)
	}
}

// drop takes a label off v, leaving the list that others may share alone.
func (v *version) drop(stage string) {
	var kept []string
	for _, s := range v.stages {
		if s != stage {
			kept = append(kept, s)
		}
	}
	v.stages = kept
}

// labels counts the staging labels of all versions together.
func (s *secret) labels() int {
	n := 0
	for _, v := range s.versions {
		n += len(v.stages)
	}
	return n
}

// prune forgets the oldest versions without a label beyond a hundred, but
// none younger than a day. AWS: PutSecretValue.
func (s *secret) prune(now time.Time) {
	excess := len(s.versions) - maxVersions
	if excess <= 0 {
		return
	}
	oldest := stampOf(now.Add(-24 * time.Hour))
	s.versions = slices.DeleteFunc(slices.Clone(s.versions), func(v version) bool {
		gone := excess > 0 && len(v.stages) == 0 && v.created <= oldest
		if gone {
			excess--
		}
		return gone
	})
}

// A newVersion is a value to store, and the labels it gets.
type newVersion struct {
	id     string
	value  *value
	stages []string
}

// putVersion stores a value as a new version, or fills the empty one that a
// rotation made, and attaches its labels. It does nothing if the version has
// that value already.
func (c *Cloud) putVersion(at *regionStore, s *secret, nv newVersion, now time.Time) error {
	had := s.version(nv.id)
	if had != nil && had.value != nil {
		if !nv.value.equal(had.value) {
			return errTokenInUse(nv.id, s.arn(at))
		}
		return nil
	}
	if err := s.checkLabels(nv.stages); err != nil {
		return err
	}
	keyARN, err := c.encryptionKey(at, s.kmsKeyID)
	if err != nil {
		return err
	}
	s.ownVersions()
	if had == nil {
		s.versions = append(s.versions, version{id: nv.id, created: stampOf(now)})
	}
	v := s.version(nv.id)
	v.value, v.keyARN = nv.value, keyARN
	if s.staged(stageCurrent) == nil && !slices.Contains(nv.stages, stageCurrent) {
		s.attach(stageCurrent, nv.id)
	}
	for _, stage := range nv.stages {
		s.attach(stage, nv.id)
	}
	s.prune(now)
	return nil
}

// checkLabels refuses a twenty-first label.
func (s *secret) checkLabels(stages []string) error {
	n := s.labels()
	for _, stage := range stages {
		if s.staged(stage) == nil {
			n++
		}
	}
	if n > maxStages {
		return errorf("LimitExceededException", 400, "You can't attach more than %d staging labels to the versions of a secret.", maxStages)
	}
	return nil
}

type putSecretValueInput struct {
	SecretId           *string
	ClientRequestToken *string
	SecretString       *string
	SecretBinary       []byte
	VersionStages      []string
	RotationToken      *string
}

func (in *putSecretValueInput) check(m *members) {
	m.secretID(in.SecretId)
	m.token(in.ClientRequestToken)
	m.secretValue(in.SecretString, in.SecretBinary)
	m.stages(in.VersionStages)
	m.length("rotationToken", in.RotationToken, 36, 256)
}

type putSecretValueOutput struct {
	ARN, Name, VersionId string
	VersionStages        []string
}

func (r *request) putSecretValue(in *putSecretValueInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if in.ClientRequestToken == nil {
		return nil, errTokenNeeded()
	}
	v, err := valueOf(in.SecretString, in.SecretBinary)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	if err := s.checkManaged(); err != nil {
		return nil, err
	}
	if err := r.checkForeign(at, s); err != nil {
		return nil, err
	}
	nv := newVersion{id: *in.ClientRequestToken, value: v, stages: in.VersionStages}
	if nv.stages == nil {
		nv.stages = []string{stageCurrent}
	}
	if err := r.putByHand(at, s, nv); err != nil {
		return nil, err
	}
	return putSecretValueOutput{ARN: s.arn(at), Name: s.name, VersionId: nv.id, VersionStages: s.version(nv.id).stages}, nil
}

// putByHand stores a value that a caller put, not the rotator. A new current
// value counts as a rotation: it moves the schedule on, gives up a rotation
// that hangs, and is taken to be what the database was set to.
func (r *request) putByHand(at *regionStore, s *secret, nv newVersion) error {
	if had := s.version(nv.id); had != nil && had.value != nil && nv.value.equal(had.value) {
		return nil
	}
	if err := r.cloud.putVersion(at, s, nv, r.now); err != nil {
		return err
	}
	if current := s.staged(stageCurrent); current != nil && current.id == nv.id {
		if pending := s.staged(stagePending); pending != nil && pending.id != nv.id {
			s.detach(stagePending)
		}
		s.database.set(nv.value)
		r.cloud.rotatedByHand(at, s, r.now)
	}
	r.cloud.touch(at, s, r.now)
	return nil
}

type getSecretValueInput struct {
	SecretId     *string
	VersionId    *string
	VersionStage *string
}

func (in *getSecretValueInput) check(m *members) {
	m.secretID(in.SecretId)
	m.length("versionId", in.VersionId, 32, 64)
	m.length("versionStage", in.VersionStage, 1, 256)
}

type secretValueOutput struct {
	ARN           string
	Name          string
	VersionId     string
	SecretString  *string `json:",omitempty"`
	SecretBinary  []byte  `json:",omitempty"`
	VersionStages []string
	CreatedDate   stamp
}

func (r *request) getSecretValue(in *getSecretValueInput) (any, error) {
	at, s, err := r.alive(in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := r.checkForeign(at, s); err != nil {
		return nil, err
	}
	v, err := s.pick(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	return r.readVersion(at, s, v)
}

// pick finds the version that VersionId and VersionStage ask for.
func (s *secret) pick(id, stage *string) (*version, error) {
	if id == nil {
		want := stageCurrent
		if stage != nil {
			want = *stage
		}
		v := s.staged(want)
		if v == nil || v.value == nil {
			return nil, errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret value for staging label: %s", want)
		}
		return v, nil
	}
	v := s.version(*id)
	if v == nil || v.value == nil {
		return nil, errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret value for VersionId: %s", *id)
	}
	if stage != nil && !slices.Contains(v.stages, *stage) {
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}

// readVersion decrypts a version for the caller and notes the access, to
// the day as AWS does.
func (r *request) readVersion(at *regionStore, s *secret, v *version) (*secretValueOutput, error) {
	if err := r.cloud.decryptable(at, v.keyARN); err != nil {
		return nil, err
	}
	today := stampOf(r.now.Truncate(24 * time.Hour))
	if v.accessed != today {
		s.ownVersions()
		v = s.version(v.id)
		v.accessed = today
	}
	if s.accessed != today {
		s.accessed = today
		r.cloud.relist(at, s.name, r.now)
	}
	out := &secretValueOutput{ARN: s.arn(at), Name: s.name, VersionId: v.id, VersionStages: v.stages, CreatedDate: v.created}
	if v.value.binary {
		out.SecretBinary = []byte(v.value.data)
	} else {
		out.SecretString = &v.value.data
	}
	return out, nil
}
