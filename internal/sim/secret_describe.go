package sim

type secretIDInput struct{ SecretId *string }

func (in *secretIDInput) check(m *members) { m.secretID(in.SecretId) }

// A secretEntry is what DescribeSecret and ListSecrets share. Fields without
// a value are left out, as AWS does: KmsKeyId under the AWS-managed key,
// RotationEnabled if rotation was never configured.
type secretEntry struct {
	ARN               string
	Name              string
	Type              string         `json:",omitempty"`
	Description       string         `json:",omitempty"`
	KmsKeyId          string         `json:",omitempty"`
	RotationEnabled   *bool          `json:",omitempty"`
	RotationLambdaARN string         `json:",omitempty"`
	RotationRules     *rotationRules `json:",omitempty"`
	LastRotatedDate   stamp          `json:",omitempty"`
	LastChangedDate   stamp          `json:",omitempty"`
	LastAccessedDate  stamp          `json:",omitempty"`
	DeletedDate       stamp          `json:",omitempty"`
	NextRotationDate  stamp          `json:",omitempty"`
	Tags              []tag          `json:",omitempty"`
	OwningService     string         `json:",omitempty"`
	CreatedDate       stamp          `json:",omitempty"`
	PrimaryRegion     string         `json:",omitempty"`
}

type describeSecretOutput struct {
	secretEntry
	VersionIdsToStages map[string][]string `json:",omitempty"`
	ReplicationStatus  []replicationStatus `json:",omitempty"`
}

func (r *request) describeSecret(in *secretIDInput) (any, error) {
	at, s, err := r.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	out := describeSecretOutput{secretEntry: r.cloud.entry(at, s), VersionIdsToStages: s.stageMap()}
	out.ReplicationStatus = r.cloud.replicationStatus(at, s)
	if primary := r.cloud.primaryOf(at, s); primary != nil && r.cloud.quirks().ReplicaStatus == "show" {
		out.ReplicationStatus = r.cloud.replicationStatus(r.cloud.store(at.account.id, s.primary), primary)
	}
	return out, nil
}

// entry is the metadata of s as its region tells it.
func (c *Cloud) entry(at *regionStore, s *secret) secretEntry {
	e := secretEntry{
		ARN: s.arn(at), Name: s.name, Type: s.kind, Description: s.description,
		LastChangedDate: s.changed, LastAccessedDate: s.accessed, DeletedDate: s.deleteAt,
		Tags: s.tags, OwningService: s.owner, CreatedDate: s.created, PrimaryRegion: s.primary,
	}
	if !isDefaultKey(s.kmsKeyID) {
		e.KmsKeyId = s.kmsKeyID
	}
	rotation := s.rotation
	if s.isReplica(at.name) && c.opts.Quirks.ReplicaRotation != "show" {
		rotation = nil
	}
	if rotation != nil {
		rotation.describe(&e)
	}
	return e
}

// stageMap is the versions that have labels, with them.
func (s *secret) stageMap() map[string][]string {
	out := make(map[string][]string, len(s.versions))
	for _, v := range s.versions {
		if len(v.stages) > 0 {
			out[v.id] = v.stages
		}
	}
	return out
}
