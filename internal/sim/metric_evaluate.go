package sim

import (
	"fmt"
	"sort"
	"time"
)

// A watch is the one metric that an alarm watches, where it is as plain as that.
type watch struct {
	key    string
	stat   string
	period time.Duration
}

// watched finds the metric of an alarm without metric math. Expressions,
// anomaly bands and percentiles are not evaluated: such alarms keep the state
// they have.
func (a *alarm) watched() (watch, bool) {
	if a.metricSettings == nil || a.Threshold == nil {
		return watch{}, false
	}
	if a.MetricName != nil && a.Statistic != nil {
		return watch{seriesKey(a.Namespace, a.MetricName, a.Dimensions), *a.Statistic, time.Duration(*a.Period) * time.Second}, true
	}
	if len(a.Metrics) == 1 && a.Metrics[0].MetricStat != nil {
		q := a.Metrics[0].MetricStat
		return watch{
			seriesKey(q.Metric.Namespace, q.Metric.MetricName, q.Metric.Dimensions), *q.Stat, time.Duration(*q.Period) * time.Second,
		}, true
	}
	return watch{}, false
}

// window gives the statistic of each period of the alarm's window that has
// data, the last of them being the one that now is in.
func (m *series) window(q watch, periods int, now time.Time) []float64 {
	var values []float64
	if m == nil {
		return nil
	}
	end := now.Truncate(q.period).Add(q.period)
	for i := range periods {
		to := end.Add(-time.Duration(i) * q.period)
		var b bucket
		for minute := to.Add(-q.period).Unix() / 60; minute*60 < to.Unix(); minute++ {
			if have, ok := m.buckets[minute]; ok {
				b.add(have)
			}
		}
		if v, ok := b.stat(q.stat); ok && b.count > 0 {
			values = append(values, v)
		}
	}
	return values
}

// evaluate lets a metric alarm look at its data. AWS: CloudWatch user guide,
// "Configuring how CloudWatch alarms treat missing data".
func (s *regionStore) evaluate(a *alarm, now time.Time) {
	q, ok := a.watched()
	if !ok {
		return
	}
	periods := *a.EvaluationPeriods
	values := s.alarms.metrics[q.key].window(q, periods, now)
	breaching, missing := 0, periods-len(values)
	for _, v := range values {
		if breaches(*a.ComparisonOperator, v, *a.Threshold) {
			breaching++
		}
	}
	switch treat := orElse(a.TreatMissingData, "missing"); {
	case treat == "breaching":
		breaching += missing
	case len(values) == 0 && treat == "missing":
		s.enter(a, alarmInsufficient, fmt.Sprintf("Insufficient Data: %d datapoints were unknown.", missing), nil, now)
		return
	case len(values) == 0 && treat == "ignore":
		return
	}
	state, words := alarmOK, "were not"
	if breaching >= orElse(a.DatapointsToAlarm, periods) {
		state, words = alarmFiring, "were"
	}
	s.enter(a, state, fmt.Sprintf("Threshold Crossed: %d datapoints %v %s breaching the threshold (%v).", len(values), values, words, *a.Threshold), nil, now)
}

func breaches(operator string, v, threshold float64) bool {
	switch operator {
	case "GreaterThanOrEqualToThreshold":
		return v >= threshold
	case "GreaterThanThreshold":
		return v > threshold
	case "LessThanThreshold":
		return v < threshold
	case "LessThanOrEqualToThreshold":
		return v <= threshold
	}
	return false
}

type metricResult struct {
	Id         string
	Label      string
	Timestamps []time.Time
	Values     []float64
	StatusCode string
}

// getMetricData answers plain statistics; an expression gets a result without
// values.
func getMetricData(r *request) (any, error) {
	var in struct {
		MetricDataQueries  []metricQuery `check:"required,len=..500"`
		StartTime, EndTime *epoch        `check:"required"`
		ScanBy             *string       `check:"enum=TimestampDescending|TimestampAscending"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if !in.StartTime.Before(in.EndTime.Time) {
		return nil, r.invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	out := struct{ MetricDataResults []metricResult }{[]metricResult{}}
	for _, q := range in.MetricDataQueries {
		if !orElse(q.ReturnData, true) {
			continue
		}
		result := metricResult{Id: *q.Id, Label: orElse(q.Label, *q.Id), StatusCode: "Complete", Timestamps: []time.Time{}, Values: []float64{}}
		if st := q.MetricStat; st != nil {
			if *st.Period%60 != 0 {
				return nil, r.invalid("Period must be a multiple of 60")
			}
			result.Label = orElse(q.Label, deref(st.Metric.MetricName))
			m := r.here().alarms.metrics[seriesKey(st.Metric.Namespace, st.Metric.MetricName, st.Metric.Dimensions)]
			m.fill(&result, *st.Stat, int64(*st.Period), in.StartTime.Unix(), in.EndTime.Unix())
		}
		if deref(in.ScanBy) != "TimestampAscending" {
			sort.Sort(sort.Reverse(byTime(result)))
		} else {
			sort.Sort(byTime(result))
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
	}
	return out, nil
}

// fill sums a series up by period, all in seconds since 1970.
func (m *series) fill(result *metricResult, stat string, period, from, to int64) {
	if m == nil {
		return
	}
	sums := map[int64]bucket{}
	for minute, b := range m.buckets {
		start := minute * 60 / period * period
		if minute*60 >= from && minute*60 < to {
			sum := sums[start]
			sum.add(b)
			sums[start] = sum
		}
	}
	for start, b := range sums {
		if v, ok := b.stat(stat); ok {
			result.Timestamps = append(result.Timestamps, time.Unix(start, 0).UTC())
			result.Values = append(result.Values, v)
		}
	}
}

type byTime metricResult

func (b byTime) Len() int           { return len(b.Timestamps) }
func (b byTime) Less(i, j int) bool { return b.Timestamps[i].Before(b.Timestamps[j]) }
func (b byTime) Swap(i, j int) {
	b.Timestamps[i], b.Timestamps[j] = b.Timestamps[j], b.Timestamps[i]
	b.Values[i], b.Values[j] = b.Values[j], b.Values[i]
}
