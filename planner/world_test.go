package planner_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const account = "123456789012"

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// A world is an Input written as lines of text, one thing a line:
//
//	VERB [REGION] NAME key=value key="value with spaces" word …
//
// so that a case can be read as a story. It is the input half of
// testdata/*.txtar.
type world struct {
	t  testing.TB
	in planner.Input
}

func newWorld(t testing.TB) *world {
	return &world{t: t, in: planner.Input{
		Now:       now,
		Desired:   &topology.Desired{Account: account, Keys: map[topology.Region]string{}},
		Placement: topology.Placement{Acting: map[topology.Name]topology.Move{}},
	}}
}

// fields are one line: its words in order, and its key=value pairs.
type fields struct {
	words []string
	pairs map[string]string
}

func (f fields) has(word string) bool { return slices.Contains(f.words, word) }

func (f fields) word(i int) string {
	if i < len(f.words) {
		return f.words[i]
	}
	return ""
}

// list splits a comma-separated value.
func (f fields) list(key string) []string {
	if f.pairs[key] == "" {
		return nil
	}
	return strings.Split(f.pairs[key], ",")
}

// table splits a=b,c=d.
func (f fields) table(key string) map[topology.Region]string {
	out := map[topology.Region]string{}
	for _, item := range f.list(key) {
		k, v, _ := strings.Cut(item, "=")
		out[topology.Region(k)] = v
	}
	return out
}

func (w *world) lines(text string, each func(verb string, f fields)) {
	w.t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := fields{pairs: map[string]string{}}
		for _, part := range splitQuoted(line) {
			if k, v, ok := strings.Cut(part, "="); ok {
				f.pairs[k] = v
			} else {
				f.words = append(f.words, part)
			}
		}
		each(f.words[0], fields{f.words[1:], f.pairs})
	}
}

// splitQuoted splits at spaces outside double quotes, and drops the quotes.
func splitQuoted(line string) []string {
	var parts []string
	var part strings.Builder
	quoted := false
	for _, c := range line + " " {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			if part.Len() > 0 {
				parts = append(parts, part.String())
			}
			part.Reset()
		default:
			part.WriteRune(c)
		}
	}
	return parts
}

func regionList(words []string) []topology.Region {
	var out []topology.Region
	for _, w := range words {
		out = append(out, topology.Region(w))
	}
	return out
}

func (w *world) desired(text string) {
	w.t.Helper()
	d := w.in.Desired
	w.lines(text, func(verb string, f fields) {
		switch verb {
		case "primary":
			d.Primary = topology.Region(f.word(0))
		case "standby":
			d.Standby = regionList(f.words)
		case "key":
			d.Keys[topology.Region(f.word(0))] = f.word(1)
		case "group":
			d.Groups = append(d.Groups, group(f))
		case "alarm":
			rule := topology.AlarmRule{Match: f.words, Actions: map[topology.Region][]string{}}
			for r, action := range f.table("actions") {
				rule.Actions[r] = []string{action}
			}
			d.Alarms = append(d.Alarms, rule)
		case "rekey-in-place":
			w.in.Quirks.RekeyInPlace = f.word(0)
		default:
			w.t.Fatalf("desired: unknown word %q", verb)
		}
	})
}

func group(f fields) topology.Group {
	g := topology.Group{
		Name: f.word(0), Selector: topology.Selector{Match: f.list("match"), Exclude: f.list("exclude")},
		Priority: 100, Replicas: regionList(f.list("replicas")),
	}
	if p, err := strconv.Atoi(f.pairs["priority"]); err == nil {
		g.Priority = p
	}
	if function := f.pairs["rotation"]; function != "" {
		g.Rotation = &topology.RotationPolicy{Template: "arn:aws:lambda:{region}:{account}:function:" + function}
	}
	return g
}

// snapshot reads a snapshot. Regions of the configuration that it says
// nothing of answer and are empty; `dark` makes one dark.
func (w *world) snapshot(text string, taken time.Time) *topology.Snapshot {
	w.t.Helper()
	s := &topology.Snapshot{Account: account, Taken: taken, Regions: map[topology.Region]*topology.RegionView{}}
	for _, r := range w.in.Desired.Regions() {
		s.Regions[r] = newView(r, taken)
	}
	w.lines(text, func(verb string, f fields) {
		r := topology.Region(f.word(0))
		v := s.Regions[r]
		if v == nil {
			v = newView(r, taken)
			s.Regions[r] = v
		}
		switch verb {
		case "dark":
			s.Regions[r] = &topology.RegionView{Region: r, Dark: topology.Cause(f.word(1))}
		case "partial":
			v.Partial = append(v.Partial, f.word(1))
		case "secret":
			w.secret(v, f)
		case "key":
			k := topology.Key{ARN: "arn:aws:kms:" + string(r) + ":" + account + ":key/" + f.pairs["id"], State: "Enabled"}
			if f.word(2) != "" {
				k.State = f.word(2)
			}
			k.Missing = f.has("missing")
			v.Keys[f.word(1)] = k
			v.Keys[k.ARN] = k
		case "function":
			arn := "arn:aws:lambda:" + string(r) + ":" + account + ":function:" + f.word(1)
			v.Functions[arn] = &topology.Function{
				ARN: arn, State: "Active", Missing: f.has("missing"), Invokable: f.has("invokable"), Endpoint: f.pairs["endpoint"],
			}
			if state := f.pairs["state"]; state != "" {
				v.Functions[arn].State = state
			}
		case "alarm":
			threshold := 1.0
			if x, err := strconv.ParseFloat(f.pairs["threshold"], 64); err == nil {
				threshold = x
			}
			v.Alarms[f.word(1)] = &topology.Alarm{
				Name: f.word(1), Region: r, ARN: alarmARN(r, f.word(1)), ActionsEnabled: f.has("on"),
				AlarmActions: f.list("actions"), Namespace: "Secrets", Metric: f.pairs["metric"],
				Period: 60, Periods: 1, Threshold: &threshold, Comparison: "GreaterThanThreshold", State: "OK",
			}
			if name := f.pairs["of"]; name != "" {
				v.Alarms[f.word(1)].Dimensions = []topology.Dimension{{Name: "SecretId", Value: name}}
			}
			if name := f.pairs["function"]; name != "" {
				v.Alarms[f.word(1)].Namespace, v.Alarms[f.word(1)].Dimensions = "AWS/Lambda", []topology.Dimension{{Name: "FunctionName", Value: name}}
			}
		case "composite":
			v.Composites[f.word(1)] = &topology.CompositeAlarm{
				Name: f.word(1), Region: r, ARN: alarmARN(r, f.word(1)), ActionsEnabled: f.has("on"),
				Rule: f.pairs["rule"], AlarmActions: f.list("actions"),
			}
		case "log-group":
			v.LogGroups[f.word(1)] = true
		case "filter":
			m := &topology.MetricFilter{LogGroup: f.word(1), Name: f.word(2), Pattern: f.pairs["pattern"],
				Transformations: []topology.MetricTransformation{{Namespace: "Secrets", Metric: f.pairs["metric"], Value: "1"}}}
			v.Filters[m.ID()] = m
		default:
			w.t.Fatalf("observed: unknown word %q", verb)
		}
	})
	return s
}

func newView(r topology.Region, taken time.Time) *topology.RegionView {
	return &topology.RegionView{
		Region: r, Taken: taken, Secrets: map[topology.Name]*topology.Secret{}, Keys: map[string]topology.Key{},
		Functions: map[string]*topology.Function{}, Alarms: map[string]*topology.Alarm{},
		Composites: map[string]*topology.CompositeAlarm{}, Filters: map[string]*topology.MetricFilter{},
		LogGroups: map[string]bool{},
	}
}

func alarmARN(r topology.Region, name string) string {
	return "arn:aws:cloudwatch:" + string(r) + ":" + account + ":alarm:" + name
}

func secretARN(r topology.Region, name, suffix string) string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%s", r, account, name, suffix)
}

// secret reads:
//
//	secret REGION NAME [of=REGION] [suffix=…] [key=…] [versions=id:LABEL+LABEL,…]
//	       [rotates=DAYS] [rotated=DAYS (cancelled)] [next=…] [window=HOURSh] [lists="region:Status:message;…"]
//	       [changed=…] [read=…] [deleted=…] [owner=…]
func (w *world) secret(v *topology.RegionView, f fields) {
	w.t.Helper()
	name, suffix := f.word(1), f.pairs["suffix"]
	if suffix == "" {
		suffix = "aaaaaa"
	}
	s := &topology.Secret{
		Name: topology.Name(name), Region: v.Region, ARN: secretARN(v.Region, name, suffix),
		PrimaryRegion: topology.Region(f.pairs["of"]), KmsKeyID: f.pairs["key"], OwningService: f.pairs["owner"],
		Changed: w.when(f.pairs["changed"]), Accessed: w.when(f.pairs["read"]), Deleted: w.when(f.pairs["deleted"]),
	}
	versions := f.list("versions")
	if f.pairs["versions"] == "" {
		versions = []string{"v1:AWSCURRENT"}
	}
	for _, item := range versions {
		id, labels, _ := strings.Cut(item, ":")
		s.Versions = append(s.Versions, topology.Version{ID: id, Stages: strings.Split(labels, "+")})
	}
	if days := f.pairs["rotates"] + f.pairs["rotated"]; days != "" {
		n, _ := strconv.Atoi(days)
		s.Rotation = topology.Rotation{
			Enabled: f.pairs["rotates"] != "", LambdaARN: "arn:aws:lambda:" + string(v.Region) + ":" + account + ":function:rotate-db",
			Rules: topology.RotationRules{AfterDays: int64(n), Duration: f.pairs["window"]},
			Next:  w.when(f.pairs["next"]),
		}
	}
	if f.pairs["lists"] != "" {
		s.Described = true
		for _, entry := range strings.Split(f.pairs["lists"], ";") {
			p := append(strings.SplitN(entry, ":", 3), "")
			s.Replicas = append(s.Replicas, topology.ReplicaStatus{Region: topology.Region(p[0]), Status: p[1], Message: p[2]})
		}
	}
	v.Secrets[s.Name] = s
}

// when reads "-3h" relative to now, or a date.
func (w *world) when(s string) time.Time {
	w.t.Helper()
	if s == "" {
		return time.Time{}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d)
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) journal(text string) {
	w.t.Helper()
	w.lines(text, func(verb string, f fields) {
		switch verb {
		case "moved":
			m := topology.Move{From: topology.Region(f.word(1)), To: topology.Region(f.word(2)), Run: "r1", Time: w.when(f.pairs["at"])}
			for _, item := range f.list("versions") { // id, or id:LABEL+LABEL
				id, labels, _ := strings.Cut(item, ":")
				v := topology.Version{ID: id}
				if labels != "" {
					v.Stages = strings.Split(labels, "+")
				}
				m.Versions = append(m.Versions, v)
			}
			w.in.Placement.Acting[topology.Name(f.word(0))] = m
		case "owed":
			d := topology.Debt{Action: f.word(0), Region: topology.Region(f.word(1)), Run: "r1"}
			d.Secret = topology.Name(f.word(2))
			w.in.Placement.Owed = append(w.in.Placement.Owed, d)
		default:
			w.t.Fatalf("journal: unknown word %q", verb)
		}
	})
}

func (w *world) options(text string) {
	w.t.Helper()
	w.lines(text, func(verb string, f fields) {
		switch verb {
		case "to":
			w.in.Options.To = topology.Region(f.word(0))
		case "primary-lost":
			w.in.Options.PrimaryLost = true
		case "accept-stale":
			w.in.Options.AcceptStale, _ = strconv.Atoi(f.word(0))
		case "groups":
			w.in.Options.Groups = f.words
		default:
			w.t.Fatalf("options: unknown word %q", verb)
		}
	})
}

// render prints a plan as the golden files have it: what a step does, and
// below it why.
func render(p *planner.Plan) string {
	var b strings.Builder
	number := map[string]int{}
	for i := range p.Steps {
		number[p.Steps[i].ID] = i + 1
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		fmt.Fprintf(&b, "%d %s %s  %s  %s", i+1, planner.TraitsOf(s.Action).Glyph, s.Action, s.Subject(), s.Region)
		for _, word := range stepWords(s, number) {
			b.WriteString("  [" + word + "]")
		}
		fmt.Fprintf(&b, "\n    %s → %s\n    %s\n", s.Before, s.After, s.Reason)
	}
	if p.Empty() {
		b.WriteString("nothing to do\n")
	}
	if p.MonthlyCostChange != 0 {
		fmt.Fprintf(&b, "cost %+.2f USD a month\n", p.MonthlyCostChange)
	}
	for _, s := range p.Skipped {
		fmt.Fprintf(&b, "skipped %s %s: %s\n", s.Secret, s.Region, s.Reason)
	}
	for _, u := range p.Unmatched {
		fmt.Fprintf(&b, "unmatched %s\n", u)
	}
	for _, x := range p.Blockers {
		word := "blocked"
		if x.Fatal {
			word = "REFUSED"
		}
		fmt.Fprintf(&b, "%s %s %s %s: %s\n    fix: %s\n", word, x.Code, x.Secret, x.Region, x.Message, x.Fix)
	}
	for _, x := range p.Notes {
		fmt.Fprintf(&b, "note %s %s %s: %s\n", x.Code, x.Secret, x.Region, x.Message)
	}
	for _, r := range p.Unobserved {
		fmt.Fprintf(&b, "unobserved %s\n", r)
	}
	for _, a := range p.ARNs {
		fmt.Fprintf(&b, "arn %s → %s\n", a.Old, a.New)
	}
	return b.String()
}

func stepWords(s *planner.Step, number map[string]int) []string {
	var words []string
	if len(s.Needs) > 0 {
		var needs []string
		for _, id := range s.Needs {
			needs = append(needs, strconv.Itoa(number[id]))
		}
		slices.Sort(needs)
		words = append(words, "after "+strings.Join(needs, " "))
	}
	if s.Requires != "" {
		words = append(words, "needs --"+s.Requires)
	}
	if s.Params.ViaRemoval {
		words = append(words, "via removal")
	}
	if s.Owed {
		words = append(words, "owed if dark")
	}
	if s.Params.Lambda != "" && s.Params.RotateImmediately {
		words = append(words, "rotates at once")
	}
	return words
}
