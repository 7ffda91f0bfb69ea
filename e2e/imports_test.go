package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/understudy-dr/understudy"

// A layer is what one package may import of this module, and why no more.
// "*" is everything.
type layer struct {
	may []string
	why string
	// pure packages do no I/O: none of the standard library's doors either.
	pure bool
	// sdk packages speak to AWS.
	sdk bool
}

// layers is the package structure of the program: imports run downwards
// only. A package that is not here is refused too, so that the table stays
// the truth: add the package, and say why it may import what it imports.
var layers = map[string]layer{
	"cmd/understudy": {may: []string{"*"}, sdk: true,
		why: "it wires everything"},
	"runbooks": {may: []string{"planner", "executor", "drift", "internal/topology", "internal/journal", "internal/snapshot"},
		why: "a rehearsal is real only if a runbook cannot tell the simulator from AWS: it gets its cloud handed in"},
	"drift": {may: []string{"planner", "internal/topology"}, pure: true,
		why: "a check that can reach AWS could change it"},
	"executor": {may: []string{"planner", "internal/topology", "internal/journal"},
		why: "it runs any plan against any cloud, and knows neither"},
	"planner": {may: []string{"internal/topology"}, pure: true,
		why: "the same input must give the same plan, byte for byte"},
	"internal/topology": {pure: true,
		why: "the nouns are the bottom layer"},
	"internal/config": {may: []string{"internal/topology"},
		why: "it turns a file into what is desired, and nothing else"},
	"internal/cloud": {may: []string{"planner", "executor", "internal/topology"}, sdk: true,
		why: "it implements executor.Cloud and paces by the planner's quota groups"},
	"internal/journal": {may: []string{"internal/topology"},
		why: "the journal must be readable by a program that knows no plan"},
	"internal/journal/journaltest": {may: []string{"internal/journal"},
		why: "the conformance suite that every store passes; only tests import it"},
	"internal/snapshot": {may: []string{"internal/topology", "internal/journal"},
		why: "it stores what was observed, and judges nothing"},
	"internal/sim": {sdk: true,
		why: "an AWS that shares code with its client would share its mistakes"},
	"internal/report": {may: []string{"planner", "executor", "drift", "runbooks", "internal/topology"},
		why: "it prints the models, and asks nobody"},
	"internal/notify": {may: []string{"drift", "executor", "internal/topology"},
		why: "it sends what others found"},
	"e2e": {may: []string{"*"}, sdk: true,
		why: "it tests the whole"},
}

// doors are the standard library's ways out of a pure package.
var doors = []string{"context", "net", "net/http", "os", "os/exec", "io/fs", "syscall", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand"}

// runbooks and drift have stricter company still: these they must not reach
// over any number of steps.
var unreachable = map[string][]string{
	"runbooks":       {"internal/sim", "internal/cloud", "internal/config", "internal/report"},
	"drift":          {"internal/cloud", "executor", "internal/sim"},
	"planner":        {"internal/cloud", "internal/journal"},
	"internal/cloud": {"internal/sim"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func TestImportsRunDownwardsOnly(t *testing.T) {
	for _, p := range goList(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if len(p.GoFiles) == 0 {
			continue
		}
		l, ok := layers[name]
		if !ok {
			t.Errorf("%s is in no layer: add it to the table above with a reason", name)
			continue
		}
		for _, path := range p.Imports {
			checkImport(t, name, l, path)
		}
		for _, far := range unreachable[name] {
			if slices.Contains(p.Deps, module+"/"+far) {
				t.Errorf("%s reaches %s: %s", name, far, l.why)
			}
		}
	}
}

func checkImport(t *testing.T, name string, l layer, path string) {
	t.Helper()
	own, ours := strings.CutPrefix(path, module+"/")
	switch {
	case ours && !slices.Contains(l.may, own) && !slices.Contains(l.may, "*"):
		t.Errorf("%s imports %s, and may import %v only: %s", name, own, l.may, l.why)
	case strings.HasPrefix(path, "github.com/aws/") && !l.sdk:
		t.Errorf("%s imports %s: only internal/cloud speaks to AWS", name, path)
	case l.pure && slices.Contains(doors, path):
		t.Errorf("%s imports %s, and is pure: %s", name, path, l.why)
	case l.pure && !ours && strings.Contains(path, "."):
		t.Errorf("%s imports %s, and needs the standard library only: %s", name, path, l.why)
	}
}

func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps,GoFiles", module+"/...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}
