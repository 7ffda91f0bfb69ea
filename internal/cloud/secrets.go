package cloud

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Secret is a fresh DescribeSecret. It returns topology.ErrNotFound if the
// region has no such secret.
func (r *Reader) Secret(ctx context.Context, region topology.Region, name topology.Name) (*topology.Secret, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return nil, err
	}
	out, err := sdk.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id(name)})
	if err != nil {
		return nil, opError("DescribeSecret", string(name), region, err)
	}
	s := describedSecret(region, out)
	s.Seen = answeredAt(out.ResultMetadata)
	return s, nil
}

// sameClock is how far AWS's clock may be from ours and count as the same. It
// tells whole seconds only, so that ours is the better one as long as it is
// right.
const sameClock = 3 * time.Second

// answeredAt is when AWS answered, by the clock that also dates what it holds.
func answeredAt(m middleware.Metadata) time.Time {
	at, _ := awsmiddleware.GetResponseAt(m)
	if skew, known := awsmiddleware.GetAttemptSkew(m); known && skew.Abs() > sameClock {
		at = at.Add(skew)
	}
	return at
}

// Policy is the resource policy document (GetResourcePolicy), "" if none is
// set.
func (r *Reader) Policy(ctx context.Context, region topology.Region, name topology.Name) (string, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return "", err
	}
	out, err := sdk.secrets.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: id(name)})
	if err != nil {
		return "", opError("GetResourcePolicy", string(name), region, err)
	}
	return aws.ToString(out.ResourcePolicy), nil
}

// Replicate adds a region to a secret's replicas, or tries again one that
// Failed (ReplicateSecretToRegions). The answer's 200 proves nothing: what
// becomes of the replica is told by Secret in the primary's region.
func (c *Client) Replicate(ctx context.Context, primary topology.Region, name topology.Name, to topology.Region, key string, force bool) error {
	sdk, err := c.sdk.in(ctx, primary)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId:                    id(name),
		AddReplicaRegions:           []types.ReplicaRegionType{{Region: aws.String(string(to)), KmsKeyId: text(key)}},
		ForceOverwriteReplicaSecret: force,
	})
	return opError("ReplicateSecretToRegions", string(name), primary, err)
}

// RemoveReplica destroys a replica, at once and for good
// (RemoveRegionsFromReplication).
func (c *Client) RemoveReplica(ctx context.Context, primary topology.Region, name topology.Name, from topology.Region) error {
	sdk, err := c.sdk.in(ctx, primary)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
		SecretId: id(name), RemoveReplicaRegions: []string{string(from)},
	})
	return opError("RemoveRegionsFromReplication", string(name), primary, err)
}

// Promote makes the replica of name in region standalone and writable.
// AWS: StopReplicationToReplica, sent to region itself, not to the primary.
// It returns topology.ErrNotReplica when there is nothing to promote: AWS
// documents no error for that, so a refusal is looked into.
func (c *Client) Promote(ctx context.Context, region topology.Region, name topology.Name) error {
	const op = "StopReplicationToReplica"
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: id(name)})
	if err == nil {
		return nil
	}
	if isCode(err, "InvalidParameterException", "InvalidRequestException") {
		now, readErr := c.Secret(ctx, region, name)
		if readErr == nil && now.Role() != topology.RoleReplica {
			return &topology.OpError{Op: op, Subject: string(name), Region: region,
				Code: failureOf(err).code, Err: topology.ErrNotReplica}
		}
	}
	return opError(op, string(name), region, err)
}

// RemoveStage takes a staging label off a version (UpdateSecretVersionStage
// with RemoveFromVersionId only).
func (c *Client) RemoveStage(ctx context.Context, region topology.Region, name topology.Name, stage, version string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: id(name), VersionStage: aws.String(stage), RemoveFromVersionId: aws.String(version),
	})
	return opError("UpdateSecretVersionStage", string(name), region, err)
}

// MoveStage moves a staging label between versions; from is "" for a label
// that no version has (UpdateSecretVersionStage: a label that is attached
// elsewhere moves only if RemoveFromVersionId names that version).
func (c *Client) MoveStage(ctx context.Context, region topology.Region, name topology.Name, stage, from, to string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: id(name), VersionStage: aws.String(stage), RemoveFromVersionId: text(from), MoveToVersionId: aws.String(to),
	})
	return opError("UpdateSecretVersionStage", string(name), region, err)
}

// PutPolicy sets the resource policy (PutResourcePolicy); "" deletes it
// (DeleteResourcePolicy).
func (c *Client) PutPolicy(ctx context.Context, region topology.Region, name topology.Name, policy string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	if policy == "" {
		_, err = sdk.secrets.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: id(name)})
		return opError("DeleteResourcePolicy", string(name), region, err)
	}
	_, err = sdk.secrets.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: id(name), ResourcePolicy: aws.String(policy),
	})
	return opError("PutResourcePolicy", string(name), region, err)
}

// CopyVersion reads one version in one region and writes it in another under
// a label (GetSecretValue, PutSecretValue); AWSCURRENT does not move. The
// value is in memory for that long, and in nothing that outlives the call.
// Repeating it is harmless: the token makes AWS accept the same value again
// and refuse another one.
func (c *Client) CopyVersion(ctx context.Context, name topology.Name, from topology.Region, version string, to topology.Region, label string) error {
	source, err := c.sdk.in(ctx, from)
	if err != nil {
		return err
	}
	target, err := c.sdk.in(ctx, to)
	if err != nil {
		return err
	}
	value, err := source.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: id(name), VersionId: aws.String(version),
	})
	if err != nil {
		return opError("GetSecretValue", string(name), from, err)
	}
	defer clear(value.SecretBinary)
	out, err := target.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: id(name), ClientRequestToken: aws.String(tokenOf(version)),
		SecretString: value.SecretString, SecretBinary: value.SecretBinary,
		VersionStages: []string{label},
	})
	if err != nil || slices.Contains(out.VersionStages, label) {
		return opError("PutSecretValue", string(name), to, err)
	}
	// The version was there already: AWS takes the call as a repetition and
	// leaves its labels as they are.
	_, err = target.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: id(name), VersionStage: aws.String(label), MoveToVersionId: out.VersionId,
	})
	return opError("UpdateSecretVersionStage", string(name), to, err)
}

// tokenOf is the ClientRequestToken, which becomes the copy's version id: the
// version's own id, so that the copy is known for what it is, where its
// length is one that AWS takes (32 to 64).
func tokenOf(version string) string {
	if n := len(version); n >= 32 && n <= 64 {
		return version
	}
	sum := sha256.Sum256([]byte(version))
	return hex.EncodeToString(sum[:])
}

// id is a SecretId: the name, which every region resolves to its own copy.
func id(name topology.Name) *string { return aws.String(string(name)) }

// text is an optional member: nil for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// listedSecret is one region's copy as ListSecrets tells of it: without
// Replicas, which only DescribeSecret knows.
func listedSecret(region topology.Region, e *types.SecretListEntry) *topology.Secret {
	return &topology.Secret{
		Name: topology.Name(aws.ToString(e.Name)), ARN: aws.ToString(e.ARN), Region: region,
		PrimaryRegion: topology.Region(aws.ToString(e.PrimaryRegion)),
		KmsKeyID:      aws.ToString(e.KmsKeyId), OwningService: owner(aws.ToString(e.Name), aws.ToString(e.OwningService)),
		Description: aws.ToString(e.Description), Tags: tags(e.Tags), Versions: versions(e.SecretVersionsToStages),
		Rotation: rotation(e.RotationEnabled, e.RotationLambdaARN, e.RotationRules, e.LastRotatedDate, e.NextRotationDate),
		Created:  utc(e.CreatedDate), Changed: utc(e.LastChangedDate), Accessed: utc(e.LastAccessedDate), Deleted: utc(e.DeletedDate),
	}
}

// describedSecret is one region's copy as DescribeSecret tells of it. What a
// replica says of ReplicationStatus is undocumented (moto repeats the
// primary's there) and dropped.
func describedSecret(region topology.Region, e *secretsmanager.DescribeSecretOutput) *topology.Secret {
	s := &topology.Secret{
		Name: topology.Name(aws.ToString(e.Name)), ARN: aws.ToString(e.ARN), Region: region,
		PrimaryRegion: topology.Region(aws.ToString(e.PrimaryRegion)),
		KmsKeyID:      aws.ToString(e.KmsKeyId), OwningService: owner(aws.ToString(e.Name), aws.ToString(e.OwningService)),
		Description: aws.ToString(e.Description), Tags: tags(e.Tags), Versions: versions(e.VersionIdsToStages),
		Rotation: rotation(e.RotationEnabled, e.RotationLambdaARN, e.RotationRules, e.LastRotatedDate, e.NextRotationDate),
		Created:  utc(e.CreatedDate), Changed: utc(e.LastChangedDate), Accessed: utc(e.LastAccessedDate), Deleted: utc(e.DeletedDate),
		Described: true,
	}
	if s.Role() != topology.RoleReplica {
		s.Replicas = replicas(e.ReplicationStatus)
	}
	return s
}

// owner is the service that manages a secret. A replica may not say so, but
// its name does: only a service's own may hold a "!" (rds!db-…).
func owner(name, said string) string {
	service, _, managed := strings.Cut(name, "!")
	if said == "" && managed {
		return service
	}
	return said
}

// replicas are the entries by region. Of two for one region, which moto
// makes, the later counts.
func replicas(list []types.ReplicationStatusType) []topology.ReplicaStatus {
	by := map[topology.Region]topology.ReplicaStatus{}
	for _, e := range list {
		r := topology.Region(aws.ToString(e.Region))
		by[r] = topology.ReplicaStatus{
			Region: r, KmsKeyID: aws.ToString(e.KmsKeyId), Status: string(e.Status),
			Message: aws.ToString(e.StatusMessage), Accessed: utc(e.LastAccessedDate),
		}
	}
	return sortedValues(by)
}

func tags(list []types.Tag) []topology.Tag {
	out := make([]topology.Tag, 0, len(list))
	for _, t := range list {
		out = append(out, topology.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	slices.SortFunc(out, func(a, b topology.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return orNil(out)
}

// versions are the labelled versions, by id. Versions without a label are
// deprecated: AWS leaves them out, moto does not.
func versions(stages map[string][]string) []topology.Version {
	out := make([]topology.Version, 0, len(stages))
	for version, labels := range stages {
		if len(labels) > 0 {
			out = append(out, topology.Version{ID: version, Stages: sorted(labels)})
		}
	}
	slices.SortFunc(out, func(a, b topology.Version) int { return cmp.Compare(a.ID, b.ID) })
	return orNil(out)
}

// utc is a time as we keep it: UTC, and zero for an absent or zero epoch.
func utc(t *time.Time) time.Time {
	if t == nil || t.Unix() <= 0 {
		return time.Time{}
	}
	return t.UTC()
}

// sorted is a sorted copy, nil for none.
func sorted(list []string) []string {
	return orNil(slices.Sorted(slices.Values(list)))
}

func sortedValues[K cmp.Ordered, V any](m map[K]V) []V {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]V, 0, len(m))
	for _, k := range keys {
		out = append(out, m[k])
	}
	return orNil(out)
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}
