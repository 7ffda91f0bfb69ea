package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Fingerprint is a hash of what configuration-level decisions depend on: the
// configuration, each secret's standing, keys, failed replicas and rotation,
// alarms, filters, functions, and which regions were dark. It leaves out
// versions, times, and whether a replica is still in progress, which move all
// the time without changing a decision.
func Fingerprint(in Input) string {
	print, _ := newBuild(&in, "").fingerprint(nil)
	return print
}

// fingerprint returns the hash of everything and short ones by subject, for
// subjects that have steps.
func (b *build) fingerprint(steps []Step) (string, map[string]string) {
	basis := map[string]string{}
	subjects := map[string]bool{}
	for i := range steps {
		subjects[steps[i].Subject()] = true
	}
	f := fingerprinter{build: b, all: sha256.New(), subjects: subjects, basis: basis}
	f.desired()
	f.secrets()
	for _, r := range b.res.Regions() {
		f.region(b.view(r))
	}
	return hex.EncodeToString(f.all.Sum(nil)[:12]), basis
}

type fingerprinter struct {
	*build
	all      hash.Hash
	subjects map[string]bool
	basis    map[string]string
	line     []byte
}

// field appends one field to the line; the zero byte cannot occur in any.
func (f *fingerprinter) field(s string) { f.line = append(append(f.line, s...), 0) }

func (f *fingerprinter) flag(b bool) {
	if b {
		f.line = append(f.line, 1)
	} else {
		f.line = append(f.line, 0)
	}
}

// end hashes the line, and keeps it as the basis of subjects that have steps.
// Several lines of one subject are hashed together in order.
func (f *fingerprinter) end(subject string) {
	f.line = append(f.line, '\n')
	f.all.Write(f.line)
	if f.subjects[subject] {
		sum := sha256.Sum256(append([]byte(f.basis[subject]), f.line...))
		f.basis[subject] = hex.EncodeToString(sum[:4])
	}
	f.line = f.line[:0]
}

// data appends plain data as JSON, whose maps are sorted.
func (f *fingerprinter) data(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("planner: observed settings are plain data: " + err.Error())
	}
	f.line = append(f.line, raw...)
}

// desired covers the parts of the configuration that plans are made from;
// waves, probes and targets steer the run, not the plan.
func (f *fingerprinter) desired() {
	d := f.build.desired
	type group struct {
		Name     string
		Selector topology.Selector
		Priority int
		Replicas []topology.Region
		Keys     map[topology.Region]string
		Rotation *topology.RotationPolicy
	}
	f.data(d.Regions())
	f.data(d.Keys)
	for i := range d.Groups {
		g := &d.Groups[i]
		replicas := slices.Clone(g.Replicas)
		slices.Sort(replicas)
		f.data(group{g.Name, g.Selector, g.Priority, replicas, g.Keys, g.Rotation})
	}
	f.data(d.Alarms)
	f.data(f.in.Quirks)
	f.end("")
}

func (f *fingerprinter) secrets() {
	var s Standing
	for _, n := range f.res.Names() {
		f.res.Resolve(n, &s)
		if g, known := f.groupOf(&s); g == nil || known.Managed() {
			continue // nobody's plan concerns it
		}
		f.field(string(n))
		f.field(string(s.Primary))
		f.flag(s.Overwritten)
		for i := range s.Copies {
			f.copy(&s.Copies[i])
		}
		f.end(string(n))
	}
}

func (f *fingerprinter) copy(c *Copy) {
	state, key := c.State, c.Entry.KmsKeyID
	failed := c.Listed && c.Entry.Status == topology.Failed
	if c.Listed && !failed && state == CopyAbsent {
		state = CopyReplica // in progress: as good as there
	}
	f.field(string(state))
	if c.Secret != nil {
		key = c.Secret.KmsKeyID
	}
	if c.Secret != nil && state != CopyReplica {
		f.field(c.Secret.ARN)
		f.rotation(&c.Secret.Rotation)
	}
	f.field(f.canonicalKey(c.Region, key))
	if failed {
		f.field(c.Entry.Message)
	}
}

func (f *fingerprinter) rotation(r *topology.Rotation) {
	f.flag(r.Enabled)
	f.field(r.LambdaARN)
	f.field(r.Rules.Schedule)
	f.field(r.Rules.Duration)
	f.line = append(f.line, byte(r.Rules.AfterDays), byte(r.Rules.AfterDays>>8))
}

// canonicalKey is the same for every reference to one key.
func (f *fingerprinter) canonicalKey(r topology.Region, ref string) string {
	if k, ok := f.view(r).Key(ref); ok && !k.Missing {
		return k.ARN
	}
	return keyName(ref)
}

func (f *fingerprinter) region(v *topology.RegionView) {
	f.field(string(v.Region))
	f.flag(v.Dark != "")
	f.data(sorted(v.Partial))
	f.end("")
	for _, ref := range slices.Sorted(maps.Keys(v.Keys)) {
		f.field(ref)
		f.field(v.Keys[ref].ARN)
		f.field(v.Keys[ref].State)
		f.end("")
	}
	for _, arn := range slices.Sorted(maps.Keys(v.Functions)) {
		fn := v.Functions[arn]
		f.field(arn)
		f.field(fn.State)
		f.flag(fn.Missing)
		f.flag(fn.Invokable)
		f.end(arn)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Alarms)) {
		if f.build.desired.RuleOf(name) != nil {
			a := normalAlarm(v.Alarms[name])
			a.State = ""
			f.data(a)
			f.end(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Composites)) {
		if f.build.desired.RuleOf(name) != nil {
			a := *v.Composites[name]
			a.State = ""
			a.AlarmActions, a.OKActions, a.NoDataActions = sorted(a.AlarmActions), sorted(a.OKActions), sorted(a.NoDataActions)
			f.data(a)
			f.end(name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.Filters)) {
		m := *v.Filters[id]
		m.Transformations = slices.Clone(m.Transformations)
		for i := range m.Transformations {
			m.Transformations[i].Dimensions = sortedDimensions(m.Transformations[i].Dimensions)
		}
		f.data(m)
		f.end(id)
	}
}
