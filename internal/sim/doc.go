// Package sim is a stateful, multi-region AWS to test disaster recovery
// against: Secrets Manager, KMS, Lambda, CloudWatch alarms, CloudWatch Logs
// metric filters, SNS topics and STS, as far as secrets and their failover
// need them. It speaks the real wire protocols, so that the AWS SDKs, the aws
// CLI, boto3 and Terraform drive it unmodified, and it fails on command.
//
// # Testing your own tooling with it
//
// Over TCP:
//
//	understudy sim --listen 127.0.0.1:4599 --fleet example
//	export AWS_ENDPOINT_URL=http://127.0.0.1:4599 AWS_REGION=us-east-1
//	export AWS_ACCESS_KEY_ID=sim AWS_SECRET_ACCESS_KEY=sim
//	aws secretsmanager list-secrets
//
// In a Go test, without a socket:
//
//	cloud := sim.New(sim.Options{Seed: 1, Lag: time.Second})
//	if err := cloud.Load(sim.ExampleFleet()); err != nil { … }
//	cfg := aws.Config{Region: "us-east-1", HTTPClient: cloud, Credentials: …}
//
// or behind httptest.NewServer(cloud). One endpoint serves every region and
// service: both are read from the SigV4 credential scope, as AWS itself checks
// them. Signatures are not verified; any credentials do. An access key id of
// twelve digits is taken for the account it names; any other belongs to
// Options.Account, temporary keys from AssumeRole to the role's account.
//
// # What it does
//
// Values, versions and stages are stored for real. A change replicates after
// Options.Lag (or a region's own lag), under the replica's key, and fails for
// the causes that AWS documents, as an entry in ReplicationStatus and not as
// an error. Keys have states. Rotation runs its four steps against a built-in
// rotator when it is due, if the function exists in the region, permits
// Secrets Manager and is healthy: within the call, or with
// Options.RotationStep one after the other, so that AWSPENDING is seen in
// flight and a region can be lost between two steps. Deletion has its
// recovery window.
//
// Time is virtual: the machine's clock (or Options.Now) plus what Advance
// added. What is due happens before the next call is answered, in order of
// time; the simulator runs no goroutine. Given the same seed, a frozen
// Options.Now, and the same calls in the same order, State is the same byte
// for byte. Request ids are random and in no state. Clients that draw random
// ClientRequestTokens, as the SDKs do, make version ids that differ; give the
// tokens to compare states.
//
// Where AWS leaves its answer undocumented a field of Quirks decides; see
// there, or `understudy sim --help`. The defaults are the answers that are
// hardest on a caller. A program should be tested under every value. Over TCP
// and in a test:
//
//	understudy sim --quirk stale-entry=drop --quirk rekey=failed
//	err := sim.ParseQuirk(&opts.Quirks, "stale-entry=drop")
//
// The quirks, the default first (Quirks says what each value does):
//
//	alarm-actions-quota  3 none
//	alarm-throttle       Throttling ThrottlingException
//	cancel-unconfigured  refuse ignore
//	failed-key-text      long short
//	force-deleted        fail overwrite
//	foreign-function     refuse invoke
//	key-error            modelled access-denied
//	list-order           oldest newest
//	name-held            a duration, 0s
//	overdue-rotation     fire wait
//	primary-region       keep clear
//	promoted-policy      keep drop
//	rekey                noop rekey failed
//	remove-absent        ignore refuse
//	remove-promoted      delete spare
//	replica-key-update   refuse allow
//	replica-owner        hide show
//	replica-policy       answer refuse
//	replica-rotation     hide show
//	replica-status       hide show
//	rotation-attempts    5 1
//	rotation-pause       a duration, 15m
//	stale-entry          keep drop
//	stop-standalone      invalid-parameter invalid-request
//	test-pending         keep drop
//	token-life           a duration, 24h
//
// # Making it fail
//
// SetRegion, AddFault, ApplyFaults, Advance, Calls and State, or the same
// beside the AWS protocols (bodies are JSON, unknown keys are refused with
// 400 and {"error": "KEY: …"}):
//
//	GET    /_sim/health
//	POST   /_sim/reset           {"fleet": "empty|example|generate:N"}
//	GET    /_sim/regions
//	PUT    /_sim/regions/REGION  {"state": "hang", "services": ["kms"], "lag": "2s", "lag_from": {"us-east-1": "5m"}}
//	GET    /_sim/faults
//	POST   /_sim/faults          {"match": {"region", "operation", "secret"}, "fault": "error", "code", "count", "delay"}
//	DELETE /_sim/faults
//	GET    /_sim/calls
//	DELETE /_sim/calls
//	GET    /_sim/clock
//	POST   /_sim/clock           {"advance": "720h"}
//	GET    /_sim/state
//	PUT    /_sim/functions/REGION/NAME  {"healthy": false}
//	POST   /_sim/rotation-failures      {"region", "secret", "step": "setSecret", "count"}
//	GET    /_sim/logins
//
// A region is up; or it can refuse (connections are reset; in process, dialing
// fails), hang (nothing is ever answered), be unavailable (503), throttle, or
// be partitioned (it serves clients but exchanges no replication). A region
// that refuses, hangs or is unavailable exchanges none either. A PUT replaces
// the whole state; what it leaves out is back to normal.
//
// A fault answers an error, throttles, delays, or loses the answer: the call
// is applied, then the connection drops. It hits the first Count calls that
// match, or all of them. A call meets, in order: the region's state, faults,
// latency, quotas, the operation.
//
// Every attempt is counted, to regions that hang or refuse too.
//
// Every secret is the password of a database that its replicas share. Logins
// tells which region's current value still works: where two regions rotated
// apart, as in a split brain, one does not. FailRotation breaks a single step
// of a rotation, SetFunctionHealth a region's function.
//
// # Quotas and latency
//
// Options.Quotas "aws" meters each account and region as AWS does: 50 calls a
// second for all operations together that write values, stages or
// replication, 3 for PutMetricAlarm, and so on (see bucketRate). A bucket
// holds one second's worth. Options.Latency "aws" makes callers wait, in real
// time, for about as long as the distance from Options.CallerRegion takes.
//
// # Fleets and fault plans
//
// A fleet is what the account holds; ParseFleet reads one from TOML, with
// errors that say file:line:column. The tables are the fields of Fleet:
//
//	regions = ["us-east-1", "us-west-2"]
//
//	[[key]]
//	alias = "alias/secrets-key"
//	region = "us-east-1"
//
//	[[function]]
//	name = "rotate-db"
//	permitted = ["us-east-1"]
//
//	[[secret]]
//	name = "prod/db"
//	key = "alias/secrets-key"
//	tags = { env = "prod" }
//	rotation = { lambda = "rotate-db", days = 30 }
//	replica = [{ region = "us-west-2" }]
//
// FaultPlan has the format of fault plans.
//
// # Known gaps
//
// IAM is not evaluated: every caller is the root user of its account and may
// do everything. Of a secret's resource policy the Deny statements are
// enforced, by principal, action, resource and the condition keys
// aws:PrincipalArn and aws:PrincipalAccount, and the Allow that a caller of
// another account needs. A Deny under any other condition (aws:SourceVpce,
// aws:SourceVpc, aws:SourceIp, and so on) or with NotPrincipal is stored and
// replicated, but taken not to apply: there are no networks here, so that a
// policy which locks a standby's readers out of AWS locks nobody out of the
// simulator. Signatures and KMS grants are not checked. Of a key's policy it
// is enforced whether Secrets Manager of the key's region may use the key
// (kms:Decrypt, kms:GenerateDataKey, under conditions such as
// kms:ViaService); calls to KMS itself need no permission.
//
// Alarms watch what PutMetricData sends, and each other; nothing else writes
// metrics. Metric math, anomaly bands and percentiles are not evaluated: such
// alarms keep the state they have, or SetAlarmState's. Notifications go
// nowhere but into State. Functions run no code; the built-in rotator stands
// in. CloudTrail, EventBridge and VPC endpoints do not exist. Quotas of KMS
// other than DescribeKey's, of Logs, SNS and STS are not metered. The figures
// of the latency profile are plausible, not measured. Cross-account
// replication is not there.
//
// Taken for true without a switch, as AWS documents them by analogy only:
// every write on a replica is refused as DeleteSecret and PutResourcePolicy
// are; replicating or rotating a secret that is scheduled for deletion is
// refused as tagging it is; promotion works while the primary's region is
// down (a fault on StopReplicationToReplica rehearses the opposite); a region
// that does not exist is an "Invalid replica region."; AutomaticallyAfterDays
// of a schedule expression is counted as the days between two windows.
package sim
