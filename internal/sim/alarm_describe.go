package sim

import (
	"slices"
	"strings"
)

type describeAlarmsInput struct {
	AlarmNames          []string `check:"len=..100"`
	AlarmNamePrefix     *string  `check:"len=1..255"`
	AlarmTypes          []string
	ChildrenOfAlarmName *string `check:"len=1..255"`
	ParentsOfAlarmName  *string `check:"len=1..255"`
	StateValue          *string `check:"enum=OK|ALARM|INSUFFICIENT_DATA"`
	ActionPrefix        *string `check:"len=1..1024"`
	MaxRecords          *int    `check:"range=1..100"`
	NextToken           *string
}

func (in *describeAlarmsInput) check(r *request) *apiError {
	for _, kind := range in.AlarmTypes {
		if kind != "MetricAlarm" && kind != "CompositeAlarm" {
			return r.invalid("1 validation error detected: Value '[%s]' at 'alarmTypes' failed to satisfy constraint: "+
				"Member must satisfy constraint: [Member must satisfy enum value set: [CompositeAlarm, MetricAlarm]]", clip(strings.Join(in.AlarmTypes, ", "), 256))
		}
	}
	switch {
	case in.AlarmNames != nil && in.AlarmNamePrefix != nil:
		return errorf("InvalidParameterCombination", 400, "AlarmNames and AlarmNamePrefix cannot both be specified")
	case in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil:
		return errorf("InvalidParameterCombination", 400, "ChildrenOfAlarmName and ParentsOfAlarmName cannot both be specified")
	}
	return nil
}

// wants filters. Without AlarmTypes only metric alarms are wanted, even when
// a composite's name is given. AWS: API reference, DescribeAlarms.
func (in *describeAlarmsInput) wants(at *regionStore, a *alarm) bool {
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []string{"MetricAlarm"}
	}
	switch {
	case in.ChildrenOfAlarmName != nil:
		parent := at.alarms.alarms[*in.ChildrenOfAlarmName]
		if parent == nil || !slices.Contains(parent.rule.children(), a.AlarmName) {
			return false
		}
		kinds = []string{a.kind()}
	case in.ParentsOfAlarmName != nil:
		if !slices.Contains(a.rule.children(), *in.ParentsOfAlarmName) {
			return false
		}
		kinds = []string{a.kind()}
	}
	return slices.Contains(kinds, a.kind()) &&
		(len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, a.AlarmName)) &&
		strings.HasPrefix(a.AlarmName, deref(in.AlarmNamePrefix)) &&
		(in.StateValue == nil || a.StateValue == *in.StateValue) &&
		(in.ActionPrefix == nil || a.hasAction(*in.ActionPrefix))
}

func (a *alarm) hasAction(prefix string) bool {
	for _, state := range [...]string{alarmOK, alarmFiring, alarmInsufficient} {
		for _, action := range a.actions(state) {
			if strings.HasPrefix(action, prefix) {
				return true
			}
		}
	}
	return false
}

type metricAlarmEntry struct {
	alarmBase
	metricSettings
}

type compositeAlarmEntry struct {
	alarmBase
	compositeSettings
}

func describeAlarms(r *request) (any, error) {
	var in describeAlarmsInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := in.check(r); bad != nil {
		return nil, bad
	}
	at := r.here()
	found := map[string]*alarm{}
	if len(in.AlarmNames) > 0 { // a hundred look-ups, not a walk over ten thousand
		for _, name := range in.AlarmNames {
			if a := at.alarms.alarms[name]; a != nil && in.wants(at, a) {
				found[name] = a
			}
		}
	} else {
		for name, a := range at.alarms.alarms {
			if in.wants(at, a) {
				found[name] = a
			}
		}
	}
	page, next, ok := r.page(sortedNames(found), deref(in.NextToken), max(orElse(in.MaxRecords, 50), min(len(in.AlarmNames), 100)))
	if !ok {
		return nil, errorf("InvalidNextToken", 400, "The next token is invalid")
	}
	out := struct {
		CompositeAlarms []compositeAlarmEntry
		MetricAlarms    []metricAlarmEntry
		NextToken       string `json:",omitempty"`
	}{[]compositeAlarmEntry{}, []metricAlarmEntry{}, next}
	for _, name := range page {
		if a := found[name]; a.compositeSettings != nil {
			out.CompositeAlarms = append(out.CompositeAlarms, compositeAlarmEntry{a.alarmBase, *a.compositeSettings})
		} else {
			out.MetricAlarms = append(out.MetricAlarms, metricAlarmEntry{a.alarmBase, *a.metricSettings})
		}
	}
	return out, nil
}

type forMetricInput struct {
	MetricName        *string `check:"required,len=1..255"`
	Namespace         *string `check:"required,len=1..255"`
	Statistic         *string
	ExtendedStatistic *string
	Dimensions        []dimension `check:"len=..30"`
	Period            *int        `check:"range=1.."`
	Unit              *string
}

// describeAlarmsForMetric finds the alarms of exactly this metric: its
// dimensions must be the alarm's, none more or fewer.
func describeAlarmsForMetric(r *request) (any, error) {
	var in forMetricInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	same := func(want, have *string) bool { return want == nil || have != nil && *want == *have }
	at, key := r.here(), seriesKey(in.Namespace, in.MetricName, in.Dimensions)
	out := struct{ MetricAlarms []metricAlarmEntry }{[]metricAlarmEntry{}}
	for _, name := range sortedNames(at.alarms.alarms) {
		a := at.alarms.alarms[name]
		if a.metricSettings == nil || a.MetricName == nil || seriesKey(a.Namespace, a.MetricName, a.Dimensions) != key {
			continue
		}
		if same(in.Statistic, a.Statistic) && same(in.ExtendedStatistic, a.ExtendedStatistic) && same(in.Unit, a.Unit) &&
			(in.Period == nil || a.Period != nil && *in.Period == *a.Period) {
			out.MetricAlarms = append(out.MetricAlarms, metricAlarmEntry{a.alarmBase, *a.metricSettings})
		}
	}
	return out, nil
}

func describeAlarmHistory(r *request) (any, error) {
	var in struct {
		AlarmName          *string `check:"len=1..255"`
		AlarmTypes         []string
		HistoryItemType    *string `check:"enum=ConfigurationUpdate|StateUpdate|Action|AlarmContributorStateUpdate|AlarmContributorAction"`
		StartDate, EndDate *epoch
		MaxRecords         *int `check:"range=1..100"`
		NextToken          *string
		ScanBy             *string `check:"enum=TimestampDescending|TimestampAscending"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []string{"MetricAlarm"}
	}
	newestFirst := deref(in.ScanBy) != "TimestampAscending"
	found := map[string]historyItem{}
	all := r.here().alarms.history
	for i, h := range all {
		if in.AlarmName != nil && h.AlarmName != *in.AlarmName || !slices.Contains(kinds, h.AlarmType) ||
			in.HistoryItemType != nil && h.HistoryItemType != *in.HistoryItemType ||
			in.StartDate != nil && h.Timestamp.Before(in.StartDate.Time) || in.EndDate != nil && h.Timestamp.After(in.EndDate.Time) {
			continue
		}
		at := i
		if newestFirst {
			at = len(all) - i
		}
		found[fmtVersion(versionNumber(at))] = h
	}
	page, next, ok := r.page(sortedNames(found), deref(in.NextToken), orElse(in.MaxRecords, 100))
	if !ok {
		return nil, errorf("InvalidNextToken", 400, "The next token is invalid")
	}
	out := struct {
		AlarmHistoryItems []historyItem
		NextToken         string `json:",omitempty"`
	}{[]historyItem{}, next}
	for _, key := range page {
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, found[key])
	}
	return out, nil
}
