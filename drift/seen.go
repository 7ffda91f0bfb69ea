package drift

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Seen remembers since when something has been so: findings, and replicas in
// progress, which are no finding until they are stuck. It is what one check
// leaves to the next; the zero value is the first check's.
type Seen map[string]time.Time

// ParseSeen reads what Seen.Marshal wrote. No bytes are an empty memory.
func ParseSeen(data []byte) (Seen, error) {
	s := Seen{}
	if len(data) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("memory of findings: %w", err)
	}
	return s, nil
}

// Marshal writes the memory as JSON, sorted by key.
func (s Seen) Marshal() ([]byte, error) { return json.MarshalIndent(s, "", " ") }

// key is what a finding is remembered by: where and what, never the message,
// which may hold a count that changes.
func (f *Finding) key() string {
	return seenKey(f.Code, f.Region, string(f.Secret), f.Alarm, f.Subject)
}

func seenKey(code string, r topology.Region, subject ...string) string {
	return code + "|" + string(r) + "|" + strings.Join(subject, "|")
}

// since returns when key was first seen, which is now at the latest, and
// remembers it.
func (c *check) since(key string) time.Time {
	t := c.options.Now
	if first, ok := c.options.Seen[key]; ok && first.Before(t) {
		t = first
	}
	if earlier, ok := c.seen[key]; ok && earlier.Before(t) {
		t = earlier
	}
	c.seen[key] = t
	return t
}

// keepDark carries over what was remembered of regions that were not
// observed this time: not seeing a finding does not end it.
func (c *check) keepDark() {
	for key, t := range c.options.Seen {
		if _, ok := c.seen[key]; ok {
			continue
		}
		parts := strings.SplitN(key, "|", 3)
		if len(parts) == 3 && parts[1] != "" && c.dark(topology.Region(parts[1])) {
			c.seen[key] = t
		}
	}
}
