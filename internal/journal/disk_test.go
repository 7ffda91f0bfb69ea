package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A badDisk takes so many bytes, and then fails in the given way.
type badDisk struct {
	osDisk
	room    int   // bytes that may still be written
	full    error // what a write answers then
	syncErr error
	openErr error
	cutErr  error // of Truncate
}

func (d *badDisk) OpenFile(name string, flag int, perm os.FileMode) (diskFile, error) {
	if d.openErr != nil && flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		return nil, &os.PathError{Op: "open", Path: name, Err: d.openErr}
	}
	f, err := d.osDisk.OpenFile(name, flag, perm)
	return &badFile{f, d}, err
}

type badFile struct {
	diskFile
	d *badDisk
}

func (f *badFile) Write(p []byte) (int, error) {
	if len(p) <= f.d.room {
		f.d.room -= len(p)
		return f.diskFile.Write(p)
	}
	n, _ := f.diskFile.Write(p[:f.d.room])
	f.d.room = 0
	return n, f.d.full
}

func (f *badFile) Sync() error {
	if f.d.syncErr != nil {
		return f.d.syncErr
	}
	return f.diskFile.Sync()
}

func (f *badFile) Truncate(n int64) error {
	if f.d.cutErr != nil {
		return f.d.cutErr
	}
	return f.diskFile.Truncate(n)
}

func onDisk(t *testing.T, d *badDisk) *File {
	t.Helper()
	s, err := OpenFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.disk = d
	return s
}

func TestAFullDiskLosesNothingAndSaysSo(t *testing.T) {
	d := &badDisk{room: 1 << 20, full: syscall.ENOSPC}
	s := onDisk(t, d)
	l, err := Open(t.Context(), s, "log", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "note", 1); err != nil {
		t.Fatal(err)
	}
	rev, err := s.Put(t.Context(), "doc", []byte("old"), "")
	if err != nil {
		t.Fatal(err)
	}

	d.room = 30 // a part of the next line
	_, err = l.Append(t.Context(), "note", 2)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Fatalf("error is %v, want ENOSPC and what to do", err)
	}
	if _, err = l.Append(t.Context(), "note", 3); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after a failed append: %v; nothing may follow it", err)
	}
	if _, err = s.Put(t.Context(), "doc", []byte("new and longer"), rev); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("put on a full disk: %v", err)
	}

	d.room = 1 << 20 // somebody frees space
	if val, _, err := s.Get(t.Context(), "doc"); err != nil || string(val) != "old" {
		t.Fatalf("the document is %q, %v; want the old one", val, err)
	}
	l, err = Open(t.Context(), s, "log", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "note", 2); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	if l.seq != 2 {
		t.Fatalf("%d records, want 2: the half-written one must be gone", l.seq)
	}
}

func TestAFullDiskThatCannotBeCutBackIsATornTailForTheNextProcess(t *testing.T) {
	d := &badDisk{room: 1 << 20, full: syscall.ENOSPC}
	s := onDisk(t, d)
	l, _ := Open(t.Context(), s, "log", nil, nil)
	if _, err := l.Append(t.Context(), "note", 1); err != nil {
		t.Fatal(err)
	}
	d.room, d.cutErr = 30, syscall.EIO
	if _, err := l.Append(t.Context(), "note", 2); err == nil {
		t.Fatal("appended to a full disk")
	}
	d.room, d.cutErr = 1<<20, nil
	if err := s.Append(t.Context(), "log", 2, [][]byte{[]byte("x")}); err == nil {
		t.Fatal("appended behind a write whose fate is unknown")
	}
	fresh, _ := OpenFile(s.dir)
	l, err := Open(t.Context(), fresh, "log", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "note", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), fresh, "log", nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAFailedFsyncEndsTheLog(t *testing.T) {
	d := &badDisk{room: 1 << 20}
	s := onDisk(t, d)
	l, _ := Open(t.Context(), s, "log", nil, nil)
	if _, err := l.Append(t.Context(), "note", 1); err != nil {
		t.Fatal(err)
	}
	d.syncErr = syscall.EIO
	if _, err := l.Append(t.Context(), "note", 2); !errors.Is(err, syscall.EIO) {
		t.Fatalf("error is %v, want EIO", err)
	}
	d.syncErr = nil // the kernel reports it once; the data may be lost all the same
	if _, err := l.Append(t.Context(), "note", 3); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the append after it: %v; want it refused", err)
	}
}

func TestAReadOnlyDirectoryIsAClearError(t *testing.T) {
	s := onDisk(t, &badDisk{openErr: syscall.EACCES})
	_, err := s.Put(t.Context(), "doc", nil, "")
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("put: %v; want a permission error that names --state-dir", err)
	}
	err = s.Append(t.Context(), "log", 1, nil)
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("append: %v; want a permission error that names --state-dir", err)
	}
}

func TestAStateDirectoryThatIsAFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Fatalf("error is %v", err)
	}
}
