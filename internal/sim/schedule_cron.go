package sim

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// A cron is cron(minutes hours day-of-month month day-of-week year) with
// minutes 0 and year *, as Secrets Manager takes it.
type cron struct {
	hours, months uint64 // bit sets
	days          []dayRule
	weekdays      []dayRule
	daysAny       bool // day-of-month is ?
	weekdaysAny   bool // day-of-week is ?
}

// A dayRule is one element of a day field.
type dayRule struct {
	set     uint64 // days 1–31, or 1 (Sunday) – 7
	last    bool   // L: the month's last day, or its last such weekday
	nth     int    // #n: the month's n-th such weekday
	nearest int    // nW: the weekday nearest to day n
}

func errCron() error { return errSchedule("Invalid ScheduleExpression.") }

func parseCron(expression string) (*cron, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(expression, "cron("), ")")
	fields := strings.Fields(inner)
	if !ok || len(fields) != 6 {
		return nil, errCron()
	}
	if fields[0] != "0" {
		return nil, errSchedule("Invalid ScheduleExpression: minutes must be 0.")
	}
	if fields[5] != "*" {
		return nil, errSchedule("Invalid ScheduleExpression: year must be *.")
	}
	c := &cron{daysAny: fields[2] == "?", weekdaysAny: fields[4] == "?"}
	if c.daysAny == c.weekdaysAny {
		return nil, errSchedule("Invalid ScheduleExpression: either day-of-month or day-of-week must be ?, but not both.")
	}
	var ok1, ok2, ok3 bool
	c.hours, ok1 = parseSet(fields[1], 0, 23, nil)
	c.months, ok2 = parseSet(fields[3], 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"))
	if c.daysAny {
		c.weekdays, ok3 = parseWeekdays(fields[4])
	} else {
		c.days, ok3 = parseDays(fields[2])
	}
	if !ok1 || !ok2 || !ok3 {
		return nil, errCron()
	}
	return c, c.checkPace()
}

// checkPace refuses more than one rotation in four hours.
func (c *cron) checkPace() error {
	hours := c.hourList()
	for i := 1; i < len(hours); i++ {
		if hours[i]-hours[i-1] < 4 {
			return errSchedule("Invalid ScheduleExpression: a secret can be rotated at most every 4 hours.")
		}
	}
	return nil
}

func (c *cron) hourList() []int {
	var hours []int
	for set := c.hours; set != 0; set &= set - 1 {
		hours = append(hours, bits.TrailingZeros64(set))
	}
	return hours
}

// parseSet reads a field of numbers or names: *, lists, ranges, steps.
func parseSet(field string, low, high int, names []string) (uint64, bool) {
	var set uint64
	for part := range strings.SplitSeq(field, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return 0, false
			}
			step = n
		}
		from, to := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var ok bool
			if from, ok = parseElement(first, low, high, names); !ok {
				return 0, false
			}
			switch {
			case ranged:
				if to, ok = parseElement(last, low, high, names); !ok {
					return 0, false
				}
			case !stepped:
				to = from
			}
		}
		if to < from { // FRI-MON goes round
			to += high - low + 1
		}
		for n := from; n <= to; n += step {
			set |= 1 << (low + (n-low)%(high-low+1))
		}
	}
	return set, set != 0
}

func parseElement(text string, low, high int, names []string) (int, bool) {
	for i, name := range names {
		if strings.EqualFold(name, text) {
			return low + i, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low && n <= high
}

func parseDays(field string) ([]dayRule, bool) {
	var rules []dayRule
	for part := range strings.SplitSeq(field, ",") {
		switch weekday, isW := strings.CutSuffix(part, "W"); {
		case part == "L":
			rules = append(rules, dayRule{last: true})
		case isW:
			n, ok := parseElement(weekday, 1, 31, nil)
			if !ok {
				return nil, false
			}
			rules = append(rules, dayRule{nearest: n})
		default:
			set, ok := parseSet(part, 1, 31, nil)
			if !ok {
				return nil, false
			}
			rules = append(rules, dayRule{set: set})
		}
	}
	return rules, true
}

func parseWeekdays(field string) ([]dayRule, bool) {
	names := strings.Fields("SUN MON TUE WED THU FRI SAT")
	var rules []dayRule
	for part := range strings.SplitSeq(field, ",") {
		rule := dayRule{}
		if before, isLast := strings.CutSuffix(part, "L"); isLast {
			rule.last = before != ""
			if before == "" {
				before = "SAT"
			}
			part = before
		} else if before, nth, hashed := strings.Cut(part, "#"); hashed {
			n, ok := parseElement(nth, 1, 5, nil)
			if !ok {
				return nil, false
			}
			rule.nth, part = n, before
		}
		var ok bool
		if rule.set, ok = parseSet(part, 1, 7, names); !ok {
			return nil, false
		}
		rules = append(rules, rule)
	}
	return rules, true
}

// next is the first time after t, within the ten years that any expression
// with a day to match finds one in.
func (c *cron) next(t time.Time) (time.Time, bool) {
	date := t.UTC().Truncate(day)
	for range 3660 {
		if c.months&(1<<int(date.Month())) != 0 && c.onDay(date) {
			for _, h := range c.hourList() {
				if at := date.Add(time.Duration(h) * time.Hour); at.After(t) {
					return at, true
				}
			}
		}
		date = date.Add(day)
	}
	return time.Time{}, false
}

func (c *cron) onDay(date time.Time) bool {
	for _, r := range c.days {
		if r.matchesDay(date) {
			return true
		}
	}
	for _, r := range c.weekdays {
		if r.matchesWeekday(date) {
			return true
		}
	}
	return false
}

func lastOfMonth(date time.Time) int {
	return time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (r dayRule) matchesDay(date time.Time) bool {
	switch {
	case r.last:
		return date.Day() == lastOfMonth(date)
	case r.nearest > 0:
		return date.Day() == nearestWeekday(date, r.nearest)
	}
	return r.set&(1<<date.Day()) != 0
}

// nearestWeekday is the day of date's month, Monday to Friday, that is
// nearest to day n without leaving the month; 0 if the month has no day n.
func nearestWeekday(date time.Time, n int) int {
	last := lastOfMonth(date)
	if n > last {
		return 0
	}
	switch time.Date(date.Year(), date.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

func (r dayRule) matchesWeekday(date time.Time) bool {
	if r.set&(1<<(int(date.Weekday())+1)) == 0 {
		return false
	}
	switch {
	case r.last:
		return date.Day()+7 > lastOfMonth(date)
	case r.nth > 0:
		return (date.Day()-1)/7+1 == r.nth
	}
	return true
}
