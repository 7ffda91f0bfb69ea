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
	// stop is closed by the first interrupt of a run.
	stop chan struct{}

	mu      sync.Mutex
	running bool
}

// watch begins to listen. end stops listening.
func watch(parent context.Context, stderr io.Writer) (ctx context.Context, i *interrupts, end func()) {
	ctx, cancel := context.WithCancel(parent)
	i = &interrupts{stop: make(chan struct{})}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case <-signals:
			}
			if !first || !i.isRunning() {
				cancel()
				continue
			}
			fmt.Fprintln(stderr, "\nstopping: the calls in flight are finished first; once more stops at once")
			close(i.stop)
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

func (i *interrupts) isRunning() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.running
}
