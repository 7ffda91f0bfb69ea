package sim

import (
	"fmt"
	"slices"
	"strings"
)

// The states of an entry in ReplicationStatus. AWS: StatusType.
const (
	statusInProgress = "InProgress"
	statusInSync     = "InSync"
	statusFailed     = "Failed"
)

// A replica is a primary's entry for one region that it replicates to.
type replica struct {
	region   string
	kmsKeyID string // as the caller wrote it
	status   string
	message  string
	force    bool // overwrite a standalone secret that is in the way
	landed   bool // it arrived at least once
}

type replicaRegion struct {
	Region   *string
	KmsKeyId *string
}

// replicaRegions checks AddReplicaRegions.
func (m *members) replicaRegions(list []replicaRegion) {
	m.size("addReplicaRegions", list != nil, len(list), 1, 0)
	for i, in := range list {
		if knownRegion(deref(in.Region)) && len(deref(in.KmsKeyId)) <= 2048 {
			continue
		}
		at := fmt.Sprintf("addReplicaRegions.%d.member.", i+1)
		m.regionName(at+"region", in.Region)
		m.length(at+"kmsKeyId", in.KmsKeyId, 0, 2048)
	}
}

func (m *members) regionName(member string, region *string) {
	m.length(member, region, 1, 128)
	m.matches(member, region, regionName)
}

type replicationStatus struct {
	Region           string
	KmsKeyId         string
	Status           string
	StatusMessage    string `json:",omitempty"`
	LastAccessedDate stamp  `json:",omitempty"`
}

// replica is the entry for a region, nil if there is none.
func (s *secret) replica(region string) *replica {
	for _, p := range s.replicas {
		if p.region == region {
			return p
		}
	}
	return nil
}

// replicaRegions lists the regions of the entries, as error texts show them.
func (s *secret) replicaRegions() string {
	var regions []string
	for _, p := range s.replicas {
		regions = append(regions, p.region)
	}
	slices.Sort(regions)
	return strings.Join(regions, ", ")
}

// shownKey is a replica's key as ReplicationStatus tells it: the alias of
// the AWS-managed key if the caller gave none.
func (p *replica) shownKey() string {
	if p.kmsKeyID == "" {
		return defaultKeyAlias
	}
	return p.kmsKeyID
}

// replicationStatus is nil for a secret without entries.
func (c *Cloud) replicationStatus(at *regionStore, s *secret) []replicationStatus {
	var out []replicationStatus
	for _, p := range s.replicas {
		e := replicationStatus{Region: p.region, KmsKeyId: p.shownKey(), Status: p.status, StatusMessage: p.message}
		if there := c.store(at.account.id, p.region).secrets.byName[s.name]; there != nil && there.primary == at.name {
			e.LastAccessedDate = there.accessed
		}
		out = append(out, e)
	}
	return out
}

// primaryOf finds the primary that a replica belongs to, nil for any other
// secret and for an orphan.
func (c *Cloud) primaryOf(at *regionStore, s *secret) *secret {
	if !s.isReplica(at.name) {
		return nil
	}
	home := at.account.regions[s.primary]
	if home == nil {
		return nil
	}
	primary := home.secrets.byName[s.name]
	if primary == nil || primary.suffix != s.suffix || primary.replica(at.name) == nil {
		return nil
	}
	return primary
}

type replicateInput struct {
	SecretId                    *string
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

func (in *replicateInput) check(m *members) {
	m.secretID(in.SecretId)
	m.present("addReplicaRegions", in.AddReplicaRegions != nil)
	m.replicaRegions(in.AddReplicaRegions)
}

type replicateOutput struct {
	ARN               string
	ReplicationStatus []replicationStatus
}

// checkReplicaRegions refuses what AWS refuses at once: the secret's own
// region, one of another partition, one that does not exist, one named twice.
// Everything else shows in the entry's Status.
func (r *request) checkReplicaRegions(list []replicaRegion) error {
	seen := map[string]bool{r.region: true}
	for _, in := range list {
		region := deref(in.Region)
		if seen[region] || !knownRegion(region) || partitionOf(region) != partitionOf(r.region) {
			return invalidParameter("Invalid replica region.")
		}
		seen[region] = true
	}
	return nil
}

func (r *request) replicateSecretToRegions(in *replicateInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := r.checkReplicaRegions(in.AddReplicaRegions); err != nil {
		return nil, err
	}
	s.primary = at.name
	r.cloud.addReplicas(at, s, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	r.cloud.relist(at, s.name, r.now)
	for _, added := range in.AddReplicaRegions {
		if p := s.replica(*added.Region); p.status == statusInProgress {
			r.cloud.ship(at, s, p, r.now)
		}
	}
	return replicateOutput{s.arn(at), r.cloud.replicationStatus(at, s)}, nil
}

// addReplicas makes the entries for a call that replicates. A Failed entry
// starts over; one that is InProgress is left alone; what becomes of one
// that is InSync is the quirk rekey.
func (c *Cloud) addReplicas(at *regionStore, s *secret, list []replicaRegion, force bool) {
	s.replicas = slices.Clone(s.replicas)
	for _, in := range list {
		p := s.replica(*in.Region)
		switch {
		case p == nil:
			p = &replica{region: *in.Region, kmsKeyID: deref(in.KmsKeyId), status: statusInProgress, force: force}
			s.replicas = append(s.replicas, p)
		case p.status == statusFailed:
			p.restart(deref(in.KmsKeyId), force)
			p.landed = c.replicaAt(at, s, p) != nil
		case p.status == statusInSync:
			c.replicateAgain(s, p, deref(in.KmsKeyId), force)
			p.landed = c.replicaAt(at, s, p) != nil
		}
	}
}

func (p *replica) restart(keyID string, force bool) {
	p.kmsKeyID, p.force = keyID, force
	p.status, p.message = statusInProgress, ""
}

// replicateAgain is ReplicateSecretToRegions for a region whose replica is
// InSync.
func (c *Cloud) replicateAgain(s *secret, p *replica, keyID string, force bool) {
	c.again++
	switch c.quirks().Rekey {
	case "rekey":
		p.restart(keyID, force)
	case "failed":
		p.status, p.message = statusFailed, failedNameExists(s.name, p.region)
	}
}

// ReplicatedAgain is how often a region was to be replicated to whose replica
// was InSync: only then does the quirk rekey decide anything.
func (c *Cloud) ReplicatedAgain() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.again
}

type removeRegionsInput struct {
	SecretId             *string
	RemoveReplicaRegions []string
}

func (in *removeRegionsInput) check(m *members) {
	m.secretID(in.SecretId)
	m.present("removeReplicaRegions", in.RemoveReplicaRegions != nil)
	m.size("removeReplicaRegions", in.RemoveReplicaRegions != nil, len(in.RemoveReplicaRegions), 1, 0)
	for i := range in.RemoveReplicaRegions {
		m.regionName(fmt.Sprintf("removeReplicaRegions.%d.member", i+1), &in.RemoveReplicaRegions[i])
	}
}

// removeRegionsFromReplication drops the entries at once and destroys the
// replicas, which have no recovery window.
func (r *request) removeRegionsFromReplication(in *removeRegionsInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, region := range in.RemoveReplicaRegions {
		if region == at.name || s.replica(region) == nil && r.cloud.quirks().RemoveAbsent == "refuse" {
			return nil, invalidParameter("Invalid replica region.")
		}
	}
	for _, region := range in.RemoveReplicaRegions {
		if p := s.replica(region); p != nil {
			s.dropReplica(p)
			r.cloud.sendRemoval(at, s, p, r.now)
		}
	}
	r.cloud.clearPrimary(s)
	r.cloud.relist(at, s.name, r.now)
	left := r.cloud.replicationStatus(at, s)
	if left == nil {
		left = []replicationStatus{}
	}
	return replicateOutput{s.arn(at), left}, nil
}

func (s *secret) dropReplica(p *replica) {
	s.replicas = slices.DeleteFunc(slices.Clone(s.replicas), func(q *replica) bool { return q == p })
}

// clearPrimary ends PrimaryRegion with the last replica (quirk primary-region).
func (c *Cloud) clearPrimary(s *secret) {
	if len(s.replicas) == 0 && c.quirks().PrimaryRegion == "clear" {
		s.primary = ""
	}
}

// knownRegion says whether AWS has such a region. AWS: "Regions and Zones".
func knownRegion(region string) bool {
	switch region {
	case "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1",
		"eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
		"ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
		"af-south-1", "il-central-1", "me-central-1", "me-south-1",
		"cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1":
		return true
	}
	return false
}
