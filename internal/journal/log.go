package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
)

// A Log appends records to one log of a store. It is safe for concurrent
// use; appends that meet share one write and one fsync.
type Log struct {
	store Store
	name  string
	clock Clock

	mu   sync.Mutex
	next *batch // gathers appends while another batch is being written

	commit sync.Mutex // held by the writer; guards what follows
	seq    int64
	prev   string
	err    error // a failed append ends the log: nobody may act on
}

type batch struct {
	entries []entry
	done    chan struct{}
	err     error
}

type entry struct {
	kind string
	data []byte
	time time.Time
}

// Open opens a log for appending, a new one too, after it has read and
// checked all of it: visit sees every record there is (nil to skip them).
// Errors: ErrCorrupt.
func Open(ctx context.Context, s Store, name string, c Clock, visit func(Record) error) (*Log, error) {
	l := &Log{store: s, name: name, clock: orReal(c), prev: genesis(name)}
	for r, err := range Read(ctx, s, name) {
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		l.seq, l.prev = r.Seq, r.Sum
		if visit == nil {
			continue
		}
		if err := visit(r); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Read yields a log's records, each checked against its sum and the chain.
// Errors: ErrNotFound; ErrCorrupt with file and line.
func Read(ctx context.Context, s Store, name string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		seq, prev := int64(0), genesis(name)
		for line, err := range s.ReadLog(ctx, name) {
			if err != nil {
				yield(Record{}, err)
				return
			}
			seq++
			r, reason := decode(line)
			switch {
			case reason != "":
			case r.Seq != seq:
				reason = fmt.Sprintf("record %d where %d should be", r.Seq, seq)
			case r.Prev != prev:
				reason = "it does not follow from the line before"
			}
			if reason != "" {
				yield(Record{}, &CorruptError{File: Locate(s, name), Line: seq, Reason: reason})
				return
			}
			prev = r.Sum
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Append adds a record and returns when it is durable, with the time it
// carries. data is anything that encodes to JSON. It is not interrupted by
// ctx once it has begun: who was told of a call must be told of its outcome.
//
// An error is final, also for every later Append: what the log holds is then
// unknown to this process, and nothing may be done that cannot be journaled.
func (l *Log) Append(ctx context.Context, kind string, data any) (time.Time, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return time.Time{}, fmt.Errorf("journal %s: %w", kind, err)
	}
	e := entry{kind: kind, data: raw, time: l.clock.Now()}
	b, leader := l.join(e)
	if leader {
		l.write(context.WithoutCancel(ctx), b)
	}
	<-b.done
	return e.time, b.err
}

// Head is the last durable record's number and sum; 0 for an empty log.
func (l *Log) Head() (seq int64, sum string) {
	l.commit.Lock()
	defer l.commit.Unlock()
	return l.seq, l.prev
}

// join adds an entry to the batch that gathers. Whoever starts one writes it.
func (l *Log) join(e entry) (b *batch, leader bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next, leader = &batch{done: make(chan struct{})}, true
	}
	l.next.entries = append(l.next.entries, e)
	return l.next, leader
}

// write waits for the batch before, then writes all that has gathered.
func (l *Log) write(ctx context.Context, b *batch) {
	l.commit.Lock()
	defer l.commit.Unlock()
	l.mu.Lock()
	l.next = nil // closed: later appends gather in the next
	l.mu.Unlock()
	defer close(b.done)
	if l.err == nil {
		l.err = l.appendAll(ctx, b.entries)
	}
	b.err = l.err
}

func (l *Log) appendAll(ctx context.Context, entries []entry) error {
	lines := make([][]byte, len(entries))
	prev := l.prev
	for i, e := range entries {
		r := Record{Seq: l.seq + int64(i) + 1, Time: e.time, Kind: e.kind, Prev: prev, Data: e.data}
		var err error
		if lines[i], prev, err = encode(r); err != nil {
			return err
		}
	}
	if err := l.store.Append(ctx, l.name, l.seq+1, lines); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	l.seq += int64(len(entries))
	l.prev = prev
	return nil
}
