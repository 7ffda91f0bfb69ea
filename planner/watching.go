package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// stays notes a secret that this plan leaves where it is: outside the chosen
// groups, or blocked. Whatever watches over it there must not fall silent.
func (m *move) stays(s *Standing) {
	if m.left == nil {
		m.left = map[topology.Region][]topology.Name{}
	}
	m.left[s.Primary] = append(m.left[s.Primary], s.Secret)
}

// A watch tells which alarms of the region that the primary leaves still have
// something to watch over there.
type watch struct {
	*move
	set     *alarmSet
	from    topology.Region
	leaving map[topology.Name]bool            // promoted by this plan, or before
	named   map[string]topology.Name          // secrets by what an alarm may call them: name, ARN
	rotated map[string][]topology.Name        // by the name of the function that rotates them
	done    map[string]map[topology.Name]bool // by alarm; nil is "cannot be told"
}

func (m *move) watchOver(from topology.Region, set *alarmSet) *watch {
	w := &watch{
		move: m, set: set, from: from, leaving: map[topology.Name]bool{}, named: map[string]topology.Name{},
		rotated: map[string][]topology.Name{}, done: map[string]map[topology.Name]bool{},
	}
	for i := range m.steps {
		if s := &m.steps[i].Step; s.Action == Promote && s.Region == m.to {
			w.leaving[s.Secret] = true
		}
	}
	var s Standing
	for _, n := range m.res.Names() {
		m.res.Resolve(n, &s)
		w.leaving[n] = w.leaving[n] || s.Primary != from
		w.named[string(n)] = n
		for _, look := range []*topology.Snapshot{m.in.Observed, m.in.Recovery} {
			if c, _ := look.Secret(from, n); c != nil {
				w.named[c.ARN] = n
			}
		}
		if f := m.functionAt(from, n); f.arn != "" {
			name := functionName(f.arn)
			w.rotated[name] = append(w.rotated[name], n)
		}
	}
	return w
}

// needed: some secret that the alarm is about stays, or any does where it
// cannot be told which ones it is about.
func (w *watch) needed(alarm string) bool {
	about := w.about(alarm)
	if about == nil {
		return len(w.left[w.from]) > 0
	}
	for n := range about {
		if !w.leaving[n] {
			return true
		}
	}
	return false
}

// about are the secrets that an alarm is about; nil if that cannot be told.
func (w *watch) about(alarm string) map[topology.Name]bool {
	if known, ok := w.done[alarm]; ok {
		return known
	}
	w.done[alarm] = nil // a cycle ends here
	all := map[topology.Name]bool{}
	add := func(some map[topology.Name]bool) {
		if len(some) == 0 {
			all = nil
		}
		for n := range some {
			if all != nil {
				all[n] = true
			}
		}
	}
	switch a, c := w.set.metrics[alarm], w.set.composites[alarm]; {
	case c != nil:
		for _, child := range children(c) {
			add(w.about(child))
		}
	case a == nil:
		add(nil)
	case len(a.Metrics) == 0:
		add(w.ofMetric(a.Namespace, a.Metric, a.Dimensions))
	default:
		for i := range a.Metrics {
			if q := &a.Metrics[i]; q.Metric != "" {
				add(w.ofMetric(q.Namespace, q.Metric, q.Dimensions))
			} else if q.Expression == "" || strings.Contains(strings.ToUpper(q.Expression), "SELECT") {
				add(nil) // of metrics that it does not name one by one
			}
		}
	}
	if len(all) > 0 {
		w.done[alarm] = all
	}
	return w.done[alarm]
}

// ofMetric are the secrets that a metric names: by a dimension, by the
// rotation function that it is of, or in the patterns of all the filters that
// write it.
func (w *watch) ofMetric(namespace, metric string, dimensions []topology.Dimension) map[topology.Name]bool {
	found := map[topology.Name]bool{}
	for _, d := range dimensions {
		if n, ok := w.named[d.Value]; ok {
			found[n] = true
		}
		if namespace == "AWS/Lambda" && d.Name == "FunctionName" {
			for _, n := range w.rotated[functionName(d.Value)] {
				found[n] = true
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, f := range w.set.filters {
		if !feeds(f, map[string]bool{namespace + " " + metric: true}) {
			continue
		}
		n, ok := w.ofPattern(f.Pattern)
		if !ok {
			return nil
		}
		found[n] = true
	}
	return found
}

// ofPattern is the one secret that a filter's pattern names in quotes, as in
// { $.requestParameters.secretId = "prod/db" }. One that also takes in other
// events tells nothing.
func (w *watch) ofPattern(pattern string) (topology.Name, bool) {
	if strings.Contains(pattern, "||") {
		return "", false
	}
	parts := strings.Split(pattern, `"`)
	for i := 1; i < len(parts); i += 2 {
		if n, ok := w.named[parts[i]]; ok && !strings.HasSuffix(strings.TrimRight(parts[i-1], " "), "!=") {
			return n, true
		}
	}
	return "", false
}

// noteKept says which alarms go on acting in the region that is left, and for
// whom.
func (m *move) noteKept(from topology.Region, kept []string) {
	if len(kept) == 0 {
		return
	}
	slices.Sort(kept)
	who := "what it watches over stays there"
	if left := m.left[from]; len(left) > 0 {
		slices.Sort(left)
		who = staying(left) + " there, and what may watch over it is not silenced"
	}
	m.note(Blocker{
		Code: "alarms-stay", Region: from,
		Message: fmt.Sprintf("%s in %s: %s", keepActing(kept), from, who),
		Fix:     "understudy failover --to " + string(m.to) + " again, once what stays can move, silences the rest",
	})
}

func keepActing(names []string) string {
	text := "alarm " + names[0] + " keeps acting"
	if more := len(names) - 1; more > 0 {
		text = fmt.Sprintf("alarm %s and %d more keep acting", names[0], more)
	}
	return text
}

func staying(names []topology.Name) string {
	if len(names) == 1 {
		return string(names[0]) + " stays"
	}
	words := make([]string, 0, 3)
	for _, n := range names[:min(len(names), 3)] {
		words = append(words, string(n))
	}
	text := strings.Join(words, ", ")
	if more := len(names) - len(words); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + " stay"
}
