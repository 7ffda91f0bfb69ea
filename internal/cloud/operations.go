package cloud

// Quota buckets: calls that share one share its rate, per account and region.
// The first seven are those that a plan's steps draw on, by the same names.
const (
	BucketSecretWrites = "secret-writes" // Put, Update, Replicate, Remove, Stop, UpdateSecretVersionStage
	BucketRotation     = "rotation"      // RotateSecret, CancelRotateSecret
	BucketPolicy       = "policy"        // Get, Put, DeleteResourcePolicy
	BucketPutAlarm     = "put-alarm"     // PutMetricAlarm, PutCompositeAlarm
	BucketAlarmActions = "alarm-actions" // Enable-, DisableAlarmActions
	BucketFunction     = "function"      // Lambda control plane, GetFunctionConfiguration included
	BucketLogs         = "logs"          // PutMetricFilter, CreateLogGroup

	BucketList           = "list"            // ListSecrets
	BucketDescribe       = "describe"        // DescribeSecret
	BucketValues         = "values"          // GetSecretValue
	BucketVersions       = "versions"        // ListSecretVersionIds
	BucketKeys           = "kms"             // DescribeKey, GetKeyPolicy
	BucketFunctionPolicy = "lambda-read"     // Lambda GetPolicy
	BucketDescribeAlarms = "describe-alarms" // DescribeAlarms
	BucketDescribeLogs   = "describe-logs"   // DescribeMetricFilters, DescribeLogGroups
)

// ceiling is a bucket's AWS quota in calls per second, per account and
// region. AWS: "AWS Secrets Manager quotas", "CloudWatch service quotas",
// "CloudWatch Logs quotas", "Lambda quotas" (API requests), "Request quotas"
// of KMS. DescribeSecret and DescribeKey stay below theirs (40,000 and 2,000)
// because other callers in the account share them. Zero is unlimited.
func ceiling(bucket string) float64 {
	switch bucket {
	case BucketSecretWrites, BucketRotation, BucketPolicy, BucketVersions:
		return 50
	case BucketPutAlarm, BucketAlarmActions:
		return 3
	case BucketFunction, BucketFunctionPolicy:
		return 15
	case BucketLogs, BucketDescribeLogs:
		return 5
	case BucketList:
		return 100
	case BucketDescribeAlarms:
		return 9
	case BucketDescribe, BucketValues:
		return 5000
	case BucketKeys:
		return 1000
	}
	return 0
}

// Services by the SDK's ServiceID.
const (
	serviceSecrets = "Secrets Manager"
	serviceLogs    = "CloudWatch Logs"
	serviceLambda  = "Lambda"
)

// bucketOf names the bucket that an operation draws on, "" for none.
func bucketOf(service, op string) string {
	switch op {
	case "PutSecretValue", "UpdateSecret", "ReplicateSecretToRegions", "RemoveRegionsFromReplication",
		"StopReplicationToReplica", "UpdateSecretVersionStage":
		return BucketSecretWrites
	case "RotateSecret", "CancelRotateSecret":
		return BucketRotation
	case "GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy":
		return BucketPolicy
	case "ListSecrets":
		return BucketList
	case "DescribeSecret":
		return BucketDescribe
	case "ListSecretVersionIds":
		return BucketVersions
	case "GetSecretValue":
		return BucketValues
	case "DescribeKey", "GetKeyPolicy":
		return BucketKeys
	case "PutMetricAlarm", "PutCompositeAlarm":
		return BucketPutAlarm
	case "EnableAlarmActions", "DisableAlarmActions":
		return BucketAlarmActions
	case "DescribeAlarms":
		return BucketDescribeAlarms
	case "DescribeMetricFilters", "DescribeLogGroups":
		return BucketDescribeLogs
	case "PutMetricFilter", "CreateLogGroup":
		return BucketLogs
	case "GetPolicy":
		return BucketFunctionPolicy
	}
	if service == serviceLambda {
		return BucketFunction
	}
	return ""
}

// isRead lists the operations that change nothing and tell no secret value:
// all that a read-only stack lets through. An operation that is missing here
// is refused, never the other way round. STS and SSO operations are how
// credentials are come by.
func isRead(op string) bool {
	switch op {
	case "ListSecrets", "DescribeSecret", "ListSecretVersionIds", "GetResourcePolicy",
		"DescribeKey", "GetKeyPolicy",
		"GetFunctionConfiguration", "GetPolicy",
		"DescribeAlarms",
		"DescribeMetricFilters", "DescribeLogGroups",
		"GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity",
		"GetRoleCredentials", "CreateToken", "CreateOAuth2Token":
		return true
	}
	return false
}

// isMutating tells whether an operation changes something.
//
// Two layers try again, and they share nothing. Here, inside one call, the SDK
// repeats what AWS is known not to have applied: throttled, in conflict with
// another change, or never sent. What may have been applied is repeated by
// nobody blindly, not even what states a whole end result (PutMetricAlarm) or
// carries a token (PutSecretValue): somebody else's later change would be
// overwritten. It is topology.ErrUnknown, and the executor looks again before
// it decides.
func isMutating(op string) bool { return !isRead(op) && op != "GetSecretValue" }
