package sim

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// A metricFilter turns log events into a metric.
type metricFilter struct {
	name, group, pattern string
	created              time.Time
	transformation       metricTransformation
	transformed          bool
}

// A metricTransformation is the metric a filter writes.
type metricTransformation struct {
	MetricName      *string           `json:"metricName" check:"required,len=..255"`
	MetricNamespace *string           `json:"metricNamespace" check:"required,len=..255"`
	MetricValue     *string           `json:"metricValue" check:"required,len=..100"`
	DefaultValue    *float64          `json:"defaultValue"`
	Dimensions      map[string]string `json:"dimensions"`
	Unit            *string           `json:"unit"`
}

// maxFilters is the quota per log group. AWS: CloudWatch Logs quotas.
const maxFilters = 100

var (
	filterNameForm = regexp.MustCompile(`^[^:*]*$`)
	metricNameForm = regexp.MustCompile(`^[^:*$]*$`)
)

type putMetricFilterInput struct {
	logGroupInput
	FilterName      *string                `json:"filterName" check:"required,len=1..512"`
	FilterPattern   *string                `json:"filterPattern" check:"required,len=0..1024"`
	Transformations []metricTransformation `json:"metricTransformations" check:"required,len=1..1"`
	Transformed     bool                   `json:"applyOnTransformedLogs"`
}

func putMetricFilter(r *request) (any, error) {
	var in putMetricFilterInput
	g, err := readLogGroup(r, &in, func() *string { return in.LogGroupName })
	if err != nil {
		return nil, err
	}
	t := in.Transformations[0]
	if bad := logPattern(r, "filterName", in.FilterName, filterNameForm); bad != nil {
		return nil, bad
	}
	if bad := logPattern(r, "metricTransformations.1.member.metricName", t.MetricName, metricNameForm); bad != nil {
		return nil, bad
	}
	if bad := logPattern(r, "metricTransformations.1.member.metricNamespace", t.MetricNamespace, metricNameForm); bad != nil {
		return nil, bad
	}
	if len(t.Dimensions) > 0 && t.DefaultValue != nil {
		return nil, r.invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
	}
	if g.filters[*in.FilterName] == nil && len(g.filters) >= maxFilters {
		return nil, errorf("LimitExceededException", 400, "Resource limit exceeded.")
	}
	g.filters[*in.FilterName] = &metricFilter{
		name: *in.FilterName, group: g.name, pattern: *in.FilterPattern, created: r.now,
		transformation: t, transformed: in.Transformed,
	}
	return nil, nil
}

func deleteMetricFilter(r *request) (any, error) {
	var in struct {
		logGroupInput
		FilterName *string `json:"filterName" check:"required,len=1..512"`
	}
	g, err := readLogGroup(r, &in, func() *string { return in.LogGroupName })
	if err != nil {
		return nil, err
	}
	if g.filters[*in.FilterName] == nil {
		return nil, errorf("ResourceNotFoundException", 400, "The specified metric filter does not exist.")
	}
	delete(g.filters, *in.FilterName)
	return nil, nil
}

type metricFilterEntry struct {
	FilterName      string                 `json:"filterName"`
	FilterPattern   string                 `json:"filterPattern"`
	Transformations []metricTransformation `json:"metricTransformations"`
	CreationTime    int64                  `json:"creationTime"`
	LogGroupName    string                 `json:"logGroupName"`
	Transformed     bool                   `json:"applyOnTransformedLogs"`
}

type describeMetricFiltersInput struct {
	LogGroupName    *string `json:"logGroupName" check:"len=1..512"`
	Prefix          *string `json:"filterNamePrefix" check:"len=1..512"`
	MetricName      *string `json:"metricName" check:"len=..255"`
	MetricNamespace *string `json:"metricNamespace" check:"len=..255"`
	NextToken       *string `json:"nextToken" check:"len=1.."`
	Limit           *int    `json:"limit" check:"range=1..50"`
}

func (in *describeMetricFiltersInput) wants(f *metricFilter) bool {
	t := f.transformation
	return (in.LogGroupName == nil || f.group == *in.LogGroupName) && strings.HasPrefix(f.name, deref(in.Prefix)) &&
		(in.MetricName == nil || *t.MetricName == *in.MetricName) &&
		(in.MetricNamespace == nil || *t.MetricNamespace == *in.MetricNamespace)
}

// describeMetricFilters lists by group, prefix, metric, or all of them.
// AWS: metricName and metricNamespace go together.
func describeMetricFilters(r *request) (any, error) {
	var in describeMetricFiltersInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if (in.MetricName == nil) != (in.MetricNamespace == nil) {
		return nil, r.invalid("Metric name and metric namespace must be specified together.")
	}
	if in.LogGroupName != nil {
		if _, bad := r.findLogGroup(*in.LogGroupName); bad != nil {
			return nil, bad
		}
	}
	found := map[string]*metricFilter{} // names hold no colon, so group and name stay apart
	for _, g := range r.here().logs.groups {
		for _, f := range g.filters {
			if in.wants(f) {
				found[g.name+":"+f.name] = f
			}
		}
	}
	list, next, ok := r.page(sortedNames(found), deref(in.NextToken), orElse(in.Limit, 50))
	if !ok {
		return nil, r.invalid("The specified nextToken is invalid.")
	}
	out := struct {
		MetricFilters []metricFilterEntry `json:"metricFilters"`
		NextToken     string              `json:"nextToken,omitempty"`
	}{[]metricFilterEntry{}, next}
	for _, key := range list {
		f := found[key]
		out.MetricFilters = append(out.MetricFilters, metricFilterEntry{
			f.name, f.pattern, []metricTransformation{f.transformation}, f.created.UnixMilli(), f.group, f.transformed,
		})
	}
	return out, nil
}

// A LogGroupState is one log group as GET /_sim/state shows it.
type LogGroupState struct {
	Retention int                          `json:"retention_days,omitempty"`
	Class     string                       `json:"class,omitempty"`
	Key       string                       `json:"key,omitempty"` // KMS key ARN
	Protected bool                         `json:"deletion_protected,omitempty"`
	Tags      map[string]string            `json:"tags,omitempty"`
	Filters   map[string]MetricFilterState `json:"metric_filters,omitempty"`
}

// A MetricFilterState is one metric filter as GET /_sim/state shows it.
type MetricFilterState struct {
	Pattern   string `json:"pattern"`
	Metric    string `json:"metric"`
	Namespace string `json:"namespace"`
	Value     string `json:"value"`
	// Settings are default value, dimensions and unit, where given.
	Settings json.RawMessage `json:"settings,omitempty"`
}

// logState is every log group of a region, by name.
func (s *regionStore) logState() map[string]LogGroupState {
	out := make(map[string]LogGroupState, len(s.logs.groups))
	for name, g := range s.logs.groups {
		st := LogGroupState{Retention: g.retention, Class: g.class, Key: g.key, Protected: g.protected, Tags: copyTags(g.tags), Filters: map[string]MetricFilterState{}}
		for _, f := range g.filters {
			t := f.transformation
			st.Filters[f.name] = MetricFilterState{
				Pattern: f.pattern, Metric: *t.MetricName, Namespace: *t.MetricNamespace, Value: *t.MetricValue,
				Settings: settings(t, "metricName", "metricNamespace", "metricValue"),
			}
		}
		out[name] = st
	}
	return out
}
