package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// darkWords say how a region kept dark. One that throttles does answer.
func (b *build) darkWords(r topology.Region) string {
	cause := b.view(r).Dark
	if cause == topology.CauseThrottled {
		return "throttles"
	}
	return fmt.Sprintf("did not answer (%s)", cause)
}

func shortCause(message string) string {
	m := strings.TrimPrefix(message, "Replication failed: ")
	if m == "" {
		return "no cause given"
	}
	return strings.TrimSuffix(m, ".")
}

func (b *build) copyWords(state CopyState) string {
	switch state {
	case CopyNameClash:
		return "standalone secret of another origin"
	case CopyPromotedOutside:
		return "standalone secret promoted outside understudy"
	case CopyFenced:
		return "fenced old primary"
	case CopyPromoted:
		return "standalone copy left by the failover"
	}
	return string(state)
}

func lastRead(c *Copy) string {
	t := c.Secret.Accessed
	if c.Entry.Accessed.After(t) {
		t = c.Entry.Accessed
	}
	if t.IsZero() {
		return "no read on record"
	}
	return "last read " + day(t)
}

func replicaRegions(s *topology.Secret) string {
	var regions []string
	for _, e := range s.Replicas {
		regions = append(regions, string(e.Region))
	}
	slices.Sort(regions)
	return strings.Join(regions, ", ")
}

func versionsWords(s *topology.Secret) string {
	return "holds " + count(len(s.Versions), "version") + ": " + few(VersionIDs(s))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// few lists the first three ids.
func few(ids []string) string {
	if len(ids) > 3 {
		return strings.Join(ids[:3], ", ") + fmt.Sprintf(" and %d more", len(ids)-3)
	}
	return strings.Join(ids, ", ")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown date"
	}
	return t.UTC().Format("2006-01-02")
}
