package report

import (
	"encoding/json"
	"io"
	"reflect"
)

// JSON writes one document, indented. Lists and maps of the document itself
// that are nil are written empty, so that a program may range over them.
func JSON(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(filled(document))
}

func filled(document any) any {
	v := reflect.ValueOf(document)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return document
	}
	c := reflect.New(v.Elem().Type())
	c.Elem().Set(v.Elem())
	fill(c.Elem())
	return c.Interface()
}

func fill(document reflect.Value) {
	for field, f := range document.Fields() {
		switch {
		case !f.CanSet():
		case field.Anonymous && f.Kind() == reflect.Struct:
			fill(f)
		case f.Kind() == reflect.Slice && f.IsNil():
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case f.Kind() == reflect.Map && f.IsNil():
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
}
