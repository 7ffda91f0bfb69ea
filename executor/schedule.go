package executor

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A schedule decides which step may start. One goroutine owns it; steps run
// in goroutines of their own and send it news.
type schedule struct {
	*graph
	r      *run
	undo   bool
	fence  bool // nothing but owed steps
	groups map[string]*group

	over    []bool // ended, or never to run
	running []bool
	ready   stepHeap
	tiers   []int       // distinct, ascending
	tierAt  int         // tiers[:tierAt+1] may run
	tierAll map[int]int // steps by tier, and how many of them are over
	tierEnd map[int]int
	byTier  map[int][]int32 // ready steps of closed tiers
	taken   map[lockKey]bool
	queue   map[lockKey][]int32 // steps that wait for a key
	regions map[topology.Region]*lane

	inFlight  int
	baking    int
	anchorDue bool          // within anchorEvery
	started   []startedStep // oldest first; ended ones are dropped late
	news      chan news
	fatal     error
}

// A lane is one region's capacity: a region that hangs fills only its own.
type lane struct {
	slots   chan struct{}
	running int
	parked  []int32
}

// lanesPerSlot is how many steps may be under way in a region for each call
// in flight: the others wait for what AWS does by itself.
const lanesPerSlot = 32

// A slot is the right to make calls in one region.
type slot struct{ c chan struct{} }

func (s slot) acquire() { s.c <- struct{}{} }
func (s slot) release() { <-s.c }

type startedStep struct {
	step int32
	at   time.Time
}

// news is what a step's goroutine tells: an intent is durable, or the step
// has ended; or that a group's pause is over; or that the journal's head is due.
type news struct {
	step   int32
	intent bool
	at     time.Time
	out    outcome
	err    error
	baked  *group
	anchor bool
}

type stepHeap []int32

func (h stepHeap) Len() int           { return len(h) }
func (h stepHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h stepHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *stepHeap) Push(x any)        { *h = append(*h, x.(int32)) }
func (h *stepHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// newSchedule orders the steps of which done says that they are settled.
func newSchedule(r *run, steps []planner.Step, done func(i int) bool, undo bool) (*schedule, error) {
	g, err := newGraph(steps)
	if err != nil {
		return nil, err
	}
	spec := r.spec
	if undo {
		spec = RunSpec{} // what is taken back needs no canary
	}
	groups, err := newGroups(steps, g.wave, spec)
	if err != nil {
		return nil, err
	}
	if err := g.settle(); err != nil {
		return nil, err
	}
	q := &schedule{
		graph: g, r: r, undo: undo, groups: groups, over: make([]bool, len(steps)), running: make([]bool, len(steps)),
		tierAll: map[int]int{}, tierEnd: map[int]int{}, byTier: map[int][]int32{},
		taken: map[lockKey]bool{}, queue: map[lockKey][]int32{}, regions: map[topology.Region]*lane{}, news: make(chan news, 256),
	}
	q.fence = onlyOwed(steps)
	for i := range steps {
		q.tierAll[q.tier[i]] += q.weight(int32(i))
		if gr := q.gate(int32(i)); gr != nil {
			gr.left[q.wave[i]] += q.weight(int32(i))
			gr.tier = q.tier[i]
		}
	}
	for t := range q.tierAll {
		q.tiers = append(q.tiers, t)
	}
	slices.Sort(q.tiers)
	q.begin(done)
	return q, nil
}

// begin takes settled steps off and lines up those that wait for nothing.
func (q *schedule) begin(done func(i int) bool) {
	for i := range q.steps {
		if done(i) {
			q.end(int32(i))
			for _, d := range q.dependents(int32(i)) {
				q.needs[d]--
			}
		}
	}
	for i := range q.steps {
		if !q.over[i] && q.needs[i] == 0 {
			q.line(int32(i))
		}
	}
}

// gate is the group whose waves hold a step back, nil if none do.
func (q *schedule) gate(i int32) *group {
	if q.steps[i].Secret == "" || q.wave[i] == noWave {
		return nil
	}
	return q.groups[q.steps[i].Group]
}

// weight is what a step counts in its wave and tier. What is owed to an old
// primary holds neither up: a region that throttles for minutes must not cost
// the next secret its promotion (G4). Where all is owed, waves are as ever.
func (q *schedule) weight(i int32) int {
	if q.steps[i].Owed && !q.fence {
		return 0
	}
	return 1
}

// line puts a step whose needs are met where it waits for its turn.
func (q *schedule) line(i int32) {
	if q.over[i] {
		return
	}
	if t := q.tier[i]; t > q.tiers[q.tierAt] {
		q.byTier[t] = append(q.byTier[t], i)
		return
	}
	if g := q.gate(i); g != nil && q.wave[i] > g.open {
		g.parked[q.wave[i]] = append(g.parked[q.wave[i]], i)
		return
	}
	heap.Push(&q.ready, i)
}

// loop runs until nothing is under way and nothing can start.
func (q *schedule) loop(ctx context.Context) error {
	for {
		q.advance(ctx)
		for q.fatal == nil && ctx.Err() == nil && len(q.ready) > 0 {
			q.start(ctx, heap.Pop(&q.ready).(int32))
		}
		if q.inFlight == 0 && q.baking == 0 {
			return q.fatal
		}
		n := <-q.news
		q.hear(n) //nolint:contextcheck // a wave is journaled whatever ends meanwhile
		if !n.anchor {
			q.anchorSoon(ctx)
		}
	}
}

// anchorSoon has the journal's head stored once anchorEvery has passed, also if
// nothing happens until then. A run that is stopping does so at its end.
func (q *schedule) anchorSoon(ctx context.Context) {
	if q.anchorDue || ctx.Err() != nil {
		return
	}
	q.anchorDue = true
	go func() {
		_ = q.r.e.clock.Sleep(ctx, anchorEvery)
		q.news <- news{anchor: true}
	}()
}

// anchor stores the journal's head. One that cannot be written harms nobody:
// the journal is as durable without, and the older head still holds.
func (q *schedule) anchor() { _ = q.r.anchor(context.Background()) }

// start gives a step to a goroutine, or parks it behind what it must wait for.
func (q *schedule) start(ctx context.Context, i int32) {
	if q.over[i] {
		return
	}
	s := &q.steps[i]
	ln := q.lane(s.Region)
	if ln.running >= cap(ln.slots)*lanesPerSlot {
		ln.parked = append(ln.parked, i)
		return
	}
	keys := locks(s, nil)
	for _, k := range keys {
		if q.taken[k] {
			q.queue[k] = append(q.queue[k], i)
			q.handOn(keys, ln) // it may have been woken for what it now cannot use
			return
		}
	}
	for _, k := range keys {
		q.taken[k] = true
	}
	ln.running++
	q.inFlight++
	q.running[i] = true
	q.started = append(q.started, startedStep{i, q.r.now()})
	q.r.emit(q, Event{Kind: StepStarted, Step: s, Tier: q.tier[i]})
	go q.r.perform(ctx, q, i, slot{ln.slots})
}

func (q *schedule) lane(r topology.Region) *lane {
	ln := q.regions[r]
	if ln == nil {
		ln = &lane{slots: make(chan struct{}, q.r.e.opts.Concurrency)}
		q.regions[r] = ln
	}
	return ln
}

func (q *schedule) hear(n news) {
	switch {
	case n.anchor:
		q.anchorDue = false
		q.anchor()
		return
	case n.baked != nil:
		q.baking--
		n.baked.bake = false
		q.openWave(n.baked)
		return
	case n.intent:
		q.r.book.intend(q.inBook(n.step), q.undo, n.at)
		return
	}
	q.inFlight--
	q.running[n.step] = false
	q.free(n.step)
	if n.err != nil {
		if errors.Is(n.err, errHalted) {
			q.leave(n.step)
			return
		}
		if !errors.Is(n.err, errInterrupted) && q.fatal == nil {
			q.fatal = n.err
			q.r.cancel(n.err) // nobody else starts a call
		}
		return
	}
	s := &q.steps[n.step]
	q.r.book.settle(q.inBook(n.step), n.out, n.at)
	q.end(n.step)
	q.judge(n.step, n.out)
	q.r.emit(q, Event{Kind: StepEnded, Step: s, Tier: q.tier[n.step], Outcome: n.out.Outcome, Code: n.out.Code, Message: n.out.Message})
}

// inBook is a step's place in the run's plan, of which undo steps are a part
// in another order.
func (q *schedule) inBook(i int32) int32 { return q.r.book.index[q.steps[i].ID] }

// free gives back what a step held.
func (q *schedule) free(i int32) {
	s := &q.steps[i]
	ln := q.lane(s.Region)
	keys := locks(s, nil)
	for _, k := range keys {
		delete(q.taken, k)
	}
	ln.running--
	q.handOn(keys, ln)
}

// handOn wakes one step for each key and lane that is free: waking them all
// would cost the square of their number.
func (q *schedule) handOn(keys []lockKey, ln *lane) {
	for _, k := range keys {
		if waiting := q.queue[k]; !q.taken[k] && len(waiting) > 0 {
			if waiting = q.wake(waiting); len(waiting) > 0 {
				q.queue[k] = waiting
			} else {
				delete(q.queue, k)
			}
		}
	}
	if len(ln.parked) > 0 && ln.running < cap(ln.slots)*lanesPerSlot {
		ln.parked = q.wake(ln.parked)
	}
}

// wake lines up the first step that is still to run, and returns the rest.
func (q *schedule) wake(waiting []int32) []int32 {
	for len(waiting) > 0 {
		i := waiting[0]
		waiting = waiting[1:]
		if !q.over[i] {
			q.line(i)
			break
		}
	}
	return waiting
}

// judge lets a step's dependents go on, or leaves them.
func (q *schedule) judge(i int32, out outcome) {
	s := &q.steps[i]
	for _, d := range q.dependents(i) {
		switch {
		case out.Outcome == Failing, out.Outcome == Deferred && holdsUp(s, &q.steps[d]):
			q.leave(d)
		default:
			if q.needs[d]--; q.needs[d] == 0 {
				q.line(d)
			}
		}
	}
	// What the old primary refuses stays owed, and speaks against no promotion
	// (G4); nor does one fence that fails speak against the next.
	if g := q.groups[s.Group]; out.Outcome == Failing && g != nil && s.Secret != "" && !s.Owed {
		g.failed[s.Secret] = true
		if !g.halted.Load() && len(g.failed) > g.allowed {
			g.halted.Store(true)
			q.halt(g)
		}
	}
}

// isHalted: a step that has been started and has made no call yet stops here.
func (q *schedule) isHalted(i int32) bool {
	g := q.groups[q.steps[i].Group]
	return g != nil && g.halted.Load()
}

// halt leaves whatever of a group has not been started. What has been, but
// has not called yet, leaves by itself; the calls in flight are finished.
func (q *schedule) halt(g *group) {
	for i := range q.steps {
		if s := &q.steps[i]; s.Group == g.name && !q.over[i] && !q.running[i] {
			q.leave(int32(i))
		}
	}
	q.r.halted = append(q.r.halted, g.reason())
	q.r.emit(q, Event{Kind: GroupHalted, Group: g.name, Wave: g.open + 1, Waves: len(g.ends), Message: g.reason()})
}

// leave takes a step and all that need it out of the run.
func (q *schedule) leave(i int32) {
	stack := []int32{i}
	for len(stack) > 0 {
		i, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if q.over[i] {
			continue
		}
		q.end(i)
		stack = append(stack, q.dependents(i)...)
	}
}

func (q *schedule) end(i int32) {
	if q.over[i] {
		return
	}
	q.over[i] = true
	q.tierEnd[q.tier[i]] += q.weight(i)
	if g := q.gate(i); g != nil {
		g.left[q.wave[i]] -= q.weight(i)
	}
	for len(q.started) > 0 && q.over[q.started[0].step] {
		q.started = q.started[1:]
	}
}

// advance opens the next wave of every group whose open ones are over, and
// the next tier once the lowest is.
func (q *schedule) advance(ctx context.Context) {
	for _, g := range q.groups {
		for q.fatal == nil && ctx.Err() == nil && !g.bake && !g.halted.Load() && g.open < len(g.ends)-1 && g.over() {
			if g.pace.Bake > 0 && g.left[g.open+1] > 0 && q.begun(g) {
				q.pauseGroup(ctx, g)
				break
			}
			q.openWave(g) //nolint:contextcheck // as in loop
		}
	}
	for q.tierAt < len(q.tiers)-1 && q.tierEnd[q.tiers[q.tierAt]] == q.tierAll[q.tiers[q.tierAt]] {
		q.tierAt++
		t := q.tiers[q.tierAt]
		for _, i := range q.byTier[t] {
			q.line(i)
		}
		delete(q.byTier, t)
	}
}

// begun: the group's tier is open, so its first wave has really run.
func (q *schedule) begun(g *group) bool { return g.tier <= q.tiers[q.tierAt] }

func (q *schedule) pauseGroup(ctx context.Context, g *group) {
	g.bake = true
	q.baking++
	go func() {
		_ = q.r.e.clock.Sleep(ctx, g.pace.Bake) // a stop ends it early; then nothing starts
		q.news <- news{baked: g}
	}()
}

func (q *schedule) openWave(g *group) {
	if q.fatal != nil || q.r.stopping() {
		return
	}
	g.open++
	if !q.undo && g.left[g.open] > 0 {
		w := waveOpened{Group: g.name, Tier: g.tier, Wave: g.open + 1, Of: len(g.ends)}
		if _, err := q.r.log.Append(context.Background(), kindWave, w); err != nil {
			q.fatal = err
			return
		}
		q.anchor()
		q.r.emit(q, Event{Kind: WaveOpened, Group: g.name, Wave: w.Wave, Waves: w.Of, Tier: g.tier})
	}
	for _, i := range g.parked[g.open] {
		q.line(i)
	}
	g.parked[g.open] = nil
}
