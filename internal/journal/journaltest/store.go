// Package journaltest is the conformance suite that every journal.Store must
// pass.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/understudy-dr/understudy/internal/journal"
)

// Run checks a kind of store. open returns a store over the same data each
// time it is called for one t: what another process would see.
func Run(t *testing.T, open func(t *testing.T) (fresh func() journal.Store)) {
	for name, test := range map[string]func(*testing.T, func() journal.Store){
		"a missing document is ErrNotFound":                   missing,
		"Put creates, and replaces only what it has read":     compareAndSwap,
		"an empty document is not a missing one":              emptyDocument,
		"of many concurrent writers one wins":                 oneWinner,
		"List is sorted, by prefix, behind a key":             list,
		"Append adds lines and refuses a wrong number":        appendLines,
		"of many concurrent appenders none overwrites":        appendRace,
		"a log is read while it is written":                   readDuringWrite,
		"keys that are no relative path are refused":          badKeys,
		"a context that has ended stops reads and writes":     endedContext,
		"Replace wins over whatever is there":                 replace,
		"what one opened store writes, another one reads":     shared,
		"an appender behind another's lines gets ErrConflict": staleAppender,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func lines(t *testing.T, s journal.Store, log string) []string {
	t.Helper()
	var got []string
	for l, err := range s.ReadLog(t.Context(), log) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(l))
	}
	return got
}

func missing(t *testing.T, open func() journal.Store) {
	_, _, err := open().Get(t.Context(), "a/b.json")
	wantErr(t, err, journal.ErrNotFound)
	for _, err := range open().ReadLog(t.Context(), "a/b.jsonl") {
		wantErr(t, err, journal.ErrNotFound)
	}
}

func compareAndSwap(t *testing.T, open func() journal.Store) {
	s, ctx := open(), t.Context()
	_, err := s.Put(ctx, "a/doc.json", []byte("0"), "r")
	wantErr(t, err, journal.ErrConflict)
	first := must(s.Put(ctx, "a/doc.json", []byte("1"), ""))(t)
	_, err = s.Put(ctx, "a/doc.json", []byte("2"), "")
	wantErr(t, err, journal.ErrConflict)
	second := must(s.Put(ctx, "a/doc.json", []byte("2"), first))(t)
	_, err = s.Put(ctx, "a/doc.json", []byte("3"), first)
	wantErr(t, err, journal.ErrConflict)
	val, rev, err := s.Get(ctx, "a/doc.json")
	if err != nil || string(val) != "2" || rev != second {
		t.Fatalf("got %q at %q, %v; want 2 at %q", val, rev, err, second)
	}
}

func emptyDocument(t *testing.T, open func() journal.Store) {
	s := open()
	rev := must(s.Put(t.Context(), "empty", nil, ""))(t)
	val, got, err := s.Get(t.Context(), "empty")
	if err != nil || len(val) != 0 || got != rev || rev == "" {
		t.Fatalf("got %q at %q, %v", val, got, err)
	}
}

func oneWinner(t *testing.T, open func() journal.Store) {
	base := must(open().Put(t.Context(), "doc", []byte("base"), ""))(t)
	const writers = 16
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { _, errs[i] = open().Put(t.Context(), "doc", fmt.Appendf(nil, "writer %d", i), base) })
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Fatalf("writers %d and %d both won", won, i)
		case err == nil:
			won = i
		default:
			wantErr(t, err, journal.ErrConflict)
		}
	}
	val, _, _ := open().Get(t.Context(), "doc")
	if want := fmt.Sprintf("writer %d", won); string(val) != want {
		t.Fatalf("the document is %q, want %q", val, want)
	}
}

func list(t *testing.T, open func() journal.Store) {
	s, ctx := open(), t.Context()
	for _, k := range []string{"runs/r2/plan.json", "runs/r10/plan.json", "lease.json", "runsx/a"} {
		must(s.Put(ctx, k, []byte("{}"), ""))(t)
	}
	if err := s.Append(ctx, "runs/r2/journal.jsonl", 1, [][]byte{[]byte("x")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", []string{"lease.json", "runs/r10/plan.json", "runs/r2/journal.jsonl", "runs/r2/plan.json", "runsx/a"}},
		{"runs/", "", []string{"runs/r10/plan.json", "runs/r2/journal.jsonl", "runs/r2/plan.json"}},
		{"runs/r2/", "runs/r2/journal.jsonl", []string{"runs/r2/plan.json"}},
		{"nothing/", "", nil},
	} {
		var got []string
		for k, err := range open().List(ctx, c.prefix, c.after) {
			got = append(got, must(k, err)(t))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("List(%q, %q) = %q, want %q", c.prefix, c.after, got, c.want)
		}
	}
}

func appendLines(t *testing.T, open func() journal.Store) {
	s, ctx := open(), t.Context()
	two := [][]byte{[]byte("one"), []byte("two")}
	wantErr(t, s.Append(ctx, "l/log", 2, two), journal.ErrConflict)
	if err := s.Append(ctx, "l/log", 1, two); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.Append(ctx, "l/log", 2, two), journal.ErrConflict)
	wantErr(t, s.Append(ctx, "l/log", 4, two), journal.ErrConflict)
	if err := s.Append(ctx, "l/log", 3, [][]byte{[]byte("three")}); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, s, "l/log"); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Fatalf("the log is %q", got)
	}
}

func appendRace(t *testing.T, open func() journal.Store) {
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			s := open()
			for i := range each {
				line := fmt.Appendf(nil, "%d.%d", w, i)
				for seq := int64(1); ; seq++ {
					err := s.Append(context.Background(), "log", seq, [][]byte{line})
					if err == nil {
						break
					}
					if !errors.Is(err, journal.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	got := lines(t, open(), "log")
	slices.Sort(got)
	if len(slices.Compact(got)) != writers*each {
		t.Fatalf("%d different lines, want %d", len(got), writers*each)
	}
}

func readDuringWrite(t *testing.T, open func() journal.Store) {
	s, n := open(), int64(0)
	grow := func() {
		n++
		if err := s.Append(t.Context(), "log", n, [][]byte{bytes.Repeat([]byte("x"), 100)}); err != nil {
			t.Fatal(err)
		}
	}
	grow()
	grow()
	for range open().ReadLog(t.Context(), "log") { //nolint:errcheck // a sequence, whose errors are not of interest here
		if n < 4 {
			grow()
		}
	}
	if got := lines(t, open(), "log"); len(got) != 4 {
		t.Fatalf("%d lines after the read, want 4", len(got))
	}
}

func badKeys(t *testing.T, open func() journal.Store) {
	for _, k := range []string{"", "/a", "a/", "a//b", "../a", "a/..", ".lock", "a/.tmp", "a b", "a\x00b", "ü"} {
		if _, err := open().Put(t.Context(), k, nil, ""); err == nil {
			t.Errorf("Put took the key %q", k)
		}
		if err := open().Append(t.Context(), k, 1, nil); err == nil {
			t.Errorf("Append took the key %q", k)
		}
	}
}

func endedContext(t *testing.T, open func() journal.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open().Put(ctx, "doc", nil, "")
	wantErr(t, err, context.Canceled)
	wantErr(t, open().Append(ctx, "log", 1, nil), context.Canceled)
	if _, _, err = open().Get(t.Context(), "doc"); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("the document was written: %v", err)
	}
}

func replace(t *testing.T, open func() journal.Store) {
	for _, v := range []string{"one", "two", "two"} {
		if err := journal.Replace(t.Context(), open(), "doc", []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if val, _, err := open().Get(t.Context(), "doc"); err != nil || string(val) != "two" {
		t.Fatalf("%q, %v", val, err)
	}
}

func shared(t *testing.T, open func() journal.Store) {
	a, b := open(), open()
	rev := must(a.Put(t.Context(), "doc", []byte("1"), ""))(t)
	must(b.Put(t.Context(), "doc", []byte("2"), rev))(t)
	_, err := a.Put(t.Context(), "doc", []byte("3"), rev)
	wantErr(t, err, journal.ErrConflict)
}

func staleAppender(t *testing.T, open func() journal.Store) {
	a, b := open(), open()
	for i, s := range []journal.Store{a, b} {
		if err := s.Append(t.Context(), "log", int64(i+1), [][]byte{[]byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, a.Append(t.Context(), "log", 2, [][]byte{[]byte("y")}), journal.ErrConflict)
	if err := a.Append(t.Context(), "log", 3, [][]byte{[]byte("y")}); err != nil {
		t.Fatal(err)
	}
}
