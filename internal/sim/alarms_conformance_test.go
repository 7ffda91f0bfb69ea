package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"

	"github.com/understudy-dr/understudy/internal/sim"
)

const alertTopic = "arn:aws:sns:us-east-1:123456789012:alerts"

func (b *bench) alarms() *cloudwatch.Client { return b.alarmsIn("us-east-1") }

func (b *bench) alarmsIn(region string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(config(b.cloud, region), func(o *cloudwatch.Options) {
		if b.wire != nil {
			o.Protocol = b.wire
		}
	})
}

// TestCloudWatchConformance tries every fact over each of the three wire
// protocols that CloudWatch's model lists.
func TestCloudWatchConformance(t *testing.T) {
	service := schemas.GraniteServiceVersion20100801
	for name, wire := range map[string]smithyhttp.ClientProtocol{
		"cbor": rpcv2.NewCBOR(service), "json": awsjson.New10(service), "query": awsquery.New(service),
	} {
		for _, f := range alarmFacts() {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				if f.source == "" {
					t.Error("the fact has no source")
				}
				f.try(&bench{t, frozen(t, sim.Options{}, sim.EmptyFleet()), wire})
			})
		}
	}
}

// plainAlarm goes off when the metric N/M sums up to 5 in a minute.
func plainAlarm(name string, change ...func(*cloudwatch.PutMetricAlarmInput)) *cloudwatch.PutMetricAlarmInput {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("N"), MetricName: aws.String("M"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5),
		ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold, AlarmActions: []string{alertTopic},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func (b *bench) put(name string, change ...func(*cloudwatch.PutMetricAlarmInput)) error {
	_, err := b.alarms().PutMetricAlarm(b.Context(), plainAlarm(name, change...))
	return err
}

func (b *bench) compose(name, rule string) error {
	_, err := b.alarms().PutCompositeAlarm(b.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule, AlarmActions: []string{alertTopic}})
	return err
}

func (b *bench) data(value float64) {
	b.Helper()
	_, err := b.alarms().PutMetricData(b.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("N"), MetricData: []types.MetricDatum{{MetricName: aws.String("M"), Value: &value}},
	})
	b.must(err)
}

func (b *bench) alarmIs(name, want string) {
	b.Helper()
	equal(b, name, b.cloud.State().Accounts["123456789012"]["us-east-1"].Alarms[name].State, want)
}

func (b *bench) fired(want int) {
	b.Helper()
	equal(b, "actions taken", len(b.cloud.FiredActions("123456789012", "us-east-1")), want)
}

func (b *bench) delete(names ...string) error {
	_, err := b.alarms().DeleteAlarms(b.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: names})
	return err
}

func alarmFacts() []serviceFact {
	const api = "AWS: CloudWatch API reference, "
	type put = cloudwatch.PutMetricAlarmInput
	return []serviceFact{
		{name: "an action of another region", source: "public issues quoting AWS", call: func(b *bench) error {
			return b.put("a", func(in *put) { in.AlarmActions = []string{"arn:aws:sns:ca-central-1:123456789012:t"} })
		}, code: "ValidationError", status: 400, text: "Invalid region ca-central-1 specified. Only us-east-1 is supported."},
		{name: "an action of another partition", source: "public issues quoting AWS", call: func(b *bench) error {
			_, err := b.alarmsIn("us-gov-west-1").PutMetricAlarm(b.Context(), plainAlarm("a"))
			return err
		}, code: "ValidationError", status: 400, text: "Invalid partition aws specified. Only aws-us-gov is supported."},
		{name: "an action whose target does not exist", source: api + "PutMetricAlarm", call: func(b *bench) error { return b.put("a") }},
		{name: "six actions", source: "AWS: CloudWatch model, ResourceList", call: func(b *bench) error {
			return b.put("a", func(in *put) {
				for i := range 5 {
					in.AlarmActions = append(in.AlarmActions, fmt.Sprint(alertTopic, i))
				}
			})
		}, code: "ValidationError", status: 400, text: "1 validation error detected: Value at 'alarmActions' failed to satisfy constraint: Member must have length less than or equal to 5"},
		{name: "a band without its metric", source: api + "PutMetricAlarm, ThresholdMetricId", call: func(b *bench) error {
			return b.put("a", func(in *put) {
				in.ComparisonOperator, in.Threshold = types.ComparisonOperatorGreaterThanUpperThreshold, nil
			})
		}, code: "ValidationError", status: 400},
		{name: "a metric for the threshold without a band", source: api + "PutMetricAlarm, ThresholdMetricId", call: func(b *bench) error {
			return b.put("a", func(in *put) { in.ThresholdMetricId = aws.String("t1") })
		}, code: "ValidationError", status: 400},
		{name: "an anomaly alarm", source: api + "PutMetricAlarm, ThresholdMetricId", call: func(b *bench) error {
			_, err := b.alarms().PutMetricAlarm(b.Context(), &put{
				AlarmName: aws.String("a"), EvaluationPeriods: aws.Int32(1), ThresholdMetricId: aws.String("ad1"),
				ComparisonOperator: types.ComparisonOperatorGreaterThanUpperThreshold,
				Metrics: []types.MetricDataQuery{
					{Id: aws.String("m1"), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("N"), MetricName: aws.String("M")}, Period: aws.Int32(60), Stat: aws.String("Sum")}},
					{Id: aws.String("ad1"), Expression: aws.String("ANOMALY_DETECTION_BAND(m1, 2)")},
				},
			})
			return err
		}},
		{name: "a window of more than a day", source: api + "PutMetricAlarm, EvaluationPeriods", call: func(b *bench) error {
			return b.put("a", func(in *put) { in.EvaluationPeriods = aws.Int32(1441) })
		}, code: "ValidationError", status: 400},
		{name: "a new alarm has insufficient data, an update keeps the state and the tags", source: api + "PutMetricAlarm", call: func(b *bench) error {
			tag := func(v string) func(*put) {
				return func(in *put) { in.Tags = []types.Tag{{Key: aws.String("k"), Value: &v}} }
			}
			b.must(b.put("a", tag("old")))
			b.alarmIs("a", "INSUFFICIENT_DATA")
			b.data(9)
			b.must(b.put("a", tag("new")))
			b.alarmIs("a", "ALARM")
			equal(b, "tag", b.cloud.State().Accounts["123456789012"]["us-east-1"].Alarms["a"].Tags["k"], "old")
			return nil
		}},
		{name: "data over the threshold fires once", source: "AWS: CloudWatch user guide, alarm actions", call: func(b *bench) error {
			b.must(b.put("a"))
			b.data(4)
			b.alarmIs("a", "OK")
			b.fired(0)
			b.data(1)
			b.alarmIs("a", "ALARM")
			b.data(1)
			b.fired(1)
			return nil
		}},
		{name: "disabled actions do not fire, nor does enabling them", source: api + "EnableAlarmActions", call: func(b *bench) error {
			b.must(b.put("a", func(in *put) { in.ActionsEnabled = aws.Bool(false) }))
			b.data(9)
			b.alarmIs("a", "ALARM")
			_, err := b.alarms().EnableAlarmActions(b.Context(), &cloudwatch.EnableAlarmActionsInput{AlarmNames: []string{"a", "none"}})
			b.must(err)
			b.fired(0)
			return nil
		}},
		{name: "old data leaves the window", source: "AWS: CloudWatch user guide, missing data", call: func(b *bench) error {
			b.must(b.put("a"))
			b.data(9)
			b.cloud.Advance(2 * time.Minute)
			b.alarmIs("a", "INSUFFICIENT_DATA")
			return nil
		}},
		{name: "missing data that breaches", source: "AWS: CloudWatch user guide, missing data", call: func(b *bench) error {
			b.must(b.put("a", func(in *put) { in.TreatMissingData = aws.String("breaching") }))
			b.must(b.put("b", func(in *put) { in.TreatMissingData = aws.String("notBreaching") }))
			b.cloud.Advance(time.Minute)
			b.alarmIs("a", "ALARM")
			b.alarmIs("b", "OK")
			return nil
		}},
		{name: "a composite of a missing alarm", source: api + "PutCompositeAlarm", call: func(b *bench) error { return b.compose("c", "ALARM(a)") },
			code: "ValidationError", status: 400, text: "Could not save the composite alarm as alarms [a] in the alarm rule do not exist"},
		{name: "a rule that is none", source: api + "PutCompositeAlarm", call: func(b *bench) error { return b.compose("c", "ALARM(") }, code: "ValidationError", status: 400},
		{name: "a composite follows its children", source: api + "PutCompositeAlarm", call: func(b *bench) error {
			b.must(b.put("a", func(in *put) { in.AlarmActions = nil }))
			b.must(b.compose("c", `ALARM("a") AND NOT OK(a)`))
			b.must(b.compose("d", `ALARM(`+"arn:aws:cloudwatch:us-east-1:123456789012:alarm:c"+`) OR FALSE`))
			b.data(9)
			b.alarmIs("c", "ALARM")
			b.alarmIs("d", "ALARM")
			b.fired(2)
			return nil
		}},
		{name: "a child with parents is not deleted", source: api + "DeleteAlarms", call: func(b *bench) error {
			b.must(b.put("a"))
			b.must(b.compose("c", "ALARM(a)"))
			return b.delete("a")
		}, code: "ValidationError", status: 400, text: "Cannot delete a as there are composite alarm(s) depending on it."},
		{name: "all are deleted or none", source: api + "DeleteAlarms", call: func(b *bench) error {
			b.must(b.put("a"))
			err := b.delete("a", "none")
			b.alarmIs("a", "INSUFFICIENT_DATA")
			return err
		}, code: "ResourceNotFound", status: 404},
		{name: "two composites in one deletion", source: api + "DeleteAlarms", call: func(b *bench) error {
			b.must(b.compose("c", "TRUE"))
			b.must(b.compose("d", "TRUE"))
			return b.delete("c", "d")
		}, code: "ValidationError", status: 400},
		{name: "metric alarms only, unless types are given", source: api + "DescribeAlarms", call: func(b *bench) error {
			b.must(b.put("a"))
			b.must(b.compose("c", "ALARM(a)"))
			out, err := b.alarms().DescribeAlarms(b.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a", "c"}})
			b.must(err)
			equal(b, "metric alarms", len(out.MetricAlarms), 1)
			equal(b, "composites", len(out.CompositeAlarms), 0)
			out, err = b.alarms().DescribeAlarms(b.Context(), &cloudwatch.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
			b.must(err)
			equal(b, "composites", len(out.CompositeAlarms), 1)
			return nil
		}},
		{name: "101 records", source: "AWS: CloudWatch model, MaxRecords", call: func(b *bench) error {
			_, err := b.alarms().DescribeAlarms(b.Context(), &cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(101)})
			return err
		}, code: "ValidationError", status: 400},
		{name: "a token that nobody gave", source: api + "DescribeAlarms", call: func(b *bench) error {
			_, err := b.alarms().DescribeAlarms(b.Context(), &cloudwatch.DescribeAlarmsInput{NextToken: aws.String("x")})
			return err
		}, code: "InvalidNextToken", status: 400},
		{name: "pages by prefix", source: api + "DescribeAlarms", call: func(b *bench) error {
			for i := range 7 {
				b.must(b.put(fmt.Sprintf("p-%d", i)))
			}
			b.must(b.put("other"))
			pages := cloudwatch.NewDescribeAlarmsPaginator(b.alarms(), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("p-"), MaxRecords: aws.Int32(3)})
			n, calls := 0, 0
			for pages.HasMorePages() {
				page, err := pages.NextPage(b.Context())
				b.must(err)
				n, calls = n+len(page.MetricAlarms), calls+1
			}
			equal(b, "alarms", n, 7)
			equal(b, "pages", calls, 3)
			return nil
		}},
		{name: "everything that was put is described", source: api + "DescribeAlarms", call: func(b *bench) error {
			want := plainAlarm("a", func(in *put) {
				in.AlarmDescription, in.OKActions, in.TreatMissingData = aws.String("<why> & when"), []string{alertTopic}, aws.String("ignore")
				in.Dimensions = []types.Dimension{{Name: aws.String("d"), Value: aws.String("1")}}
				in.Threshold, in.DatapointsToAlarm, in.ActionsEnabled = aws.Float64(0.25), aws.Int32(1), aws.Bool(false)
			})
			_, err := b.alarms().PutMetricAlarm(b.Context(), want)
			b.must(err)
			out, err := b.alarms().DescribeAlarms(b.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a"}})
			b.must(err)
			got := out.MetricAlarms[0]
			equal(b, "description", *got.AlarmDescription, *want.AlarmDescription)
			equal(b, "ARN", *got.AlarmArn, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a")
			equal(b, "actions", fmt.Sprint(got.AlarmActions, got.OKActions, got.InsufficientDataActions, *got.ActionsEnabled), fmt.Sprint(want.AlarmActions, want.OKActions, []string{}, false))
			equal(b, "dimensions", *got.Dimensions[0].Name+*got.Dimensions[0].Value, "d1")
			equal(b, "numbers", fmt.Sprint(*got.Threshold, *got.Period, *got.EvaluationPeriods, *got.DatapointsToAlarm), "0.25 60 1 1")
			equal(b, "words", fmt.Sprint(got.Statistic, got.ComparisonOperator, *got.TreatMissingData, got.StateValue), fmt.Sprint(want.Statistic, want.ComparisonOperator, "ignore", "INSUFFICIENT_DATA"))
			equal(b, "time", got.AlarmConfigurationUpdatedTimestamp.UTC(), epoch)
			return nil
		}},
		{name: "metric data come back", source: api + "GetMetricData", call: func(b *bench) error {
			b.data(-2.5)
			b.data(1)
			list, err := b.alarms().ListMetrics(b.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String("N")})
			b.must(err)
			equal(b, "metrics", len(list.Metrics), 1)
			out, err := b.alarms().GetMetricData(b.Context(), &cloudwatch.GetMetricDataInput{
				StartTime: aws.Time(epoch.Add(-time.Hour)), EndTime: aws.Time(epoch.Add(time.Hour)),
				MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("q"), MetricStat: &types.MetricStat{Metric: &list.Metrics[0], Period: aws.Int32(60), Stat: aws.String("Sum")}}},
			})
			b.must(err)
			equal(b, "sums", fmt.Sprint(out.MetricDataResults[0].Values), "[-1.5]")
			equal(b, "time", out.MetricDataResults[0].Timestamps[0].UTC(), epoch)
			return nil
		}},
		{name: "tags come and go", source: api + "TagResource", call: func(b *bench) error {
			b.must(b.put("a"))
			arn := aws.String("arn:aws:cloudwatch:us-east-1:123456789012:alarm:a")
			_, err := b.alarms().TagResource(b.Context(), &cloudwatch.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("l"), Value: aws.String("")}}})
			b.must(err)
			_, err = b.alarms().UntagResource(b.Context(), &cloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"k"}})
			b.must(err)
			out, err := b.alarms().ListTagsForResource(b.Context(), &cloudwatch.ListTagsForResourceInput{ResourceARN: arn})
			b.must(err)
			equal(b, "tags", len(out.Tags), 1)
			equal(b, "tag", *out.Tags[0].Key, "l")
			return nil
		}},
		{name: "the state of a missing alarm", source: snapshots + "/cloudwatch", call: func(b *bench) error {
			_, err := b.alarms().SetAlarmState(b.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("none"), StateValue: types.StateValueOk, StateReason: aws.String("test")})
			return err
		}, code: "ResourceNotFound", status: 404},
		{name: "alarms of a metric", source: api + "DescribeAlarmsForMetric", call: func(b *bench) error {
			b.must(b.put("a"))
			b.must(b.put("b", func(in *put) {
				in.Dimensions = []types.Dimension{{Name: aws.String("d"), Value: aws.String("1")}}
			}))
			out, err := b.alarms().DescribeAlarmsForMetric(b.Context(), &cloudwatch.DescribeAlarmsForMetricInput{Namespace: aws.String("N"), MetricName: aws.String("M")})
			b.must(err)
			equal(b, "alarms", len(out.MetricAlarms), 1)
			return nil
		}},
		{name: "history tells what happened", source: api + "DescribeAlarmHistory", call: func(b *bench) error {
			b.must(b.put("a"))
			b.data(9)
			out, err := b.alarms().DescribeAlarmHistory(b.Context(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("a"), ScanBy: types.ScanByTimestampAscending})
			b.must(err)
			kinds := ""
			for _, h := range out.AlarmHistoryItems {
				kinds += string(h.HistoryItemType) + " "
			}
			equal(b, "history", kinds, "ConfigurationUpdate StateUpdate Action ")
			equal(b, "time", out.AlarmHistoryItems[0].Timestamp.UTC(), epoch)
			return nil
		}},
	}
}

// Composites that depend on each other are allowed, and must not hang.
func TestCompositeRing(t *testing.T) {
	b := &bench{T: t, cloud: frozen(t, sim.Options{}, sim.EmptyFleet())}
	b.must(b.put("a"))
	b.must(b.compose("c", "ALARM(a)"))
	b.must(b.compose("d", "NOT ALARM(c)"))
	b.must(b.compose("c", "ALARM(a) OR ALARM(d)"))
	b.data(9)
	b.alarmIs("a", "ALARM")
}
