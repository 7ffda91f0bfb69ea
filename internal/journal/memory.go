package journal

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Memory is a Store that lasts as long as the process: for tests and
// rehearsals.
type Memory struct {
	mu   sync.Mutex
	docs map[string]memoryDoc
	logs map[string][][]byte
}

type memoryDoc struct {
	val []byte
	rev int64
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{docs: map[string]memoryDoc{}, logs: map[string][][]byte{}}
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := ready(ctx, key); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.docs[key]
	if !ok {
		return nil, "", fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return bytes.Clone(d.val), strconv.FormatInt(d.rev, 10), nil
}

// Put implements Store.
func (m *Memory) Put(ctx context.Context, key string, val []byte, ifRev string) (string, error) {
	if err := ready(ctx, key); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.docs[key]
	rev := ""
	if ok {
		rev = strconv.FormatInt(d.rev, 10)
	}
	if rev != ifRev {
		return "", fmt.Errorf("%s: %w", key, ErrConflict)
	}
	m.docs[key] = memoryDoc{val: append([]byte{}, val...), rev: d.rev + 1}
	return strconv.FormatInt(d.rev+1, 10), nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		keys := slices.AppendSeq(slices.Collect(maps.Keys(m.docs)), maps.Keys(m.logs))
		m.mu.Unlock()
		slices.Sort(keys)
		for _, k := range keys {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if strings.HasPrefix(k, prefix) && k > after && !yield(k, nil) {
				return
			}
		}
	}
}

// Append implements Store.
func (m *Memory) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	if err := ready(ctx, log); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if have := int64(len(m.logs[log])); have != seq-1 {
		return conflictAt(log, seq, have)
	}
	for _, l := range lines {
		m.logs[log] = append(m.logs[log], bytes.Clone(l))
	}
	return nil
}

// ReadLog implements Store.
func (m *Memory) ReadLog(ctx context.Context, log string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m.mu.Lock()
		lines, ok := m.logs[log]
		m.mu.Unlock()
		if !ok {
			yield(nil, fmt.Errorf("%s: %w", log, ErrNotFound))
			return
		}
		for _, l := range lines {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(bytes.Clone(l), nil) {
				return
			}
		}
	}
}

func ready(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func conflictAt(log string, seq, have int64) error {
	return fmt.Errorf("append line %d to %s, which has %d: %w", seq, log, have, ErrConflict)
}
