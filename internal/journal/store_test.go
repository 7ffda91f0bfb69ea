package journal_test

import (
	"testing"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/journal/journaltest"
)

func TestMemoryStore(t *testing.T) {
	journaltest.Run(t, func(*testing.T) func() journal.Store {
		m := journal.NewMemory()
		return func() journal.Store { return m }
	})
}

func TestFileStore(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) func() journal.Store {
		dir := t.TempDir() + "/not/yet/made"
		return func() journal.Store {
			s, err := journal.OpenFile(dir)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
