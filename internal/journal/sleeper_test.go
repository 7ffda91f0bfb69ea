package journal

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
)

// A process that was stopped in the middle of an append holds the log's lock
// and an open file. Its successor goes on without it, and what it writes once
// it wakes up is not in the log.
func TestAnAppenderThatSleepsWithTheLockIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		sleeper, err := OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := sleeper.Append(t.Context(), "log", 1, [][]byte{[]byte("one")}); err != nil {
			t.Fatal(err)
		}
		lock := flock.New(sleeper.Locate("log"))
		if ok, err := lock.TryLock(); err != nil || !ok {
			t.Fatal(ok, err)
		}
		half, err := os.OpenFile(sleeper.Locate("log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := half.WriteString("two, ha"); err != nil {
			t.Fatal(err)
		}

		next, err := OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := next.Append(t.Context(), "log", 2, [][]byte{[]byte("TWO")}); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > 2*logPatience {
			t.Errorf("it waited %v", waited)
		}
		if _, err := half.WriteString("lf a line\n"); err != nil { // awake again
			t.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		if err := sleeper.Append(t.Context(), "log", 2, [][]byte{[]byte("2")}); !errors.Is(err, ErrConflict) {
			t.Errorf("the sleeper's next append: %v, want ErrConflict", err)
		}
		if err := next.Append(t.Context(), "log", 3, [][]byte{[]byte("three")}); err != nil {
			t.Error(err)
		}
		data, err := os.ReadFile(next.Locate("log"))
		if err != nil || string(data) != "one\nTWO\nthree\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
}
