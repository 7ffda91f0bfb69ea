package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// LeaseKey is the lease's document. One store has one lease.
const LeaseKey = "lease.json"

// DefaultTTL is how long a lease lives without being renewed. Every step is
// shorter: a call is bounded by seconds.
const DefaultTTL = 30 * time.Second

// leaseDoc is the stored document. It is never deleted: Epoch is the fencing
// token and must not begin anew.
type leaseDoc struct {
	Epoch    int64     `json:"epoch"`
	State    string    `json:"state"` // held, released
	Holder   Holder    `json:"holder"`
	Acquired time.Time `json:"acquired"`
	Renewed  time.Time `json:"renewed"`
	Renewals int64     `json:"renewals"` // makes every renewal a change, whatever the clock says
	TTL      float64   `json:"ttl"`      // seconds

	problem error // why it was made up
}

const (
	held     = "held"
	released = "released"
)

func (d *leaseDoc) ttl() time.Duration { return time.Duration(d.TTL * float64(time.Second)) }

// A Lease is held from Acquire to Release, or until it is lost. It renews
// itself in the background, three times per time to live.
//
// AWS takes no fencing token, so nothing there would refuse a holder that
// has slept through its expiry: Check before every mutation.
type Lease struct {
	store Store
	clock Clock
	stop  context.CancelFunc
	idle  sync.WaitGroup

	epoch int64

	mu      sync.Mutex
	doc     leaseDoc
	raw     []byte // the stored bytes of doc
	rev     string
	renewed time.Time // monotonic: when the last renewal that succeeded began
	lost    error
	gone    chan struct{} // closed when lost
}

// Terms are how a lease is taken.
type Terms struct {
	Holder Holder
	TTL    time.Duration // 0: DefaultTTL
	Clock  Clock
	// Waiting is told whom Take watches, and for how long at most, before it
	// does; nil for nobody.
	Waiting func(holder *HeldError, atMost time.Duration)
	// LastEpoch is asked for the highest epoch that anything else in the store
	// tells of, where the lease's own document cannot: it is unreadable, or
	// gone. nil: an unreadable one is not taken, one that is gone begins anew.
	LastEpoch func(context.Context) (int64, error)
}

// Acquire is Take without anybody to tell or to ask.
func Acquire(ctx context.Context, s Store, h Holder, ttl time.Duration, c Clock) (*Lease, error) {
	return Take(ctx, s, Terms{Holder: h, TTL: ttl, Clock: c})
}

// Take takes the lease. Where another controller holds it, it returns a
// *HeldError (ErrLeaseHeld) at once, unless
//
//   - the holder ran on this machine and is provably dead, or
//   - the lease looks expired: then Take watches it for one time to live by
//     its own monotonic clock, and takes it if it has not changed meanwhile, or
//   - its document cannot be read, or is gone although there were leases: then
//     it is watched in the same way and written anew, with an epoch above any
//     that is known.
//
// Clocks of two machines are never compared to decide; they only tell
// whether watching is worth while. A holder that still lives learns of either
// before its next mutation: it checks the document, which is not its own.
func Take(ctx context.Context, s Store, t Terms) (*Lease, error) {
	t.TTL = cmp.Or(max(t.TTL, 0), DefaultTTL)
	l := &Lease{store: s, clock: orReal(t.Clock), gone: make(chan struct{})}
	for {
		old, raw, rev, err := readLease(ctx, s)
		if rev == "" || errors.Is(err, ErrCorrupt) {
			old, err = t.rebuild(ctx, Locate(s, LeaseKey), raw, err)
		}
		if err != nil {
			return nil, err
		}
		if err := l.free(ctx, old, raw, t.Waiting); err != nil {
			return nil, err
		}
		now := l.clock.Now()
		l.doc = leaseDoc{Epoch: old.Epoch + 1, State: held, Holder: t.Holder, Acquired: now.UTC(), Renewed: now.UTC(), TTL: t.TTL.Seconds()}
		if err = l.put(ctx, rev); errors.Is(err, ErrConflict) {
			continue // somebody was faster: look who
		}
		if err != nil {
			return nil, fmt.Errorf("acquire the lease: %w", err)
		}
		l.epoch, l.renewed = l.doc.Epoch, now
		l.keep(ctx, t.TTL/3)
		return l, nil
	}
}

// epochIn finds an epoch in what is left of a document.
var epochIn = regexp.MustCompile(`"epoch":\s*(\d{1,15})\b`)

// rebuild makes up for a document that is unreadable (problem says why) or gone
// (problem is nil): that of somebody unknown, who has not renewed it for ages.
func (t *Terms) rebuild(ctx context.Context, file string, raw []byte, problem error) (leaseDoc, error) {
	switch {
	case problem != nil && !errors.Is(problem, ErrCorrupt), problem == nil && t.LastEpoch == nil:
		return leaseDoc{}, problem
	case t.LastEpoch == nil:
		return leaseDoc{}, fmt.Errorf("%w; once no understudy is at work any more, move it away", problem)
	}
	last, err := t.LastEpoch(ctx)
	if err != nil {
		return leaseDoc{}, fmt.Errorf("find the last epoch, for the lease's document does not tell it: %w", err)
	}
	if problem == nil {
		if last == 0 {
			return leaseDoc{}, nil // nobody was ever here
		}
		problem = &CorruptError{File: file, Line: 1, Reason: "it is gone, though there were runs"}
	}
	if m := epochIn.FindSubmatch(raw); m != nil {
		left, _ := strconv.ParseInt(string(m[1]), 10, 64) // at most 15 digits
		last = max(last, left)
	}
	return leaseDoc{Epoch: last, State: held, TTL: max(t.TTL, DefaultTTL).Seconds(), problem: problem}, nil
}

func readLease(ctx context.Context, s Store) (doc leaseDoc, raw []byte, rev string, err error) {
	raw, rev, err = s.Get(ctx, LeaseKey)
	if errors.Is(err, ErrNotFound) {
		return doc, nil, "", nil
	}
	if err != nil {
		return doc, nil, "", fmt.Errorf("read the lease: %w", err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return leaseDoc{}, raw, rev, &CorruptError{File: Locate(s, LeaseKey), Line: 1, Reason: err.Error()}
	}
	if doc.Epoch < 1 || doc.State != held && doc.State != released {
		return leaseDoc{}, raw, rev, &CorruptError{File: Locate(s, LeaseKey), Line: 1, Reason: "not a lease"}
	}
	return doc, raw, rev, nil
}

// free returns nil if the lease may be taken.
func (l *Lease) free(ctx context.Context, doc leaseDoc, raw []byte, waiting func(*HeldError, time.Duration)) error {
	if doc.State != held || doc.Holder.dead() {
		return nil
	}
	if !l.looksExpired(doc) {
		return l.heldBy(doc)
	}
	// Its holder's clock may be wrong, or ours: watch.
	if waiting != nil {
		waiting(l.heldBy(doc), doc.ttl())
	}
	start := l.clock.Now()
	for l.clock.Now().Sub(start) < doc.ttl() {
		if err := l.clock.Sleep(ctx, doc.ttl()/10); err != nil {
			return err
		}
		fresh, now, _, err := readLease(ctx, l.store)
		switch {
		case err != nil && !errors.Is(err, ErrCorrupt):
			return err
		case bytes.Equal(now, raw):
		case err != nil: // somebody writes, and it is no lease
			return err
		case fresh.State != held:
			return nil
		default:
			return l.heldBy(fresh)
		}
	}
	return nil
}

// looksExpired: a renewal further ahead than a time to live is a clock that
// was set back, and no proof of life.
func (l *Lease) looksExpired(doc leaseDoc) bool {
	age := l.clock.Now().Sub(doc.Renewed)
	return age > doc.ttl() || age < -doc.ttl()
}

func (l *Lease) heldBy(doc leaseDoc) *HeldError {
	now := l.clock.Now()
	return &HeldError{
		Holder: doc.Holder.Name, Host: doc.Holder.Host, PID: doc.Holder.PID, Run: doc.Holder.Run, Command: doc.Holder.Command,
		Since: doc.Acquired, Age: max(0, now.Sub(doc.Acquired)), Expires: max(0, doc.Renewed.Add(doc.ttl()).Sub(now)),
		Problem: doc.problem, Epoch: doc.Epoch,
	}
}

// put writes l.doc. A write whose answer was lost looks like a conflict with
// oneself, so it reads back.
func (l *Lease) put(ctx context.Context, ifRev string) error {
	raw, err := json.Marshal(&l.doc)
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	rev, err := l.store.Put(ctx, LeaseKey, raw, ifRev)
	if errors.Is(err, ErrConflict) {
		if val, r, gerr := l.store.Get(ctx, LeaseKey); gerr == nil && bytes.Equal(val, raw) {
			rev, err = r, nil
		}
	}
	if err != nil {
		return err
	}
	l.raw, l.rev = raw, rev
	return nil
}

// keep renews in the background until Release or loss.
func (l *Lease) keep(ctx context.Context, every time.Duration) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.idle.Go(func() {
		for l.clock.Sleep(ctx, every) == nil {
			if l.renew(ctx) != nil && l.Lost() != nil {
				return
			}
		}
	})
}

// renew proves to others that the holder lives. A store that fails is tried
// again until the lease would have expired; a changed document is the end.
func (l *Lease) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewLocked(ctx)
}

func (l *Lease) renewLocked(ctx context.Context) error {
	if l.lost != nil {
		return l.lost
	}
	began := l.clock.Now()
	l.doc.Renewed = began.UTC()
	l.doc.Renewals++
	err := l.put(ctx, l.rev)
	if errors.Is(err, ErrConflict) {
		if err = l.adoptLocked(ctx); err == nil {
			err = l.put(ctx, l.rev)
		}
	}
	if err == nil {
		l.renewed = began
		return nil
	}
	if l.lost != nil {
		return l.lost
	}
	if ctx.Err() == nil && l.clock.Now().Sub(l.renewed) >= l.doc.ttl() {
		l.setLost(fmt.Errorf("%w: it could not be renewed for %v: %w", ErrLeaseLost, l.doc.ttl(), err))
		return l.lost
	}
	return err
}

// Check returns nil if the lease is held at this moment; else ErrLeaseLost,
// now and for ever. It reads the document, so that a process that was
// stopped or suspended and wakes up learns of a takeover before it acts.
func (l *Lease) Check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	raw, _, err := l.store.Get(ctx, LeaseKey)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("check the lease: %w", err)
	}
	if !bytes.Equal(raw, l.raw) {
		if err := l.adoptLocked(ctx); err != nil {
			return err
		}
	}
	if l.clock.Now().Sub(l.renewed) >= l.doc.ttl() {
		// Slept past our own expiry, and nobody has taken it: renew first, so
		// that nobody takes it while we act.
		return l.renewLocked(ctx)
	}
	return nil
}

// adoptLocked looks at a document that is not what we believe we wrote. Our
// epoch in it says that it is our own write, whose answer was lost; another
// epoch is the end.
func (l *Lease) adoptLocked(ctx context.Context) error {
	doc, raw, rev, err := readLease(ctx, l.store)
	switch {
	case err != nil:
		return err
	case doc.Epoch == l.epoch && l.wrote(doc):
		l.raw, l.rev = raw, rev
		return nil
	case doc.Epoch == 0:
		l.setLost(fmt.Errorf("%w: its document is gone from the state store", ErrLeaseLost))
	default:
		l.setLost(fmt.Errorf("%w: taken over by %s on %s (pid %d)", ErrLeaseLost, orUnknown(doc.Holder.Name), orUnknown(doc.Holder.Host), doc.Holder.PID))
	}
	return l.lost
}

// wrote: an epoch alone proves nothing once a document had to be made up.
func (l *Lease) wrote(doc leaseDoc) bool {
	theirs, ours := doc.Holder, l.doc.Holder
	theirs.Run, ours.Run = "", "" // SetRun
	return theirs == ours && doc.Acquired.Equal(l.doc.Acquired)
}

func (l *Lease) setLost(err error) {
	l.lost = err
	close(l.gone)
	l.stop()
}

// Lost returns why the lease was lost, nil while it is not known to be.
func (l *Lease) Lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Gone is closed when the lease is lost.
func (l *Lease) Gone() <-chan struct{} { return l.gone }

// Epoch is the fencing token: greater than that of every holder before.
func (l *Lease) Epoch() int64 { return l.epoch }

// SetRun tells others which run the holder is at.
func (l *Lease) SetRun(ctx context.Context, run string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doc.Holder.Run = run
	return l.renewLocked(ctx)
}

// Release gives the lease back and keeps its epoch in the store. Releasing a
// lost lease does nothing.
func (l *Lease) Release(ctx context.Context) error {
	l.stop()
	l.idle.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return nil
	}
	l.doc.State = released
	ctx = context.WithoutCancel(ctx)
	err := l.put(ctx, l.rev)
	if errors.Is(err, ErrConflict) {
		if err = l.adoptLocked(ctx); l.lost != nil {
			return nil // taken over meanwhile: not ours to give back
		}
		if err == nil {
			err = l.put(ctx, l.rev)
		}
	}
	l.lost = fmt.Errorf("%w: it was released", ErrLeaseLost)
	close(l.gone)
	return err
}

// A LeaseInfo is what the store says of the lease.
type LeaseInfo struct {
	Epoch    int64
	Holder   Holder
	Acquired time.Time
	Renewed  time.Time
	// Held: not released. Alive: held, not provably dead, and renewed within
	// its time to live by this machine's clock.
	Held, Alive bool
	// Problem is why the document cannot be read; the rest is then unknown.
	Problem error
}

// Held returns the *HeldError with which Acquire would refuse at this moment,
// nil if the lease is free, or its holder dead or late. It takes nothing.
func Held(ctx context.Context, s Store, c Clock) error {
	info, err := Inspect(ctx, s, c)
	if err != nil || !info.Alive {
		return err
	}
	doc, _, _, err := readLease(ctx, s)
	if err != nil {
		return err
	}
	return (&Lease{clock: orReal(c)}).heldBy(doc)
}

// Inspect reads the lease without taking it. A store without one gives the
// zero LeaseInfo, one that cannot be read a LeaseInfo with its Problem.
func Inspect(ctx context.Context, s Store, c Clock) (LeaseInfo, error) {
	doc, _, _, err := readLease(ctx, s)
	if errors.Is(err, ErrCorrupt) {
		return LeaseInfo{Problem: err}, nil
	}
	if err != nil {
		return LeaseInfo{}, err
	}
	l := &Lease{clock: orReal(c)}
	info := LeaseInfo{Epoch: doc.Epoch, Holder: doc.Holder, Acquired: doc.Acquired, Renewed: doc.Renewed, Held: doc.State == held}
	info.Alive = info.Held && !doc.Holder.dead() && !l.looksExpired(doc)
	return info, nil
}
