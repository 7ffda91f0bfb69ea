package report

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/planner"
)

func quotaOf(bucket string) float64 {
	if bucket == planner.BucketSecretWrites {
		return 50
	}
	return 0
}

// play feeds a run of 1,000 promotions at 40 a second, and calls at after each
// second.
func play(p *Progress, steps int, at func(second int)) {
	step := planner.Step{Action: planner.Promote, Secret: "prod/db"}
	total := 1000
	p.Event(executor.Event{Kind: executor.RunStarted, Time: time.Now(), Total: total})
	p.Event(executor.Event{Kind: executor.WaveOpened, Time: time.Now(), Total: total, Group: "prod", Wave: 1, Waves: 3})
	for i := 1; i <= steps; i++ {
		time.Sleep(time.Second / 40)
		p.Event(executor.Event{
			Kind: executor.StepEnded, Time: time.Now(), Step: &step, Outcome: executor.Applied, Total: total,
			Steps: executor.Counts{Applied: i - 1, Failed: 1}, Tier: 10, TierDone: i, TierAll: 400,
			Oldest: time.Now().Add(-3 * time.Second), OldestSecret: "prod/slow",
		})
		if i%40 == 0 {
			at(i / 40)
		}
	}
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, Style{Width: 120}, quotaOf, time.Now)
		play(p, 400, func(second int) {
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if n := strings.Count(out.String(), "\r"); n < second {
				t.Errorf("%d lines drawn after %d s, want one a second at least", n, second)
			}
		})
		time.Sleep(redraw)
		synctest.Wait()
		lines := strings.Split(out.String(), "\r")
		line := strings.TrimSuffix(lines[len(lines)-1], "\x1b[K")
		want := "400/1000 steps · tier 10: 400/400 · 1 failed · secret-writes 38/s of 50/s · about 16 s left · prod/slow waits 3.2 s"
		if diff := cmp.Diff(want, line); diff != "" {
			t.Error(diff)
		}
		if _, err := p.Write([]byte("a log line\n")); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "\r\x1b[Ka log line\n\r400/1000") {
			t.Errorf("a log line tears the progress line: %q", out.String()[out.Len()-300:])
		}
		p.Close()
		if !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Error("the line stands after Close")
		}
	})
}

func TestProgressIsPlainInAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, Style{}, quotaOf, time.Now)
		play(p, 400, func(int) {})
		p.Event(executor.Event{Kind: executor.RunEnded, Time: time.Now(), Total: 1000, Steps: executor.Counts{Applied: 400, Left: 600}})
		p.Close()
		if strings.ContainsAny(out.String(), "\r\x1b") {
			t.Errorf("escapes in a pipe: %q", out.String())
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 4 || !strings.Contains(lines[0], "prod wave 1 of 3") || !strings.HasPrefix(lines[3], "400/1000 steps") {
			t.Errorf("got %q", lines)
		}
	})
}

func TestALongLineIsCutToTheTerminal(t *testing.T) {
	if got := cut(strings.Repeat("→", 100), 20); lipgloss.Width(got) != 20 {
		t.Errorf("%d columns: %s", lipgloss.Width(got), got)
	}
}
