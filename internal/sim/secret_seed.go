package sim

import (
	"slices"
	"time"
)

// A seedSpec is a secret to put into the cloud with its replicas in place,
// without the calls and the waiting that would take.
type seedSpec struct {
	Name        string
	Description string
	Region      string // primary
	Key         string // KmsKeyId; "" is the AWS-managed key
	Values      []string
	Policy      string
	Managed     string // OwningService
	Tags        []tag  // shared between seeds, never changed
	Rotation    *seedRotation
	Replicas    []seedReplica
	// Orphan leaves the primary out: replicas of a secret that is no more.
	Orphan bool
}

type seedReplica struct{ Region, Key string }

// A seedRotation is rotation that was configured before, and ran last when
// the secret was made.
type seedRotation struct {
	Lambda string // ARN in the primary region
	Rules  rotationRules
}

// seedSecret creates the secret of a spec at the present time, its replicas
// InSync. The last of Values is AWSCURRENT, the one before AWSPREVIOUS. It
// answers the error that CreateSecret would: a name in use, an unusable key.
func (c *Cloud) seedSecret(accountID string, spec seedSpec) error {
	at, now := c.store(accountID, spec.Region), c.nowLocked()
	if at.secrets.byName[spec.Name] != nil {
		return errorf("ResourceExistsException", 400, "The operation failed because the secret %s already exists.", spec.Name)
	}
	keyARN, err := c.encryptionKey(at, spec.Key)
	if err != nil {
		return err
	}
	s := c.newSecret(at, spec.Name, now)
	s.description, s.kmsKeyID, s.policy, s.owner = spec.Description, spec.Key, spec.Policy, spec.Managed
	s.tags = slices.Clip(spec.Tags)
	for i, text := range spec.Values {
		v := version{id: newVersionID(c.rng), value: &value{data: text}, created: s.created, keyARN: keyARN}
		s.versions = append(s.versions, v)
		s.versions[i].stages = seedStages(i, len(spec.Values))
		s.database.set(v.value)
	}
	if err := c.seedReplicas(at, s, spec, now); err != nil {
		return err
	}
	c.seedRotation(at, s, spec.Rotation, now)
	c.relist(at, s.name, now)
	if spec.Orphan {
		c.destroy(at, s, now)
	}
	return nil
}

// seedStages are the labels of the i-th of n values.
func seedStages(i, n int) []string {
	switch n - i {
	case 1:
		return []string{stageCurrent}
	case 2:
		return []string{stagePrevious}
	}
	return nil
}

func (c *Cloud) seedReplicas(at *regionStore, s *secret, spec seedSpec, now time.Time) error {
	for _, seed := range spec.Replicas {
		s.primary = at.name
		p := &replica{region: seed.Region, kmsKeyID: seed.Key, status: statusInProgress}
		s.replicas = append(s.replicas, p)
		p.status, p.message, p.landed = statusInSync, "Replication succeeded", true
		if why := c.land(at, s, p, now); why != "" {
			p.status, p.message, p.landed = statusFailed, why, false
		}
	}
	return nil
}

func (c *Cloud) seedRotation(at *regionStore, s *secret, seed *seedRotation, now time.Time) {
	if seed == nil {
		return
	}
	s.rotation = &rotation{configured: true, enabled: true, lambda: seed.Lambda, rules: seed.Rules, last: stampOf(now)}
	c.schedule(at, s, now, now)
}
