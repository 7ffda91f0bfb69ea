package sim

import "slices"

type updateSecretInput struct {
	SecretId           *string
	ClientRequestToken *string
	Description        *string
	KmsKeyId           *string
	SecretString       *string
	SecretBinary       []byte
	Type               *string
}

func (in *updateSecretInput) check(m *members) {
	m.secretID(in.SecretId)
	m.token(in.ClientRequestToken)
	m.length("description", in.Description, 0, 2048)
	m.length("kmsKeyId", in.KmsKeyId, 0, 2048)
	m.length("type", in.Type, 0, 256)
	m.secretValue(in.SecretString, in.SecretBinary)
}

// onlyKey says whether the call changes nothing but the key.
func (in *updateSecretInput) onlyKey() bool {
	return in.KmsKeyId != nil && in.Description == nil && in.SecretString == nil && in.SecretBinary == nil && in.Type == nil
}

type updateSecretOutput struct {
	ARN, Name string
	VersionId string `json:",omitempty"`
}

func (r *request) updateSecret(in *updateSecretInput) (any, error) {
	at, s, err := r.seen(in.SecretId)
	switch {
	case err != nil:
		return nil, err
	case s.isReplica(at.name) && in.onlyKey() && r.cloud.quirks().ReplicaKeyUpdate == "allow":
		return r.updateReplicaKey(at, s, *in.KmsKeyId)
	}
	if at, s, err = r.writable(in.SecretId); err != nil {
		return nil, err
	}
	if err := s.checkManaged(); err != nil {
		return nil, err
	}
	v, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if v != nil && in.ClientRequestToken == nil {
		return nil, errTokenNeeded()
	}
	if v != nil {
		if had := s.version(*in.ClientRequestToken); had != nil && !v.equal(had.value) {
			return nil, errTokenInUse(*in.ClientRequestToken, s.arn(at))
		}
	}
	if in.KmsKeyId != nil {
		if err := r.cloud.rekey(at, s, *in.KmsKeyId); err != nil {
			return nil, err
		}
	}
	if in.Description != nil {
		s.description = *in.Description
	}
	if in.Type != nil {
		s.kind = *in.Type
	}
	out := updateSecretOutput{ARN: s.arn(at), Name: s.name}
	if v != nil {
		out.VersionId = *in.ClientRequestToken
		if err := r.putByHand(at, s, newVersion{id: out.VersionId, value: v, stages: []string{stageCurrent}}); err != nil {
			return nil, err
		}
	}
	r.cloud.touch(at, s, r.now)
	return out, nil
}

// rekey puts s under another key and re-encrypts the versions labelled
// AWSCURRENT, AWSPENDING and AWSPREVIOUS; others stay under the old key.
// AWS: UpdateSecret.
func (c *Cloud) rekey(at *regionStore, s *secret, keyID string) error {
	keyARN, err := c.encryptionKey(at, keyID)
	if err != nil {
		return err
	}
	moved := slices.Clone(s.versions)
	for i := range moved {
		v := &moved[i]
		if !v.inUse() || v.value == nil {
			continue
		}
		if err := c.decryptable(at, v.keyARN); err != nil {
			return err
		}
		v.keyARN = keyARN
	}
	s.versions, s.kmsKeyID = moved, keyID
	return nil
}

// inUse says whether v has a label that Secrets Manager itself moves.
func (v *version) inUse() bool {
	return slices.ContainsFunc(v.stages, func(stage string) bool {
		return stage == stageCurrent || stage == stagePending || stage == stagePrevious
	})
}

// updateReplicaKey re-encrypts a replica on its own (quirk replica-key-update).
func (r *request) updateReplicaKey(at *regionStore, s *secret, keyID string) (any, error) {
	if err := r.cloud.rekey(at, s, keyID); err != nil {
		return nil, err
	}
	if primary := r.cloud.primaryOf(at, s); primary != nil {
		if link := primary.replica(at.name); link != nil {
			link.kmsKeyID = keyID
		}
	}
	s.changed = stampOf(r.now)
	r.cloud.relist(at, s.name, r.now)
	return updateSecretOutput{ARN: s.arn(at), Name: s.name}, nil
}

// checkManaged refuses a change to a secret that another service manages.
// AWS: "Secrets managed by other AWS services".
func (s *secret) checkManaged() error {
	if s.owner == "" {
		return nil
	}
	return invalidRequest("This secret is managed by %s, and you must use that service to update it.", s.owner)
}
