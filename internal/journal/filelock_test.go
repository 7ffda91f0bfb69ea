//go:build unix

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stages are the moments of a Put at which a process can be stopped.
var stages = []string{"before the temporary file", "behind the temporary file", "write", "sync", "before the rename", "behind the rename"}

// A drowsy disk stops its process, once, at a stage of a Put.
type drowsy struct {
	osDisk
	stage string
}

func (d *drowsy) at(stage string) {
	if d.stage != stage {
		return
	}
	d.stage = ""
	awake := make(chan os.Signal, 1) // kill may return before all threads stand still
	signal.Notify(awake, syscall.SIGCONT)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		panic(err)
	}
	<-awake
}

func (d *drowsy) OpenFile(name string, flag int, perm os.FileMode) (diskFile, error) {
	if !strings.HasPrefix(filepath.Base(name), ".tmp-") {
		return d.osDisk.OpenFile(name, flag, perm)
	}
	d.at("before the temporary file")
	f, err := d.osDisk.OpenFile(name, flag, perm)
	d.at("behind the temporary file")
	return &drowsyFile{f, d}, err
}

func (d *drowsy) Rename(from, to string) error {
	d.at("before the rename")
	defer d.at("behind the rename")
	return d.osDisk.Rename(from, to)
}

type drowsyFile struct {
	diskFile
	d *drowsy
}

func (f *drowsyFile) Write(p []byte) (int, error) {
	f.d.at("write")
	return f.diskFile.Write(p)
}

func (f *drowsyFile) Sync() error {
	f.d.at("sync")
	return f.diskFile.Sync()
}

// TestMain makes this binary the process that sleeps.
func TestMain(m *testing.M) {
	if stage := os.Getenv("UNDERSTUDY_TEST_SLEEPER"); stage != "" {
		os.Exit(sleeper(stage))
	}
	os.Exit(m.Run())
}

// sleeper replaces a document whose revision it is given, and stops meanwhile.
func sleeper(stage string) int {
	s, err := OpenFile(os.Getenv("UNDERSTUDY_TEST_DIR"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s.disk = &drowsy{stage: stage}
	_, err = s.Put(context.Background(), "lease.json", []byte("the sleeper's"), os.Getenv("UNDERSTUDY_TEST_REV"))
	switch {
	case errors.Is(err, ErrConflict):
		fmt.Println("conflict")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println("written")
	}
	return 0
}

// Real processes: one is stopped in the middle of a write, with the lock. The
// other goes on after a bound, and what the first does once it is awake harms
// nobody: it has written before the other, or not at all.
func TestAWriterThatSleepsWithTheLockIsCutOff(t *testing.T) {
	for _, stage := range stages {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, err := OpenFile(dir)
			if err != nil {
				t.Fatal(err)
			}
			s.patience = 50 * time.Millisecond
			rev, err := s.Put(t.Context(), "lease.json", []byte("first"), "")
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), "UNDERSTUDY_TEST_SLEEPER="+stage, "UNDERSTUDY_TEST_DIR="+dir, "UNDERSTUDY_TEST_REV="+rev)
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
				t.Fatalf("it does not sleep: %v %v %s", err, status, &said)
			}

			want := "conflict\n"
			_, err = s.Put(t.Context(), "lease.json", []byte("mine"), rev)
			if stage == "behind the rename" { // it was first
				want = "written\n"
				if !errors.Is(err, ErrConflict) {
					t.Errorf("put over what the sleeper wrote: %v, want ErrConflict", err)
				}
				err = Replace(t.Context(), s, "lease.json", []byte("mine"))
			}
			if err != nil {
				t.Errorf("put while the other sleeps: %v", err)
			}
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || said.String() != want {
				t.Errorf("awake again: %v, it says %q, want %q", err, &said, want)
			}
			if val, _, err := s.Get(t.Context(), "lease.json"); err != nil || string(val) != "mine" {
				t.Errorf("the document is %q, %v", val, err)
			}
			s.patience = time.Hour // nobody holds the lock now
			if err := Replace(t.Context(), s, "lease.json", []byte("next")); err != nil {
				t.Error(err)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 2 {
				t.Errorf("%v, %v are left, want the lock and the document", err, left)
			}
		})
	}
}

// Writers that lose patience with each other all the time, though none sleeps,
// cut each other off; and still none overwrites what it has not read.
func TestImpatientWritersLoseNothing(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Replace(t.Context(), first, "doc", []byte("0")); err != nil {
		t.Fatal(err)
	}
	l, err := first.lockDocs(t.Context()) // a sleeper is there, too
	if err != nil {
		t.Fatal(err)
	}
	defer unlock(l)
	const writers, each = 8, 40
	wrote := make(chan int, writers)
	for i := range writers {
		s, err := OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.patience = time.Duration(i) * 200 * time.Microsecond
		go func() { wrote <- count(t, s, each) }()
	}
	sum := 0
	for range writers {
		sum += <-wrote
	}
	if val, _, _ := first.Get(t.Context(), "doc"); string(val) != fmt.Sprint(sum) {
		t.Errorf("%s increments arrived, %d were made", val, sum)
	}
	t.Logf("%d of %d attempts came through", sum, writers*each)
}

// count tries to add to a number, so many times, by compare-and-swap, and says
// how often it did.
func count(t *testing.T, s *File, attempts int) (made int) {
	for range attempts {
		val, rev, err := s.Get(t.Context(), "doc")
		if err != nil {
			t.Error(err)
			return made
		}
		var at int
		if _, err := fmt.Sscan(string(val), &at); err != nil {
			t.Error(err)
			return made
		}
		switch _, err := s.Put(t.Context(), "doc", fmt.Append(nil, at+1), rev); {
		case err == nil:
			made++
		case !errors.Is(err, ErrConflict) && !errors.Is(err, errCutOff) && !errors.Is(err, errLocked):
			t.Error(err)
		}
	}
	return made
}
