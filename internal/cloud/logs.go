package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/understudy-dr/understudy/internal/topology"
)

// MetricFilter is a fresh DescribeMetricFilters. It returns
// topology.ErrNotFound if the filter or its log group is not there.
func (r *Reader) MetricFilter(ctx context.Context, region topology.Region, group, name string) (*topology.MetricFilter, error) {
	var found *topology.MetricFilter
	in := &cloudwatchlogs.DescribeMetricFiltersInput{LogGroupName: aws.String(group), FilterNamePrefix: aws.String(name)}
	err := r.describeFilters(ctx, region, in, func(f *topology.MetricFilter) {
		if f.Name == name && f.LogGroup == group {
			found = f
		}
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, &topology.OpError{Op: "DescribeMetricFilters", Subject: group + " " + name, Region: region, Err: topology.ErrNotFound}
	}
	return found, nil
}

// describeFilters pages through DescribeMetricFilters.
func (r *Reader) describeFilters(ctx context.Context, region topology.Region, in *cloudwatchlogs.DescribeMetricFiltersInput,
	each func(*topology.MetricFilter),
) error {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	pages := cloudwatchlogs.NewDescribeMetricFiltersPaginator(sdk.logs, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return opError("DescribeMetricFilters", aws.ToString(in.LogGroupName), region, err)
		}
		for i := range out.MetricFilters {
			each(metricFilter(&out.MetricFilters[i]))
		}
	}
	return nil
}

// hasLogGroup asks for one log group by its name (DescribeLogGroups).
func (r *Reader) hasLogGroup(ctx context.Context, region topology.Region, group string) (bool, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return false, err
	}
	in := &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(group)}
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(sdk.logs, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return false, opError("DescribeLogGroups", group, region, err)
		}
		if slices.ContainsFunc(out.LogGroups, func(g types.LogGroup) bool { return aws.ToString(g.LogGroupName) == group }) {
			return true, nil
		}
	}
	return false, nil
}

// PutMetricFilter creates or replaces a metric filter, and its log group
// first where that is not there (PutMetricFilter, CreateLogGroup).
func (c *Client) PutMetricFilter(ctx context.Context, region topology.Region, f *topology.MetricFilter) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	in := &cloudwatchlogs.PutMetricFilterInput{
		LogGroupName: aws.String(f.LogGroup), FilterName: aws.String(f.Name), FilterPattern: aws.String(f.Pattern),
		MetricTransformations: transformationsInput(f.Transformations),
	}
	_, err = sdk.logs.PutMetricFilter(ctx, in)
	if err = opError("PutMetricFilter", f.ID(), region, err); !errors.Is(err, topology.ErrNotFound) {
		return err
	}
	group := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(f.LogGroup)}
	if _, err := sdk.logs.CreateLogGroup(ctx, group); err != nil && !isCode(err, "ResourceAlreadyExistsException") {
		return opError("CreateLogGroup", f.LogGroup, region, err)
	}
	_, err = sdk.logs.PutMetricFilter(ctx, in)
	return opError("PutMetricFilter", f.ID(), region, err)
}

func metricFilter(f *types.MetricFilter) *topology.MetricFilter {
	out := &topology.MetricFilter{
		LogGroup: aws.ToString(f.LogGroupName), Name: aws.ToString(f.FilterName), Pattern: aws.ToString(f.FilterPattern),
	}
	for _, t := range f.MetricTransformations {
		line := topology.MetricTransformation{
			Namespace: aws.ToString(t.MetricNamespace), Metric: aws.ToString(t.MetricName), Value: aws.ToString(t.MetricValue),
			Default: t.DefaultValue, Unit: unit(t.Unit),
		}
		for name, value := range t.Dimensions {
			line.Dimensions = append(line.Dimensions, topology.Dimension{Name: name, Value: value})
		}
		sortDimensions(line.Dimensions)
		out.Transformations = append(out.Transformations, line)
	}
	slices.SortFunc(out.Transformations, func(a, b topology.MetricTransformation) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Metric, b.Metric))
	})
	return out
}

// unit drops "None", which AWS answers where no unit was set.
func unit(u types.StandardUnit) string {
	if u == types.StandardUnitNone {
		return ""
	}
	return string(u)
}

func transformationsInput(list []topology.MetricTransformation) []types.MetricTransformation {
	out := make([]types.MetricTransformation, 0, len(list))
	for _, t := range list {
		line := types.MetricTransformation{
			MetricNamespace: aws.String(t.Namespace), MetricName: aws.String(t.Metric), MetricValue: aws.String(t.Value),
			DefaultValue: t.Default, Unit: types.StandardUnit(t.Unit),
		}
		for _, d := range t.Dimensions {
			if line.Dimensions == nil {
				line.Dimensions = map[string]string{}
			}
			line.Dimensions[d.Name] = d.Value
		}
		out = append(out, line)
	}
	return out
}
