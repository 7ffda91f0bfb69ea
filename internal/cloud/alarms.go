package cloud

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/understudy-dr/understudy/internal/topology"
)

// alarmPage is the most that DescribeAlarms, EnableAlarmActions and
// DisableAlarmActions take in one call.
const alarmPage = 100

// bothTypes must be asked for: DescribeAlarms answers metric alarms only
// where AlarmTypes is absent.
func bothTypes() []types.AlarmType {
	return []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}
}

// Alarms is a fresh DescribeAlarms by name. Those that are not there are
// absent from the maps.
func (r *Reader) Alarms(ctx context.Context, region topology.Region, names []string) (
	map[string]*topology.Alarm, map[string]*topology.CompositeAlarm, error,
) {
	found := newAlarmSet(region)
	for chunk := range slices.Chunk(slices.Compact(sorted(names)), alarmPage) {
		in := &cloudwatch.DescribeAlarmsInput{AlarmNames: chunk, AlarmTypes: bothTypes()}
		if err := r.describeAlarms(ctx, region, in, found.add); err != nil {
			return nil, nil, err
		}
	}
	return found.metric, found.composite, nil
}

// describeAlarms pages through DescribeAlarms.
func (r *Reader) describeAlarms(ctx context.Context, region topology.Region, in *cloudwatch.DescribeAlarmsInput,
	each func(*cloudwatch.DescribeAlarmsOutput),
) error {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	in.MaxRecords = aws.Int32(alarmPage)
	pages := cloudwatch.NewDescribeAlarmsPaginator(sdk.alarms, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return opError("DescribeAlarms", "", region, err)
		}
		each(out)
	}
	return nil
}

// PutAlarm creates or replaces a metric alarm (PutMetricAlarm).
func (c *Client) PutAlarm(ctx context.Context, region topology.Region, a *topology.Alarm) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.alarms.PutMetricAlarm(ctx, alarmInput(a))
	return opError("PutMetricAlarm", a.Name, region, err)
}

// PutCompositeAlarm creates or replaces a composite alarm. The alarms that
// its rule names must exist.
func (c *Client) PutCompositeAlarm(ctx context.Context, region topology.Region, a *topology.CompositeAlarm) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	in := &cloudwatch.PutCompositeAlarmInput{
		AlarmName: aws.String(a.Name), AlarmDescription: text(a.Description), AlarmRule: aws.String(a.Rule),
		ActionsEnabled: aws.Bool(a.ActionsEnabled),
		AlarmActions:   a.AlarmActions, OKActions: a.OKActions, InsufficientDataActions: a.NoDataActions,
	}
	if a.Suppressor != "" {
		in.ActionsSuppressor = aws.String(a.Suppressor)
		in.ActionsSuppressorWaitPeriod = aws.Int32(a.SuppressorWait)
		in.ActionsSuppressorExtensionPeriod = aws.Int32(a.SuppressorExtend)
	}
	_, err = sdk.alarms.PutCompositeAlarm(ctx, in)
	return opError("PutCompositeAlarm", a.Name, region, err)
}

// EnableAlarms turns alarms' actions on, 100 a call (EnableAlarmActions).
func (c *Client) EnableAlarms(ctx context.Context, region topology.Region, names []string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, alarmPage) {
		if _, err := sdk.alarms.EnableAlarmActions(ctx, &cloudwatch.EnableAlarmActionsInput{AlarmNames: chunk}); err != nil {
			return opError("EnableAlarmActions", chunk[0], region, err)
		}
	}
	return nil
}

// DisableAlarms turns alarms' actions off, 100 a call (DisableAlarmActions).
func (c *Client) DisableAlarms(ctx context.Context, region topology.Region, names []string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, alarmPage) {
		if _, err := sdk.alarms.DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: chunk}); err != nil {
			return opError("DisableAlarmActions", chunk[0], region, err)
		}
	}
	return nil
}

// An alarmSet collects the alarms of one region by name.
type alarmSet struct {
	region    topology.Region
	metric    map[string]*topology.Alarm
	composite map[string]*topology.CompositeAlarm
}

func newAlarmSet(r topology.Region) *alarmSet {
	return &alarmSet{r, map[string]*topology.Alarm{}, map[string]*topology.CompositeAlarm{}}
}

func (s *alarmSet) add(out *cloudwatch.DescribeAlarmsOutput) {
	for i := range out.MetricAlarms {
		a := metricAlarm(s.region, &out.MetricAlarms[i])
		s.metric[a.Name] = a
	}
	for i := range out.CompositeAlarms {
		a := compositeAlarm(s.region, &out.CompositeAlarms[i])
		s.composite[a.Name] = a
	}
}

func metricAlarm(region topology.Region, a *types.MetricAlarm) *topology.Alarm {
	return &topology.Alarm{
		Name: aws.ToString(a.AlarmName), Region: region, ARN: aws.ToString(a.AlarmArn),
		Description: aws.ToString(a.AlarmDescription), ActionsEnabled: aws.ToBool(a.ActionsEnabled),
		AlarmActions: sorted(a.AlarmActions), OKActions: sorted(a.OKActions), NoDataActions: sorted(a.InsufficientDataActions),
		Namespace: aws.ToString(a.Namespace), Metric: aws.ToString(a.MetricName),
		Statistic: string(a.Statistic), ExtendedStat: aws.ToString(a.ExtendedStatistic),
		Dimensions: dimensions(a.Dimensions), Period: aws.ToInt32(a.Period), Unit: string(a.Unit),
		Periods: aws.ToInt32(a.EvaluationPeriods), Datapoints: aws.ToInt32(a.DatapointsToAlarm),
		Threshold: a.Threshold, Comparison: string(a.ComparisonOperator),
		MissingData: aws.ToString(a.TreatMissingData), LowSamples: aws.ToString(a.EvaluateLowSampleCountPercentile),
		ThresholdMetric: aws.ToString(a.ThresholdMetricId), Metrics: queries(a.Metrics),
		State: string(a.StateValue),
	}
}

func compositeAlarm(region topology.Region, a *types.CompositeAlarm) *topology.CompositeAlarm {
	return &topology.CompositeAlarm{
		Name: aws.ToString(a.AlarmName), Region: region, ARN: aws.ToString(a.AlarmArn),
		Description: aws.ToString(a.AlarmDescription), Rule: aws.ToString(a.AlarmRule),
		ActionsEnabled: aws.ToBool(a.ActionsEnabled),
		AlarmActions:   sorted(a.AlarmActions), OKActions: sorted(a.OKActions), NoDataActions: sorted(a.InsufficientDataActions),
		Suppressor: aws.ToString(a.ActionsSuppressor), SuppressorWait: aws.ToInt32(a.ActionsSuppressorWaitPeriod),
		SuppressorExtend: aws.ToInt32(a.ActionsSuppressorExtensionPeriod), State: string(a.StateValue),
	}
}

func alarmInput(a *topology.Alarm) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(a.Name), AlarmDescription: text(a.Description), ActionsEnabled: aws.Bool(a.ActionsEnabled),
		AlarmActions: a.AlarmActions, OKActions: a.OKActions, InsufficientDataActions: a.NoDataActions,
		Namespace: text(a.Namespace), MetricName: text(a.Metric),
		Statistic: types.Statistic(a.Statistic), ExtendedStatistic: text(a.ExtendedStat),
		Dimensions: dimensionsInput(a.Dimensions), Period: number(a.Period), Unit: types.StandardUnit(a.Unit),
		EvaluationPeriods: number(a.Periods), DatapointsToAlarm: number(a.Datapoints),
		Threshold: a.Threshold, ComparisonOperator: types.ComparisonOperator(a.Comparison),
		TreatMissingData: text(a.MissingData), EvaluateLowSampleCountPercentile: text(a.LowSamples),
		ThresholdMetricId: text(a.ThresholdMetric), Metrics: queriesInput(a.Metrics),
	}
}

// queries are the lines of metric math, by id: their order means nothing.
func queries(list []types.MetricDataQuery) []topology.MetricDataQuery {
	out := make([]topology.MetricDataQuery, 0, len(list))
	for i := range list {
		q := &list[i]
		line := topology.MetricDataQuery{
			ID: aws.ToString(q.Id), Expression: aws.ToString(q.Expression), Label: aws.ToString(q.Label),
			AccountID: aws.ToString(q.AccountId), Period: aws.ToInt32(q.Period), ReturnData: q.ReturnData,
		}
		if s := q.MetricStat; s != nil {
			line.Stat, line.StatPeriod, line.Unit = aws.ToString(s.Stat), aws.ToInt32(s.Period), string(s.Unit)
			if m := s.Metric; m != nil {
				line.Namespace, line.Metric = aws.ToString(m.Namespace), aws.ToString(m.MetricName)
				line.Dimensions = dimensions(m.Dimensions)
			}
		}
		out = append(out, line)
	}
	slices.SortFunc(out, func(a, b topology.MetricDataQuery) int { return cmp.Compare(a.ID, b.ID) })
	return orNil(out)
}

func queriesInput(list []topology.MetricDataQuery) []types.MetricDataQuery {
	out := make([]types.MetricDataQuery, 0, len(list))
	for i := range list {
		q := &list[i]
		line := types.MetricDataQuery{
			Id: aws.String(q.ID), Expression: text(q.Expression), Label: text(q.Label),
			AccountId: text(q.AccountID), Period: number(q.Period), ReturnData: q.ReturnData,
		}
		if q.Metric != "" {
			line.MetricStat = &types.MetricStat{
				Stat: text(q.Stat), Period: number(q.StatPeriod), Unit: types.StandardUnit(q.Unit),
				Metric: &types.Metric{
					Namespace: text(q.Namespace), MetricName: text(q.Metric), Dimensions: dimensionsInput(q.Dimensions),
				},
			}
		}
		out = append(out, line)
	}
	return orNil(out)
}

func dimensions(list []types.Dimension) []topology.Dimension {
	out := make([]topology.Dimension, 0, len(list))
	for _, d := range list {
		out = append(out, topology.Dimension{Name: aws.ToString(d.Name), Value: aws.ToString(d.Value)})
	}
	sortDimensions(out)
	return orNil(out)
}

func dimensionsInput(list []topology.Dimension) []types.Dimension {
	out := make([]types.Dimension, 0, len(list))
	for _, d := range list {
		out = append(out, types.Dimension{Name: aws.String(d.Name), Value: aws.String(d.Value)})
	}
	return orNil(out)
}

func sortDimensions(list []topology.Dimension) {
	slices.SortFunc(list, func(a, b topology.Dimension) int { return cmp.Compare(a.Name, b.Name) })
}

// number is an optional member: nil for 0.
func number(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}
