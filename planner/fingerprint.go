package planner

import (
	"encoding/hex"
	"encoding/json"
	"hash"
	"hash/crc32"
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
	b := newBuild(&in, "")
	b.each(func(*Standing) {})
	return b.print.finish()
}

// basis returns short hashes of what each subject of a step stands on.
func (b *build) basis(steps []Step) map[string]string {
	parts := map[string]*fingerprinter{}
	of := func(subject string) *fingerprinter {
		if parts[subject] == nil {
			parts[subject] = &fingerprinter{build: b, hash: crc32.NewIEEE()}
		}
		return parts[subject]
	}
	var standing Standing
	for i := range steps {
		s := &steps[i]
		if s.Secret != "" && parts[s.Subject()] != nil {
			continue
		}
		f := of(s.Subject())
		if s.Secret != "" {
			b.res.Resolve(s.Secret, &standing)
			f.secret(&standing)
			continue
		}
		f.named(b.view(s.Region), s)
	}
	basis := make(map[string]string, len(parts))
	for subject, f := range parts {
		basis[subject] = f.finishShort()
	}
	return basis
}

// A fingerprinter writes what it is shown into a hash, line by line.
type fingerprinter struct {
	*build
	hash hash.Hash
	line []byte
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

func (f *fingerprinter) end() {
	f.line = append(f.line, '\n')
	f.hash.Write(f.line)
	f.line = f.line[:0]
}

// finish adds the regions and returns the whole.
func (f *fingerprinter) finish() string {
	for _, r := range f.res.Regions() {
		f.region(f.view(r))
	}
	return hex.EncodeToString(f.hash.Sum(nil)[:12])
}

func (f *fingerprinter) finishShort() string { return hex.EncodeToString(f.hash.Sum(nil)) }

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
	f.end()
}

func (f *fingerprinter) secret(s *Standing) {
	if g, known := f.groupOf(s); g == nil || known.Managed() {
		return // nobody's plan concerns it
	}
	f.field(string(s.Secret))
	f.field(string(s.Primary))
	f.flag(s.Overwritten)
	for i := range s.Copies {
		f.copy(&s.Copies[i])
	}
	f.end()
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
	f.end()
	for _, ref := range slices.Sorted(maps.Keys(v.Keys)) {
		f.field(ref)
		f.field(v.Keys[ref].ARN)
		f.field(v.Keys[ref].State)
		f.end()
	}
	for _, arn := range slices.Sorted(maps.Keys(v.Functions)) {
		f.function(v.Functions[arn])
	}
	for _, name := range slices.Sorted(maps.Keys(v.Alarms)) {
		f.alarm(v.Alarms[name])
	}
	for _, name := range slices.Sorted(maps.Keys(v.Composites)) {
		f.composite(v.Composites[name])
	}
	for _, id := range slices.Sorted(maps.Keys(v.Filters)) {
		f.filter(v.Filters[id])
	}
}

// named shows what a region has under the name that a step is about: an
// alarm, a function or a metric filter.
func (f *fingerprinter) named(v *topology.RegionView, s *Step) {
	for _, name := range append([]string{s.Alarm, s.Target}, s.Params.Alarms...) {
		if a := v.Alarms[name]; a != nil {
			f.alarm(a)
		}
		if a := v.Composites[name]; a != nil {
			f.composite(a)
		}
		if fn := v.Functions[name]; fn != nil {
			f.function(fn)
		}
		if m := v.Filters[name]; m != nil {
			f.filter(m)
		}
	}
}

func (f *fingerprinter) function(fn *topology.Function) {
	f.field(fn.ARN)
	f.field(fn.State)
	f.flag(fn.Missing)
	f.flag(fn.Invokable)
	f.end()
}

func (f *fingerprinter) alarm(a *topology.Alarm) {
	if f.build.desired.RuleOf(a.Name) == nil {
		return
	}
	plain := normalAlarm(a)
	plain.State = ""
	f.data(plain)
	f.end()
}

func (f *fingerprinter) composite(a *topology.CompositeAlarm) {
	if f.build.desired.RuleOf(a.Name) == nil {
		return
	}
	plain := *a
	plain.State = ""
	plain.AlarmActions, plain.OKActions, plain.NoDataActions = sorted(a.AlarmActions), sorted(a.OKActions), sorted(a.NoDataActions)
	f.data(plain)
	f.end()
}

func (f *fingerprinter) filter(m *topology.MetricFilter) {
	plain := *m
	plain.Transformations = slices.Clone(m.Transformations)
	for i := range plain.Transformations {
		plain.Transformations[i].Dimensions = sortedDimensions(plain.Transformations[i].Dimensions)
	}
	f.data(plain)
	f.end()
}
