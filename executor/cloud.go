package executor

import (
	"context"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Cloud is what the executor needs of AWS. Every method is one AWS call (or
// one paged read) in one region; the comment names it. Errors wrap the
// sentinels of package topology: ErrNotFound, ErrDenied, ErrThrottled,
// ErrUnreachable, and ErrUnknown where the answer was lost and the call may
// have been applied. No method takes or returns a secret value.
type Cloud interface {
	Reader

	// Replicate: ReplicateSecretToRegions, sent to the primary's region.
	Replicate(ctx context.Context, primary topology.Region, name topology.Name, to topology.Region, key string, force bool) error
	// RemoveReplica: RemoveRegionsFromReplication, sent to the primary's region.
	RemoveReplica(ctx context.Context, primary topology.Region, name topology.Name, from topology.Region) error
	// Promote: StopReplicationToReplica, sent to the replica's own region.
	Promote(ctx context.Context, r topology.Region, name topology.Name) error
	// AttachRotation: RotateSecret with function, rules and RotateImmediately.
	// token is the ClientRequestToken; the same one is sent when a step is
	// repeated.
	AttachRotation(ctx context.Context, r topology.Region, name topology.Name, lambda string, rules topology.RotationRules, immediately bool, token string) error
	// CancelRotation: CancelRotateSecret.
	CancelRotation(ctx context.Context, r topology.Region, name topology.Name) error
	// RemoveStage: UpdateSecretVersionStage with RemoveFromVersionId only.
	RemoveStage(ctx context.Context, r topology.Region, name topology.Name, stage, version string) error
	// MoveStage: UpdateSecretVersionStage, from one version to another; from ""
	// puts a label on that no version has. With AWSCURRENT, AWS moves
	// AWSPREVIOUS by itself to the version that AWSCURRENT leaves.
	MoveStage(ctx context.Context, r topology.Region, name topology.Name, stage, from, to string) error
	// CopyVersion reads one version in one region and writes it in another
	// under a label (GetSecretValue, PutSecretValue). The only method through
	// which a value passes; it is held in memory for that long.
	CopyVersion(ctx context.Context, name topology.Name, from topology.Region, version string, to topology.Region, label string) error
	// PutPolicy: PutResourcePolicy; "" is DeleteResourcePolicy.
	PutPolicy(ctx context.Context, r topology.Region, name topology.Name, policy string) error

	// GrantInvoke: AddPermission for secretsmanager.amazonaws.com on behalf
	// of this account.
	GrantInvoke(ctx context.Context, r topology.Region, function, statement string) error
	// RestoreInvoke: AddPermission of a statement that RevokeInvoke took, as
	// it was.
	RestoreInvoke(ctx context.Context, r topology.Region, function string, p topology.Permission) error
	// RevokeInvoke: RemovePermission.
	RevokeInvoke(ctx context.Context, r topology.Region, function, statement string) error

	PutAlarm(ctx context.Context, r topology.Region, a *topology.Alarm) error                   // PutMetricAlarm
	PutCompositeAlarm(ctx context.Context, r topology.Region, a *topology.CompositeAlarm) error // PutCompositeAlarm
	EnableAlarms(ctx context.Context, r topology.Region, names []string) error                  // EnableAlarmActions
	DisableAlarms(ctx context.Context, r topology.Region, names []string) error                 // DisableAlarmActions
	// PutMetricFilter: PutMetricFilter, after CreateLogGroup if the group is
	// not there.
	PutMetricFilter(ctx context.Context, r topology.Region, f *topology.MetricFilter) error
}

// Reader is the read side of Cloud, always fresh (no listing, which may lag).
type Reader interface {
	// Secret: DescribeSecret. ErrNotFound if there is none.
	Secret(ctx context.Context, r topology.Region, name topology.Name) (*topology.Secret, error)
	// Policy: GetResourcePolicy, "" if none is set.
	Policy(ctx context.Context, r topology.Region, name topology.Name) (string, error)
	// Key: DescribeKey of any reference; a missing key is a value, not an error.
	Key(ctx context.Context, r topology.Region, ref string) (topology.Key, error)
	// Function: GetFunctionConfiguration and GetPolicy; a missing function is
	// a value, not an error.
	Function(ctx context.Context, r topology.Region, arn string) (*topology.Function, error)
	// Alarms: DescribeAlarms by name, metric and composite; absent ones are
	// absent from the maps.
	Alarms(ctx context.Context, r topology.Region, names []string) (map[string]*topology.Alarm, map[string]*topology.CompositeAlarm, error)
	// MetricFilter: DescribeMetricFilters; ErrNotFound if it or its group is
	// not there.
	MetricFilter(ctx context.Context, r topology.Region, group, name string) (*topology.MetricFilter, error)
}
