package sim

import (
	"regexp"
	"time"
)

type createSecretInput struct {
	Name                        *string
	ClientRequestToken          *string
	Description                 *string
	KmsKeyId                    *string
	SecretString                *string
	SecretBinary                []byte
	Tags                        []tag
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
	Type                        *string
}

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

func (in *createSecretInput) check(m *members) {
	if m.present("name", in.Name != nil) {
		m.length("name", in.Name, 1, 512)
	}
	m.token(in.ClientRequestToken)
	m.length("description", in.Description, 0, 2048)
	m.length("kmsKeyId", in.KmsKeyId, 0, 2048)
	m.length("type", in.Type, 0, 256)
	m.secretValue(in.SecretString, in.SecretBinary)
	m.tags(in.Tags)
	m.replicaRegions(in.AddReplicaRegions)
}

type createSecretOutput struct {
	ARN               string
	Name              string
	VersionId         string              `json:",omitempty"`
	ReplicationStatus []replicationStatus `json:",omitempty"`
}

func (r *request) createSecret(in *createSecretInput) (any, error) {
	name := *in.Name
	if !secretName.MatchString(name) {
		return nil, errorf("ValidationException", 400,
			"Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if in.ClientRequestToken == nil {
		return nil, errTokenNeeded()
	}
	v, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	at := r.here()
	if s := at.secrets.byName[name]; s != nil {
		return r.createAgain(at, s, *in.ClientRequestToken, v)
	}
	if at.secrets.released[name] > stampOf(r.now) {
		return nil, invalidRequest("You can't create this secret because a secret with this name was deleted recently.")
	}
	if err := r.checkReplicaRegions(in.AddReplicaRegions); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags, nil); err != nil {
		return nil, err
	}
	keyARN, err := r.cloud.encryptionKey(at, deref(in.KmsKeyId))
	if err != nil {
		return nil, err
	}
	s := r.cloud.newSecret(at, name, r.now)
	s.createToken = *in.ClientRequestToken
	s.description, s.kmsKeyID, s.kind = deref(in.Description), deref(in.KmsKeyId), deref(in.Type)
	s.tags = withTags(nil, in.Tags)
	out := createSecretOutput{ARN: s.arn(at), Name: name}
	if v != nil {
		out.VersionId = s.createToken
		s.versions = []version{{id: s.createToken, stages: []string{stageCurrent}, value: v, created: s.created, keyARN: keyARN}}
		s.database.set(v)
	}
	if len(in.AddReplicaRegions) > 0 {
		s.primary = at.name
		r.cloud.addReplicas(at, s, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
		out.ReplicationStatus = r.cloud.replicationStatus(at, s)
	}
	r.cloud.touch(at, s, r.now)
	return out, nil
}

// newSecret makes an empty secret of a lineage of its own.
func (c *Cloud) newSecret(at *regionStore, name string, now time.Time) *secret {
	s := &secret{
		name: name, suffix: newSuffix(c.rng), created: stampOf(now), changed: stampOf(now),
		database: &database{},
	}
	at.secrets.add(s)
	return s
}

// createAgain answers CreateSecret for a name in use: the same answer again
// for the same token and value, AWS's error otherwise.
func (r *request) createAgain(at *regionStore, s *secret, token string, v *value) (any, error) {
	if s.deleteAt != 0 {
		return nil, invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	if token != s.createToken {
		return nil, errorf("ResourceExistsException", 400, "The operation failed because the secret %s already exists.", s.name)
	}
	out := createSecretOutput{ARN: s.arn(at), Name: s.name, ReplicationStatus: r.cloud.replicationStatus(at, s)}
	had := s.version(token)
	switch {
	case had == nil && v == nil:
		return out, nil
	case had == nil || v == nil || !v.equal(had.value):
		return nil, errTokenInUse(token, s.arn(at))
	}
	out.VersionId = token
	return out, nil
}
