package sim

import (
	"regexp"
	"slices"
	"strings"
)

var (
	queryIDForm = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	// AWS: "Statistics definitions" in the CloudWatch user guide.
	statForm = regexp.MustCompile(`^(p|tm|tc|ts|wm)(\d{1,2}(\.\d{0,10})?|100)$|^(TM|TC|TS|WM|PR)\(.*\)$|^IQM$`)
)

func bandOperator(op string) bool {
	return slices.Contains([]string{
		"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold",
	}, op)
}

// checkMetric is what the model's constraints do not say. AWS: API reference,
// PutMetricAlarm.
func (m *metricSettings) checkMetric(r *request) *apiError {
	switch {
	case m.EvaluationPeriods == nil:
		return r.invalid("1 validation error detected: Value null at 'evaluationPeriods' failed to satisfy constraint: Member must not be null")
	case m.ComparisonOperator == nil:
		return r.invalid("1 validation error detected: Value null at 'comparisonOperator' failed to satisfy constraint: Member must not be null")
	case m.Namespace != nil && strings.HasPrefix(*m.Namespace, ":"):
		return r.invalid("1 validation error detected: Value '%s' at 'namespace' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:].*", *m.Namespace)
	case m.DatapointsToAlarm != nil && *m.DatapointsToAlarm > *m.EvaluationPeriods:
		return r.invalid("The value for DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
	}
	if t := m.TreatMissingData; t != nil && !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, *t) {
		return r.invalid("The value %s is not supported for TreatMissingData parameter. Supported values are [breaching, notBreaching, ignore, missing].", *t)
	}
	if bad := m.checkThreshold(r); bad != nil {
		return bad
	}
	if len(m.Metrics) > 0 {
		return m.checkMath(r)
	}
	switch {
	case m.MetricName == nil || m.Namespace == nil:
		return r.invalid("MetricName and Namespace, or Metrics, must be specified")
	case (m.Statistic == nil) == (m.ExtendedStatistic == nil):
		return r.invalid("Exactly one of Statistic and ExtendedStatistic must be specified")
	case m.ExtendedStatistic != nil && !statForm.MatchString(*m.ExtendedStatistic):
		return r.invalid("The value %s for parameter ExtendedStatistic is not supported.", *m.ExtendedStatistic)
	case m.Period == nil:
		return r.invalid("Period must be specified")
	}
	return m.checkPeriod(r, *m.Period)
}

func (m *metricSettings) checkPeriod(r *request, period int) *apiError {
	if period != 10 && period != 20 && period != 30 && period%60 != 0 {
		return r.invalid("Period must be 10, 20, 30 or a multiple of 60")
	}
	span, limit := period**m.EvaluationPeriods, 86400
	if period >= 3600 {
		limit = 7 * 86400
	}
	if span > limit {
		return r.invalid("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= %d).", limit)
	}
	return nil
}

// checkThreshold: ThresholdMetricId if and only if the operator compares with
// an anomaly band, Threshold if and only if it does not.
func (m *metricSettings) checkThreshold(r *request) *apiError {
	if !bandOperator(*m.ComparisonOperator) {
		switch {
		case m.ThresholdMetricId != nil:
			return r.invalid("ThresholdMetricId must not be set for a static threshold ComparisonOperator: %s", *m.ComparisonOperator)
		case m.Threshold == nil:
			return r.invalid("Threshold must be specified for ComparisonOperator %s", *m.ComparisonOperator)
		}
		return nil
	}
	if m.Threshold != nil {
		return r.invalid("Threshold must not be set for an anomaly detection alarm")
	}
	if m.ThresholdMetricId == nil {
		return r.invalid("ThresholdMetricId must be specified for ComparisonOperator %s", *m.ComparisonOperator)
	}
	for _, q := range m.Metrics {
		if *q.Id == *m.ThresholdMetricId && strings.HasPrefix(deref(q.Expression), "ANOMALY_DETECTION_BAND(") {
			return nil
		}
	}
	return r.invalid("ThresholdMetricId %s must refer to an ANOMALY_DETECTION_BAND expression", *m.ThresholdMetricId)
}

// maxMath is how many metrics an alarm's expression may use. AWS: CloudWatch quotas.
const maxMath = 10

func (m *metricSettings) checkMath(r *request) *apiError {
	if m.MetricName != nil || m.Namespace != nil || m.Statistic != nil || m.ExtendedStatistic != nil || m.Period != nil || len(m.Dimensions) > 0 {
		return r.invalid("The parameters MetricName, Namespace, Dimensions, Period, Unit, Statistic and ExtendedStatistic must not be set together with Metrics.")
	}
	seen, returned, metrics := map[string]bool{}, 0, 0
	for _, q := range m.Metrics {
		switch {
		case !queryIDForm.MatchString(*q.Id):
			return r.invalid("Invalid id %s: an id must start with a lowercase letter and contain letters, digits and underscores only", *q.Id)
		case seen[*q.Id]:
			return r.invalid("The values for parameter id in Metrics are not unique")
		case (q.MetricStat == nil) == (q.Expression == nil):
			return r.invalid("Exactly one of MetricStat and Expression must be set for each of Metrics: %s", *q.Id)
		}
		seen[*q.Id] = true
		if orElse(q.ReturnData, true) && (m.ThresholdMetricId == nil || *q.Id != *m.ThresholdMetricId) {
			returned++
		}
		if q.MetricStat == nil {
			continue
		}
		metrics++
		if bad := m.checkPeriod(r, *q.MetricStat.Period); bad != nil {
			return bad
		}
	}
	switch {
	case returned != 1:
		return r.invalid("Exactly one element of the metrics list should return data.")
	case metrics > maxMath:
		return r.invalid("The number of metrics must not exceed %d", maxMath)
	}
	return nil
}
