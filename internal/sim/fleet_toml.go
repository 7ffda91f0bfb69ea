package sim

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// ParseFleet reads a fleet file. file is its name for error messages only.
// Unknown keys, wrong types and impossible values are errors that begin with
// file:line:column.
func ParseFleet(file string, data []byte) (*Fleet, error) {
	f := &Fleet{}
	if err := decodeTOML(file, data, f); err != nil {
		return nil, err
	}
	if p := f.problem(); p != nil {
		return nil, positionOf(file, data, p)
	}
	return f, nil
}

// A problem is a value that can't be, at a path such as secret[2].replica[0].region.
type problem struct{ path, text string }

func problemf(path, format string, args ...any) *problem {
	return &problem{path, fmt.Sprintf(format, args...)}
}

func (p *problem) Error() string { return p.path + ": " + p.text }

// decodeTOML decodes strictly, with positions in errors.
func decodeTOML(file string, data []byte, v any) error {
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(v)
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		e := missing.Errors[0]
		line, column := e.Position()
		return fmt.Errorf("%s:%d:%d: unknown key %q: see the fields of sim.Fleet and sim.FaultPlan",
			file, line, column, strings.Join(e.Key(), "."))
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := wrong.Position()
		return fmt.Errorf("%s:%d:%d: %s", file, line, column, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// positionOf gives a problem the position of its key, or of the nearest
// table around it.
func positionOf(file string, data []byte, p *problem) error {
	positions := tomlPositions(data)
	for path := p.path; ; {
		if at, ok := positions[path]; ok {
			return fmt.Errorf("%s:%d:%d: %w", file, at.Line, at.Column, p)
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return fmt.Errorf("%s:1:1: %w", file, p)
		}
		path = path[:cut]
	}
}

// tomlPositions finds where each table and key of a valid document stands.
// Elements of arrays of tables are numbered from 0, as in secret[2].name.
func tomlPositions(data []byte) map[string]unstable.Position {
	out := map[string]unstable.Position{}
	seen := map[string]int{} // elements of each array of tables so far
	table := ""
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.ArrayTable:
			name, at := keyPath(&p, e, seen)
			table = fmt.Sprintf("%s[%d]", name, seen[name])
			seen[name]++
			out[table] = at
		case unstable.Table:
			var at unstable.Position
			table, at = keyPath(&p, e, seen)
			out[table] = at
		case unstable.KeyValue:
			name, at := keyPath(&p, e, nil)
			if table != "" {
				name = table + "." + name
			}
			out[name] = at
		}
	}
	return out
}

// keyPath writes a dotted key out in full. An ancestor that is an array of
// tables means its latest element, as TOML has it.
func keyPath(p *unstable.Parser, e *unstable.Node, seen map[string]int) (string, unstable.Position) {
	var path string
	var at unstable.Position
	for it := e.Key(); it.Next(); {
		part := it.Node()
		if path == "" {
			at = p.Shape(part.Raw).Start
		} else {
			if n := seen[path]; n > 0 {
				path = fmt.Sprintf("%s[%d]", path, n-1)
			}
			path += "."
		}
		path += string(part.Data)
	}
	return path, at
}
