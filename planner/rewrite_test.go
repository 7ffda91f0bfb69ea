package planner

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/topology"
)

func TestTextThatNamesTheRegionIsRewritten(t *testing.T) {
	m := mover{from: "us-east-1", to: "eu-west-1"}
	for _, c := range []struct{ name, in, want string }{
		{"a bare region", "us-east-1", "eu-west-1"},
		{"a name with the region at its end", "secrets-us-east-1", "secrets-eu-west-1"},
		{"an ARN", "arn:aws:sqs:us-east-1:1:q", "arn:aws:sqs:eu-west-1:1:q"},
		{"twice", "us-east-1/us-east-1", "eu-west-1/eu-west-1"},
		{"a zone is not the region", "us-east-1a", "us-east-1a"},
		{"a longer region is not it", "us-east-10", "us-east-10"},
		{"nor a word that ends so", "xus-east-1", "xus-east-1"},
		{"another region stays", "us-west-2", "us-west-2"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := m.text(c.in); got != c.want {
				t.Errorf("text(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestOnlyARNsMoveWithinAnAlarmRule(t *testing.T) {
	m := mover{from: "us-east-1", to: "eu-west-1"}
	rule := `ALARM("arn:aws:cloudwatch:us-east-1:1:alarm:db-us-east-1") AND NOT OK(api-us-east-1) OR ALARM(x:us-east-1:y)`
	want := `ALARM("arn:aws:cloudwatch:eu-west-1:1:alarm:db-us-east-1") AND NOT OK(api-us-east-1) OR ALARM(x:us-east-1:y)`
	if got := m.arns(rule); got != want {
		t.Errorf("got %s", got)
	}
}

func TestAStagedAlarmIsQuietAndAllItsListsAreMoved(t *testing.T) {
	threshold := 3.0
	a := &topology.Alarm{
		Name: "a", Region: "us-east-1", ARN: "arn:x", State: "ALARM", ActionsEnabled: true, Threshold: &threshold,
		AlarmActions:  []string{"arn:aws:sns:us-east-1:1:t", "arn:aws:autoscaling:us-east-1:1:scalingPolicy:uuid:x"},
		OKActions:     []string{"arn:aws:automate:us-east-1:ec2:stop"},
		NoDataActions: []string{"arn:aws:sns:us-west-2:1:elsewhere"},
		Dimensions:    []topology.Dimension{{Name: "Region", Value: "us-east-1"}},
		Metrics: []topology.MetricDataQuery{{ID: "m", AccountID: "us-east-1-is-no-account", Metric: "M",
			Dimensions: []topology.Dimension{{Name: "Queue", Value: "q-us-east-1"}}}},
	}
	got, dropped := stageAlarm(a, &topology.AlarmRule{}, "us-east-1", "eu-west-1")
	want := &topology.Alarm{
		Name: "a", Region: "eu-west-1", Threshold: &threshold,
		AlarmActions: []string{"arn:aws:sns:eu-west-1:1:t"}, OKActions: []string{"arn:aws:automate:eu-west-1:ec2:stop"},
		NoDataActions: []string{"arn:aws:sns:us-west-2:1:elsewhere"},
		Dimensions:    []topology.Dimension{{Name: "Region", Value: "eu-west-1"}},
		Metrics: []topology.MetricDataQuery{{ID: "m", AccountID: "us-east-1-is-no-account", Metric: "M",
			Dimensions: []topology.Dimension{{Name: "Queue", Value: "q-eu-west-1"}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" || dropped != 1 {
		t.Errorf("dropped %d; -want +got:\n%s", dropped, diff)
	}
	if a.Dimensions[0].Value != "us-east-1" || a.Metrics[0].Dimensions[0].Value != "q-us-east-1" {
		t.Error("staging changed the observed alarm")
	}
}

func TestConfiguredActionsReplaceOnlyListsThatHaveSome(t *testing.T) {
	rule := &topology.AlarmRule{Actions: map[topology.Region][]string{"eu-west-1": {"arn:b", "arn:a"}}}
	got, _ := stageAlarm(&topology.Alarm{AlarmActions: []string{"arn:aws:sns:us-east-1:1:t"}}, rule, "us-east-1", "eu-west-1")
	if !slices.Equal(got.AlarmActions, []string{"arn:a", "arn:b"}) || got.OKActions != nil {
		t.Errorf("alarm %v, ok %v", got.AlarmActions, got.OKActions)
	}
}

func TestDefaultsThatCloudWatchFillsInAreNoDifference(t *testing.T) {
	put := &topology.Alarm{Periods: 3, AlarmActions: []string{"a", "b"}}
	read := &topology.Alarm{Periods: 3, Datapoints: 3, MissingData: "missing", AlarmActions: []string{"b", "a"}, ActionsEnabled: true, State: "OK", ARN: "arn:x"}
	if d := alarmDiffers(read, put); d != nil {
		t.Errorf("differs: %v", d)
	}
	read.MissingData, read.Period = "breaching", 60
	if d := alarmDiffers(read, put); !slices.Equal(d, []string{"period", "missing data"}) {
		t.Errorf("differs: %v", d)
	}
}

func TestChildrenOfACompositeAlarmAreReadFromItsRule(t *testing.T) {
	a := &topology.CompositeAlarm{
		Rule:       `(ALARM("odd (name)") OR OK( plain )) AND NOT INSUFFICIENT_DATA(arn:aws:cloudwatch:us-east-1:1:alarm:by-arn) AND TRUE`,
		Suppressor: "hush",
	}
	if got := children(a); !slices.Equal(got, []string{"by-arn", "hush", "odd (name)", "plain"}) {
		t.Errorf("children %q", got)
	}
}
