package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// logState is what this process knows of a log, so that an append need not
// read it: valid as long as the file has the size we left it at.
type logState struct {
	mu    sync.Mutex
	file  os.FileInfo // another file of the name is another log
	size  int64       // bytes of complete lines
	lines int64
	known bool
	// broken is set by a failed fsync or repair: what the disk holds is then
	// unknown to this process, and only reading it anew may tell.
	broken error
}

func (s *File) state(log string) *logState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.logs[log]
	if st == nil {
		st = &logState{}
		s.logs[log] = st
	}
	return st
}

// Append implements Store: one write and one fsync for all lines, under a
// lock on the log's file.
func (s *File) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	if err := ready(ctx, log); err != nil {
		return err
	}
	st, path := s.state(log), s.Locate(log)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.broken != nil {
		return fmt.Errorf("append to %s after a write whose fate is unknown: %w", path, st.broken)
	}
	created, err := s.prepare(st, path)
	if err != nil {
		return explain(err)
	}
	l, err := s.lockLog(ctx, path)
	if err != nil {
		return explain(err)
	}
	defer unlock(l)
	f, err := s.disk.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return explain(err)
	}
	defer f.Close() //nolint:errcheck // what was written has been synced
	if err := s.settle(st, f, path); err != nil {
		return explain(err)
	}
	if st.lines != seq-1 {
		return conflictAt(path, seq, st.lines)
	}
	if err := st.write(f, lines); err != nil {
		return explain(fmt.Errorf("append to %s: %w", path, err))
	}
	if created {
		return explain(s.disk.SyncDir(filepath.Dir(path)))
	}
	return nil
}

// logPatience bounds the wait for the process that appended before us. It has
// lost the lease, or we would not append: it is stopped, not busy.
const logPatience = 2 * time.Second

// lockLog takes a log's own lock. A process that was stopped in the middle of
// an append holds it for as long as it sleeps, which must not keep its
// successor from the run: the log goes on in a copy under the same name. What
// the sleeper still writes goes to a file without a name; then its own lease
// tells it that it may not act on it.
func (s *File) lockLog(ctx context.Context, path string) (*flock.Flock, error) {
	return s.lock(ctx, path, logPatience, func() error {
		return s.swap(ctx, path, func() ([]byte, error) {
			data, err := readAll(s.disk, path)
			return complete(data), err
		})
	})
}

// prepare makes the log's file, empty, on its first append.
func (s *File) prepare(st *logState, path string) (created bool, err error) {
	if st.known {
		return false, nil
	}
	if err := makeDirs(s.disk, filepath.Dir(path)); err != nil {
		return false, err
	}
	f, err := s.disk.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// settle learns how many lines the log has and cuts off a torn tail.
func (s *File) settle(st *logState, f diskFile, path string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st.known && info.Size() == st.size && os.SameFile(info, st.file) {
		return nil
	}
	data, err := readAll(s.disk, path)
	if err != nil {
		return err
	}
	whole := complete(data)
	if len(whole) < len(data) {
		if err := f.Truncate(int64(len(whole))); err != nil {
			return fmt.Errorf("repair the torn tail of %s: %w", path, err)
		}
		if err := f.Sync(); err != nil {
			st.broken = err
			return err
		}
	}
	st.file, st.size, st.lines, st.known = info, int64(len(whole)), int64(bytes.Count(whole, newline)), true
	return nil
}

// write appends the lines in one write. Where it fails, the file is cut back
// to what was durable before; where that fails too, the log is broken.
func (st *logState) write(f diskFile, lines [][]byte) error {
	var buf bytes.Buffer
	for _, l := range lines {
		buf.Write(l)
		buf.WriteByte('\n')
	}
	if _, err := f.Write(buf.Bytes()); err != nil {
		if terr := f.Truncate(st.size); terr != nil {
			st.broken = errors.Join(err, terr)
		}
		return err
	}
	if err := f.Sync(); err != nil {
		// The kernel may have dropped the pages and will not say so again.
		st.broken = err
		return err
	}
	st.size += int64(buf.Len())
	st.lines += int64(len(lines))
	return nil
}

var newline = []byte{'\n'}

// complete is data without its torn tail: an unfinished last line, or zero
// bytes where a crash left the file longer than what had been written.
func complete(data []byte) []byte {
	data = bytes.TrimRight(data, "\x00")
	return data[:bytes.LastIndexByte(data, '\n')+1]
}

// ReadLog implements Store. It takes no lock: what a writer has not finished
// looks like a torn tail.
func (s *File) ReadLog(ctx context.Context, log string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := ready(ctx, log); err != nil {
			yield(nil, err)
			return
		}
		f, err := s.disk.OpenFile(s.Locate(log), os.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s: %w", s.Locate(log), ErrNotFound)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close() //nolint:errcheck // nothing was written to it
		for line, err := range completeLines(f) {
			if err == nil {
				err = context.Cause(ctx)
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// completeLines yields the lines that end in a newline. What follows the last
// one, zero bytes included, is a torn tail.
func completeLines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := in.ReadBytes('\n')
			switch {
			case errors.Is(err, io.EOF): // what is left is a torn tail
				return
			case err != nil:
				yield(nil, err)
				return
			case !yield(line[:len(line)-1], nil):
				return
			}
		}
	}
}
