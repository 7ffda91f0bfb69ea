package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A Config is a checked configuration, defaults filled in.
type Config struct {
	File     string
	Account  Account
	State    State
	Schedule Schedule
	Notify   []Webhook
	// Quota overrides pacing ceilings, in calls per second, by the names of
	// package planner's buckets.
	Quota  map[string]float64
	Quirks topology.Quirks

	desired *topology.Desired
	doc     *document
}

// An Account says whose secrets these are and how to get at them. Empty
// fields mean whatever the SDK's credential chain finds.
type Account struct {
	Name       string
	ID         string // twelve digits
	RoleARN    string // assumed through the STS of each region
	ExternalID string
	Profile    string
}

// State says where journal, lease and snapshot live.
type State struct {
	Backend string // "file"
	Dir     string // "" is the user's state directory
}

// Schedule is what `serve` does by itself.
type Schedule struct {
	Drift time.Duration // between two checks
}

// A Webhook is told of events.
type Webhook struct {
	URL    string // may hold a token: never log or print it
	Events []string
	Format string // "json" or "slack"
}

// Desired is what the file asks for. Callers share it and must not change it.
func (c *Config) Desired() *topology.Desired { return c.desired }

// Load reads and checks a file. A file that can't be read or is wrong gives
// an *Error, or several joined.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Message: "no such file", Err: err,
			Hint: "start from the example: cp config.example.toml " + path + ", or name another file with --config"}
	}
	if err != nil {
		if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
			err = wrapped.Err
		}
		return nil, &Error{File: path, Message: err.Error(), Hint: "check the path and its permissions", Err: err}
	}
	return Parse(path, data)
}

// Parse checks a file's content. file is its name in errors.
func Parse(file string, data []byte) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // a byte order mark, as editors on Windows write it
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, syntaxError(file, err)
	}
	w := newWalk(file, data)
	w.run(reflect.TypeFor[document]())
	if w.fatal {
		return nil, join(w.errs)
	}
	doc, err := decode(tree, len(w.errs) == 0)
	if err != nil {
		return nil, &Error{File: file, Message: err.Error()}
	}
	doc.fill()
	v := &validator{walk: w, doc: doc}
	v.run()
	if len(w.errs) > 0 {
		return nil, join(w.errs)
	}
	return doc.config(file), nil
}

func syntaxError(file string, err error) error {
	e := &Error{File: file, Message: err.Error(), Hint: "this is not valid TOML"}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, e.Column = wrong.Position()
		e.Message = trimTOML(wrong.Error())
	}
	return e
}

// decode fills the document from the parsed tree, in which [account] stands
// for the only element of [[account]].
func decode(tree map[string]any, strict bool) (*document, error) {
	if single, ok := tree["account"].(map[string]any); ok {
		tree["account"] = []map[string]any{single}
	}
	data, err := toml.Marshal(tree)
	if err != nil {
		return nil, err
	}
	dec := toml.NewDecoder(bytes.NewReader(data))
	if strict {
		dec.DisallowUnknownFields()
	}
	doc := &document{}
	return doc, dec.Decode(doc)
}

func trimTOML(s string) string {
	if len(s) > 6 && s[:6] == "toml: " {
		return s[6:]
	}
	return s
}
