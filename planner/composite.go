package planner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// levels are the names of metric alarms, then of composites by depth.
func (set *alarmSet) levels() [][]string {
	return append([][]string{slices.Sorted(maps.Keys(set.metrics))}, byDepth(set.composites)...)
}

// byDepth sorts composite alarms into levels: those over metric alarms only,
// then those over them, and so on. CloudWatch refuses cycles; should one be
// observed, its alarms share a level.
func byDepth(composites map[string]*topology.CompositeAlarm) [][]string {
	depth := map[string]int{}
	var visit func(name string) int
	visit = func(name string) int {
		if d, ok := depth[name]; ok {
			return d
		}
		depth[name] = 0 // a cycle ends here
		d := 0
		for _, child := range children(composites[name]) {
			if composites[child] != nil {
				d = max(d, visit(child)+1)
			}
		}
		depth[name] = d
		return d
	}
	names := slices.Sorted(maps.Keys(composites))
	for _, name := range names {
		visit(name)
	}
	var levels [][]string
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(depth[x], depth[y]) })
	for _, name := range names {
		for len(levels) <= depth[name] {
			levels = append(levels, nil)
		}
		levels[depth[name]] = append(levels[depth[name]], name)
	}
	return levels
}

// children are the alarms that a composite alarm's rule names, sorted, and
// its suppressor: ALARM(name), OK("name"), INSUFFICIENT_DATA(arn).
// AWS: PutCompositeAlarm, AlarmRule.
func children(a *topology.CompositeAlarm) []string {
	var names []string
	rule := a.Rule
	for {
		open := strings.IndexByte(rule, '(')
		if open < 0 {
			break
		}
		function := strings.TrimRight(rule[:open], " \t\n")
		rule = rule[open+1:]
		if !isStateFunction(function) {
			continue
		}
		name, rest := operand(rule)
		rule = rest
		names = append(names, alarmName(name))
	}
	if a.Suppressor != "" {
		names = append(names, alarmName(a.Suppressor))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isStateFunction(before string) bool {
	for _, f := range []string{"ALARM", "OK", "INSUFFICIENT_DATA"} {
		if strings.HasSuffix(before, f) {
			return true
		}
	}
	return false
}

// operand reads what stands in the parentheses; a quoted name may hold some
// itself.
func operand(s string) (name, rest string) {
	trimmed := strings.TrimLeft(s, " \t\n")
	if strings.HasPrefix(trimmed, `"`) {
		if name, rest, ok := strings.Cut(trimmed[1:], `"`); ok {
			return name, rest
		}
	}
	name, rest, _ = strings.Cut(s, ")")
	return strings.TrimSpace(name), rest
}

// alarmName is the name in an alarm's ARN, or the name itself.
func alarmName(ref string) string {
	if topology.RegionOf(ref) == "" {
		return ref
	}
	_, name, _ := strings.Cut(ref, ":alarm:")
	return name
}
