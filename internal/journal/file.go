package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// File is a Store in a directory: a document is a file, replaced by rename; a
// log is a file of lines. Not for network file systems, whose locks and
// renames promise less.
type File struct {
	dir      string
	disk     disk
	patience time.Duration // lockPatience

	docs sync.Mutex // writers of documents in this process

	mu   sync.Mutex
	logs map[string]*logState
}

// OpenFile opens the store in a directory. The directory is made by the
// first write, so a reader needs no permission to write.
func OpenFile(dir string) (*File, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("state directory %s is a file: name a directory with --state-dir", abs)
	}
	return &File{dir: abs, disk: osDisk{}, patience: lockPatience, logs: map[string]*logState{}}, nil
}

// Locate is the path of a key's file.
func (s *File) Locate(key string) string { return filepath.Join(s.dir, filepath.FromSlash(key)) }

// Get implements Store. The revision is a hash of the content.
func (s *File) Get(ctx context.Context, key string) ([]byte, string, error) {
	if err := ready(ctx, key); err != nil {
		return nil, "", err
	}
	val, err := os.ReadFile(s.Locate(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s: %w", s.Locate(key), ErrNotFound)
	}
	if err != nil {
		return nil, "", err
	}
	return val, revision(val), nil
}

// Put implements Store: temporary file, fsync, rename, fsync of the
// directory, under a lock. A crash leaves the old document or the new one.
func (s *File) Put(ctx context.Context, key string, val []byte, ifRev string) (string, error) {
	if err := ready(ctx, key); err != nil {
		return "", err
	}
	path := s.Locate(key)
	if err := makeDirs(s.disk, filepath.Dir(path)); err != nil {
		return "", explain(err)
	}
	err := s.swap(ctx, path, func() ([]byte, error) {
		_, rev, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if rev != ifRev {
			return nil, fmt.Errorf("%s: %w", path, ErrConflict)
		}
		return val, nil
	})
	if err != nil {
		return "", explain(err)
	}
	return revision(val), nil
}

// List implements Store.
func (s *File) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		keys, err := s.keys(ctx, prefix)
		if err != nil {
			yield("", err)
			return
		}
		for _, k := range keys {
			if k > after && !yield(k, nil) {
				return
			}
		}
	}
}

func (s *File) keys(ctx context.Context, prefix string) ([]string, error) {
	root := s.dir
	if i := strings.LastIndexByte(prefix, '/'); i > 0 { // only the folder that the prefix names
		root = s.Locate(prefix[:i])
	}
	var keys []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // not yet made
			return nil
		case err != nil:
			return err
		case path != root && strings.HasPrefix(d.Name(), "."):
			return skip(d)
		case d.IsDir():
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(s.dir, path)
		if key := filepath.ToSlash(rel); strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
		return err
	})
	slices.Sort(keys) // WalkDir sorts by folder, keys sort as strings
	return keys, err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func revision(val []byte) string {
	sum := sha256.Sum256(val)
	return hex.EncodeToString(sum[:16])
}

// explain adds what to do to the errors of a file system that refuses.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: nothing was done that is not journaled; free some space first", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: the state directory must be writable; name another with --state-dir", err)
	}
	return err
}

// readAll reads a whole file through the disk.
func readAll(d disk, path string) ([]byte, error) {
	f, err := d.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written to it
	return io.ReadAll(f)
}
