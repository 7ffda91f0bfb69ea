package sim

// A Fleet is what an account holds: the resources of all its regions, as
// plain data. ExampleFleet, EmptyFleet, GenerateFleet and ParseFleet make
// one; Load puts it into a Cloud.
type Fleet struct {
	// Regions are those of the fleet, the primary first. A resource that
	// names no region of its own lives in all of them.
	Regions       []string            `toml:"regions"`
	Keys          []FleetKey          `toml:"key"`
	Topics        []FleetTopic        `toml:"topic"`
	Functions     []FleetFunction     `toml:"function"`
	LogGroups     []FleetLogGroup     `toml:"log_group"`
	MetricFilters []FleetMetricFilter `toml:"metric_filter"`
	Secrets       []FleetSecret       `toml:"secret"`
	Alarms        []FleetAlarm        `toml:"alarm"`
	Composites    []FleetComposite    `toml:"composite_alarm"`
}

// A FleetKey is one customer-managed KMS key and its alias.
type FleetKey struct {
	Alias  string `toml:"alias"` // alias/…
	Region string `toml:"region"`
	// State is a KMS KeyState; "" means Enabled. It takes effect when every
	// secret has its values, before they replicate.
	State string `toml:"state"`
}

// A FleetTopic is an SNS topic.
type FleetTopic struct {
	Name    string   `toml:"name"`
	Regions []string `toml:"regions"`
}

// A FleetFunction is a Lambda function.
type FleetFunction struct {
	Name    string   `toml:"name"`
	Regions []string `toml:"regions"`
	// Permitted are the regions in which its policy lets Secrets Manager
	// invoke it.
	Permitted []string `toml:"permitted"`
}

// A FleetLogGroup is a CloudWatch Logs group.
type FleetLogGroup struct {
	Name    string   `toml:"name"`
	Regions []string `toml:"regions"`
}

// A FleetMetricFilter turns matching log lines into a metric.
type FleetMetricFilter struct {
	Name      string   `toml:"name"`
	LogGroup  string   `toml:"log_group"`
	Pattern   string   `toml:"pattern"`
	Metric    string   `toml:"metric"`
	Namespace string   `toml:"namespace"`
	Value     string   `toml:"value"` // "" means "1"
	Regions   []string `toml:"regions"`
}

// A FleetSecret is a secret with its replicas.
type FleetSecret struct {
	Name        string            `toml:"name"`
	Description string            `toml:"description"`
	Region      string            `toml:"region"` // its primary; "" means the fleet's first region
	Key         string            `toml:"key"`    // KMS key id, ARN or alias; "" means alias/aws/secretsmanager
	Value       string            `toml:"value"`  // "" means a generated JSON object
	Tags        map[string]string `toml:"tags"`
	Policy      string            `toml:"policy"` // resource policy document
	// Managed names the owning service of a managed secret, such as rds.
	Managed string `toml:"managed"`
	// Versions is how many values it has had, at least 1: the last is
	// AWSCURRENT, the one before it AWSPREVIOUS.
	Versions int            `toml:"versions"`
	Rotation *FleetRotation `toml:"rotation"`
	Replicas []FleetReplica `toml:"replica"`
}

// A FleetReplica is one region's replica.
type FleetReplica struct {
	Region string `toml:"region"`
	Key    string `toml:"key"`
	// Missing leaves the replica out: the fleet documents that it ought to
	// be there and is not.
	Missing bool `toml:"missing"`
}

// A FleetRotation is a secret's rotation.
type FleetRotation struct {
	Lambda   string `toml:"lambda"`   // function name, or ARN
	Days     int    `toml:"days"`     // AutomaticallyAfterDays
	Schedule string `toml:"schedule"` // ScheduleExpression, instead of Days
	Duration string `toml:"duration"` // length of the rotation window, such as "3h"
}

// A FleetAlarm is a CloudWatch metric alarm.
type FleetAlarm struct {
	Name        string            `toml:"name"`
	Description string            `toml:"description"`
	Regions     []string          `toml:"regions"` // none means the fleet's first region
	Namespace   string            `toml:"namespace"`
	Metric      string            `toml:"metric"`
	Dimensions  map[string]string `toml:"dimensions"`
	Statistic   string            `toml:"statistic"`  // "" means Sum
	Comparison  string            `toml:"comparison"` // "" means GreaterThanOrEqualToThreshold
	Threshold   float64           `toml:"threshold"`
	Period      int               `toml:"period"`      // seconds; 0 means 300
	Evaluations int               `toml:"evaluations"` // 0 means 1
	MissingData string            `toml:"missing_data"`
	Topics      []string          `toml:"topics"`   // names of SNS topics of the alarm's region
	Disabled    bool              `toml:"disabled"` // ActionsEnabled false
}

// A FleetComposite is a CloudWatch composite alarm.
type FleetComposite struct {
	Name        string   `toml:"name"`
	Description string   `toml:"description"`
	Regions     []string `toml:"regions"` // none means the fleet's first region
	Rule        string   `toml:"rule"`
	Topics      []string `toml:"topics"`
	Disabled    bool     `toml:"disabled"`
}

// EmptyFleet has the three regions of the example and nothing in them.
func EmptyFleet() *Fleet {
	return &Fleet{Regions: []string{"us-east-1", "us-west-2", "eu-west-1"}}
}
