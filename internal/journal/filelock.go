package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockPatience bounds the wait for another process that is writing. A write
// takes milliseconds; whoever takes longer was stopped in the middle of one.
const lockPatience = 5 * time.Second

// lockFile excludes two writers of documents.
const lockFile = ".lock"

// Errors of the lock.
var (
	// errLocked: another process has been writing for longer than a write takes.
	errLocked = errors.New("locked by another process: if it was stopped in the middle of a write, continue or kill it")
	// errCutOff: we took so long that somebody else went on without us.
	errCutOff = errors.New("another process went on meanwhile")
)

// swap replaces a file by what next returns, as one step among all processes:
// what next sees is what is replaced. A crash leaves the old file or the new.
//
// A process that is stopped (SIGSTOP, a paused machine) in the middle of this
// holds the lock for as long as it sleeps, and must not hold up the world. So
// whoever has waited long enough puts another lock file in its place, and
// removes the sleeper's temporary file. Waking up, it can do no harm:
//
//	it sleeps                          then, awake,
//	before it has a temporary file     its lock is no longer the one: it begins anew
//	before the rename                  the file that it would rename is gone: it begins anew
//	after the rename                   it was done before anybody else began
//
// This rests on the order within swapOnce: the temporary file first, then a
// look whether the lock is still ours, then next, then the rename.
func (s *File) swap(ctx context.Context, path string, next func() ([]byte, error)) error {
	s.docs.Lock()
	defer s.docs.Unlock()
	for range 10 {
		if err := s.swapOnce(ctx, path, next); !errors.Is(err, errCutOff) {
			return err
		}
	}
	return fmt.Errorf("%s: %w, ten times in a row", path, errCutOff)
}

func (s *File) swapOnce(ctx context.Context, path string, next func() ([]byte, error)) error {
	l, err := s.lockDocs(ctx)
	if err != nil {
		return err
	}
	defer unlock(l)
	temp, f, err := s.temp(path)
	if err != nil {
		return err
	}
	defer s.disk.Remove(temp) //nolint:errcheck // it is renamed, or in nobody's way
	if !current(l) {
		return errors.Join(errCutOff, f.Close())
	}
	val, err := next()
	if err == nil {
		_, err = f.Write(val)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	err = s.disk.Rename(temp, path)
	if errors.Is(err, fs.ErrNotExist) {
		return errCutOff
	}
	if err != nil {
		return err
	}
	return s.disk.SyncDir(filepath.Dir(path))
}

// temp makes the temporary file of a path. The lock is held, so those that are
// there are of processes that died, or were cut off.
func (s *File) temp(path string) (name string, f diskFile, err error) {
	dir, base := filepath.Split(path)
	left, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	prefix := ".tmp-" + base + "~" // a key holds no tilde
	for _, e := range left {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if err := s.disk.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
	name = filepath.Join(dir, prefix+rand.Text())
	f, err = s.disk.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return name, f, err
}

// lockDocs takes the lock on documents, from a process that sleeps too.
func (s *File) lockDocs(ctx context.Context) (*flock.Flock, error) {
	path := filepath.Join(s.dir, lockFile)
	return s.lock(ctx, path, s.patience, func() error {
		fresh := filepath.Join(s.dir, lockFile+"~"+rand.Text())
		f, err := s.disk.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return s.disk.Rename(fresh, path)
	})
}

// lock takes an advisory lock that the kernel drops with the process. Where
// somebody holds it for longer than patience, supplant puts another file in
// the place of the locked one.
func (s *File) lock(ctx context.Context, path string, patience time.Duration, supplant func() error) (*flock.Flock, error) {
	for range 3 {
		before, serr := os.Stat(path)
		l := flock.New(path, flock.SetPermissions(0o600))
		held, err := lockWithin(ctx, l, patience)
		switch {
		case err != nil:
			return nil, err
		case held && current(l):
			return l, nil
		case held: // of a file that was supplanted in this very moment
			unlock(l)
			continue
		}
		if now, err := os.Stat(path); serr != nil || err != nil || !os.SameFile(before, now) {
			continue // somebody else lost patience before us: wait for that one
		}
		if err := supplant(); err != nil {
			return nil, fmt.Errorf("%s has been %w (waited %v): %w", path, errLocked, patience, err)
		}
	}
	return nil, fmt.Errorf("%s has been %w (waited %v, three times)", path, errLocked, patience)
}

// lockWithin reports whether the lock was taken before patience was over.
func lockWithin(ctx context.Context, l *flock.Flock, patience time.Duration) (bool, error) {
	if held, err := l.TryLock(); held || err != nil {
		return held, err
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	held, err := l.TryLockContext(wait, 2*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return false, nil
	}
	return held, err
}

// current reports whether the file that l has locked is still the one of its
// name.
func current(l *flock.Flock) bool {
	ours, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(ours, named)
}

func unlock(l *flock.Flock) { _ = l.Unlock() } // closing the descriptor releases it in any case
