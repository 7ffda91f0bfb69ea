package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interrupts turn Ctrl-C into the gentlest stop that is possible. Before a
// run has begun it cancels: nothing has been changed. Later the first one
// lets the calls in flight finish, and the second stops at once, which is as
// safe as kill -9.
type interrupts struct {
	// stop is closed by the first interrupt of a run, atOnce by the second.
	stop, atOnce chan struct{}

	mu      sync.Mutex
	running bool
	run     string // its ID, "" before it has one
}

// watch begins to listen. end stops listening.
func watch(parent context.Context, stderr io.Writer) (ctx context.Context, i *interrupts, end func()) {
	ctx, cancel := context.WithCancel(parent)
	i = &interrupts{stop: make(chan struct{}), atOnce: make(chan struct{})}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for stopping := false; ; {
			select {
			case <-done:
				return
			case <-signals:
			}
			switch {
			case !i.isRunning():
				cancel()
			case !stopping:
				stopping = true
				fmt.Fprintln(stderr, "\nstopping: the calls in flight are finished first; once more stops at once")
				close(i.stop)
			default:
				close(i.atOnce)
				return
			}
		}
	}()
	return ctx, i, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// begin says that from now on something may be changed.
func (i *interrupts) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running = true
}

// at notes which run is at work.
func (i *interrupts) at(run string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.run = run
}

// stoppedAtOnce is how a command ends that was told twice. Whatever is still
// under way ends with the process, wherever it is: the journal has each
// intent before its call, and resuming looks again.
func (i *interrupts) stoppedAtOnce() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &atOnceError{i.run}
}

// An atOnceError: Ctrl-C, twice, while a run was at work.
type atOnceError struct{ run string }

func (e *atOnceError) Error() string {
	if e.run == "" {
		return "stopped at once, before there was a run; nothing was changed"
	}
	return "run " + e.run + " stopped at once; what was in flight is unknown, and looked at again when it is resumed"
}

func (i *interrupts) isRunning() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.running
}
