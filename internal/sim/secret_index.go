package sim

import (
	"cmp"
	"slices"
	"strings"
)

// A secretIndex keeps secrets by name and in the order ListSecrets pages
// through them, so that a page costs what it shows and not what there is.
type secretIndex struct {
	byName map[string]*secret
	byAge  []slot // by seq; a slot whose secret is nil was removed
	dead   int    // empty slots in byAge
	next   int64
	sorted map[string][]*secret // orders other than age, made on demand
}

// A slot is a secret's place in the order of arrival.
type slot struct {
	seq int64
	s   *secret
}

func newSecretIndex() secretIndex { return secretIndex{byName: map[string]*secret{}} }

// add gives a new secret its place at the end.
func (x *secretIndex) add(s *secret) {
	x.next++
	s.seq = x.next
	x.put(s)
}

// put stores s at the place that its seq says, instead of what was there.
func (x *secretIndex) put(s *secret) {
	if old := x.byName[s.name]; old != nil && old.seq != s.seq {
		x.remove(s.name)
	}
	x.byName[s.name] = s
	i, found := x.place(s.seq)
	switch {
	case found:
		if x.byAge[i].s == nil {
			x.dead--
		}
		x.byAge[i].s = s
	case i == len(x.byAge):
		x.byAge = append(x.byAge, slot{s.seq, s})
	default:
		x.byAge = slices.Insert(x.byAge, i, slot{s.seq, s})
	}
	x.forgetOrder()
}

func (x *secretIndex) remove(name string) {
	s := x.byName[name]
	if s == nil {
		return
	}
	delete(x.byName, name)
	if i, found := x.place(s.seq); found {
		x.byAge[i].s = nil
		x.dead++
	}
	if x.dead > 64 && x.dead > len(x.byAge)/2 {
		x.byAge = slices.DeleteFunc(x.byAge, func(p slot) bool { return p.s == nil })
		x.dead = 0
	}
	x.forgetOrder()
}

// place finds where seq is, or would be, in byAge.
func (x *secretIndex) place(seq int64) (int, bool) {
	return slices.BinarySearchFunc(x.byAge, seq, func(p slot, seq int64) int { return cmp.Compare(p.seq, seq) })
}

// forgetOrder drops every order made: a secret came or went.
func (x *secretIndex) forgetOrder() { x.sorted = nil }

// forgetDates drops the orders by what changed about a secret that stays.
func (x *secretIndex) forgetDates() {
	delete(x.sorted, "last-changed-date")
	delete(x.sorted, "last-accessed-date")
}

// sortKey is what a SortBy other than created-date compares; equal keys go
// by arrival.
func (s *secret) sortKey(by string) (string, stamp) {
	switch by {
	case "name":
		return s.name, 0
	case "last-changed-date":
		return "", s.changed
	case "last-accessed-date":
		return "", s.accessed
	}
	return "", 0
}

func compareBy(by string) func(a, b *secret) int {
	return func(a, b *secret) int {
		aText, aTime := a.sortKey(by)
		bText, bTime := b.sortKey(by)
		return cmp.Or(strings.Compare(aText, bText), cmp.Compare(aTime, bTime), cmp.Compare(a.seq, b.seq))
	}
}

// order is every secret by the given SortBy. It is kept until a secret
// changes; "name" and the dates cost a sort then, arrival never does.
func (x *secretIndex) order(by string) []*secret {
	if list := x.sorted[by]; list != nil {
		return list
	}
	list := make([]*secret, 0, len(x.byName))
	for _, p := range x.byAge {
		if p.s != nil {
			list = append(list, p.s)
		}
	}
	slices.SortFunc(list, compareBy(by))
	if x.sorted == nil {
		x.sorted = map[string][]*secret{}
	}
	x.sorted[by] = list
	return list
}
