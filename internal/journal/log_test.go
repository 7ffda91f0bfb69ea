package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type note struct {
	Text string `json:"text"`
}

// writeLog makes a log of n records and returns its path.
func writeLog(t testing.TB, dir string, n int) string {
	t.Helper()
	s, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), s, "run/journal.jsonl", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := l.Append(t.Context(), "note", note{fmt.Sprintf("number %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	return s.Locate("run/journal.jsonl")
}

// readLog returns the texts of a log's records up to the first error.
func readLog(t testing.TB, dir string) (n int, err error) {
	t.Helper()
	s, oerr := OpenFile(dir)
	if oerr != nil {
		t.Fatal(oerr)
	}
	for _, err := range Read(t.Context(), s, "run/journal.jsonl") {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func TestAReopenedLogGoesOnWithItsChain(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, 3)
	writeLog(t, dir, 2)
	if n, err := readLog(t, dir); n != 5 || err != nil {
		t.Fatalf("%d records, %v; want 5", n, err)
	}
}

func TestATornTailIsSkippedAndRepaired(t *testing.T) {
	for name, tail := range map[string]string{
		"half a line":             `{"seq":4,"time":"2026-`,
		"zero bytes":              "\x00\x00\x00\x00",
		"half a line, then zeros": "{\"seq\":4\x00\x00\x00",
		"a line without its end":  `{"seq":4,"time":"2026-01-01T00:00:00Z","kind":"note","prev":"","data":{},"sum":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := writeLog(t, dir, 3)
			appendTo(t, path, tail)
			if n, err := readLog(t, dir); n != 3 || err != nil {
				t.Fatalf("with the torn tail: %d records, %v; want 3", n, err)
			}
			writeLog(t, dir, 1) // reopens, repairs, appends
			if n, err := readLog(t, dir); n != 4 || err != nil {
				t.Fatalf("after the repair: %d records, %v; want 4", n, err)
			}
		})
	}
}

func appendTo(t *testing.T, path, s string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(s); err != nil {
		t.Fatal(err)
	}
}

func TestAnyOtherDamageIsCorruptWithFileAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(lines []string) []string
		line   string
	}{
		"a changed character":      {func(l []string) []string { l[1] = strings.Replace(l[1], "number 1", "number 9", 1); return l }, ":2:"},
		"a dropped line":           {func(l []string) []string { return append(l[:1], l[2:]...) }, ":2:"},
		"two lines swapped":        {func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, ":2:"},
		"a line twice":             {func(l []string) []string { return append(l[:2], l[1:]...) }, ":3:"},
		"an empty line":            {func(l []string) []string { l[0] += "\n"; return l }, ":2:"},
		"a line cut in its middle": {func(l []string) []string { l[2] = l[2][:40]; return l }, ":3:"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := writeLog(t, dir, 4)
			data, _ := os.ReadFile(path)
			lines := c.damage(strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"))
			if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readLog(t, dir)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path+c.line) {
				t.Fatalf("error is %v, want ErrCorrupt at %s%s", err, path, c.line)
			}
			s, _ := OpenFile(dir)
			if _, err := Open(t.Context(), s, "run/journal.jsonl", nil, nil); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("opened for appending with %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestARecordOfAnotherLogIsRefused(t *testing.T) {
	dir := t.TempDir()
	data, _ := os.ReadFile(writeLog(t, dir, 1))
	if err := os.WriteFile(dir+"/foreign", data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := OpenFile(dir)
	for _, err := range Read(t.Context(), s, "foreign") {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("error is %v, want ErrCorrupt", err)
		}
	}
}

func TestConcurrentAppendsShareOneWrite(t *testing.T) {
	s := &countingStore{Memory: NewMemory(), gate: make(chan struct{})}
	l, err := Open(t.Context(), s, "log", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), "note", i); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < n; { // the first write is held up until all others have gathered
		runtime.Gosched()
		l.mu.Lock()
		waiting = int(s.first.Load())
		if l.next != nil {
			waiting += len(l.next.entries)
		}
		l.mu.Unlock()
	}
	close(s.gate)
	wg.Wait()
	if s.appends > 2 {
		t.Errorf("%d writes for %d appends, want 2 at most", s.appends, n)
	}
	count := 0
	for _, err := range Read(t.Context(), s, "log") {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != n {
		t.Errorf("%d records, want %d", count, n)
	}
}

type countingStore struct {
	*Memory
	gate    chan struct{}
	first   atomic.Int64 // lines of the first write
	appends int
}

func (s *countingStore) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	s.first.CompareAndSwap(0, int64(len(lines)))
	<-s.gate
	s.appends++
	return s.Memory.Append(ctx, log, seq, lines)
}

func TestAClockThatJumpsDoesNoHarm(t *testing.T) {
	c := &fakeClock{now: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)}
	m := NewMemory()
	l, _ := Open(t.Context(), m, "log", c, nil)
	for _, jump := range []time.Duration{0, -24 * time.Hour, 1000 * time.Hour, -time.Second} {
		c.now = c.now.Add(jump)
		if _, err := l.Append(t.Context(), "note", jump); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), m, "log", c, nil); err != nil {
		t.Fatal(err)
	}
}

type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }
func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return nil
}

func FuzzDecode(f *testing.F) {
	line, _, _ := encode(Record{Seq: 1, Time: time.Unix(0, 0), Kind: "note", Prev: genesis("log"), Data: []byte(`{"a":1}`)})
	f.Add(line)
	f.Add([]byte(`{"seq":1,"sum":"00000000000000000000000000000000"}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, reason := decode(line)
		if reason != "" {
			return
		}
		again, sum, err := encode(r)
		if err != nil || sum == "" {
			t.Fatalf("a good record does not encode: %v", err)
		}
		if r2, reason := decode(again); reason != "" || r2.Seq != r.Seq || r2.Kind != r.Kind {
			t.Fatalf("%q decodes as %+v (%s)", again, r2, reason)
		}
	})
}

// Wherever a crash cuts the file, what was durable before is read, nothing
// else, and the next process can append. Whatever single byte is changed, no
// record that was not written is ever read.
func FuzzTornTail(f *testing.F) {
	f.Add(uint16(0), uint16(0), byte(0))
	f.Add(uint16(100), uint16(50), byte(1))
	f.Add(uint16(65535), uint16(0), byte('\n'))
	dir := f.TempDir()
	path := writeLog(f, dir, 4)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cut, at uint16, flip byte) {
		data := bytes.Clone(whole[:int(cut)%(len(whole)+1)])
		durable := bytes.Count(data, newline)
		if len(data) > 0 {
			data[int(at)%len(data)] ^= flip
		}
		store := &rawLog{Memory: NewMemory(), data: data}
		n := 0
		for _, err := range Read(t.Context(), store, "run/journal.jsonl") {
			if err != nil {
				if flip == 0 {
					t.Fatalf("cut at %d: %v", len(data), err)
				}
				if !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
				break
			}
			n++
		}
		if n > durable || flip == 0 && n != durable {
			t.Fatalf("%d records read of %d durable", n, durable)
		}
	})
}

// rawLog serves given bytes as the file store does.
type rawLog struct {
	*Memory
	data []byte
}

func (s *rawLog) ReadLog(context.Context, string) iter.Seq2[[]byte, error] {
	return completeLines(bytes.NewReader(s.data))
}
