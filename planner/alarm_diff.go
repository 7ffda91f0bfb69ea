package planner

import (
	"cmp"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// alarmDiffers names the first few settings in which a staged metric alarm
// differs from what it should be, nil if none. ActionsEnabled, state and ARN
// are not settings.
func alarmDiffers(have, want *topology.Alarm) []string {
	h, w := normalAlarm(have), normalAlarm(want)
	var d differ
	d.value("description", h.Description == w.Description)
	d.value("alarm actions", slices.Equal(h.AlarmActions, w.AlarmActions))
	d.value("ok actions", slices.Equal(h.OKActions, w.OKActions))
	d.value("insufficient-data actions", slices.Equal(h.NoDataActions, w.NoDataActions))
	d.value("metric", h.Namespace == w.Namespace && h.Metric == w.Metric)
	d.value("statistic", h.Statistic == w.Statistic && h.ExtendedStat == w.ExtendedStat)
	d.value("dimensions", slices.Equal(h.Dimensions, w.Dimensions))
	d.value("period", h.Period == w.Period)
	d.value("unit", h.Unit == w.Unit)
	d.value("evaluation periods", h.Periods == w.Periods && h.Datapoints == w.Datapoints)
	d.value("threshold", samePointer(h.Threshold, w.Threshold) && h.ThresholdMetric == w.ThresholdMetric)
	d.value("comparison", h.Comparison == w.Comparison)
	d.value("missing data", h.MissingData == w.MissingData && h.LowSamples == w.LowSamples)
	d.value("metric math", slices.EqualFunc(h.Metrics, w.Metrics, sameQuery))
	return d
}

// compositeDiffers does the same for a composite alarm.
func compositeDiffers(have, want *topology.CompositeAlarm) []string {
	var d differ
	d.value("description", have.Description == want.Description)
	d.value("alarm actions", sameSet(have.AlarmActions, want.AlarmActions))
	d.value("ok actions", sameSet(have.OKActions, want.OKActions))
	d.value("insufficient-data actions", sameSet(have.NoDataActions, want.NoDataActions))
	d.value("rule", strings.TrimSpace(have.Rule) == strings.TrimSpace(want.Rule))
	d.value("suppressor", have.Suppressor == want.Suppressor &&
		have.SuppressorWait == want.SuppressorWait && have.SuppressorExtend == want.SuppressorExtend)
	return d
}

func filterDiffers(have, want *topology.MetricFilter) []string {
	var d differ
	d.value("pattern", have.Pattern == want.Pattern)
	d.value("transformations", slices.EqualFunc(have.Transformations, want.Transformations,
		func(a, b topology.MetricTransformation) bool {
			return a.Namespace == b.Namespace && a.Metric == b.Metric && a.Value == b.Value &&
				samePointer(a.Default, b.Default) && cmp.Or(a.Unit, "None") == cmp.Or(b.Unit, "None") &&
				slices.Equal(sortedDimensions(a.Dimensions), sortedDimensions(b.Dimensions))
		}))
	return d
}

type differ []string

func (d *differ) value(name string, same bool) {
	if !same {
		*d = append(*d, name)
	}
}

// normalAlarm sorts what AWS keeps as sets and fills in its defaults.
func normalAlarm(a *topology.Alarm) topology.Alarm {
	out := *a
	out.AlarmActions, out.OKActions, out.NoDataActions = sorted(a.AlarmActions), sorted(a.OKActions), sorted(a.NoDataActions)
	out.Dimensions = sortedDimensions(a.Dimensions)
	out.MissingData = cmp.Or(a.MissingData, "missing")
	out.Datapoints = cmp.Or(a.Datapoints, a.Periods)
	out.Metrics = sortedQueries(a.Metrics)
	return out
}

func sortedQueries(list []topology.MetricDataQuery) []topology.MetricDataQuery {
	out := slices.Clone(list)
	slices.SortFunc(out, func(x, y topology.MetricDataQuery) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

func sameQuery(a, b topology.MetricDataQuery) bool {
	data := func(q topology.MetricDataQuery) bool { return q.ReturnData == nil || *q.ReturnData }
	return a.ID == b.ID && a.Expression == b.Expression && a.Label == b.Label && a.AccountID == b.AccountID &&
		a.Period == b.Period && data(a) == data(b) && a.Namespace == b.Namespace && a.Metric == b.Metric &&
		a.Stat == b.Stat && a.StatPeriod == b.StatPeriod && a.Unit == b.Unit &&
		slices.Equal(sortedDimensions(a.Dimensions), sortedDimensions(b.Dimensions))
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

func sortedDimensions(list []topology.Dimension) []topology.Dimension {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b topology.Dimension) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return out
}

func sameSet(a, b []string) bool { return slices.Equal(sorted(a), sorted(b)) }

func samePointer(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
