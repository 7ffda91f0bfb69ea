package sim

import (
	"fmt"
	"strings"
	"time"
)

// A Duration is a time.Duration that reads and writes itself as text such as
// "2s" or "720h" in JSON and TOML.
type Duration time.Duration

// String formats d as Go does: "1m30s".
func (d Duration) String() string { return time.Duration(d).String() }

func (d Duration) duration() time.Duration { return time.Duration(d) }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads Go's duration syntax and refuses negative times:
// nothing in the simulator runs backwards.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write it like \"2s\", \"5m\" or \"720h\"", text)
	}
	if v < 0 {
		return fmt.Errorf("%q is negative: a duration here starts at 0s", text)
	}
	*d = Duration(v)
	return nil
}

// Advance moves the virtual clock forward by d. Whatever falls due on the
// way happens, each thing at its own time: replicas arrive, rotations run,
// deleted secrets expire. A negative d is ignored.
func (c *Cloud) Advance(d time.Duration) {
	if d < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	c.settleLocked(c.nowLocked())
}

// Now is the virtual time.
func (c *Cloud) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}
