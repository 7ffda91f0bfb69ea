package runbooks_test

import (
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/sim"
)

// What AWS leaves undocumented is a quirk of the simulator. The runbooks must
// do the same whatever AWS answers: every scenario is played again with every
// quirk the other way round, and its output compared, but for the lines that
// name the answer which they depend on (see inForce). UNDERSTUDY_QUIRKS=contrary
// runs all tests of this package so (see newWorld).

// answers is every quirk at the value that pick chooses of those listed, and
// those that are not at their default.
func answers(t *testing.T, pick func(values []string) string) (sim.Quirks, []string) {
	t.Helper()
	var q sim.Quirks
	var unusual []string
	for _, listed := range sim.QuirkNames() {
		name, text, _ := strings.Cut(listed, "=")
		values := strings.Split(text, "|")
		value := pick(values)
		if value == "DURATION" { // its default
			continue
		}
		if err := sim.ParseQuirk(&q, name+"="+value); err != nil {
			t.Fatal(err)
		}
		if value != values[0] {
			unusual = append(unusual, name+"="+value)
		}
	}
	return q, unusual
}

func usual(values []string) string { return values[0] }

func contrary(values []string) string {
	if values[0] == "DURATION" {
		return "30s"
	}
	return values[len(values)-1]
}

func TestScenariosUnderTheOtherAnswersOfAWS(t *testing.T) {
	quirks, unusual := answers(t, contrary)
	for _, file := range scenarios(t) {
		t.Run(scenario(file), func(t *testing.T) {
			sideBySide(t)
			text := readScript(t, file)
			got := playAlone(t, text, quirks)
			if got != text && *update {
				text = mark(t, text)
				writeScript(t, file, text)
				got = playAlone(t, text, quirks)
			}
			if got != text {
				t.Errorf("with %s: %s\nIf an answer of AWS decides this, -update marks the line with it: [NAME=VALUE].",
					strings.Join(unusual, " "), firstDifference(text, got))
			}
		})
	}
}

// mark plays a script under the usual answers, and then under each other one
// alone: lines that come or go with it get its name.
func mark(t *testing.T, text string) string {
	t.Helper()
	base, _ := answers(t, usual)
	text = playAlone(t, text, base)
	for _, listed := range sim.QuirkNames() {
		name, values, _ := strings.Cut(listed, "=")
		is, other := usual(strings.Split(values, "|")), contrary(strings.Split(values, "|"))
		if is == "DURATION" {
			continue
		}
		quirks := base
		if err := sim.ParseQuirk(&quirks, name+"="+other); err != nil {
			t.Fatal(err)
		}
		text = markLines(text, playAlone(t, text, quirks), "["+name+"="+is+"] ", "["+name+"="+other+"] ")
	}
	return text
}

// markLines is text, with what other lacks or has more marked.
func markLines(text, other, gone, more string) string {
	a, b := strings.Split(text, "\n"), strings.Split(other, "\n")
	same := common(a, b)
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && same[i+1][j] >= same[i][j+1]:
			lines = append(lines, gone+a[i])
			i++
		default:
			lines = append(lines, more+b[j])
			j++
		}
	}
	return strings.Join(lines, "\n")
}

// TestALineThatDependsOnAnAnswerOfAWS is about the scripts' own notation: such
// a line is compared under that answer only, and outlives -update under the other.
func TestALineThatDependsOnAnAnswerOfAWS(t *testing.T) {
	script := []string{"a", "[stale-entry=keep] b", "[stale-entry=drop] c", "[promoted-policy=keep] d", "e"}
	keep, _ := answers(t, usual)
	drop := keep
	drop.StaleEntry = "drop"
	for _, c := range []struct {
		about   string
		quirks  sim.Quirks
		printed string
		want    []string // script, where it is nil
	}{
		{"what was expected under the usual answers", keep, "a\nb\nd\ne\n", nil},
		{"what was expected under another", drop, "a\nc\nd\ne\n", nil},
		{"the other answer's line is no excuse", keep, "a\nc\nd\ne\n", []string{"a", "[stale-entry=drop] c", "c", "[promoted-policy=keep] d", "e"}},
		{"a line that is not printed any more", keep, "a\nb\ne\n", []string{"a", "[stale-entry=keep] b", "[stale-entry=drop] c", "e"}},
		{"a line that is new", drop, "a\nnew\nc\nd\ne\n", []string{"a", "[stale-entry=keep] b", "new", "[stale-entry=drop] c", "[promoted-policy=keep] d", "e"}},
		{"nothing is printed", keep, "", []string{"[stale-entry=drop] c"}},
	} {
		want := c.want
		if want == nil {
			want = script
		}
		if got := revise(t, script, c.printed, c.quirks); got != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s: got\n%s", c.about, got)
		}
	}
}
