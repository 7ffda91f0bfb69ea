package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// An input is a request as the aws CLI takes it by --cli-input-json, without
// the members that are not set.
type input map[string]any

// A form is a request's members, all of them: what is not set must not be set
// in what is there.
type form struct {
	members []string
	input   input
}

func (f *form) set(name string, value any, isSet bool) {
	f.members = append(f.members, name)
	if isSet {
		f.input[name] = value
	}
}

func (f *form) text(name, value string)           { f.set(name, value, value != "") }
func (f *form) number(name string, value int32)   { f.set(name, value, value != 0) }
func (f *form) list(name string, values []string) { f.set(name, values, len(values) > 0) }

// matches is the condition, in JMESPath, that a described resource is as the
// form says. It may miss one (AWS fills in a default, or another order): then
// the same is put again, which changes nothing.
func (f *form) matches() string {
	var all []string
	for _, name := range f.members {
		value, isSet := f.input[name]
		switch {
		case name == "TreatMissingData" && (!isSet || value == "missing"):
			all = append(all, "(!TreatMissingData || TreatMissingData=="+literal("missing")+")")
		case isSet:
			all = append(all, name+"=="+literal(value))
		case name == "DatapointsToAlarm":
			all = append(all, "(!DatapointsToAlarm || DatapointsToAlarm==EvaluationPeriods)")
		default:
			all = append(all, "!"+name)
		}
	}
	return strings.Join(all, " && ")
}

// alarmForm is PutMetricAlarm's request; its members are called the same in
// DescribeAlarms' answer (types.MetricAlarm).
func alarmForm(a *topology.Alarm) *form {
	f := &form{input: input{}}
	f.text("AlarmName", a.Name)
	f.text("AlarmDescription", a.Description)
	f.set("ActionsEnabled", a.ActionsEnabled, true)
	f.list("AlarmActions", a.AlarmActions)
	f.list("OKActions", a.OKActions)
	f.list("InsufficientDataActions", a.NoDataActions)
	f.text("Namespace", a.Namespace)
	f.text("MetricName", a.Metric)
	f.text("Statistic", a.Statistic)
	f.text("ExtendedStatistic", a.ExtendedStat)
	f.set("Dimensions", dimensions(a.Dimensions), len(a.Dimensions) > 0)
	f.number("Period", a.Period)
	f.text("Unit", a.Unit)
	f.number("EvaluationPeriods", a.Periods)
	f.number("DatapointsToAlarm", a.Datapoints)
	f.set("Threshold", a.Threshold, a.Threshold != nil)
	f.text("ComparisonOperator", a.Comparison)
	f.text("TreatMissingData", a.MissingData)
	f.text("EvaluateLowSampleCountPercentile", a.LowSamples)
	f.text("ThresholdMetricId", a.ThresholdMetric)
	f.set("Metrics", queries(a.Metrics), len(a.Metrics) > 0)
	return f
}

func compositeForm(a *topology.CompositeAlarm) *form {
	f := &form{input: input{}}
	f.text("AlarmName", a.Name)
	f.text("AlarmDescription", a.Description)
	f.text("AlarmRule", a.Rule)
	f.set("ActionsEnabled", a.ActionsEnabled, true)
	f.list("AlarmActions", a.AlarmActions)
	f.list("OKActions", a.OKActions)
	f.list("InsufficientDataActions", a.NoDataActions)
	f.text("ActionsSuppressor", a.Suppressor)
	f.set("ActionsSuppressorWaitPeriod", a.SuppressorWait, a.Suppressor != "")
	f.set("ActionsSuppressorExtensionPeriod", a.SuppressorExtend, a.Suppressor != "")
	return f
}

func dimensions(list []topology.Dimension) []input {
	out := make([]input, 0, len(list))
	for _, d := range list {
		out = append(out, input{"Name": d.Name, "Value": d.Value})
	}
	return out
}

// queries are types.MetricDataQuery.
func queries(list []topology.MetricDataQuery) []input {
	out := make([]input, 0, len(list))
	for i := range list {
		q := &list[i]
		f := &form{input: input{}}
		f.text("Id", q.ID)
		f.text("Expression", q.Expression)
		f.text("Label", q.Label)
		f.text("AccountId", q.AccountID)
		f.number("Period", q.Period)
		f.set("ReturnData", q.ReturnData, q.ReturnData != nil)
		if q.Metric != "" {
			metric, stat := &form{input: input{}}, &form{input: input{}}
			metric.text("Namespace", q.Namespace)
			metric.text("MetricName", q.Metric)
			metric.set("Dimensions", dimensions(q.Dimensions), len(q.Dimensions) > 0)
			stat.set("Metric", metric.input, true)
			stat.text("Stat", q.Stat)
			stat.number("Period", q.StatPeriod)
			stat.text("Unit", q.Unit)
			f.set("MetricStat", stat.input, true)
		}
		out = append(out, f.input)
	}
	return out
}

func (b *block) putAlarm() {
	f, kind, command := (*form)(nil), "MetricAlarm", "put-metric-alarm"
	switch p := &b.step.Params; {
	case p.Metric != nil:
		f = alarmForm(p.Metric)
	case p.Composite != nil:
		f, kind, command = compositeForm(p.Composite), "CompositeAlarm", "put-composite-alarm"
	default:
		b.add("stop 'the plan does not say what alarm'")
		return
	}
	at := alarmAt{b.step.Alarm, b.step.Region}
	if b.enabled[at] { // put with its actions off, and they may be on by now
		f.members = slices.DeleteFunc(f.members, func(m string) bool { return m == "ActionsEnabled" })
	}
	name := input{"AlarmNames": []any{f.input["AlarmName"]}, "AlarmTypes": []string{kind}}
	b.add("ask aws cloudwatch describe-alarms --region %s --output json \\\n--cli-input-json %s \\\n--query %s",
		b.here(), quote(shellJSON(name, "")), quote("length("+kind+"s[?"+f.matches()+"])"))
	b.unless("[[ $ANSWER == 1 ]]", func() {
		b.document("aws cloudwatch "+command+" --region "+b.here(), f.input)
	})
}

// document hands a request to a command by way of a here-document, in which
// neither the shell nor the CLI sees anything but text.
func (b *block) document(command string, in input) {
	b.add("document <<'JSON'")
	b.text.WriteString(shellJSON(in, "  ") + "\nJSON\n")
	b.add("%s --cli-input-json \"$DOCUMENT\"", command)
}

func (b *block) putFilter() {
	want := b.step.Params.Filter
	if want == nil {
		b.add("stop 'the plan does not say what metric filter'")
		return
	}
	f := &form{input: input{}}
	f.text("logGroupName", want.LogGroup)
	f.text("filterName", want.Name)
	f.set("filterPattern", want.Pattern, true)
	f.set("metricTransformations", transformations(want.Transformations), true)
	b.add("ask aws logs describe-metric-filters --region %s --output json --log-group-name=%s \\\n--filter-name-prefix=%s \\\n--query %s",
		b.here(), quote(want.LogGroup), quote(want.Name), quote("length(metricFilters[?"+f.matches()+"])"))
	b.unless("[[ $ANSWER == 1 ]]", func() {
		b.add("if [[ $ANSWER == absent ]]; then aws logs create-log-group --region %s --log-group-name=%s; fi", b.here(), quote(want.LogGroup))
		b.document("aws logs put-metric-filter --region "+b.here(), f.input)
	})
}

// transformations are types.MetricTransformation of CloudWatch Logs.
func transformations(list []topology.MetricTransformation) []input {
	out := make([]input, 0, len(list))
	for i := range list {
		t := &list[i]
		f := &form{input: input{}}
		f.text("metricNamespace", t.Namespace)
		f.text("metricName", t.Metric)
		f.text("metricValue", t.Value)
		f.set("defaultValue", t.Default, t.Default != nil)
		f.text("unit", t.Unit)
		by := map[string]string{}
		for _, d := range t.Dimensions {
			by[d.Name] = d.Value
		}
		f.set("dimensions", by, len(by) > 0)
		out = append(out, f.input)
	}
	return out
}

// An alarmAt is one region's alarm.
type alarmAt struct {
	name   string
	region topology.Region
}

func alarmsOf(step *planner.Step) []string {
	if names := step.Params.Alarms; len(names) > 0 {
		return names
	}
	return []string{step.Alarm}
}

// alarmNames sets names to the look's input, and returns the step's alarms.
func (b *block) alarmNames() []string {
	names := alarmsOf(b.step)
	b.add("names=%s", quote(shellJSON(input{"AlarmNames": names, "AlarmTypes": []string{"MetricAlarm", "CompositeAlarm"}}, "")))
	return names
}

func (b *block) enableAlarms() {
	names := b.alarmNames()
	look := fmt.Sprintf("alarms %s \"$names\"", b.here())
	b.add("WANTED=%d", len(names))
	b.add("%s", look)
	b.unless("all_act", func() {
		b.add("if [[ $THERE != \"$WANTED\" ]]; then stop \"only $THERE of these $WANTED alarms are there: put them first\"; fi")
		b.add("aws cloudwatch enable-alarm-actions --region %s \\\n--cli-input-json %s", b.here(), quote(shellJSON(input{"AlarmNames": names}, "")))
		b.add("wait_until all_act %s", look)
	})
}

func (b *block) disableAlarms() {
	b.alarmNames()
	look := fmt.Sprintf("alarms %s \"$names\"", b.here())
	b.add("%s", look)
	b.unless("none_acts", func() {
		b.add("acting %s \"$names\"", b.here())
		b.add("aws cloudwatch disable-alarm-actions --region %s --cli-input-json \"$ACTING\"", b.here())
		b.add("wait_until none_acts %s", look)
	})
}
