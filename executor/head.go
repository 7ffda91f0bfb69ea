package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
)

// headDoc is head.json, which anchors a run's journal: the hash chain alone
// can't tell that whole lines are missing at the end. It is written when a
// session begins, before a wave, within anchorEvery of any other record, and
// when the session ends. A journal may be longer than its head tells, for a
// process can die in between; one that is shorter has lost lines.
type headDoc struct {
	Schema string `json:"schema"`
	Run    string `json:"run"`
	Seq    int64  `json:"seq"`
	Sum    string `json:"sum"` // of record Seq
}

// anchorEvery is how long a record may stand before the head tells of it. All
// records of that time share one write, so that it costs no step anything.
const anchorEvery = time.Second

func headKey(run string) string { return "runs/" + run + "/head.json" }

// anchor stores the journal's head, unless a later one is stored. The lease is
// looked at between reading the old head and replacing it: what a process has
// appended that was cut off meanwhile is not in the log, and its successor
// stores a head before its first step.
func (r *run) anchor(ctx context.Context) error {
	seq, sum := r.log.Head()
	raw, err := json.Marshal(headDoc{"understudy/run-head/v1", r.id, seq, sum})
	if err != nil {
		return err
	}
	for range 3 {
		old, rev, err := r.e.opts.Store.Get(ctx, headKey(r.id))
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return fmt.Errorf("anchor the journal: %w", err)
		}
		var have headDoc
		if json.Unmarshal(old, &have) == nil && have.Seq >= seq {
			return nil
		}
		if err := r.lease.Check(ctx); err != nil {
			return err
		}
		if _, err = r.e.opts.Store.Put(ctx, headKey(r.id), raw, rev); err == nil {
			return nil
		}
		if !errors.Is(err, journal.ErrConflict) {
			return fmt.Errorf("anchor the journal: %w", err)
		}
	}
	return nil // somebody is at it: whoever that is has a later head
}

// records reads a run's journal, checked against its head. A run that died
// before its first record has neither.
//
// What visit has seen before an error was as it was written; its own error is
// one more way in which a journal is damaged. Errors: journal.ErrCorrupt.
func records(ctx context.Context, s journal.Store, id string, visit func(journal.Record) error) (*anchored, error) {
	a, err := anchoredBy(ctx, s, id, visit)
	if err != nil {
		return a, err
	}
	for rec, err := range journal.Read(ctx, s, logKey(id)) {
		if errors.Is(err, journal.ErrNotFound) {
			break
		}
		if err != nil {
			return a, err
		}
		if err := a.visit(rec); err != nil {
			return a, err
		}
	}
	return a, a.end()
}

// anchored checks a journal against its head while it is read.
type anchored struct {
	store journal.Store
	head  headDoc
	last  int64
	kind  string // of the last record
	then  func(journal.Record) error
}

// anchoredBy reads the head, which is done before the journal is read: one
// that is written meanwhile only grows.
func anchoredBy(ctx context.Context, s journal.Store, id string, then func(journal.Record) error) (*anchored, error) {
	head, err := readHead(ctx, s, id)
	head.Run = id
	return &anchored{store: s, head: head, then: then}, err
}

func (a *anchored) visit(rec journal.Record) error {
	if a.last, a.kind = rec.Seq, rec.Kind; a.last == a.head.Seq && rec.Sum != a.head.Sum {
		return a.damaged(a.last, "it is not the record that head.json tells of")
	}
	if err := a.then(rec); err != nil {
		return fmt.Errorf("run %s: %w: %w", a.head.Run, journal.ErrCorrupt, err)
	}
	return nil
}

// end is asked after the last record.
func (a *anchored) end() error {
	if a.last < a.head.Seq {
		return a.damaged(a.last+1, fmt.Sprintf("cut off: %d of at least %d records are there", a.last, a.head.Seq))
	}
	return nil
}

func (a *anchored) damaged(line int64, reason string) error {
	return &journal.CorruptError{File: journal.Locate(a.store, logKey(a.head.Run)), Line: line, Reason: reason}
}

// readHead: a run that an earlier version made has no head.
func readHead(ctx context.Context, s journal.Store, id string) (headDoc, error) {
	var head headDoc
	raw, _, err := s.Get(ctx, headKey(id))
	if errors.Is(err, journal.ErrNotFound) {
		return head, nil
	}
	if err != nil {
		return head, fmt.Errorf("run %s: %w", id, err)
	}
	if err := json.Unmarshal(raw, &head); err != nil || head.Seq < 1 || head.Sum == "" {
		return head, &journal.CorruptError{File: journal.Locate(s, headKey(id)), Line: 1, Reason: "not the head of a journal"}
	}
	return head, nil
}
