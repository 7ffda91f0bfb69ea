package config

import (
	"fmt"
	"strings"
	"time"
)

// A document is the file as it is written: the schema. Every key of it must
// stand in config.example.toml.
type document struct {
	Account  []accountTable     `toml:"account"`
	Regions  regionsTable       `toml:"regions"`
	Keys     map[string]string  `toml:"keys"`
	Groups   []groupTable       `toml:"group"`
	Alarms   []alarmTable       `toml:"alarm"`
	Failover failoverTable      `toml:"failover"`
	State    stateTable         `toml:"state"`
	Schedule scheduleTable      `toml:"schedule"`
	Notify   []notifyTable      `toml:"notify"`
	Quota    map[string]float64 `toml:"quota"`
	Quirks   quirksTable        `toml:"quirks"`
}

type accountTable struct {
	Name       string `toml:"name,omitempty"`
	ID         string `toml:"id,omitempty"`
	RoleARN    string `toml:"role_arn,omitempty"`
	ExternalID string `toml:"external_id,omitempty"`
	Profile    string `toml:"profile,omitempty"`
}

type regionsTable struct {
	Primary string   `toml:"primary"`
	Standby []string `toml:"standby"`
	// Unlisted are regions younger than this program, taken at their word.
	Unlisted []string `toml:"unlisted,omitempty"`
}

type groupTable struct {
	Name        string            `toml:"name"`
	Match       []string          `toml:"match"`
	Exclude     []string          `toml:"exclude,omitempty"`
	Tags        map[string]string `toml:"tags,omitempty"`
	Priority    *int              `toml:"priority"`
	Replicas    []string          `toml:"replicas"`
	Keys        map[string]string `toml:"keys,omitempty"`
	RTO         Duration          `toml:"rto,omitempty"`
	RPO         Duration          `toml:"rpo,omitempty"`
	Waves       []string          `toml:"waves,omitempty"`
	MaxFailures string            `toml:"max_failures,omitempty"`
	Rotation    *rotationTable    `toml:"rotation,omitempty"`
}

type rotationTable struct {
	// Lambda is a template for every region, or an ARN by region.
	Lambda            oneOrByRegion `toml:"lambda"`
	RotateImmediately bool          `toml:"rotate_immediately"`
}

type alarmTable struct {
	Match   []string            `toml:"match"`
	Exclude []string            `toml:"exclude,omitempty"`
	Actions map[string][]string `toml:"actions,omitempty"`
}

type failoverTable struct {
	Waves       []string     `toml:"waves"`
	MaxFailures string       `toml:"max_failures"`
	AcceptStale int          `toml:"accept_stale"`
	Bake        Duration     `toml:"bake"`
	Fence       string       `toml:"fence"`
	ReadCheck   bool         `toml:"read_check"`
	Probes      []probeTable `toml:"probes,omitempty"`
}

type probeTable struct {
	Name    string   `toml:"name"`
	URL     string   `toml:"url"`
	Timeout Duration `toml:"timeout"`
}

type stateTable struct {
	Backend string `toml:"backend"`
	Dir     string `toml:"dir,omitempty"`
}

type scheduleTable struct {
	Drift Duration `toml:"drift"`
}

type notifyTable struct {
	URL    string   `toml:"url"`
	Events []string `toml:"events"`
	Format string   `toml:"format"`
}

type quirksTable struct {
	RekeyInPlace  string `toml:"rekey_in_place"`
	PromotedEntry string `toml:"promoted_entry"`
}

// oneOrByRegion is a string, or a table of strings by region. The walk over
// the file has checked which before this is decoded.
type oneOrByRegion any

// A Duration is a time.Duration written as in Go, such as "5s" or "1h30m".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String leaves out the zero units that time.Duration prints: "15m".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalText reads Go's duration syntax; a negative time is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write it like \"30s\", \"15m\" or \"24h\"", text)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative: a duration starts at \"0s\"", text)
	}
	*d = Duration(v)
	return nil
}
