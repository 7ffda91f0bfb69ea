package runbooks_test

import (
	"context"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// reading starts or ends readers of every secret in a region.
func (p *player) reading(words []string) {
	if words[0] == "in" {
		p.readers = startReaders(p.world, topology.Region(words[1]))
		return
	}
	p.readers.stop()
	if p.readers.reads == 0 {
		p.t.Error("the readers never read")
	}
	p.printf("%d reads failed", len(p.readers.failed))
	for _, line := range p.readers.failed[:min(3, len(p.readers.failed))] {
		p.printf("  %s", line)
	}
	p.readers = nil
}

// readers read secrets in a region, one after the other, until stopped.
type readers struct {
	cancel context.CancelFunc
	done   chan struct{}
	reads  int
	failed []string
}

func startReaders(w *world, r topology.Region) *readers {
	ctx, cancel := context.WithCancel(w.t.Context())
	rs := &readers{cancel: cancel, done: make(chan struct{})}
	var names []string
	for name := range w.sim.State().Accounts[account][string(r)].Secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	go func() {
		defer close(rs.done)
		for i := 0; ctx.Err() == nil; i++ {
			name := names[i%len(names)]
			if _, err := w.get(r, name); err != nil && ctx.Err() == nil {
				rs.failed = append(rs.failed, name+": "+err.Error())
			}
			rs.reads++
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return rs
}

func (rs *readers) stop() {
	rs.cancel()
	<-rs.done
}
