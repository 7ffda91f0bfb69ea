package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Progress shows how far a run is: on a terminal one line that is redrawn
// four times a second, elsewhere a plain line every few seconds and at the
// beginning of each wave. It is an io.Writer for logs too, so that they do
// not tear the line.
type Progress struct {
	out   io.Writer
	style Style
	// quota is the pacing ceiling of a planner bucket in calls per second, 0
	// where there is none.
	quota func(bucket string) float64
	now   func() time.Time

	mu     sync.Mutex
	last   executor.Event
	ended  []mark // of the last window
	began  time.Time
	spoken time.Time // plain: when the last line was written
	drawn  bool      // terminal: the line stands
	stop   chan struct{}
	idle   sync.WaitGroup
}

// A mark is one step that ended.
type mark struct {
	at    time.Time
	quota quotaKey // zero for a step that made no call
}

// A quotaKey is what AWS counts together: one bucket of one region.
type quotaKey struct {
	region topology.Region
	bucket string
}

const (
	window     = 5 * time.Second // over which the rate is taken
	redraw     = 250 * time.Millisecond
	plainEvery = 5 * time.Second
)

// NewProgress makes a progress line on out. Close ends it.
func NewProgress(out io.Writer, s Style, quota func(bucket string) float64, now func() time.Time) *Progress {
	if quota == nil {
		quota = func(string) float64 { return 0 }
	}
	return &Progress{out: out, style: s, quota: quota, now: now}
}

// Event takes one event in. It never blocks on the terminal.
func (p *Progress) Event(e executor.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = e
	switch e.Kind {
	case executor.RunStarted:
		p.began, p.ended, p.spoken = e.Time, nil, e.Time
		p.start()
	case executor.StepEnded:
		m := mark{at: e.Time}
		if e.Step != nil && e.Outcome == executor.Applied {
			m.quota = quotaOfStep(e.Step)
		}
		p.ended = append(p.ended, m)
	case executor.RunEnded:
		p.halt()
	}
	if p.style.Width == 0 && p.worthALine(e) {
		p.spoken = e.Time
		p.sayLocked(p.lineLocked(e.Time))
	}
}

// quotaOfStep is what a step's call is counted against. A replica is added,
// changed and removed by a call to its primary's region.
func quotaOfStep(step *planner.Step) quotaKey {
	region := step.Region
	switch step.Action {
	case planner.Replicate, planner.RetryReplica, planner.RekeyReplica, planner.RemoveReplica, planner.OverwriteReplica:
		region = cmp.Or(step.Params.From, region)
	}
	return quotaKey{region, planner.TraitsOf(step.Action).Bucket}
}

// worthALine: what a log of a pipeline should show.
func (p *Progress) worthALine(e executor.Event) bool {
	switch e.Kind {
	case executor.WaveOpened, executor.GroupHalted, executor.RunEnded:
		return true
	}
	return e.Time.Sub(p.spoken) >= plainEvery
}

// start redraws in the background until halt.
func (p *Progress) start() {
	if p.style.Width == 0 || p.stop != nil {
		return
	}
	stop := make(chan struct{})
	p.stop = stop
	p.idle.Go(func() {
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				p.mu.Lock()
				if p.stop == stop {
					p.drawLocked()
				}
				p.mu.Unlock()
			}
		}
	})
}

func (p *Progress) halt() {
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	p.wipeLocked()
}

// Close removes the line.
func (p *Progress) Close() {
	p.mu.Lock()
	p.halt()
	p.mu.Unlock()
	p.idle.Wait()
}

// Hint shows on a terminal what is being waited for, until something else is
// written.
func (p *Progress) Hint(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.style.Width == 0 || p.stop != nil {
		return
	}
	p.say("\r" + p.style.paint(faint, cut(clean(text)+" …", p.style.Width-1)) + "\x1b[K")
	p.drawn = true
}

// Wipe takes the line away, before something is written to the same terminal
// by another way.
func (p *Progress) Wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipeLocked()
}

// Write writes something else, such as a log line, above the progress line.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipeLocked()
	n, err := p.out.Write(b)
	if p.stop != nil && bytes.HasSuffix(b, []byte("\n")) {
		p.drawLocked()
	}
	return n, err
}

func (p *Progress) drawLocked() {
	line := p.lineLocked(p.now())
	p.say("\r" + p.style.paint(faint, cut(line, p.style.Width-1)) + "\x1b[K")
	p.drawn = true
}

func (p *Progress) wipeLocked() {
	if p.drawn {
		p.say("\r\x1b[K")
		p.drawn = false
	}
}

func (p *Progress) sayLocked(line string) { p.say(line + "\n") }

// say drops errors: progress is not worth a run.
func (p *Progress) say(s string) { _, _ = io.WriteString(p.out, s) }

// lineLocked is the state in one line.
func (p *Progress) lineLocked(now time.Time) string {
	e := p.last
	done := e.Steps.Applied + e.Steps.AlreadyDone + e.Steps.Deferred + e.Steps.Failed
	parts := []string{fmt.Sprintf("%d/%d steps", done, e.Total)}
	if e.TierAll > 0 && e.TierAll != e.Total {
		parts = append(parts, fmt.Sprintf("tier %d: %d/%d", e.Tier, e.TierDone, e.TierAll))
	}
	if e.Kind == executor.WaveOpened {
		parts = append(parts, fmt.Sprintf("%s wave %d of %d", clean(e.Group), e.Wave, e.Waves))
	}
	if e.Kind == executor.GroupHalted {
		parts = append(parts, clean(e.Message))
	}
	if e.Steps.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", e.Steps.Failed))
	}
	rate, bucket, all := p.rates(now)
	if rate > 0 {
		text := fmt.Sprintf("%.0f/s", rate)
		if q := p.quota(bucket); q > 0 {
			text = fmt.Sprintf("%s %.0f/s of %.0f/s", bucket, rate, q)
		}
		parts = append(parts, text)
	}
	if left := e.Total - done; left > 0 && all > 0 && e.Kind != executor.RunEnded {
		parts = append(parts, "about "+seconds(float64(left)/all)+" left")
	}
	if !e.Oldest.IsZero() && now.Sub(e.Oldest) >= 2*time.Second {
		parts = append(parts, fmt.Sprintf("%s waits %s", clean(string(e.OldestSecret)), seconds(now.Sub(e.Oldest).Seconds())))
	}
	return strings.Join(parts, " · ")
}

// rates are the steps per second of the busiest quota, its bucket, and all
// steps together, over the last window.
func (p *Progress) rates(now time.Time) (rate float64, bucket string, all float64) {
	first := 0
	for first < len(p.ended) && now.Sub(p.ended[first].at) > window {
		first++
	}
	p.ended = p.ended[first:]
	span := min(now.Sub(p.began), window).Seconds()
	if span < 1 || len(p.ended) == 0 {
		return 0, "", 0
	}
	count := map[quotaKey]int{}
	most := 0
	for _, m := range p.ended {
		if m.quota == (quotaKey{}) {
			continue
		}
		count[m.quota]++
		if n := count[m.quota]; n > most {
			most, bucket = n, m.quota.bucket
		}
	}
	return float64(most) / span, bucket, float64(len(p.ended)) / span
}

// cut shortens a line that is wider than width.
func cut(line string, width int) string {
	if lipgloss.Width(line) <= width {
		return line
	}
	for lipgloss.Width(line) > max(width-1, 0) {
		runes := []rune(line)
		line = string(runes[:len(runes)-1])
	}
	return line + "…"
}
