package runbooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/snapshot"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// quiet asserts what holds whenever no command is under way: G2, a second
// region that rotates is owed its fence, or a run that is to cancel it is
// unfinished.
func (p *performance) quiet() {
	for _, c := range p.all() {
		if p.atWork(c) {
			return
		}
	}
	p.witness.mu.Lock()
	changes := p.witness.mutations
	p.witness.mu.Unlock()
	if changes == p.judged {
		return // since the last time nothing of ours has changed
	}
	p.judged = changes
	if p.unfinished() == "" {
		p.oneRotates("G2 two-writers")
	}
}

func (p *performance) oneRotates(code string) {
	ctx := p.t.Context()
	placement, err := executor.Placement(ctx, p.store)
	if err != nil {
		p.witness.broken("journal", "placement: %v", err)
		return
	}
	for name, list := range p.copies() {
		if p.tampered[name] {
			continue
		}
		var rotate []copyOf
		for _, c := range list {
			owed := slices.ContainsFunc(placement.Owed, func(d topology.Debt) bool {
				return string(d.Secret) == name && string(d.Region) == c.region && d.Action == "cancel-rotation"
			})
			if c.rotates() && !owed {
				rotate = append(rotate, c)
			}
		}
		if len(rotate) > 1 {
			p.witness.broken(code, "%s rotates in %s, no fence is owed and no run unfinished", name, regionsOf(rotate))
		}
	}
}

// epilogue is G3: once all is up again, resuming what is unfinished, paying
// what is owed and applying bring everything to an end, within a few rounds.
func (p *performance) epilogue() {
	p.calm()
	time.Sleep(30 * time.Minute) // what was on its way arrives, leases expire
	var last error
	for range 8 {
		var done bool
		if done, last = p.round(); done {
			p.final()
			return
		}
		time.Sleep(2*time.Minute + p.listLag)
	}
	p.witness.broken("G3 no-end", "eight rounds of resume, fence and apply, all regions up, and still: %v", last)
}

// round is what a patient operator does; done says that there is nothing
// left to do.
func (p *performance) round() (done bool, why error) {
	done = true
	id := p.unfinished()
	for n := 0; id != ""; n++ {
		done = false
		if _, err := p.operate("resume"); err != nil {
			why = fmt.Errorf("resume %s: %w", id, err)
			if _, err := p.operate("abort"); err != nil {
				return false, fmt.Errorf("abort %s: %w", id, err)
			}
		}
		next := p.unfinished()
		if next == id || n > 8 {
			return false, fmt.Errorf("%s was resumed and aborted, and is unfinished (%w)", id, why)
		}
		id = next
	}
	orphaned := p.orphaned()
	for _, region := range slices.Sorted(maps.Keys(orphaned)) {
		done = done && !orphaned[region]
		if p.vain[region] {
			continue
		}
		if _, err := p.operate("rescue " + region); err != nil {
			why = fmt.Errorf("rescue: %w", err)
			p.vain[region] = !orphaned[region] // others' knots: once is enough
		}
	}
	if p.owes() { // apply may have to make way for it
		_, err := p.operate("fence")
		done, why = false, fmt.Errorf("fence: %w", errors.Join(err, why, errors.New("what is owed was to be paid")))
	}
	out, err := p.operate("apply overwrite")
	if split := new(runbooks.SplitBrain); errors.As(err, &split) {
		p.knots++ // final says whether there are two writers; what is owed may wait for an apply that they hold up
		return done || p.knots > 2, why
	}
	report, ok := out.(*executor.Report)
	if ok && report != nil && p.hopeless(report) {
		if p.knots++; p.knots > 2 { // the first time it may have been a list that lagged
			return true, nil
		}
	}
	if err != nil || !ok || report.ID != "" {
		return false, fmt.Errorf("apply: %w", errors.Join(err, why, errors.New("there was still something to do")))
	}
	return done, why
}

// owes: by what status shows, something is owed to a region, about a secret in
// which nobody else had a hand.
func (p *performance) owes() bool {
	out, err := p.operate("status")
	st, ok := out.(*runbooks.Status)
	if err != nil || !ok {
		p.witness.broken("G3 status", "status at the end: %v", err)
		return false
	}
	return slices.ContainsFunc(st.Owed, func(d topology.Debt) bool { return !p.tampered[string(d.Secret)] })
}

// orphaned are the regions that alone hold a version of some secret; true if
// it is one in which nobody else had a hand.
func (p *performance) orphaned() map[string]bool {
	regions := map[string]bool{}
	placement, err := executor.Placement(p.t.Context(), p.store)
	p.must(err)
	for name, list := range p.copies() {
		at := find(list, string(placement.Primary(topology.Name(name), p.desired.Primary)))
		for i := range list {
			c := &list[i]
			if at != nil && at.writable() && c.Primary != at.region && orphans(c, at, placement.Acting[topology.Name(name)]) {
				regions[c.region] = regions[c.region] || !p.tampered[name]
			}
		}
	}
	return regions
}

// orphans reports whether a copy holds a version under a label that the
// primary neither holds nor was promoted with; or, in the old primary, one of a
// rotation that had begun, whose value may have come later.
func orphans(c, primary *copyOf, move topology.Move) bool {
	for id, v := range c.Versions {
		begun := c.region == string(move.From) && slices.ContainsFunc(move.Versions, func(w topology.Version) bool {
			return w.ID == id && slices.Equal(w.Stages, []string{topology.StagePending})
		})
		there, ok := primary.Versions[id]
		if len(v.Stages) > 0 && !slices.Contains(move.Empty, id) && (!ok && !slices.Contains(move.Held, id) || begun && len(there.Stages) == 0) {
			return true // AWS lists no version without a label, so nobody can tell that it is there
		}
	}
	return false
}

// hopeless: all that fails is about secrets in which somebody else had a
// hand. Not every such knot can be undone.
func (p *performance) hopeless(r *executor.Report) bool {
	return len(r.Failures) > 0 && !slices.ContainsFunc(r.Failures, func(f executor.Failure) bool { return !p.tampered[string(f.Secret)] })
}

// operate runs one command of a third controller to its end.
func (p *performance) operate(command string) (any, error) {
	words := strings.Fields(command)
	c := &controller{name: "Z"}
	proc := p.start(c, command)
	ctx, cancel := context.WithCancel(p.t.Context())
	proc.cancel = cancel
	defer cancel()
	out, err := p.perform(ctx, proc, words)
	p.hear(proc, out, err)
	return out, err
}

// final asserts the state in which everything must end.
func (p *performance) final() {
	time.Sleep(p.listLag + time.Minute)
	p.oneRotates("G2 two-writers")
	out, err := p.operate("drift")
	report, ok := out.(*drift.Report)
	if err != nil || !ok {
		p.witness.broken("G3 drift", "drift at the end: %v", err)
		return
	}
	found := map[string][]string{} // by secret
	for _, f := range report.Findings {
		p.tell("  %s %s %s %s: %s", f.Severity, f.Code, f.Secret, f.Region, f.Message)
		if f.Severity != drift.Info {
			found[string(f.Secret)] = append(found[string(f.Secret)], f.Code)
		}
	}
	placement, err := executor.Placement(p.t.Context(), p.store)
	p.must(err)
	copies := p.copies()
	for _, name := range slices.Sorted(maps.Keys(copies)) {
		primary := placement.Primary(topology.Name(name), p.desired.Primary)
		wrong := p.unlike(name, string(primary), copies[name])
		if p.rotating[name] && !find(copies[name], string(primary)).rotates() {
			p.still(name, slices.Concat(found[name], found[""]))
		}
		excuse := p.excuse(name, string(primary), copies[name], report)
		switch {
		case len(wrong) > 0 && len(found[name]) == 0 && report.Verdict != drift.SplitBrain:
			p.witness.broken("G3 silent", "%s: %s; and drift says nothing of it", name, strings.Join(wrong, "; "))
		case len(wrong) > 0 && excuse == "":
			p.witness.broken("G3 not-desired", "%s: %s (drift: %v)", name, strings.Join(wrong, "; "), found[name])
			p.tell("  %s", describe(copies[name]))
		}
	}
	p.chains()
}

// describe tells people what the copies of a secret hold.
func describe(list []copyOf) string {
	var words []string
	for i := range list {
		c := &list[i]
		words = append(words, fmt.Sprintf("%s of %q: %v, lists %v", c.region, c.Primary, c.stages(), c.Replicas))
	}
	return strings.Join(words, "\n    ")
}

// still judges a secret that no longer rotates: a move may leave it so where
// it cannot know better (no recovery snapshot, a rotation that died half-way),
// but then somebody is told.
func (p *performance) still(name string, found []string) {
	told := func(code string) bool {
		return strings.HasPrefix(code, "rotation-") || code == drift.CodeSplitBrain || code == drift.CodeSnapshotMissing ||
			code == drift.CodeOverwrittenAfter && p.witness.doomed[name]
	}
	if !p.tampered[name] && !slices.ContainsFunc(found, told) {
		p.witness.broken("G3 still", "%s rotates nowhere, and drift does not say so (%v)", name, found)
	}
}

// excuse says why a secret may end unlike what is desired. A copy that lists
// replicas is never overwritten, not even with force (AWS: Troubleshoot
// replication), and the only call that clears the list might delete what was
// promoted (quirk remove-promoted): apply leaves it and says so, a failback
// frees it.
func (p *performance) excuse(name, primary string, list []copyOf, report *drift.Report) string {
	switch {
	case p.tampered[name]:
		return "somebody else had a hand in it"
	case report.Verdict == drift.SplitBrain:
		return "two writers of some secret: apply does nothing"
	}
	at := find(list, primary)
	if at == nil {
		return ""
	}
	for _, c := range list {
		if c.region != primary && c.writable() && len(c.Replicas) > 0 {
			return c.region + " still lists replicas that left it while it was cut off: AWS refuses to overwrite it"
		}
	}
	return ""
}

// unlike says in what a secret differs from what is desired of it, by the
// simulator's state alone.
func (p *performance) unlike(name, primary string, list []copyOf) (wrong []string) {
	at := find(list, primary)
	if at == nil || !at.writable() {
		return []string{"no writable copy in " + primary}
	}
	for _, r := range p.desired.Standby {
		region := string(r)
		if region == primary {
			continue
		}
		c := find(list, region)
		switch {
		case c == nil:
			wrong = append(wrong, "absent in "+region)
		case c.Primary != primary:
			wrong = append(wrong, region+" is no replica of "+primary)
		case !maps.Equal(c.stages(), at.stages()):
			wrong = append(wrong, region+" is stale")
		case at.Replicas[region].Status != topology.InSync:
			wrong = append(wrong, region+" is "+at.Replicas[region].Status)
		}
	}
	return wrong
}

// chains: every journal is whole.
func (p *performance) chains() {
	runs, err := executor.Runs(p.t.Context(), p.store)
	if err != nil {
		p.witness.broken("journal", "runs: %v", err)
	}
	for _, r := range runs {
		if err := executor.Verify(p.t.Context(), p.store, r.ID); err != nil {
			p.witness.broken("journal", "verify %s: %v", r.ID, err)
		}
	}
}

// silence is G6: no secret value in the state store, in what commands
// returned, or in the logs. One is read back first, to know that it would be
// found.
func (p *performance) silence() {
	ctx := p.t.Context()
	look := func(where string, data []byte) {
		if i := bytes.Index(data, []byte(marker)); i >= 0 {
			p.witness.broken("G6 value", "a secret value is in %s: …%s", where, data[max(0, i-40):min(len(data), i+len(marker))])
		}
	}
	for key, err := range p.store.List(ctx, "", "") {
		p.must(err)
		if data, _, err := p.store.Get(ctx, key); err == nil {
			look(key, data)
		}
		for line, err := range p.store.ReadLog(ctx, key) {
			if err == nil {
				look(key, line)
			}
		}
	}
	if s, err := snapshot.Load(ctx, p.store); err == nil {
		data, err := json.Marshal(s)
		p.must(err)
		look("the recovery snapshot", data)
	}
	for _, s := range p.said {
		look("a command's output", []byte(s))
	}
	look("the log", p.logs.Bytes())
}
