package sim

import (
	"fmt"
	"time"
)

// The states of an alarm.
const (
	alarmOK           = "OK"
	alarmFiring       = "ALARM"
	alarmInsufficient = "INSUFFICIENT_DATA"
)

// An alarmStore is one account's CloudWatch in one region.
type alarmStore struct {
	alarms     map[string]*alarm // by name
	composites map[string]*alarm // those of them that are composite
	metrics    map[string]*series
	history    []historyItem
	fired      []FiredAction

	evaluating bool // composites are being looked at
}

func newAlarmStore() *alarmStore {
	return &alarmStore{alarms: map[string]*alarm{}, composites: map[string]*alarm{}, metrics: map[string]*series{}}
}

// An alarm is a metric alarm or, if rule is set, a composite one.
type alarm struct {
	alarmBase
	*metricSettings
	*compositeSettings
	tags map[string]string
	rule ruleNode
}

func (a *alarm) kind() string {
	if a.compositeSettings != nil {
		return "CompositeAlarm"
	}
	return "MetricAlarm"
}

// alarmBase is what both kinds of alarm have and show.
type alarmBase struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   *string
	AlarmConfigurationUpdatedTimestamp time.Time
	ActionsEnabled                     bool
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	StateValue                         string
	StateReason                        string
	StateReasonData                    *string
	StateUpdatedTimestamp              time.Time
	StateTransitionedTimestamp         time.Time
}

// actions are what the alarm does on entering a state.
func (b *alarmBase) actions(state string) []string {
	switch state {
	case alarmOK:
		return b.OKActions
	case alarmFiring:
		return b.AlarmActions
	}
	return b.InsufficientDataActions
}

// metricSettings are a metric alarm's own settings; the tags are the
// constraints of the CloudWatch model (MetricAlarm, PutMetricAlarmInput).
type metricSettings struct {
	MetricName                       *string     `check:"len=1..255"`
	Namespace                        *string     `check:"len=1..255"`
	Statistic                        *string     `check:"enum=SampleCount|Average|Sum|Minimum|Maximum"`
	ExtendedStatistic                *string     `check:"len=1.."`
	Dimensions                       []dimension `check:"len=..30"`
	Period                           *int        `check:"range=1.."`
	Unit                             *string
	EvaluationPeriods                *int `check:"range=1.."`
	DatapointsToAlarm                *int `check:"range=1.."`
	Threshold                        *float64
	ComparisonOperator               *string       `check:"enum=GreaterThanOrEqualToThreshold|GreaterThanThreshold|LessThanThreshold|LessThanOrEqualToThreshold|LessThanLowerOrGreaterThanUpperThreshold|LessThanLowerThreshold|GreaterThanUpperThreshold"`
	TreatMissingData                 *string       `check:"len=1..255"`
	EvaluateLowSampleCountPercentile *string       `check:"len=1..255"`
	Metrics                          []metricQuery `json:",omitempty"`
	ThresholdMetricId                *string       `check:"len=1..255"`
}

type dimension struct {
	Name  *string `check:"required,len=1..255"`
	Value *string `check:"required,len=1..1024"`
}

// A metricQuery is one element of metric math.
type metricQuery struct {
	Id         *string `check:"required,len=1..255"`
	MetricStat *metricStat
	Expression *string `check:"len=1..2048"`
	Label      *string
	ReturnData *bool
	Period     *int    `check:"range=1.."`
	AccountId  *string `check:"len=1..255"`
}

type metricStat struct {
	Metric *metricName `check:"required"`
	Period *int        `check:"required,range=1.."`
	Stat   *string     `check:"required"`
	Unit   *string
}

type metricName struct {
	Namespace  *string     `check:"len=1..255"`
	MetricName *string     `check:"len=1..255"`
	Dimensions []dimension `check:"len=..30"`
}

// compositeSettings are a composite alarm's own settings.
type compositeSettings struct {
	AlarmRule                        string
	ActionsSuppressor                *string
	ActionsSuppressorWaitPeriod      *int
	ActionsSuppressorExtensionPeriod *int
}

// A historyItem is one entry of DescribeAlarmHistory.
type historyItem struct {
	AlarmName       string
	AlarmType       string
	Timestamp       time.Time
	HistoryItemType string
	HistorySummary  string
	HistoryData     string
}

// historyLife is how long CloudWatch keeps history. AWS: API reference, DescribeAlarmHistory.
const historyLife = 30 * 24 * time.Hour

// A FiredAction is one action that an alarm took: nothing is delivered, but
// tests can see who would have been woken.
type FiredAction struct {
	Alarm  string    `json:"alarm"`
	State  string    `json:"state"`
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

func (s *regionStore) alarmARN(name string) string {
	return fmt.Sprintf("arn:%s:cloudwatch:%s:%s:alarm:%s", partitionOf(s.name), s.name, s.account.id, name)
}

func (s *regionStore) record(a *alarm, now time.Time, kind, summary, data string) {
	h := s.alarms.history
	for len(h) > 0 && now.Sub(h[0].Timestamp) > historyLife {
		h = h[1:]
	}
	s.alarms.history = append(h, historyItem{a.AlarmName, a.kind(), now, kind, summary, data})
}

// enter moves an alarm to a state. On a change it takes the state's actions,
// if actions are enabled, and lets the composites above it look again.
func (s *regionStore) enter(a *alarm, state, reason string, data *string, now time.Time) {
	old := a.StateValue
	a.StateReason, a.StateReasonData, a.StateUpdatedTimestamp = reason, data, now
	if old == state {
		return
	}
	a.StateValue, a.StateTransitionedTimestamp = state, now
	s.record(a, now, "StateUpdate", fmt.Sprintf("Alarm updated from %s to %s", old, state),
		fmt.Sprintf(`{"version":"1.0","oldState":{"stateValue":%q},"newState":{"stateValue":%q,"stateReason":%q}}`, old, state, reason))
	if a.ActionsEnabled {
		for _, action := range a.actions(state) {
			s.alarms.fired = append(s.alarms.fired, FiredAction{a.AlarmName, state, action, now})
			s.record(a, now, "Action", "Successfully executed action "+action, fmt.Sprintf(`{"actionState":"Succeeded","notificationResource":%q}`, action))
		}
	}
	s.evaluateComposites(now)
}

// firedActions are the actions that alarms of the region took so far, in order.
func (s *regionStore) firedActions() []FiredAction {
	return append([]FiredAction(nil), s.alarms.fired...)
}

// FiredActions are the actions that the alarms of one account's region took
// so far, in order: whom a failover woke.
func (c *Cloud) FiredActions(account, region string) []FiredAction {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	return c.store(account, region).firedActions()
}
