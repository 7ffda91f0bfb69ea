package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// A Record is one line of a log:
//
//	{"seq":2,"time":"…","kind":"intent","prev":"<sum of line 1>","data":{…},"sum":"…"}
//
// The sum is the first half of the SHA-256 of every byte of the line before
// `,"sum":`; the first record's prev is that of the log's name.
type Record struct {
	Seq  int64           `json:"seq"`  // the line number, from 1
	Time time.Time       `json:"time"` // for people: never decides an order
	Kind string          `json:"kind"`
	Prev string          `json:"prev"`
	Data json.RawMessage `json:"data"`
	Sum  string          `json:"sum"`
}

// A CorruptError says where a log is not what was written.
type CorruptError struct {
	File   string
	Line   int64
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s:%d: %v: %s", e.File, e.Line, ErrCorrupt, e.Reason)
}

// Is makes the error an ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

const (
	sumSize   = 32 // hex digits
	sumPrefix = `,"sum":"`
	tailSize  = len(sumPrefix) + sumSize + len(`"}`)
)

// genesis is the prev of a log's first record: lines of one log cannot stand
// in another.
func genesis(log string) string { return sumOf([]byte(log)) }

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:sumSize/2])
}

// encode makes the line of a record whose Sum is not yet known, and returns
// the sum. data is compact JSON.
func encode(r Record) (line []byte, sum string, err error) {
	kind, err := json.Marshal(r.Kind)
	if err != nil {
		return nil, "", err
	}
	line = make([]byte, 0, len(r.Data)+len(kind)+160)
	line = append(line, `{"seq":`...)
	line = strconv.AppendInt(line, r.Seq, 10)
	line = append(line, `,"time":"`...)
	line = r.Time.UTC().AppendFormat(line, time.RFC3339Nano)
	line = append(line, `","kind":`...)
	line = append(line, kind...)
	line = append(line, `,"prev":"`...)
	line = append(line, r.Prev...)
	line = append(line, `","data":`...)
	line = append(line, r.Data...)
	sum = sumOf(line)
	line = append(line, sumPrefix...)
	line = append(line, sum...)
	return append(line, `"}`...), sum, nil
}

// decode reads a line and checks its sum; the chain is the caller's. The
// reason is "" for a good line.
func decode(line []byte) (r Record, reason string) {
	if len(line) < tailSize {
		return r, "not a record"
	}
	body, tail := line[:len(line)-tailSize], line[len(line)-tailSize:]
	sum := tail[len(sumPrefix) : len(sumPrefix)+sumSize]
	if !bytes.HasPrefix(tail, []byte(sumPrefix)) || !bytes.HasSuffix(tail, []byte(`"}`)) {
		return r, "not a record"
	}
	if sumOf(body) != string(sum) {
		return r, "the line does not match its sum"
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err.Error()
	}
	if r.Sum != string(sum) {
		return r, "the line has two sums"
	}
	return r, ""
}
