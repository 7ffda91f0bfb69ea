package planner

import (
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// stageAlarm is a metric alarm of one region as it should stand in another:
// same name, actions off, and every ARN, dimension and metric that names the
// region rewritten. Alarms read metrics of their own region only, so a value
// left pointing at the old one would never have data. Metrics[].AccountId
// stays. dropped are actions that have no counterpart by name (an
// autoscaling policy's ARN holds an id of its region).
// AWS: PutMetricAlarm.
func stageAlarm(a *topology.Alarm, rule *topology.AlarmRule, from, to topology.Region) (staged *topology.Alarm, dropped int) {
	out := *a
	out.Region, out.ARN, out.State, out.ActionsEnabled = to, "", "", false
	m := mover{from: from, to: to, actions: rule.Actions[to]}
	out.AlarmActions = m.actionList(a.AlarmActions)
	out.OKActions = m.actionList(a.OKActions)
	out.NoDataActions = m.actionList(a.NoDataActions)
	out.Dimensions = m.dimensions(a.Dimensions)
	out.Metrics = sortedQueries(a.Metrics)
	for i := range out.Metrics {
		q := &out.Metrics[i]
		q.Expression = m.text(q.Expression)
		q.Dimensions = m.dimensions(q.Dimensions)
	}
	return &out, m.dropped
}

// stageComposite does the same for a composite alarm. Its rule names alarms
// by name or ARN: names stay, as the children keep theirs; ARNs move.
// AWS: PutCompositeAlarm.
func stageComposite(a *topology.CompositeAlarm, rule *topology.AlarmRule, from, to topology.Region) (staged *topology.CompositeAlarm, dropped int) {
	out := *a
	out.Region, out.ARN, out.State, out.ActionsEnabled = to, "", "", false
	m := mover{from: from, to: to, actions: rule.Actions[to]}
	out.AlarmActions = m.actionList(a.AlarmActions)
	out.OKActions = m.actionList(a.OKActions)
	out.NoDataActions = m.actionList(a.NoDataActions)
	out.Rule = m.arns(a.Rule)
	out.Suppressor = m.arns(a.Suppressor)
	return &out, m.dropped
}

// stageFilter is a metric filter as it should stand in another region. Its
// log group keeps its name unless the region has the renamed one.
// AWS: PutMetricFilter.
func stageFilter(f *topology.MetricFilter, v *topology.RegionView, from, to topology.Region) *topology.MetricFilter {
	out := *f
	m := mover{from: from, to: to}
	if renamed := m.text(f.LogGroup); renamed != f.LogGroup && v.LogGroups[renamed] {
		out.LogGroup = renamed
	}
	out.Pattern = m.text(f.Pattern)
	out.Transformations = slices.Clone(f.Transformations)
	for i := range out.Transformations {
		t := &out.Transformations[i]
		t.Value = m.text(t.Value)
		t.Dimensions = m.dimensions(t.Dimensions)
	}
	return &out
}

// A mover rewrites what names one region into what names another.
type mover struct {
	from, to topology.Region
	actions  []string // the configuration's word for the region, nil for none
	dropped  int
}

// actionList moves one of the three action lists. An empty list stays empty
// whatever the configuration says: the alarm does nothing in that state.
func (m *mover) actionList(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	if m.actions != nil {
		return sorted(m.actions)
	}
	out := make([]string, 0, len(list))
	for _, arn := range list {
		if strings.Contains(arn, ":scalingPolicy:") {
			m.dropped++
			continue
		}
		if topology.RegionOf(arn) == m.from {
			arn = topology.WithRegion(arn, m.to)
		}
		out = append(out, arn)
	}
	slices.Sort(out)
	return out
}

func (m *mover) dimensions(list []topology.Dimension) []topology.Dimension {
	out := sortedDimensions(list)
	for i := range out {
		out[i].Value = m.text(out[i].Value)
	}
	return out
}

// text replaces the region's code wherever it stands as a word of its own:
// in ARNs, and in names such as "secrets-us-east-1", but not in the zone
// "us-east-1a" or the region "us-east-10".
func (m *mover) text(s string) string {
	return replaceWhere(s, string(m.from), string(m.to), func(before, after string) bool {
		return !endsInWord(before) && !startsWithWord(after)
	})
}

// arns replaces the region field of every ARN within a text, and nothing
// else.
func (m *mover) arns(s string) string {
	return replaceWhere(s, ":"+string(m.from)+":", ":"+string(m.to)+":", func(before, _ string) bool {
		// arn:partition:service: must stand right before the region.
		fields := strings.Split(before, ":")
		return len(fields) >= 3 && strings.HasSuffix(fields[len(fields)-3], "arn")
	})
}

// replaceWhere replaces those occurrences of old that stand where they must.
func replaceWhere(s, old, replacement string, where func(before, after string) bool) string {
	var b strings.Builder
	done := 0 // s[:done] is written
	for at := 0; ; {
		next := strings.Index(s[at:], old)
		if next < 0 {
			break
		}
		i := at + next
		end := i + len(old)
		at = i + 1
		if where(s[:i], s[end:]) {
			b.WriteString(s[done:i])
			b.WriteString(replacement)
			done, at = end, end
		}
	}
	b.WriteString(s[done:])
	return b.String()
}

func endsInWord(s string) bool     { return s != "" && wordByte(s[len(s)-1]) }
func startsWithWord(s string) bool { return s != "" && wordByte(s[0]) }

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
