package journal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const testTTL = 30 * time.Second

func take(t *testing.T, s Store, host string) (*Lease, error) {
	t.Helper()
	return Acquire(t.Context(), s, Holder{Name: "op", Host: host, PID: 7, Command: "failover", Run: "r1-abcd"}, testTTL, nil)
}

func taken(t *testing.T, s Store, host string) *Lease {
	t.Helper()
	l, err := take(t, s, host)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestASecondHolderIsRefusedAtOnceAndToldWhoHoldsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemory()
		first := taken(t, s, "one")
		defer first.Release(t.Context())
		time.Sleep(4 * time.Minute) // renewed all the while
		began := time.Now()
		_, err := take(t, s, "two")
		var held *HeldError
		if !errors.As(err, &held) || !errors.Is(err, ErrLeaseHeld) {
			t.Fatalf("error is %v, want a HeldError", err)
		}
		if held.Host != "one" || held.PID != 7 || held.Run != "r1-abcd" || held.Age != 4*time.Minute {
			t.Errorf("held by %+v", held)
		}
		for _, word := range []string{"op", "one", "pid 7", "r1-abcd", "failover", "4m0s"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v to say so", waited)
		}
	})
}

func TestAnEpochIsNeverUsedAgain(t *testing.T) {
	s := NewMemory()
	for want := int64(1); want <= 3; want++ {
		l := taken(t, s, "one")
		if l.Epoch() != want {
			t.Fatalf("epoch %d, want %d", l.Epoch(), want)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Check(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Fatalf("a released lease checks as %v", err)
		}
	}
}

// frozen is a process that was stopped: its clock's sleeps never end.
type frozen struct{ RealClock }

func (frozen) Sleep(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }

// G7: SIGSTOP, takeover, SIGCONT.
func TestAHolderThatSleptThroughItsExpiryMayNotAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemory()
		old, err := Acquire(t.Context(), s, Holder{Host: "one"}, testTTL, frozen{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(testTTL + time.Second)
		began := time.Now()
		fresh := taken(t, s, "two")
		defer fresh.Release(t.Context())
		if watched := time.Since(began); watched < testTTL {
			t.Errorf("taken after watching for %v, less than the time to live", watched)
		}
		if fresh.Epoch() != old.Epoch()+1 {
			t.Errorf("epochs %d, %d", old.Epoch(), fresh.Epoch())
		}
		if err := old.Check(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Fatalf("the old holder's check: %v; want ErrLeaseLost", err)
		}
		<-old.Gone()
		if err := old.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := fresh.Check(t.Context()); err != nil {
			t.Fatalf("the old holder's release hurt the new one: %v", err)
		}
	})
}

func TestWhoWaitsForATakeoverIsToldForWhomAndHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemory()
		old, err := Acquire(t.Context(), s, Holder{Name: "ann", Host: "one", PID: 7, Run: "r1-dead"}, testTTL, frozen{})
		if err != nil {
			t.Fatal(err)
		}
		defer old.Release(t.Context())
		time.Sleep(testTTL + time.Second)
		began, told := time.Now(), 0
		l, err := Take(t.Context(), s, Terms{Holder: Holder{Host: "two"}, TTL: testTTL, Waiting: func(h *HeldError, atMost time.Duration) {
			told++
			if h.Holder != "ann" || h.Host != "one" || h.PID != 7 || h.Run != "r1-dead" || atMost != testTTL || time.Since(began) > 0 {
				t.Errorf("told %+v, %v, after %v", h, atMost, time.Since(began))
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}

func TestAHolderThatSleptAndWasNotReplacedRenewsBeforeItActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemory()
		l, err := Acquire(t.Context(), s, Holder{Host: "one"}, testTTL, frozen{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		time.Sleep(10 * testTTL)
		if err := l.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := take(t, s, "two"); !errors.Is(err, ErrLeaseHeld) {
			t.Fatalf("right after the check: %v; want ErrLeaseHeld", err)
		}
	})
}

func TestAHolderWithAWrongClockKeepsItsLease(t *testing.T) {
	for name, off := range map[string]time.Duration{"an hour behind": -time.Hour, "an hour ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewMemory()
				l, err := Acquire(t.Context(), s, Holder{Host: "one"}, testTTL, offClock{off: off})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Release(t.Context())
				if _, err := take(t, s, "two"); !errors.Is(err, ErrLeaseHeld) {
					t.Fatalf("error is %v; its renewals prove that it lives", err)
				}
			})
		})
	}
}

type offClock struct {
	RealClock
	off time.Duration
}

func (c offClock) Now() time.Time { return c.RealClock.Now().Add(c.off) }

func TestADeadHolderOnThisMachineIsReplacedAtOnce(t *testing.T) {
	self := Self("failover")
	if self.Machine == "" || self.Birth == "" {
		t.Skip("this platform does not prove a process dead")
	}
	gone, reused := self, self
	gone.PID = 1 << 30 // above every pid_max
	reused.Birth += "1"
	for name, c := range map[string]struct {
		holder Holder
		free   bool
	}{
		"its process is gone":                 {gone, true},
		"its process id was given to another": {reused, true},
		"it is this very process":             {self, false},
		"it ran on another machine":           {Holder{Host: self.Host, PID: 1 << 30, Machine: "other", Birth: "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewMemory()
			doc, _ := json.Marshal(leaseDoc{Epoch: 4, State: held, Holder: c.holder, Renewed: time.Now(), TTL: 30})
			if _, err := s.Put(t.Context(), LeaseKey, doc, ""); err != nil {
				t.Fatal(err)
			}
			l, err := take(t, s, "two")
			if !c.free {
				if !errors.Is(err, ErrLeaseHeld) {
					t.Fatalf("error is %v, want ErrLeaseHeld", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Epoch() != 5 {
				t.Errorf("epoch %d, want 5", l.Epoch())
			}
			_ = l.Release(t.Context())
		})
	}
}

// flaky loses answers, or fails altogether.
type flaky struct {
	*Memory
	lose, fail atomic.Bool
}

func (f *flaky) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	if f.fail.Load() {
		return "", os.ErrPermission
	}
	got, err := f.Memory.Put(ctx, key, val, rev)
	if f.lose.Load() && err == nil {
		return "", errors.New("answer lost")
	}
	return got, err
}

func TestARenewalWhoseAnswerWasLostDoesNotLoseTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Memory: NewMemory()}
		l := taken(t, s, "one")
		s.lose.Store(true)
		time.Sleep(testTTL / 2) // one renewal
		s.lose.Store(false)
		if err := l.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(testTTL)
		if err := l.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info, _ := Inspect(t.Context(), s, nil); info.Held {
			t.Error("the lease is still held after its release")
		}
	})
}

func TestALeaseThatCannotBeRenewedIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Memory: NewMemory()}
		l := taken(t, s, "one")
		s.fail.Store(true)
		select {
		case <-l.Gone():
		case <-time.After(2 * testTTL):
			t.Fatal("still not lost after twice its time to live")
		}
		if err := l.Check(t.Context()); !errors.Is(err, ErrLeaseLost) || !errors.Is(err, os.ErrPermission) {
			t.Fatalf("error is %v, want ErrLeaseLost and the cause", err)
		}
	})
}

func TestACorruptLeaseIsAnErrorAndIsNotTaken(t *testing.T) {
	s := NewMemory()
	if _, err := s.Put(t.Context(), LeaseKey, []byte("{"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, s, "one"); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("error is %v, want ErrCorrupt", err)
	}
}

// Nobody knows who holds a lease that cannot be read, or is gone: it is watched
// like one that has expired, and the epoch that it gets was nobody's. The old
// holder, awake again, is out even if its epoch was guessed.
func TestALeaseThatIsLostIsWatchedAndWrittenAnew(t *testing.T) {
	for name, row := range map[string]struct {
		left        string // of the document of epoch 5
		known, want int64  // the epochs known from elsewhere, and taken
	}{
		"a torn document":                 {`{"epoch":5,"state":"he`, 3, 6},
		"zero bytes":                      {"\x00\x00\x00", 7, 8},
		"nothing":                         {"", 9, 10},
		"another document":                {"{}", 9, 10},
		"its epoch is known from nowhere": {"", 4, 5},
		"it says less than what is known besides": {`{"epoch":2,"state`, 8, 9},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewMemory()
				old, err := Acquire(t.Context(), s, Holder{Host: "one", PID: 7}, testTTL, frozen{})
				if err != nil {
					t.Fatal(err)
				}
				old.epoch, old.doc.Epoch = 5, 5
				if err := old.renew(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := Replace(t.Context(), s, LeaseKey, []byte(row.left)); err != nil {
					t.Fatal(err)
				}
				if err := old.Check(t.Context()); !errors.Is(err, ErrCorrupt) {
					t.Errorf("its holder's check: %v, want ErrCorrupt: nothing is done on it", err)
				}
				if info, err := Inspect(t.Context(), s, nil); err != nil || !errors.Is(info.Problem, ErrCorrupt) {
					t.Errorf("inspect: %+v %v", info, err)
				}
				began, told := time.Now(), 0
				fresh, err := Take(t.Context(), s, Terms{Holder: Holder{Host: "two"}, TTL: time.Second,
					LastEpoch: func(context.Context) (int64, error) { return row.known, nil },
					Waiting: func(h *HeldError, atMost time.Duration) {
						if told++; !errors.Is(h.Problem, ErrCorrupt) || h.Epoch+1 != row.want || atMost != DefaultTTL {
							t.Errorf("told %+v, %v", h, atMost)
						}
					}})
				if err != nil {
					t.Fatal(err)
				}
				defer fresh.Release(t.Context())
				if waited := time.Since(began); waited < DefaultTTL || told != 1 || fresh.Epoch() != row.want {
					t.Errorf("epoch %d after %v, told %d times; want %d", fresh.Epoch(), waited, told, row.want)
				}
				if err := old.Check(t.Context()); !errors.Is(err, ErrLeaseLost) {
					t.Errorf("the old holder's check: %v, want ErrLeaseLost", err)
				}
				if err := fresh.Check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestALeaseThatIsGoneBeginsAnewOnlyWhereNobodyWas(t *testing.T) {
	for known, want := range map[int64]int64{0: 1, 12: 13} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			l, err := Take(t.Context(), NewMemory(), Terms{Holder: Holder{Host: "two"},
				LastEpoch: func(context.Context) (int64, error) { return known, nil }})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release(t.Context())
			if waited := time.Since(began); l.Epoch() != want || (waited >= DefaultTTL) != (known > 0) {
				t.Errorf("known %d: epoch %d after %v", known, l.Epoch(), waited)
			}
		})
	}
}

// A holder that lives cannot write over what it cannot read; somebody who
// writes there meanwhile is heard.
func TestALeaseThatIsMendedWhileItIsWatchedIsItsHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemory()
		if err := Replace(t.Context(), s, LeaseKey, []byte("{")); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(DefaultTTL / 2)
			doc, _ := json.Marshal(leaseDoc{Epoch: 4, State: held, Holder: Holder{Host: "one"}, Renewed: time.Now(), TTL: 30})
			if err := Replace(t.Context(), s, LeaseKey, doc); err != nil {
				t.Error(err)
			}
		}()
		_, err := Take(t.Context(), s, Terms{LastEpoch: func(context.Context) (int64, error) { return 3, nil }})
		if held := (*HeldError)(nil); !errors.As(err, &held) || held.Host != "one" {
			t.Errorf("error is %v", err)
		}
	})
}
