package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// seconds writes a duration as people say it: 0.4 s, 12 s, 3 m 20 s, 2 h 5 m.
func seconds(s float64) string {
	switch {
	case s < 0:
		return "-" + seconds(-s)
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 89.5:
		return fmt.Sprintf("%.0f s", s)
	}
	d := time.Duration(math.Round(s)) * time.Second
	if d < 90*time.Minute {
		return fmt.Sprintf("%d m %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d m", d/time.Hour, d%time.Hour/time.Minute)
}

// when writes a time in UTC and how long ago it was.
func (s Style) when(t time.Time) string {
	text := t.UTC().Format("2006-01-02 15:04:05Z")
	if s.Now.IsZero() || t.After(s.Now) {
		return text
	}
	return text + ", " + topology.Age(s.Now.Sub(t)) + " ago"
}

// change is "before → after", or whichever of them there is.
func change(before, after string) string {
	switch {
	case before == "":
		return clean(after)
	case after == "":
		return clean(before)
	}
	return clean(before) + " → " + clean(after)
}

// list joins words as prose: "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
