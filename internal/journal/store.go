package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Sentinels of the store.
var (
	// ErrNotFound: there is no such document or log.
	ErrNotFound = errors.New("not in the state store")
	// ErrConflict: somebody else wrote first; read again.
	ErrConflict = errors.New("changed by somebody else meanwhile")
	// ErrCorrupt: stored bytes are not what was written. The error is a
	// *CorruptError, which names the file and line.
	ErrCorrupt = errors.New("corrupt")
)

// A Store holds documents and append-only logs under slash-separated keys
// such as "runs/r12-9c41/plan.json". Implementations are safe for concurrent
// use by goroutines and by processes.
//
// There is no delete: a lease that was deleted would start to count its
// epochs again.
type Store interface {
	// Get returns a document and its revision. ErrNotFound.
	Get(ctx context.Context, key string) (val []byte, rev string, err error)

	// Put writes a document and returns its new revision. It is durable when
	// Put returns. ifRev is the revision it replaces; "" creates. If the
	// document is at another revision, nothing is written: ErrConflict.
	Put(ctx context.Context, key string, val []byte, ifRev string) (rev string, err error)

	// List yields the keys of documents and logs that begin with prefix, in
	// ascending order, starting behind after ("" = from the first).
	List(ctx context.Context, prefix, after string) iter.Seq2[string, error]

	// Append adds lines to a log; the first becomes line number seq, counted
	// from 1. All of them are durable when it returns nil. A log that does
	// not hold exactly seq-1 lines is left alone: ErrConflict. A line holds
	// no newline. Only the lease's holder appends: another process found in
	// the middle of an append has lost the lease, and may be cut off.
	Append(ctx context.Context, log string, seq int64, lines [][]byte) error

	// ReadLog yields the complete lines of a log. A torn tail is left out.
	// ErrNotFound if nothing was ever appended. A line may be overwritten
	// after the loop's body returns.
	ReadLog(ctx context.Context, log string) iter.Seq2[[]byte, error]
}

// A locator is a Store that can say where a key is kept.
type locator interface{ Locate(key string) string }

// Locate says for people where a store keeps a key: a file's path, or the key.
func Locate(s Store, key string) string {
	if l, ok := s.(locator); ok {
		return l.Locate(key)
	}
	return key
}

// Replace writes a document whatever its revision, creating it if need be:
// for documents that one writer owns, where the last one may win.
func Replace(ctx context.Context, s Store, key string, val []byte) error {
	for range 10 {
		_, rev, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err = s.Put(ctx, key, val, rev); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("put %s: %w, ten times in a row", key, ErrConflict)
}

// checkKey refuses keys that could not be a path below the state directory.
func checkKey(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' || strings.ContainsFunc(part, notInKey) {
			return fmt.Errorf("state key %q: parts are letters, digits and -_.@=+, and none begins with a dot", key)
		}
	}
	return nil
}

func notInKey(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("-_.@=+", r)
}
