package sim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

func alarmOperations() []operation {
	op := func(name string, mutating bool, handle func(*request) (any, error)) operation {
		return operation{service: "monitoring", name: name, mutating: mutating, handle: handle, subject: alarmSubject}
	}
	return []operation{
		op("PutMetricAlarm", true, putMetricAlarm),
		op("PutCompositeAlarm", true, putCompositeAlarm),
		op("DescribeAlarms", false, describeAlarms),
		op("DescribeAlarmsForMetric", false, describeAlarmsForMetric),
		op("DescribeAlarmHistory", false, describeAlarmHistory),
		op("EnableAlarmActions", true, enableAlarmActions),
		op("DisableAlarmActions", true, disableAlarmActions),
		op("DeleteAlarms", true, deleteAlarms),
		op("SetAlarmState", true, setAlarmState),
		op("ListTagsForResource", false, listAlarmTags),
		op("TagResource", true, tagAlarm),
		op("UntagResource", true, untagAlarm),
		op("PutMetricData", true, putMetricData),
		op("ListMetrics", false, listMetrics),
		op("GetMetricData", false, getMetricData),
	}
}

func alarmSubject(r *request) string {
	var in struct {
		AlarmName, AlarmNamePrefix, ResourceARN string
		AlarmNames                              []string
	}
	_ = r.unmarshal(&in) // a malformed body matches no fault
	if len(in.AlarmNames) > 0 {
		return in.AlarmNames[0]
	}
	return in.AlarmName + in.AlarmNamePrefix + in.ResourceARN
}

// alarmActions is what both kinds of alarm take.
type alarmActions struct {
	AlarmName               *string  `check:"required,len=1..255"`
	AlarmDescription        *string  `check:"len=0..1024"`
	ActionsEnabled          *bool    // default true
	OKActions               []string `check:"len=..5"`
	AlarmActions            []string `check:"len=..5"`
	InsufficientDataActions []string `check:"len=..5"`
	Tags                    []tagKV  `check:"len=..50"`
}

var actionARN = regexp.MustCompile(`^arn:(aws[a-z-]*):(sns|lambda|autoscaling|automate|swf|ssm|ssm-incidents|aiops):([a-z0-9-]*):([a-z0-9]*):(.+)$`)

// checkActions refuses actions of another region or partition. Whether the
// target exists is not checked, in AWS as here.
func (in *alarmActions) checkActions(r *request) *apiError {
	for _, list := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		for i, action := range list {
			m := actionARN.FindStringSubmatch(action)
			switch {
			case m == nil:
				return r.invalid("Invalid arn syntax: %s", clip(action, 1024))
			case m[1] != partitionOf(r.region):
				return r.invalid("Invalid partition %s specified. Only %s is supported.", m[1], partitionOf(r.region))
			case m[3] != r.region:
				return r.invalid("Invalid region %s specified. Only %s is supported.", m[3], r.region)
			case slices.Contains(list[:i], action):
				return r.invalid("Alarm action list must not contain duplicates")
			}
		}
	}
	if name, bad := reservedTag(tagMap(in.Tags)); bad {
		return errorf("InvalidParameterValue", 400, "Tag key %s begins with the reserved prefix aws:", name)
	}
	return nil
}

// put creates the alarm or replaces all but its state and tags. AWS:
// PutMetricAlarm keeps the state, and ignores tags on an update.
func (in *alarmActions) put(r *request, metric *metricSettings, composite *compositeSettings) *alarm {
	at := r.here()
	a := at.alarms.alarms[*in.AlarmName]
	verb := "updated"
	if a == nil {
		verb = "created"
		a = &alarm{tags: tagMap(in.Tags)}
		a.AlarmName, a.AlarmArn = *in.AlarmName, at.alarmARN(*in.AlarmName)
		a.StateValue, a.StateReason = alarmInsufficient, "Unchecked: Initial alarm creation"
		a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = r.now, r.now
		at.alarms.alarms[a.AlarmName] = a
	}
	a.AlarmDescription, a.ActionsEnabled = in.AlarmDescription, orElse(in.ActionsEnabled, true)
	a.OKActions, a.AlarmActions, a.InsufficientDataActions = list(in.OKActions), list(in.AlarmActions), list(in.InsufficientDataActions)
	a.AlarmConfigurationUpdatedTimestamp = r.now
	a.metricSettings, a.compositeSettings = metric, composite
	at.record(a, r.now, "ConfigurationUpdate", fmt.Sprintf("Alarm %q %s", a.AlarmName, verb), fmt.Sprintf(`{"version":"1.0","type":%q}`, verb))
	return a
}

// list is never nil: AWS answers empty action lists.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// firstLook is when a new alarm is evaluated for the first time.
const firstLook = time.Minute

func putMetricAlarm(r *request) (any, error) {
	var in struct {
		alarmActions
		metricSettings
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := in.checkMetric(r); bad != nil {
		return nil, bad
	}
	if bad := in.checkActions(r); bad != nil {
		return nil, bad
	}
	at := r.here()
	if a := at.alarms.alarms[*in.AlarmName]; a != nil && a.compositeSettings != nil {
		return nil, r.invalid("An alarm of type CompositeAlarm with the name %s already exists.", a.AlarmName)
	}
	settings := in.metricSettings
	settings.Dimensions = list(settings.Dimensions)
	a := in.put(r, &settings, nil)
	r.cloud.at(r.now.Add(firstLook), func(_ *Cloud, now time.Time) {
		if at.alarms.alarms[a.AlarmName] == a {
			at.evaluate(a, now)
		}
	})
	return nil, nil
}

func putCompositeAlarm(r *request) (any, error) {
	var in struct {
		alarmActions
		AlarmRule                        *string `check:"required,len=1..10240"`
		ActionsSuppressor                *string `check:"len=1..1600"`
		ActionsSuppressorWaitPeriod      *int
		ActionsSuppressorExtensionPeriod *int
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	at := r.here()
	rule, err := parseRule(*in.AlarmRule)
	if err != nil {
		return nil, r.invalid("Failed to parse alarm rule: %s", err)
	}
	if bad := in.checkRule(r, rule); bad != nil {
		return nil, bad
	}
	if bad := in.checkActions(r); bad != nil {
		return nil, bad
	}
	if in.ActionsSuppressor != nil && (in.ActionsSuppressorWaitPeriod == nil || in.ActionsSuppressorExtensionPeriod == nil) {
		return nil, r.invalid("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be specified together with ActionsSuppressor")
	}
	if a := at.alarms.alarms[*in.AlarmName]; a != nil && a.compositeSettings == nil {
		return nil, r.invalid("An alarm of type MetricAlarm with the name %s already exists.", a.AlarmName)
	}
	a := in.put(r, nil, &compositeSettings{
		*in.AlarmRule, in.ActionsSuppressor, in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod,
	})
	a.rule = rule
	at.alarms.composites[a.AlarmName] = a
	r.cloud.at(r.now.Add(firstLook), func(_ *Cloud, now time.Time) { at.evaluateComposites(now) })
	return nil, nil
}

// checkRule wants every child to exist here, and few enough of them.
func (in *alarmActions) checkRule(r *request, rule ruleNode) *apiError {
	children := rule.children()
	if len(children) > maxRuleChildren {
		return r.invalid("AlarmRule must not contain more than %d alarms", maxRuleChildren)
	}
	var missing []string
	for _, name := range children {
		if name == *in.AlarmName {
			return r.invalid("AlarmRule must not refer to the alarm itself: %s", name)
		}
		if r.here().alarms.alarms[name] == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return r.invalid("Could not save the composite alarm as alarms [%s] in the alarm rule do not exist", strings.Join(missing, ", "))
	}
	return nil
}
