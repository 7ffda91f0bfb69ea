package sim

import (
	"strconv"
	"strings"
	"time"
)

// A schedule is when a secret rotates, in UTC: every so many days or hours,
// or at the times of a cron expression, each opening a window.
// AWS: "Schedule expressions in Secrets Manager rotation".
type schedule struct {
	everyDays  int
	everyHours int
	cron       *cron
	window     time.Duration // 0: an hour, or to the end of the UTC day
}

const day = 24 * time.Hour

// schedule reads the rules; it is nil if they hold no schedule, and refuses
// what AWS refuses.
func (r rotationRules) schedule() (*schedule, error) {
	s := &schedule{everyDays: r.AutomaticallyAfterDays}
	if r.Duration != "" {
		hours, _ := strconv.Atoi(strings.TrimSuffix(r.Duration, "h"))
		if hours < 1 || hours > 24 {
			return nil, errSchedule("The rotation window Duration must be between 1h and 24h.")
		}
		s.window = time.Duration(hours) * time.Hour
	}
	switch expression := r.ScheduleExpression; {
	case expression == "" && s.everyDays == 0:
		return nil, nil
	case expression == "":
		return s, nil
	case strings.HasPrefix(expression, "rate("):
		return s.rate(expression)
	case strings.HasPrefix(expression, "cron("):
		return s.crontab(expression)
	}
	return nil, errSchedule("Invalid ScheduleExpression.")
}

func errSchedule(text string) error { return invalidParameter("%s", text) }

func (s *schedule) rate(expression string) (*schedule, error) {
	number, unit, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(expression, "rate("), ")"), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || !strings.HasSuffix(expression, ")") {
		return nil, errSchedule("Invalid ScheduleExpression.")
	}
	switch unit {
	case "day", "days":
		if n > 999 {
			return nil, errSchedule("Invalid ScheduleExpression: the rate must be at most 999 days.")
		}
		s.everyDays = n
	case "hour", "hours":
		if n < 4 || n > 999*24 {
			return nil, errSchedule("Invalid ScheduleExpression: a secret can be rotated at most every 4 hours.")
		}
		if s.window > time.Duration(n)*time.Hour {
			return nil, errSchedule("The rotation window must not extend into the next rotation window.")
		}
		s.everyHours = n
	default:
		return nil, errSchedule("Invalid ScheduleExpression.")
	}
	return s, nil
}

func (s *schedule) crontab(expression string) (*schedule, error) {
	c, err := parseCron(expression)
	if err != nil {
		return nil, err
	}
	hours := c.hourList()
	for i, h := range hours {
		end := time.Duration(h)*time.Hour + s.window
		if end > day {
			return nil, errSchedule("The rotation window must not extend into the next UTC day.")
		}
		if i+1 < len(hours) && end > time.Duration(hours[i+1])*time.Hour {
			return nil, errSchedule("The rotation window must not extend into the next rotation window.")
		}
	}
	s.cron = c
	return s, nil
}

// after is the first window that opens after base, which is the last
// rotation or the time the schedule was set; ok is false if there is none.
func (s *schedule) after(base time.Time) (start, end time.Time, ok bool) {
	midnight := base.Truncate(day)
	switch {
	case s.cron != nil:
		if start, ok = s.cron.next(base); !ok {
			return start, end, false
		}
	case s.everyHours > 0:
		// rates in hours count from midnight
		step := time.Duration(s.everyHours) * time.Hour
		start = midnight.Add((base.Sub(midnight)/step + 1) * step)
	default:
		start = midnight.Add(time.Duration(s.everyDays) * day)
	}
	switch {
	case s.window > 0:
		end = start.Add(s.window)
	case s.everyHours > 0 || s.cron != nil && len(s.cron.hourList()) > 1:
		end = start.Add(time.Hour)
	default:
		end = start.Truncate(day).Add(day - time.Second)
	}
	return start, end, true
}

// days is the interval in days, as AutomaticallyAfterDays of a schedule
// expression tells it: of rate() the days, of anything shorter 1, of cron()
// the days between two windows. How AWS counts is not documented.
func (s *schedule) days() int {
	switch {
	case s == nil:
		return 0
	case s.everyDays > 0:
		return s.everyDays
	case s.everyHours > 0:
		return max(1, s.everyHours/24)
	}
	first, ok := s.cron.next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	second, ok2 := s.cron.next(first)
	if !ok || !ok2 {
		return 0
	}
	return max(1, int(second.Sub(first)/day))
}
