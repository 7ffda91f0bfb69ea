package sim

import (
	"container/heap"
	"time"
)

// An event is something that happens later by itself: a replica arrives, a
// rotation comes due. Events run lazily, in order of time and then of
// creation, before the next request or control call is served, so that the
// simulator has no goroutine of its own and stays deterministic.
type event struct {
	due time.Time
	seq int64
	run func(c *Cloud, now time.Time)
}

type eventQueue struct {
	list []event
	next int64
}

func (q *eventQueue) Len() int { return len(q.list) }
func (q *eventQueue) Less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	if !a.due.Equal(b.due) {
		return a.due.Before(b.due)
	}
	return a.seq < b.seq
}
func (q *eventQueue) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *eventQueue) Push(x any)    { q.list = append(q.list, x.(event)) }
func (q *eventQueue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list[len(q.list)-1] = event{}
	q.list = q.list[:len(q.list)-1]
	return last
}

// at arranges that run happens at due. run gets the time it was due, not the
// time it was noticed. It runs under the cloud's lock.
func (c *Cloud) at(due time.Time, run func(c *Cloud, now time.Time)) {
	heap.Push(&c.events, event{due: due, seq: c.events.next, run: run})
	c.events.next++
}

// settleLocked runs every event that is due. Operations see the world after it.
func (c *Cloud) settleLocked(now time.Time) {
	for len(c.events.list) > 0 && !c.events.list[0].due.After(now) {
		e := heap.Pop(&c.events).(event)
		e.run(c, e.due)
		c.tellLocked(e.due)
	}
}
