package planner_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/understudy-dr/understudy/planner"
)

var update = flag.Bool("update", false, "rewrite the expected plans in testdata")

// Each testdata/*.txtar is one story: what is desired, what was observed, and
// the plans that must come of it. Run with -update, read the diff, and commit
// it only once you understand it.
func TestEveryStoryPlansAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(strings.ReplaceAll(name, "_", " "), func(t *testing.T) { story(t, file) })
	}
}

func story(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := storyInput(t, archive)
	changed := false
	for i := range archive.Files {
		f := &archive.Files[i]
		var got string
		switch f.Name {
		case "converge":
			got = render(planner.Converge(in))
		case "failover":
			got = render(planner.Failover(in))
		case "owed":
			got = render(planner.Owed(in))
		case "candidates":
			got = renderCandidates(planner.Candidates(in))
		default:
			continue
		}
		if *update {
			changed = changed || string(f.Data) != got
			f.Data = []byte(got)
		} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", f.Name, file, diff)
		}
	}
	if changed {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func storyInput(t testing.TB, archive *txtar.Archive) planner.Input {
	w := newWorld(t)
	for _, f := range archive.Files {
		text := string(f.Data)
		switch f.Name {
		case "desired":
			w.desired(text)
		case "observed":
			w.in.Observed = w.snapshot(text, now)
		case "recovery":
			w.in.Recovery = w.snapshot(text, w.when("-6h"))
		case "journal":
			w.journal(text)
		case "options":
			w.options(text)
		case "converge", "failover", "owed", "candidates":
		default:
			t.Fatalf("unknown part %q", f.Name)
		}
	}
	return w.in
}

func renderCandidates(list []planner.Candidate) string {
	var b strings.Builder
	for _, c := range list {
		word := "rejected"
		if c.Eligible {
			word = "eligible"
		}
		b.WriteString(string(c.Region) + " " + word + ": " + plural(c.Secrets, "secret") + ", " + plural(c.Behind, "secret") + " behind\n")
		for _, x := range c.Limitations {
			b.WriteString("    " + x.Code + " " + string(x.Secret) + ": " + x.Message + "\n")
		}
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
