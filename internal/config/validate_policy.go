package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (v *validator) failover() {
	f := v.doc.Failover
	v.waves("failover.waves", f.Waves)
	v.maxFailures("failover.max_failures", f.MaxFailures)
	if f.AcceptStale < 0 {
		v.fail("failover.accept_stale", "write how many secrets may be behind, 0 for none", "%d is negative", f.AcceptStale)
	}
	v.oneOf("failover.fence", f.Fence, "rotation", "rotation+lambda", "policy")
	for i, p := range f.Probes {
		path := fmt.Sprintf("failover.probes[%d]", i)
		v.webURL(path+".url", p.URL)
		if p.Timeout > Duration(time.Minute) {
			v.fail(path+".timeout", `a probe is asked while people wait: "5s" is plenty`, "%s is longer than a minute", p.Timeout)
		}
	}
}

// waves checks sizes such as "1", "10%", "100%": each at least one, percents
// growing.
func (v *validator) waves(path string, waves []string) {
	last := 0
	for i, wave := range waves {
		at := fmt.Sprintf("%s[%d]", path, i)
		n, percent, ok := amount(wave)
		switch {
		case !ok || n == 0:
			v.fail(at, `write a number of secrets like "1", or a share like "10%"`, "%q is not the size of a wave", wave)
		case percent && n > 100:
			v.fail(at, `the whole group is "100%"`, "%q is more than all", wave)
		case percent && n <= last:
			v.fail(at, "shares count from the start of the group: write them in growing order", "%q is no more than the wave before it", wave)
		case percent:
			last = n
		}
	}
}

// maxFailures checks "3" or "5%".
func (v *validator) maxFailures(path, s string) {
	if s == "" {
		return
	}
	if n, percent, ok := amount(s); !ok || percent && n > 100 {
		v.fail(path, `write a number of secrets like "3", or a share like "5%"`, "%q is neither a number nor a share", s)
	}
}

// amount reads "12" or "12%".
func amount(s string) (n int, percent, ok bool) {
	digits, percent := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(digits)
	return n, percent, err == nil && n >= 0 && !strings.HasPrefix(digits, "+")
}

func (v *validator) state() {
	v.oneOf("state.backend", v.doc.State.Backend, "file")
	if v.doc.Schedule.Drift < Duration(time.Minute) {
		v.fail("schedule.drift", `listings lag by minutes: "15m" is a good start`, "%s is shorter than a minute", v.doc.Schedule.Drift)
	}
}

func (v *validator) notify() {
	for i, n := range v.doc.Notify {
		path := fmt.Sprintf("notify[%d]", i)
		v.webURL(path+".url", n.URL)
		v.oneOf(path+".format", n.Format, "json", "slack")
		if len(n.Events) == 0 {
			v.fail(path+".events", "leave events out for all of them", "a webhook for no event")
		}
		for j, event := range n.Events {
			v.oneOf(fmt.Sprintf("%s.events[%d]", path, j), event, eventNames()...)
		}
	}
}

// Buckets are the names that [quota] takes: package planner's quota groups,
// and those of package cloud for reading.
func Buckets() []string {
	return []string{
		"secret-writes", "rotation", "policy", "put-alarm", "alarm-actions", "function", "logs",
		"list", "describe", "values", "versions", "kms", "lambda-read", "describe-alarms", "describe-logs",
	}
}

func (v *validator) quota() {
	for _, name := range slices.Sorted(maps.Keys(v.doc.Quota)) {
		path := join2("quota", name)
		if !slices.Contains(Buckets(), name) {
			hint := "use one of " + strings.Join(Buckets(), ", ")
			if near := nearest(name, Buckets()); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			v.fail(path, hint, "unknown key")
			continue
		}
		if rate := v.doc.Quota[name]; !(rate > 0 && rate <= 100_000) { // NaN too
			v.fail(path, "write calls per second, like 25", "%v is not a rate", rate)
		}
	}
}

func (v *validator) quirks() {
	v.oneOf("quirks.rekey_in_place", v.doc.Quirks.RekeyInPlace, "unknown", "yes", "no")
	v.oneOf("quirks.promoted_entry", v.doc.Quirks.PromotedEntry, "unknown", "keep", "drop")
}
