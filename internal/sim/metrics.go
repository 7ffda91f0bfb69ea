package sim

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

// A series is one metric's data, a bucket a minute. Percentiles need every
// value and are not kept.
type series struct {
	namespace, name string
	dimensions      []dimension
	buckets         map[int64]bucket // by minutes since 1970
	last            time.Time
}

// A bucket sums up the values of some span.
type bucket struct{ count, sum, min, max float64 }

func (b *bucket) add(o bucket) {
	if b.count == 0 {
		*b = o
		return
	}
	b.count, b.sum = b.count+o.count, b.sum+o.sum
	b.min, b.max = math.Min(b.min, o.min), math.Max(b.max, o.max)
}

func (b bucket) stat(name string) (float64, bool) {
	switch name {
	case "SampleCount":
		return b.count, true
	case "Sum":
		return b.sum, true
	case "Average":
		return b.sum / b.count, true
	case "Minimum":
		return b.min, true
	case "Maximum":
		return b.max, true
	}
	return 0, false
}

// seriesKey identifies a metric; the order of its dimensions does not matter.
func seriesKey(namespace, name *string, dimensions []dimension) string {
	parts := make([]string, len(dimensions))
	for i, d := range dimensions {
		parts[i] = fmt.Sprintf("%q=%q", deref(d.Name), deref(d.Value))
	}
	sort.Strings(parts)
	return fmt.Sprintf("%q/%q{%s}", deref(namespace), deref(name), strings.Join(parts, ","))
}

type metricDatum struct {
	MetricName        *string     `check:"required,len=1..255"`
	Dimensions        []dimension `check:"len=..30"`
	Timestamp         *epoch
	Value             *float64
	StatisticValues   *statisticSet
	Values, Counts    []float64
	Unit              *string
	StorageResolution *int `check:"range=1.."`
}

type statisticSet struct {
	SampleCount *float64 `check:"required"`
	Sum         *float64 `check:"required"`
	Minimum     *float64 `check:"required"`
	Maximum     *float64 `check:"required"`
}

// bucket sums a datum up, whichever way it was given.
func (d *metricDatum) bucket() (b bucket, bad *apiError) {
	switch {
	case d.StatisticValues != nil:
		s := d.StatisticValues
		return bucket{*s.SampleCount, *s.Sum, *s.Minimum, *s.Maximum}, nil
	case d.Value != nil:
		return bucket{1, *d.Value, *d.Value, *d.Value}, nil
	case len(d.Values) == 0:
		return b, errorf("MissingParameter", 400, "At least one of the parameters MetricData.member.1.Value, StatisticValues and Values must be specified.")
	case d.Counts != nil && len(d.Counts) != len(d.Values):
		return b, errorf("InvalidParameterValue", 400, "The parameters MetricData.member.1.Values and Counts must be of the same size.")
	}
	for i, v := range d.Values {
		n := 1.0
		if d.Counts != nil {
			n = d.Counts[i]
		}
		b.add(bucket{n, v * n, v, v})
	}
	return b, nil
}

// maxDatumAge is how far back a datum's time may lie. AWS: PutMetricData.
const maxDatumAge = 14 * 24 * time.Hour

func putMetricData(r *request) (any, error) {
	var in struct {
		Namespace  *string       `check:"required,len=1..255"`
		MetricData []metricDatum `check:"len=..1000"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if strings.HasPrefix(*in.Namespace, ":") {
		return nil, errorf("InvalidParameterValue", 400, "The value %s for parameter Namespace is invalid.", *in.Namespace)
	}
	buckets := make([]bucket, len(in.MetricData))
	for i := range in.MetricData {
		d := &in.MetricData[i]
		if t := d.Timestamp; t != nil && (r.now.Sub(t.Time) > maxDatumAge || t.Sub(r.now) > 2*time.Hour) {
			return nil, errorf("InvalidParameterValue", 400,
				"The parameter MetricData.member.%d.Timestamp must specify a time within the past two weeks and no more than two hours in the future.", i+1)
		}
		b, bad := d.bucket()
		if bad != nil {
			return nil, bad
		}
		buckets[i] = b
	}
	at := r.here()
	for i := range in.MetricData {
		at.addData(r, *in.Namespace, &in.MetricData[i], buckets[i])
	}
	return nil, nil
}

// addData stores a datum and lets the metric's alarms look at it, now and
// when it has aged out of their windows.
func (s *regionStore) addData(r *request, namespace string, d *metricDatum, b bucket) {
	key := seriesKey(&namespace, d.MetricName, d.Dimensions)
	m := s.alarms.metrics[key]
	if m == nil {
		m = &series{namespace: namespace, name: *d.MetricName, dimensions: list(d.Dimensions), buckets: map[int64]bucket{}}
		s.alarms.metrics[key] = m
	}
	when := r.now
	if d.Timestamp != nil {
		when = d.Timestamp.Time
	}
	minute := when.Unix() / 60
	sum := m.buckets[minute]
	sum.add(b)
	m.buckets[minute], m.last = sum, r.now
	watching := map[string]*alarm{}
	for name, a := range s.alarms.alarms {
		if q, ok := a.watched(); ok && q.key == key {
			watching[name] = a
		}
	}
	for _, name := range sortedNames(watching) {
		a := watching[name]
		q, _ := a.watched()
		s.evaluate(a, r.now)
		r.cloud.at(r.now.Add(time.Duration(*a.EvaluationPeriods+1)*q.period), func(_ *Cloud, now time.Time) {
			if s.alarms.alarms[a.AlarmName] == a {
				s.evaluate(a, now)
			}
		})
	}
}

func listMetrics(r *request) (any, error) {
	var in struct {
		Namespace  *string `check:"len=1..255"`
		MetricName *string `check:"len=1..255"`
		Dimensions []struct {
			Name  *string `check:"required,len=1..255"`
			Value *string `check:"len=1..1024"`
		} `check:"len=..10"`
		NextToken *string
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for key, m := range r.here().alarms.metrics {
		ok := (in.Namespace == nil || m.namespace == *in.Namespace) && (in.MetricName == nil || m.name == *in.MetricName)
		for _, want := range in.Dimensions {
			has := false
			for _, d := range m.dimensions {
				has = has || *d.Name == *want.Name && (want.Value == nil || *want.Value == *d.Value)
			}
			ok = ok && has
		}
		if ok {
			found[key] = true
		}
	}
	page, next, ok := r.page(sortedNames(found), deref(in.NextToken), 500)
	if !ok {
		return nil, errorf("InvalidParameterValue", 400, "Invalid nextToken")
	}
	out := struct {
		Metrics   []metricName
		NextToken string `json:",omitempty"`
	}{[]metricName{}, next}
	for _, key := range page {
		m := r.here().alarms.metrics[key]
		out.Metrics = append(out.Metrics, metricName{&m.namespace, &m.name, m.dimensions})
	}
	return out, nil
}
