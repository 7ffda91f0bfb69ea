package sim

import "time"

// The quota buckets of AWS, each per account and region. Calls that share a
// bucket share its rate. AWS: "AWS Secrets Manager quotas", "CloudWatch
// service quotas", "Lambda quotas", "AWS KMS request quotas". A call without
// a bucket is not metered.
const (
	bucketGetSecretValue    = "secretsmanager/GetSecretValue"
	bucketDescribeSecret    = "secretsmanager/DescribeSecret"
	bucketListSecrets       = "secretsmanager/ListSecrets"
	bucketBatchGet          = "secretsmanager/BatchGetSecretValue"
	bucketSecretWrite       = "secretsmanager/write" // values, stages, replication, promotion
	bucketRotate            = "secretsmanager/rotate"
	bucketResourcePolicy    = "secretsmanager/resource-policy"
	bucketTag               = "secretsmanager/tag"
	bucketCreateSecret      = "secretsmanager/CreateSecret"
	bucketDeleteSecret      = "secretsmanager/DeleteSecret"
	bucketRestoreSecret     = "secretsmanager/RestoreSecret"
	bucketRandomPassword    = "secretsmanager/GetRandomPassword"
	bucketListVersionIDs    = "secretsmanager/ListSecretVersionIds"
	bucketPutMetricAlarm    = "monitoring/PutMetricAlarm"
	bucketPutCompositeAlarm = "monitoring/PutCompositeAlarm"
	bucketDescribeAlarms    = "monitoring/DescribeAlarms"
	bucketDeleteAlarms      = "monitoring/DeleteAlarms"
	bucketEnableAlarms      = "monitoring/EnableAlarmActions"
	bucketDisableAlarms     = "monitoring/DisableAlarmActions"
	bucketSetAlarmState     = "monitoring/SetAlarmState"
	bucketGetFunction       = "lambda/GetFunction"
	bucketGetPolicy         = "lambda/GetPolicy"
	bucketLambdaControl     = "lambda/control-plane"
	bucketDescribeKey       = "kms/DescribeKey"
)

// bucketRate is a bucket's calls per second; its burst is one second's worth.
func bucketRate(bucket string) float64 {
	switch bucket {
	case bucketDescribeSecret:
		return 40_000
	case bucketGetSecretValue:
		return 10_000
	case bucketDescribeKey:
		return 2_000
	case bucketListSecrets, bucketBatchGet, bucketGetFunction:
		return 100
	case bucketGetPolicy, bucketLambdaControl:
		return 15
	case bucketDescribeAlarms:
		return 9
	case bucketPutMetricAlarm, bucketPutCompositeAlarm, bucketDeleteAlarms,
		bucketEnableAlarms, bucketDisableAlarms, bucketSetAlarmState:
		return 3
	}
	return 50
}

// bucketOf names the bucket that a call draws on, "" for none.
func bucketOf(op operation) string {
	if op.bucket != "" {
		return op.bucket
	}
	switch op.service {
	case "secretsmanager":
		return secretBucket(op.name)
	case "monitoring":
		return alarmBucket(op.name)
	case "lambda":
		return lambdaBucket(op.name)
	case "kms":
		if op.name == "DescribeKey" {
			return bucketDescribeKey
		}
	}
	return ""
}

func secretBucket(op string) string {
	switch op {
	case "PutSecretValue", "RemoveRegionsFromReplication", "ReplicateSecretToRegions",
		"StopReplicationToReplica", "UpdateSecret", "UpdateSecretVersionStage":
		return bucketSecretWrite
	case "RotateSecret", "CancelRotateSecret":
		return bucketRotate
	case "GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy", "ValidateResourcePolicy":
		return bucketResourcePolicy
	case "TagResource", "UntagResource":
		return bucketTag
	case "GetSecretValue", "DescribeSecret", "ListSecrets", "BatchGetSecretValue", "CreateSecret",
		"DeleteSecret", "RestoreSecret", "GetRandomPassword", "ListSecretVersionIds":
		return "secretsmanager/" + op
	}
	return ""
}

func alarmBucket(op string) string {
	switch op {
	case "PutMetricAlarm", "PutCompositeAlarm", "DescribeAlarms", "DeleteAlarms",
		"EnableAlarmActions", "DisableAlarmActions", "SetAlarmState":
		return "monitoring/" + op
	}
	return ""
}

func lambdaBucket(op string) string {
	switch op {
	case "Invoke", "InvokeAsync": // data plane, bounded by concurrency instead
		return ""
	case "GetFunction":
		return bucketGetFunction
	case "GetPolicy":
		return bucketGetPolicy
	}
	return bucketLambdaControl
}

// A bucketKey is one account's bucket in one region.
type bucketKey struct{ account, region, bucket string }

// A tokenBucket holds what is left at a moment of the virtual clock.
type tokenBucket struct {
	tokens float64
	at     time.Time
}

type quotaBuckets map[bucketKey]*tokenBucket

// withinQuota draws one token for the call. AWS charges nothing for a call
// that it throttles, and neither does it.
func (c *Cloud) withinQuota(r *request, op operation) bool {
	bucket := bucketOf(op)
	if c.opts.Quotas != "aws" || bucket == "" || c.unmetered(bucket) {
		return true
	}
	rate := bucketRate(bucket)
	k := bucketKey{r.account, r.region, bucket}
	b := c.quotas[k]
	if b == nil {
		b = &tokenBucket{tokens: rate, at: r.now}
		c.quotas[k] = b
	}
	if since := r.now.Sub(b.at); since > 0 {
		b.tokens = min(rate, b.tokens+rate*since.Seconds())
		b.at = r.now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// unmetered says whether a bucket is one that AWS does not document and the
// quirk alarm-actions-quota leaves out.
func (c *Cloud) unmetered(bucket string) bool {
	switch bucket {
	case bucketDeleteAlarms, bucketEnableAlarms, bucketDisableAlarms, bucketSetAlarmState:
		return c.quirks().AlarmActionsQuota == "none"
	}
	return false
}

// throttled is the error by which a service says that it is asked too often.
// AWS: Secrets Manager and KMS answer 400, Lambda 429 with Retry-After.
func (c *Cloud) throttled(service string) *apiError {
	switch service {
	case "lambda":
		return errorf("TooManyRequestsException", 429, "Rate exceeded")
	case "monitoring":
		return errorf(c.quirks().AlarmThrottle, 400, "Rate exceeded")
	case "sns", "sts":
		return errorf("Throttling", 400, "Rate exceeded")
	}
	return errorf("ThrottlingException", 400, "Rate exceeded")
}

func isThrottle(code string) bool {
	switch code {
	case "ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
		"RequestLimitExceeded", "LimitExceededException":
		return true
	}
	return false
}
