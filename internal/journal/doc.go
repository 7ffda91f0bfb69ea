// Package journal keeps what must outlive a process: the log of a run, the
// lease that makes one controller act at a time, and a few documents.
//
// It knows nothing of plans, secrets or AWS. A Store holds documents, changed
// by compare-and-swap, and append-only logs; a Log is a hash-chained sequence
// of Records in one of them; a Lease is one document with an epoch that grows
// with every holder and is never used twice.
//
// # What a log promises
//
//   - Append returns after the record is durable: written and fsynced.
//     Goroutines that append at the same time share one fsync.
//   - A record says its sequence number, the sum of the record before it and,
//     last on its line, its own sum over every byte before. A changed,
//     dropped, swapped or inserted line is ErrCorrupt, with file and line.
//   - A crash in the middle of a write leaves a torn tail: an unfinished last
//     line, or the zero bytes that some file systems leave. Nobody was told
//     that it is durable, so readers skip it and the next append removes it.
//   - Records are ordered by number, never by time: a clock that jumps does
//     no harm.
//   - Readers take no lock: a log can be read, with less too, during a run.
//   - Nobody waits for long on a writer that was stopped in the middle of a
//     write: it is cut off, and what it does once it is awake harms nobody.
//   - Lines cut off at a line's end leave no trace in the log itself. Who must
//     know keeps the number and sum of the last record elsewhere (Head).
//
// # What a lease promises
//
//   - Ages are differences of monotonic readings: a clock that is set costs no
//     living holder its lease, and gives a dead one's to nobody sooner.
//   - A document that cannot be read, or is gone, is watched like a lease that
//     has expired, and gets an epoch above every one that anything tells of.
//
// No type here has a field for a secret value.
package journal
