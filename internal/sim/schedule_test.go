package sim

import (
	"testing"
	"time"
)

// AWS: "Schedule expressions in Secrets Manager rotation", whose examples
// these are, and API RotationRulesType.
func TestScheduleWindows(t *testing.T) {
	base := time.Date(2026, 3, 5, 10, 30, 0, 0, time.UTC) // a Thursday
	for _, test := range []struct {
		rules      rotationRules
		start, end string
	}{
		{rotationRules{AutomaticallyAfterDays: 30}, "2026-04-04T00:00:00Z", "2026-04-04T23:59:59Z"},
		{rotationRules{AutomaticallyAfterDays: 1, Duration: "3h"}, "2026-03-06T00:00:00Z", "2026-03-06T03:00:00Z"},
		{rotationRules{ScheduleExpression: "rate(10 days)"}, "2026-03-15T00:00:00Z", "2026-03-15T23:59:59Z"},
		{rotationRules{ScheduleExpression: "rate(4 hours)"}, "2026-03-05T12:00:00Z", "2026-03-05T13:00:00Z"},
		{rotationRules{ScheduleExpression: "cron(0 8 1 * ? *)"}, "2026-04-01T08:00:00Z", "2026-04-01T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 8 1 * ? *)", Duration: "2h"}, "2026-04-01T08:00:00Z", "2026-04-01T10:00:00Z"},
		{rotationRules{ScheduleExpression: "cron(0 0 ? * SUN *)"}, "2026-03-08T00:00:00Z", "2026-03-08T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 /8 * * ? *)"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 0/8 * * ? *)"}, "2026-03-05T16:00:00Z", "2026-03-05T17:00:00Z"},
		{rotationRules{ScheduleExpression: "cron(0 17 ? * MON#1 *)"}, "2026-04-06T17:00:00Z", "2026-04-06T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 6 L * ? *)"}, "2026-03-31T06:00:00Z", "2026-03-31T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 6 ? * 6L *)"}, "2026-03-27T06:00:00Z", "2026-03-27T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 6 8W * ? *)"}, "2026-03-09T06:00:00Z", "2026-03-09T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 6 1,15 JAN-MAR ? *)"}, "2026-03-15T06:00:00Z", "2026-03-15T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 10 29 2 ? *)"}, "2028-02-29T10:00:00Z", "2028-02-29T23:59:59Z"},
		{rotationRules{ScheduleExpression: "cron(0 0 ? * FRI-MON *)"}, "2026-03-06T00:00:00Z", "2026-03-06T23:59:59Z"},

		{rotationRules{ScheduleExpression: "rate(3 hours)"}, "", ""},
		{rotationRules{ScheduleExpression: "rate(0 days)"}, "", ""},
		{rotationRules{ScheduleExpression: "rate(1 week)"}, "", ""},
		{rotationRules{ScheduleExpression: "rate(10 days"}, "", ""},
		{rotationRules{ScheduleExpression: "rate(4 hours)", Duration: "5h"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(5 8 1 * ? *)"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 8 1 * ? 2027)"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 8 1 * MON *)"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 8,10 * * ? *)"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 22 * * ? *)", Duration: "3h"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 0/4 * * ? *)", Duration: "5h"}, "", ""},
		{rotationRules{ScheduleExpression: "cron(0 25 * * ? *)"}, "", ""},
		{rotationRules{ScheduleExpression: "every day"}, "", ""},
		{rotationRules{AutomaticallyAfterDays: 1, Duration: "25h"}, "", ""},
	} {
		s, err := test.rules.schedule()
		if err != nil {
			if test.start != "" {
				t.Errorf("%+v: %v", test.rules, err)
			}
			continue
		}
		start, end, ok := s.after(base)
		if !ok || start.Format(time.RFC3339) != test.start || end.Format(time.RFC3339) != test.end {
			t.Errorf("%+v: %v – %v, want %s – %s", test.rules, start, end, test.start, test.end)
		}
	}
}

func TestQuirksHaveTheirDefaultsAndRefuseOthers(t *testing.T) {
	var q Quirks
	for _, s := range quirkSwitches() {
		if err := ParseQuirk(&q, s.name+"="+s.values[len(s.values)-1]); err != nil {
			t.Error(err)
		}
		if got := *s.field(&q); got != s.values[len(s.values)-1] {
			t.Errorf("%s: %q", s.name, got)
		}
		if got := *s.field(new(Quirks{}.withDefaults())); got != s.values[0] {
			t.Errorf("%s: default %q", s.name, got)
		}
		if ParseQuirk(&q, s.name+"=nonsense") == nil {
			t.Errorf("%s takes any value", s.name)
		}
	}
	for _, bad := range []string{"nonsense=1", "stale-entry", "name-held=soon", "name-held=-1s"} {
		if ParseQuirk(&q, bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
