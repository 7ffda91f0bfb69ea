package journal

import (
	"io"
	"os"
	"path/filepath"
)

// A disk is the few file operations that the file store relies on, so that
// tests can fill it up, make it read-only and cut it off in the middle.
type disk interface {
	OpenFile(name string, flag int, perm os.FileMode) (diskFile, error)
	Rename(from, to string) error
	Remove(name string) error
	Mkdir(name string, perm os.FileMode) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
}

type diskFile interface {
	io.ReadWriteCloser
	Stat() (os.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

type osDisk struct{}

func (osDisk) OpenFile(name string, flag int, perm os.FileMode) (diskFile, error) {
	return os.OpenFile(name, flag, perm)
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Remove(name string) error { return os.Remove(name) }

func (osDisk) Mkdir(name string, perm os.FileMode) error { return os.Mkdir(name, perm) }

func (osDisk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // nothing was written to it
	return d.Sync()
}

// makeDirs makes a directory and its parents, each name durable.
func makeDirs(d disk, dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(d, parent); err != nil {
			return err
		}
	}
	if err := d.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return d.SyncDir(parent)
}
