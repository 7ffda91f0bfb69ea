package executor

import (
	"context"
	"fmt"

	"github.com/understudy-dr/understudy/internal/journal"
)

// A Proof is how far an intact journal can vouch for itself. Every record that
// is there is as it was written and stands where it was written; of the first
// Anchored ones it is also known that none is missing behind them. Lines that
// were cut off behind those leave no trace.
type Proof struct {
	Records  int64 `json:"records"`
	Anchored int64 `json:"anchored"` // 0: there is no head
	// Complete: the last session ended by itself, and the head tells of its
	// end. Nothing is missing.
	Complete bool `json:"complete"`
}

// Open says for people what cannot be told, "" where all can.
func (p Proof) Open() string {
	switch {
	case p.Complete:
		return ""
	case p.Anchored == 0:
		return "its head.json is gone, or was never written: whether lines are missing at the end cannot be told"
	}
	return fmt.Sprintf("its last session did not end by itself, or is at work: line %d is the last that head.json vouches for, "+
		"and whether lines are missing behind line %d cannot be told", p.Anchored, p.Records)
}

// Verify checks a run offline: every record's sum, the chain, that the journal
// reaches as far as its head tells, and that the stored plan is the one that
// was run. Errors: ErrNoRun, journal.ErrCorrupt.
func Verify(ctx context.Context, s journal.Store, id string) error {
	_, err := Prove(ctx, s, id)
	return err
}

// Prove is Verify, and says what it proves.
func Prove(ctx context.Context, s journal.Store, id string) (Proof, error) {
	id, err := find(ctx, s, id)
	if err != nil {
		return Proof{}, err
	}
	doc, sum, err := readPlan(ctx, s, id)
	if err != nil {
		return Proof{}, err
	}
	book := newLedger(doc.Plan)
	a, err := records(ctx, s, id, func(rec journal.Record) error {
		if err := book.visit(rec); err != nil {
			return err
		}
		if book.last.PlanSum != sum {
			return fmt.Errorf("plan.json is not what record %d says was run", rec.Seq)
		}
		return nil
	})
	if err != nil {
		return Proof{}, err
	}
	return Proof{Records: a.last, Anchored: a.head.Seq, Complete: a.kind == kindEnd && a.head.Seq == a.last}, nil
}
