package runbooks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// readPause is the pause between two reads of the audience.
const readPause = 5 * time.Millisecond

// An audience reads secrets over and over through the stage, as applications
// do, and counts what fails.
type audience struct {
	names  []topology.Name
	cancel context.CancelFunc
	idle   sync.WaitGroup

	mu     sync.Mutex
	reads  int
	failed int
	first  string // the first failure
}

// watch begins to read up to limit of the secrets in a region, until stop.
func watch(ctx context.Context, stage Stage, region topology.Region, names []topology.Name, limit int) *audience {
	if limit <= 0 {
		limit = 20
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &audience{names: names[:min(limit, len(names))], cancel: cancel}
	a.idle.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			a.read(ctx, stage, region, a.names[i%len(a.names)])
			pause(ctx)
		}
	})
	return a
}

// pause is real time on purpose: applications do not live by our clock.
func pause(ctx context.Context) {
	t := time.NewTimer(readPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (a *audience) read(ctx context.Context, stage Stage, region topology.Region, n topology.Name) {
	err := stage.Read(ctx, region, n)
	if ctx.Err() != nil {
		return // the curtain fell during this read
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	if err == nil {
		return
	}
	a.failed++
	if a.first == "" {
		a.first = fmt.Sprintf("read %s in %s: %v", n, region, err)
	}
}

// stop ends the reads. It may be called twice, and on the zero audience.
func (a *audience) stop() {
	if a.cancel != nil {
		a.cancel()
	}
	a.idle.Wait()
}

func (a *audience) count() int { return len(a.names) }

func (a *audience) tally() (reads, failed int, first string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reads, a.failed, a.first
}
