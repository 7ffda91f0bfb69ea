package topology

// An Alarm is a CloudWatch metric alarm: the input of PutMetricAlarm as
// DescribeAlarms returns it, and its state. Output-only fields that do not
// matter are left out.
type Alarm struct {
	Name            string            `json:"name"`
	Region          Region            `json:"region"`
	ARN             string            `json:"arn,omitempty"`
	Description     string            `json:"description,omitempty"`
	ActionsEnabled  bool              `json:"actions_enabled"`
	AlarmActions    []string          `json:"alarm_actions,omitempty"`
	OKActions       []string          `json:"ok_actions,omitempty"`
	NoDataActions   []string          `json:"insufficient_data_actions,omitempty"`
	Namespace       string            `json:"namespace,omitempty"`
	Metric          string            `json:"metric,omitempty"`
	Statistic       string            `json:"statistic,omitempty"`
	ExtendedStat    string            `json:"extended_statistic,omitempty"`
	Dimensions      []Dimension       `json:"dimensions,omitempty"` // sorted by name
	Period          int32             `json:"period,omitempty"`     // seconds
	Unit            string            `json:"unit,omitempty"`
	Periods         int32             `json:"evaluation_periods,omitempty"`
	Datapoints      int32             `json:"datapoints_to_alarm,omitempty"`
	Threshold       *float64          `json:"threshold,omitempty"`
	Comparison      string            `json:"comparison,omitempty"`
	MissingData     string            `json:"treat_missing_data,omitempty"`
	LowSamples      string            `json:"evaluate_low_samples,omitempty"`
	ThresholdMetric string            `json:"threshold_metric_id,omitempty"`
	Metrics         []MetricDataQuery `json:"metrics,omitempty"`
	State           string            `json:"state,omitempty"` // OK, ALARM, INSUFFICIENT_DATA
}

// A Dimension is one name=value of a metric.
type Dimension struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A MetricDataQuery is one line of a metric-math alarm.
type MetricDataQuery struct {
	ID         string      `json:"id"`
	Expression string      `json:"expression,omitempty"`
	Label      string      `json:"label,omitempty"`
	AccountID  string      `json:"account_id,omitempty"`
	Period     int32       `json:"period,omitempty"`
	ReturnData *bool       `json:"return_data,omitempty"`
	Namespace  string      `json:"namespace,omitempty"`
	Metric     string      `json:"metric,omitempty"`
	Dimensions []Dimension `json:"dimensions,omitempty"`
	Stat       string      `json:"stat,omitempty"`
	StatPeriod int32       `json:"stat_period,omitempty"`
	Unit       string      `json:"unit,omitempty"`
}

// A CompositeAlarm is a CloudWatch composite alarm.
type CompositeAlarm struct {
	Name             string   `json:"name"`
	Region           Region   `json:"region"`
	ARN              string   `json:"arn,omitempty"`
	Description      string   `json:"description,omitempty"`
	Rule             string   `json:"rule"`
	ActionsEnabled   bool     `json:"actions_enabled"`
	AlarmActions     []string `json:"alarm_actions,omitempty"`
	OKActions        []string `json:"ok_actions,omitempty"`
	NoDataActions    []string `json:"insufficient_data_actions,omitempty"`
	Suppressor       string   `json:"actions_suppressor,omitempty"`
	SuppressorWait   int32    `json:"suppressor_wait,omitempty"`      // seconds
	SuppressorExtend int32    `json:"suppressor_extension,omitempty"` // seconds
	State            string   `json:"state,omitempty"`
}

// A MetricFilter is a CloudWatch Logs metric filter.
type MetricFilter struct {
	LogGroup        string                 `json:"log_group"`
	Name            string                 `json:"name"`
	Pattern         string                 `json:"pattern"`
	Transformations []MetricTransformation `json:"transformations"`
}

// ID is the filter's key within a region.
func (f *MetricFilter) ID() string { return f.LogGroup + " " + f.Name }

// A MetricTransformation says which metric a filter feeds.
type MetricTransformation struct {
	Namespace  string      `json:"namespace"`
	Metric     string      `json:"metric"`
	Value      string      `json:"value"`
	Default    *float64    `json:"default,omitempty"`
	Unit       string      `json:"unit,omitempty"`
	Dimensions []Dimension `json:"dimensions,omitempty"`
}
