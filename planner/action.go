package planner

// An Action is what a step does. The executor has one switch over them.
type Action string

// The actions, named in plans, journals and JSON.
const (
	Replicate         Action = "replicate"
	RetryReplica      Action = "retry-replica"
	RekeyReplica      Action = "rekey-replica"
	RemoveReplica     Action = "remove-replica"
	Promote           Action = "promote"
	OverwriteReplica  Action = "overwrite-replica"
	AttachRotation    Action = "attach-rotation"
	CancelRotation    Action = "cancel-rotation"
	ClearPending      Action = "clear-pending"
	GrantInvoke       Action = "grant-invoke"
	PutAlarm          Action = "put-alarm"
	PutCompositeAlarm Action = "put-composite-alarm"
	PutMetricFilter   Action = "put-metric-filter"
	EnableAlarms      Action = "enable-alarms"
	DisableAlarms     Action = "disable-alarms"
	FencePolicy       Action = "fence-policy"
	UnfencePolicy     Action = "unfence-policy"
	RescueVersion     Action = "rescue-version"
	AwaitEqual        Action = "await-equal"    // changes nothing: a secret's copies come to hold the same versions
	MatchVersions     Action = "match-versions" // a writable copy gets the versions and labels of another region's
	RevokeInvoke      Action = "revoke-invoke"  // fence: Secrets Manager may no longer invoke the function
)

// Risk tells an operator what kind of door a step is.
type Risk string

// The risks, mildest first.
const (
	Safe        Risk = "safe"
	Disruptive  Risk = "disruptive"  // readers or writers may notice
	OneWay      Risk = "one-way"     // cannot be taken back
	Destructive Risk = "destructive" // removes something
)

// NoUndo marks a step that nothing takes back.
const NoUndo Action = "none"

// Traits are what is always true of an action, in one table.
type Traits struct {
	Glyph string // one column in a printed plan
	Risk  Risk
	Undo  Action
	// Bucket is the AWS quota that the action's call draws on (the names of
	// package cloud's limiter), for the floor time of a plan.
	Bucket string
}

// Quota groups that actions draw on, per account and region.
const (
	BucketSecretWrites = "secret-writes" // Put, Update, Replicate, Remove, Stop, UpdateSecretVersionStage: 50/s together
	BucketRotation     = "rotation"      // RotateSecret, CancelRotateSecret: 50/s together
	BucketPolicy       = "policy"        // resource policies: 50/s together
	BucketPutAlarm     = "put-alarm"     // PutMetricAlarm, PutCompositeAlarm: 3/s
	BucketAlarmActions = "alarm-actions" // Enable/DisableAlarmActions: ~3/s, 100 names a call
	BucketFunction     = "function"      // Lambda control plane: 15/s together
	BucketLogs         = "logs"          // PutMetricFilter: 5/s
)

var traits = map[Action]Traits{
	Replicate:         {"+", Safe, RemoveReplica, BucketSecretWrites},
	RetryReplica:      {"~", Safe, NoUndo, BucketSecretWrites},
	RekeyReplica:      {"~", Disruptive, NoUndo, BucketSecretWrites},
	RemoveReplica:     {"-", Destructive, NoUndo, BucketSecretWrites},
	Promote:           {"^", OneWay, NoUndo, BucketSecretWrites},
	OverwriteReplica:  {"!", Destructive, NoUndo, BucketSecretWrites},
	AttachRotation:    {"@", Safe, CancelRotation, BucketRotation},
	CancelRotation:    {"@", Safe, AttachRotation, BucketRotation},
	ClearPending:      {"~", Disruptive, NoUndo, BucketSecretWrites},
	GrantInvoke:       {"+", Safe, NoUndo, BucketFunction},
	PutAlarm:          {"+", Safe, NoUndo, BucketPutAlarm},
	PutCompositeAlarm: {"+", Safe, NoUndo, BucketPutAlarm},
	PutMetricFilter:   {"+", Safe, NoUndo, BucketLogs},
	EnableAlarms:      {"*", Safe, DisableAlarms, BucketAlarmActions},
	DisableAlarms:     {"*", Disruptive, EnableAlarms, BucketAlarmActions},
	FencePolicy:       {"x", Disruptive, UnfencePolicy, BucketPolicy},
	UnfencePolicy:     {"x", Safe, FencePolicy, BucketPolicy},
	RescueVersion:     {"&", Safe, NoUndo, BucketSecretWrites},
	AwaitEqual:        {"=", Safe, NoUndo, ""},
	MatchVersions:     {"&", Disruptive, NoUndo, BucketSecretWrites},
	RevokeInvoke:      {"x", Disruptive, GrantInvoke, BucketFunction},
}

// TraitsOf returns what is always true of an action.
func TraitsOf(a Action) Traits { return traits[a] }
