package sim

import "time"

type deleteSecretInput struct {
	SecretId                   *string
	RecoveryWindowInDays       *int
	ForceDeleteWithoutRecovery bool
}

func (in *deleteSecretInput) check(m *members) { m.secretID(in.SecretId) }

type deleteSecretOutput struct {
	ARN, Name    string
	DeletionDate stamp
}

func (r *request) deleteSecret(in *deleteSecretInput) (any, error) {
	if in.ForceDeleteWithoutRecovery && in.RecoveryWindowInDays != nil {
		return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	}
	days := 30
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	at := r.storeOf(*in.SecretId)
	if in.ForceDeleteWithoutRecovery && (at == nil || at.find(*in.SecretId) == nil) {
		return r.deleteAbsent(*in.SecretId), nil
	}
	at, s, err := r.seen(in.SecretId)
	switch {
	case err != nil:
		return nil, err
	case s.isReplica(at.name):
		return nil, errOnReplica()
	case len(s.replicas) > 0:
		return nil, invalidParameter("You can't delete secret %s that still has replica regions [%s].", s.arn(at), s.replicaRegions())
	case s.deleteAt != 0 && !in.ForceDeleteWithoutRecovery:
		return nil, errMarkedForDeletion()
	}
	if err := s.checkManaged(); err != nil {
		return nil, err
	}
	if in.ForceDeleteWithoutRecovery {
		r.cloud.destroy(at, s, r.now)
		at.secrets.released[s.name] = stampOf(r.now.Add(r.cloud.opts.Quirks.NameHeld))
		return deleteSecretOutput{s.arn(at), s.name, stampOf(r.now)}, nil
	}
	end := r.now.Add(time.Duration(days) * 24 * time.Hour)
	s.deleteAt = stampOf(end)
	r.cloud.touch(at, s, r.now)
	r.cloud.at(end, func(c *Cloud, now time.Time) {
		if at.secrets.byName[s.name] == s && s.deleteAt == stampOf(end) {
			c.destroy(at, s, now)
		}
	})
	return deleteSecretOutput{s.arn(at), s.name, s.deleteAt}, nil
}

// deleteAbsent answers a forced delete of a secret that is not there: as if
// it had been, with an ARN nobody has.
func (r *request) deleteAbsent(id string) deleteSecretOutput {
	s := &secret{name: id, suffix: newSuffix(r.cloud.rng)}
	return deleteSecretOutput{s.arn(r.here()), id, stampOf(r.now)}
}

// destroy removes a secret at once.
func (c *Cloud) destroy(at *regionStore, s *secret, now time.Time) {
	if at.secrets.byName[s.name] != s {
		return
	}
	at.secrets.remove(s.name)
	delete(at.secrets.overdue, s.name)
	c.relist(at, s.name, now)
}

func (r *request) restoreSecret(in *secretIDInput) (any, error) {
	at, s, err := r.seen(in.SecretId)
	switch {
	case err != nil:
		return nil, err
	case s.isReplica(at.name):
		return nil, errOnReplica()
	}
	if s.deleteAt != 0 {
		s.deleteAt = 0
		r.cloud.touch(at, s, r.now)
	}
	return arnAndName{s.arn(at), s.name}, nil
}
