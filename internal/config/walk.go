package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A place is a line and a column, both from 1.
type place struct{ line, column int }

// A walk goes over a syntactically valid file once: it notes where every
// table, key and array element stands, and compares names and types with the
// schema, so that all of a file's mistakes are found, not only the first.
type walk struct {
	file   string
	parser unstable.Parser
	places map[string]place
	counts map[string]int // elements of each array of tables so far
	errs   []*Error
	// unknown are the tables with unknown keys: what seems to be missing
	// there was most likely mistyped.
	unknown map[string]bool
	// fatal: some value has a wrong type, so the file can't be decoded.
	fatal bool
}

func newWalk(file string, data []byte) *walk {
	w := &walk{file: file, places: map[string]place{}, counts: map[string]int{}, unknown: map[string]bool{}}
	w.parser.Reset(data)
	return w
}

// run checks the file against the schema type.
func (w *walk) run(schema reflect.Type) {
	table, typ := "", schema
	for w.parser.NextExpression() {
		e := w.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, typ = w.header(e, schema)
		case unstable.KeyValue:
			if typ != nil {
				w.keyValue(e, table, typ)
			}
		}
	}
}

// header resolves [a.b] or [[a.b]] and returns the table's path and type,
// nil where the schema has no such table.
func (w *walk) header(e *unstable.Node, typ reflect.Type) (string, reflect.Type) {
	path, names := "", keyNodes(e)
	for i, node := range names {
		last := i == len(names)-1
		at := w.at(node.Raw)
		path = join2(path, string(node.Data))
		next, ok := w.field(typ, path, string(node.Data), at)
		if !ok {
			return path, nil
		}
		typ = next
		if !isTables(typ) {
			continue
		}
		switch {
		case last && e.Kind == unstable.ArrayTable:
			w.counts[path]++
		case last && path == "account" && w.counts[path] == 0: // [account] is [[account]] written shorter
			w.counts[path]++
		case last:
			w.fail(at, path, fmt.Sprintf("[%s] is a list of tables", show(path)), fmt.Sprintf("write [[%s]]", show(path)))
			return path, nil
		case w.counts[path] == 0:
			w.fail(at, path, "no such table before this one", fmt.Sprintf("write [[%s]] first", show(path)))
			return path, nil
		}
		path = fmt.Sprintf("%s[%d]", path, w.counts[path]-1)
		typ = typ.Elem()
		if last {
			w.places[path] = at
		}
	}
	at := w.at(names[0].Raw)
	if _, ok := w.places[path]; !ok {
		w.places[path] = at
	}
	if table := deref(typ); table.Kind() != reflect.Struct && table.Kind() != reflect.Map && !isFlexible(typ) {
		w.fail(at, path, "want "+wanted(typ)+", found a table", "")
		return path, nil
	} else if e.Kind == unstable.ArrayTable && !strings.HasSuffix(path, "]") {
		w.fail(at, path, fmt.Sprintf("[[%s]] is one table", show(path)), fmt.Sprintf("write [%s]", show(path)))
		return path, nil
	}
	return path, typ
}

// keyValue checks key = value, where key may be dotted, inside a table.
func (w *walk) keyValue(e *unstable.Node, path string, typ reflect.Type) {
	for _, node := range keyNodes(e) {
		at := w.at(node.Raw)
		path = join2(path, string(node.Data))
		next, ok := w.field(typ, path, string(node.Data), at)
		if !ok {
			return
		}
		typ = next
		w.places[path] = at
	}
	w.value(e.Value(), path, typ)
}

// field is the schema's type for one name inside a table of type typ.
func (w *walk) field(typ reflect.Type, path, name string, at place) (reflect.Type, bool) {
	typ = deref(typ)
	switch {
	case typ.Kind() == reflect.Map:
		return typ.Elem(), true
	case isFlexible(typ):
		return reflect.TypeFor[string](), true
	case typ.Kind() != reflect.Struct || isText(typ):
		w.fail(at, path, "want "+wanted(typ)+" there, found a table", "")
		return nil, false
	}
	names := fieldNames(typ)
	if i := slices.Index(names, name); i >= 0 {
		return typ.Field(i).Type, true
	}
	hint := "use one of " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	w.errs = append(w.errs, w.errorAt(at, path, "unknown key", hint))
	w.unknown[strings.TrimSuffix(strings.TrimSuffix(path, join2("", name)), ".")] = true
	return nil, false
}

// value checks one value against its type.
func (w *walk) value(v *unstable.Node, path string, typ reflect.Type) {
	typ = deref(typ)
	at := w.valuePlace(v, path)
	switch kind := v.Kind; {
	case isText(typ) && kind == unstable.String:
		target := reflect.New(typ).Interface().(encoding.TextUnmarshaler)
		if err := target.UnmarshalText(v.Data); err != nil {
			w.fail(at, path, err.Error(), "")
		}
		return
	case isFlexible(typ) && kind == unstable.InlineTable:
		w.inline(v, path, reflect.TypeFor[map[string]string]())
		return
	case kind == unstable.Array && typ.Kind() == reflect.Slice:
		w.elements(v, path, typ.Elem())
		return
	case kind == unstable.InlineTable && path == "account":
		w.counts[path]++
		w.inline(v, "account[0]", typ.Elem())
		return
	case kind == unstable.InlineTable && (typ.Kind() == reflect.Struct && !isText(typ) || typ.Kind() == reflect.Map):
		w.inline(v, path, typ)
		return
	}
	if !fitsScalar(v.Kind, typ) {
		w.fail(at, path, fmt.Sprintf("want %s, found %s", wanted(typ), found(v.Kind)), "")
	}
}

func (w *walk) inline(v *unstable.Node, path string, typ reflect.Type) {
	for it := v.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			w.keyValue(it.Node(), path, typ)
		}
	}
}

func (w *walk) elements(v *unstable.Node, path string, typ reflect.Type) {
	i := 0
	for it := v.Children(); it.Next(); i++ {
		element := fmt.Sprintf("%s[%d]", path, i)
		w.places[element] = w.valuePlace(it.Node(), path)
		w.value(it.Node(), element, typ)
	}
}

// valuePlace is where a value stands; an array has no place of its own in
// the syntax tree, so it stands where its key does.
func (w *walk) valuePlace(v *unstable.Node, path string) place {
	if v.Raw.Length > 0 {
		return w.at(v.Raw)
	}
	return w.near(path)
}

func (w *walk) at(r unstable.Range) place {
	start := w.parser.Shape(r).Start
	return place{start.Line, start.Column}
}

// near is the place of a path, or of the nearest table around it.
func (w *walk) near(path string) place {
	for {
		if at, ok := w.places[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return place{1, 1}
		}
		path = path[:cut]
	}
}

func (w *walk) errorAt(at place, path, message, hint string) *Error {
	return &Error{File: w.file, Line: at.line, Column: at.column, Key: show(path), Message: message, Hint: hint}
}

func (w *walk) fail(at place, path, message, hint string) {
	w.fatal = true
	w.errs = append(w.errs, w.errorAt(at, path, message, hint))
}

func keyNodes(e *unstable.Node) []*unstable.Node {
	var nodes []*unstable.Node
	for it := e.Key(); it.Next(); {
		nodes = append(nodes, it.Node())
	}
	return nodes
}
