package executor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// putAlarm writes a metric alarm as a whole. Whether its actions are enabled
// is part of it: a staged alarm is put with them off.
func (a *actions) putAlarm(s *planner.Step) (operation, error) {
	want := s.Params.Metric
	if want == nil {
		return operation{}, lacks(s, "metric_alarm")
	}
	return operation{first: "PutMetricAlarm", look: func(ctx context.Context, p *progress) (sight, error) {
		metric, _, err := a.cloud.Alarms(ctx, s.Region, []string{want.Name})
		if err != nil {
			return sight{}, err
		}
		if have := metric[want.Name]; have != nil && SameAlarm(have, want) {
			return sight{done: true}, nil
		}
		return sight{call: &call{"PutMetricAlarm", func(ctx context.Context) error {
			return a.cloud.PutAlarm(ctx, s.Region, want)
		}}}, nil
	}}, nil
}

func (a *actions) putComposite(s *planner.Step) (operation, error) {
	want := s.Params.Composite
	if want == nil {
		return operation{}, lacks(s, "composite_alarm")
	}
	return operation{first: "PutCompositeAlarm", look: func(ctx context.Context, p *progress) (sight, error) {
		_, composite, err := a.cloud.Alarms(ctx, s.Region, []string{want.Name})
		if err != nil {
			return sight{}, err
		}
		if have := composite[want.Name]; have != nil && SameComposite(have, want) {
			return sight{done: true}, nil
		}
		return sight{call: &call{"PutCompositeAlarm", func(ctx context.Context) error {
			return a.cloud.PutCompositeAlarm(ctx, s.Region, want)
		}}}, nil
	}}, nil
}

func (a *actions) putFilter(s *planner.Step) (operation, error) {
	want := s.Params.Filter
	if want == nil {
		return operation{}, lacks(s, "metric_filter")
	}
	return operation{first: "PutMetricFilter", look: func(ctx context.Context, p *progress) (sight, error) {
		have, err := a.cloud.MetricFilter(ctx, s.Region, want.LogGroup, want.Name)
		if err != nil && !errors.Is(err, topology.ErrNotFound) {
			return sight{}, err
		}
		if err == nil && SameFilter(have, want) {
			return sight{done: true}, nil
		}
		return sight{call: &call{"PutMetricFilter", func(ctx context.Context) error {
			return a.cloud.PutMetricFilter(ctx, s.Region, want)
		}}}, nil
	}}, nil
}

func lacks(s *planner.Step, param string) error {
	return fmt.Errorf("%w: step %s (%s) has no %s", ErrBadPlan, s.ID, s.Action, param)
}

// switchAlarms enables or disables the actions of alarms. Alarms that are not
// there cannot be enabled; there is nothing to disable in them.
func (a *actions) switchAlarms(s *planner.Step, on bool) operation {
	first, do := "DisableAlarmActions", a.cloud.DisableAlarms
	if on {
		first, do = "EnableAlarmActions", a.cloud.EnableAlarms
	}
	names := alarmsOf(s)
	return operation{first: first, look: func(ctx context.Context, p *progress) (sight, error) {
		metric, composite, err := a.cloud.Alarms(ctx, s.Region, names)
		if err != nil {
			return sight{}, err
		}
		var other, missing []string
		for _, n := range names {
			switch enabled, found := actionsOf(n, metric, composite); {
			case !found:
				missing = append(missing, n)
			case enabled != on:
				other = append(other, n)
			}
		}
		switch {
		case on && len(missing) > 0:
			return sight{}, failure(CodeAlarmMissing, "there is no alarm %s in %s: put it first (understudy apply)", strings.Join(missing, ", "), s.Region)
		case len(other) == 0:
			return sight{done: true}, nil
		}
		return sight{call: &call{first, func(ctx context.Context) error { return do(ctx, s.Region, other) }}}, nil
	}}
}

func actionsOf(name string, metric map[string]*topology.Alarm, composite map[string]*topology.CompositeAlarm) (enabled, found bool) {
	if m := metric[name]; m != nil {
		return m.ActionsEnabled, true
	}
	if c := composite[name]; c != nil {
		return c.ActionsEnabled, true
	}
	return false, false
}

// SameAlarm compares what PutMetricAlarm sets. What CloudWatch adds (ARN,
// state) and the defaults that it fills in make no difference.
func SameAlarm(x, y *topology.Alarm) bool { return reflect.DeepEqual(bareAlarm(x), bareAlarm(y)) }

// SameComposite compares what PutCompositeAlarm sets.
func SameComposite(x, y *topology.CompositeAlarm) bool {
	return reflect.DeepEqual(bareComposite(x), bareComposite(y))
}

// SameFilter compares what PutMetricFilter sets.
func SameFilter(x, y *topology.MetricFilter) bool {
	return reflect.DeepEqual(bareFilter(x), bareFilter(y))
}

func bareAlarm(a *topology.Alarm) topology.Alarm {
	b := *a
	b.Region, b.ARN, b.State = "", "", ""
	b.AlarmActions, b.OKActions, b.NoDataActions = sorted(b.AlarmActions), sorted(b.OKActions), sorted(b.NoDataActions)
	b.Dimensions = sortedDimensions(b.Dimensions)
	if b.MissingData == "missing" { // the default of TreatMissingData
		b.MissingData = ""
	}
	if b.Datapoints == b.Periods { // "M out of N" defaults to all
		b.Datapoints = 0
	}
	b.Metrics = slices.Clone(b.Metrics)
	for i := range b.Metrics {
		b.Metrics[i].Dimensions = sortedDimensions(b.Metrics[i].Dimensions)
	}
	if len(b.Metrics) == 0 {
		b.Metrics = nil
	}
	return b
}

func bareComposite(a *topology.CompositeAlarm) topology.CompositeAlarm {
	b := *a
	b.Region, b.ARN, b.State = "", "", ""
	b.AlarmActions, b.OKActions, b.NoDataActions = sorted(b.AlarmActions), sorted(b.OKActions), sorted(b.NoDataActions)
	return b
}

func bareFilter(f *topology.MetricFilter) topology.MetricFilter {
	b := *f
	b.Transformations = slices.Clone(b.Transformations)
	for i := range b.Transformations {
		t := &b.Transformations[i]
		t.Dimensions = sortedDimensions(t.Dimensions)
		if t.Unit == "None" { // the default of MetricTransformation.unit
			t.Unit = ""
		}
	}
	return b
}

func sorted(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(list))
}

func sortedDimensions(list []topology.Dimension) []topology.Dimension {
	if len(list) == 0 {
		return nil
	}
	return slices.SortedFunc(slices.Values(list), func(x, y topology.Dimension) int { return strings.Compare(x.Name, y.Name) })
}
