package journaltest

import (
	"sync"
	"time"
	"unsafe"

	"github.com/understudy-dr/understudy/internal/journal"
)

// A SetClock is a machine's clock that somebody sets while programs run: the
// time of day jumps, monotonic readings go on, as after settimeofday(2).
type SetClock struct {
	journal.RealClock

	mu   sync.Mutex
	off  time.Duration
	jump map[int]time.Duration
	n    int
}

// NewSetClock is off by so much from the start, and jumps at the n-th reading
// (from 1) by jump[n].
func NewSetClock(off time.Duration, jump map[int]time.Duration) *SetClock {
	return &SetClock{off: off, jump: jump}
}

// Set makes the clock jump.
func (c *SetClock) Set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += by
}

// Now implements journal.Clock.
func (c *SetClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.off += c.jump[c.n]
	return setWall(time.Now(), c.off)
}

// setWall is a time whose time of day is off, and whose monotonic reading is
// what t really says (in a synctest bubble it has none of its own). Package
// time has no way to say so, hence its own layout: a bit for "has a monotonic
// reading", 33 bits of seconds since 1885, 30 bits of nanoseconds; then the
// reading.
func setWall(t time.Time, by time.Duration) time.Time {
	year1885 := time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	day := t.Add(by)
	set := time.Unix(0, 0)
	raw := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&set))
	raw.wall = 1<<63 | uint64(day.Unix()-year1885)<<30 | uint64(day.Nanosecond())
	raw.ext = t.UnixNano()
	return set
}
