package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
)

// A fullDisk takes so many appends, and then nothing any more: neither records
// nor, if it is as full as that, documents. The process lives on.
type fullDisk struct {
	*journal.Memory
	alsoP bool

	mu      sync.Mutex
	room    int
	refused bool // an append, ever
}

var errFull = fmt.Errorf("write: %w", syscall.ENOSPC)

func (s *fullDisk) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	if s.full(1, true) {
		return errFull
	}
	return s.Memory.Append(ctx, log, seq, lines)
}

func (s *fullDisk) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	if s.full(0, s.alsoP) {
		return "", errFull
	}
	return s.Memory.Put(ctx, key, val, rev)
}

// full takes room for n appends, and refuses, if asked to, where none is left.
func (s *fullDisk) full(n int, refuse bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := refuse && s.room <= 0
	s.room -= n
	s.refused = s.refused || full && n > 0
	return full
}

// free makes room for all there will be.
func (s *fullDisk) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = 1 << 20
}

// sufficed: the whole journal found room. The last head and the lease's end
// may not have; the run is none the worse.
func (s *fullDisk) sufficed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.refused
}

// announced counts the intents that the journal holds, by subject.
func announced(t *testing.T, s journal.Store, run string) map[string]int {
	t.Helper()
	calls := map[string]int{}
	for rec, err := range journal.Read(t.Context(), s, logKey(run)) {
		if errors.Is(err, journal.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var i intent
		if rec.Kind != kindIntent {
			continue
		}
		if err := json.Unmarshal(rec.Data, &i); err != nil {
			t.Fatal(err)
		}
		calls[i.On]++
	}
	return calls
}

// G5: wherever in a run the disk fills up, no call is made that no intent
// announces, the run stops and says why; once there is room, it is resumed to
// the same end by the same calls.
func TestADiskThatFillsUpMidway(t *testing.T) {
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			state, mutations, whole := whole(t, sc)
			for room := range int(whole.appends) {
				for _, documents := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						m, s := sc.world(), &fullDisk{Memory: journal.NewMemory(), room: room, alsoP: documents}
						var mu sync.Mutex
						called := map[string]int{}
						m.before = func(call string) error {
							on := strings.Trim(call[strings.LastIndexByte(call, ' ')+1:], "[]") // OPERATION REGION SUBJECT
							mu.Lock()
							defer mu.Unlock()
							if called[on]++; called[on] > announced(t, s, "r1-"+sc.plan().ID)[on] {
								t.Errorf("room for %d: %s is the call %d, of %d that intents tell of", room, call, called[on], announced(t, s, "r1-"+sc.plan().ID)[on])
							}
							return nil
						}
						_, err := executorOn(m, s).Run(t.Context(), sc.plan(), RunSpec{})
						if err == nil && s.sufficed() && room > int(whole.appends)/2 {
							return // more of its lines shared a write than in the whole run, and the disk sufficed
						}
						if !errors.Is(err, syscall.ENOSPC) {
							t.Fatalf("room for %d: error is %v", room, err)
						}
						made := len(m.mutations)
						if room <= 1 && made > 0 {
							t.Errorf("room for %d: %d calls", room, made)
						}
						if documents && room == 0 {
							return // there is no run, nor a lease
						}
						if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "understudy runs resume r1-") {
							t.Errorf("room for %d: it does not say how to go on: %v", room, err)
						}
						s.free()
						rep, err := executorOn(m, s).Resume(t.Context(), "r1")
						if err != nil || rep.State != Completed {
							t.Fatalf("room for %d: resume: %v %+v", room, err, rep)
						}
						if got := m.state(); got != state {
							t.Errorf("room for %d: another world:\n%s\nwant\n%s", room, got, state)
						}
						if got := slices.Sorted(slices.Values(m.mutations)); !slices.Equal(got, mutations) {
							t.Errorf("room for %d: calls\n%s\nwant\n%s", room, strings.Join(got, "\n"), strings.Join(mutations, "\n"))
						}
					})
				}
			}
		})
	}
}
