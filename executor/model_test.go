package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

const (
	east    topology.Region = "us-east-1"
	west    topology.Region = "us-west-2"
	ireland topology.Region = "eu-west-1"
)

// A model is a small stateful AWS: enough of it for the protocol, fast enough
// for thousands of runs. The simulator, over the real SDK, is the judge of
// what AWS does (see the external tests); this one only holds still.
type model struct {
	empty     map[string]bool // versions without a value
	mu        sync.Mutex
	lag       time.Duration // of replication
	secrets   map[topology.Region]map[topology.Name]*topology.Secret
	policies  map[string]string
	functions map[string]*topology.Function
	alarms    map[topology.Region]map[string]*topology.Alarm
	due       map[string]time.Time // replicas on their way, by "region name"
	dark      map[topology.Region]bool
	denied    map[topology.Name]bool // mutations of these are denied
	refuses   topology.Region        // so are all in this region

	mutations []string // every mutating call received, in order
	inFlight  map[string]int
	overlap   []string // calls that met another on the same copy
	// before and after are asked around every mutating call; an error of
	// after is a lost answer.
	before func(call string) error
	after  func(call string) error
}

func newModel() *model {
	return &model{
		lag: 3 * time.Second, policies: map[string]string{}, functions: map[string]*topology.Function{},
		secrets: map[topology.Region]map[topology.Name]*topology.Secret{east: {}, west: {}, ireland: {}},
		alarms:  map[topology.Region]map[string]*topology.Alarm{east: {}, west: {}, ireland: {}},
		due:     map[string]time.Time{}, dark: map[topology.Region]bool{}, denied: map[topology.Name]bool{}, inFlight: map[string]int{},
	}
}

func arnOf(r topology.Region, n topology.Name) string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:123456789012:secret:%s-AbCdEf", r, n)
}

func lambdaIn(r topology.Region) string {
	return fmt.Sprintf("arn:aws:lambda:%s:123456789012:function:rotate-db", r)
}

// add makes a secret in us-east-1 with replicas in the regions given.
func (m *model) add(n topology.Name, replicas ...topology.Region) {
	s := &topology.Secret{Name: n, ARN: arnOf(east, n), Region: east, Described: true,
		Versions: []topology.Version{{ID: "v1-" + string(n), Stages: []string{topology.StageCurrent}}},
		Rotation: topology.Rotation{Enabled: true, LambdaARN: lambdaIn(east), Rules: topology.RotationRules{AfterDays: 30}}}
	m.secrets[east][n] = s
	for _, r := range replicas {
		s.PrimaryRegion = east
		s.Replicas = append(s.Replicas, topology.ReplicaStatus{Region: r, Status: topology.InSync, KmsKeyID: topology.DefaultKey})
		m.land(s, r)
	}
}

func (m *model) land(primary *topology.Secret, r topology.Region) {
	m.secrets[r][primary.Name] = &topology.Secret{Name: primary.Name, ARN: arnOf(r, primary.Name), Region: r, Described: true,
		PrimaryRegion: primary.Region, Versions: slices.Clone(primary.Versions)}
}

// state is everything, comparable.
func (m *model) state() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settle()
	out, err := json.MarshalIndent(map[string]any{"secrets": m.secrets, "policies": m.policies, "functions": m.functions, "alarms": m.alarms}, "", " ")
	if err != nil {
		panic(err)
	}
	return string(out)
}

// settle lets replicas arrive whose time has come.
func (m *model) settle() {
	for key, at := range m.due {
		if time.Now().Before(at) {
			continue
		}
		delete(m.due, key)
		var from, to topology.Region
		var n topology.Name
		fmt.Sscan(key, &from, &to, &n)
		p := m.secrets[from][n]
		i := slices.IndexFunc(p.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == to })
		if there := m.secrets[to][n]; there != nil && there.PrimaryRegion != from && p.Replicas[i].Message != "force" {
			p.Replicas[i].Status = topology.Failed
			p.Replicas[i].Message = fmt.Sprintf("Replication failed: Secret name %s already exists in region %s.", n, to)
			continue
		}
		p.Replicas[i].Status, p.Replicas[i].Message = topology.InSync, ""
		m.land(p, to)
	}
}

// read serves a reading call.
func read1[T any](m *model, r topology.Region, get func() (T, error)) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dark[r] {
		var zero T
		return zero, topology.ErrUnreachable
	}
	m.settle()
	return get()
}

// change serves a mutating call.
func (m *model) change(ctx context.Context, op string, r topology.Region, on string, do func() error) error {
	call := fmt.Sprintf("%s %s %s", op, r, on)
	if err := Guard(ctx); err != nil {
		return err
	}
	if m.before != nil {
		if err := m.before(call); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.mutations = append(m.mutations, call)
	copyOf := string(r) + " " + on
	if m.inFlight[copyOf]++; m.inFlight[copyOf] > 1 {
		m.overlap = append(m.overlap, call)
	}
	m.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // of virtual time: calls overlap if they may
	m.mu.Lock()
	m.inFlight[copyOf]--
	m.settle()
	err := topology.ErrUnreachable
	switch {
	case m.dark[r]:
	case m.denied[topology.Name(on)], m.refuses == r:
		err = &topology.OpError{Op: op, Subject: on, Region: r, Code: "AccessDeniedException", Err: topology.ErrDenied}
	default:
		err = do()
	}
	m.mu.Unlock()
	if err == nil && m.after != nil {
		err = m.after(call)
	}
	return err
}

func refused(op string, r topology.Region, code, text string) error {
	return &topology.OpError{Op: op, Region: r, Code: code, Err: fmt.Errorf("%s", text)}
}

func (m *model) Secret(_ context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	return read1(m, r, func() (*topology.Secret, error) {
		s := m.secrets[r][n]
		if s == nil {
			return nil, topology.ErrNotFound
		}
		c := *s
		c.Versions, c.Replicas, c.Seen = slices.Clone(s.Versions), slices.Clone(s.Replicas), time.Now()
		return &c, nil
	})
}

func (m *model) Policy(_ context.Context, r topology.Region, n topology.Name) (string, error) {
	return read1(m, r, func() (string, error) { return m.policies[string(r)+" "+string(n)], nil })
}

func (m *model) Key(_ context.Context, r topology.Region, ref string) (topology.Key, error) {
	return read1(m, r, func() (topology.Key, error) { return topology.Key{ARN: ref, State: "Enabled"}, nil })
}

func (m *model) Function(_ context.Context, r topology.Region, arn string) (*topology.Function, error) {
	return read1(m, r, func() (*topology.Function, error) {
		if f := m.functions[arn]; f != nil {
			c := *f
			return &c, nil
		}
		return &topology.Function{ARN: arn, Missing: true}, nil
	})
}

func (m *model) Alarms(_ context.Context, r topology.Region, names []string) (map[string]*topology.Alarm, map[string]*topology.CompositeAlarm, error) {
	found, err := read1(m, r, func() (map[string]*topology.Alarm, error) {
		found := map[string]*topology.Alarm{}
		for _, n := range names {
			if a := m.alarms[r][n]; a != nil {
				c := *a
				found[n] = &c
			}
		}
		return found, nil
	})
	return found, nil, err
}

func (m *model) MetricFilter(context.Context, topology.Region, string, string) (*topology.MetricFilter, error) {
	return nil, topology.ErrNotFound
}

func (m *model) Replicate(ctx context.Context, from topology.Region, n topology.Name, to topology.Region, key string, force bool) error {
	return m.change(ctx, "Replicate", from, string(n), func() error {
		p := m.secrets[from][n]
		i := slices.IndexFunc(p.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == to })
		if i < 0 {
			p.PrimaryRegion = from
			p.Replicas = append(p.Replicas, topology.ReplicaStatus{Region: to})
			slices.SortFunc(p.Replicas, func(a, b topology.ReplicaStatus) int { return compareRegions(a.Region, b.Region) })
			i = slices.IndexFunc(p.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == to })
		}
		p.Replicas[i] = topology.ReplicaStatus{Region: to, Status: topology.InProgress, KmsKeyID: key}
		if force {
			p.Replicas[i].Message = "force"
		}
		m.due[fmt.Sprintln(from, to, n)] = time.Now().Add(m.lag)
		return nil
	})
}

func compareRegions(a, b topology.Region) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (m *model) RemoveReplica(ctx context.Context, from topology.Region, n topology.Name, to topology.Region) error {
	return m.change(ctx, "RemoveReplica", from, string(n), func() error {
		p := m.secrets[from][n]
		p.Replicas = slices.DeleteFunc(p.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == to })
		delete(m.secrets[to], n)
		return nil
	})
}

func (m *model) Promote(ctx context.Context, r topology.Region, n topology.Name) error {
	return m.change(ctx, "Promote", r, string(n), func() error {
		s := m.secrets[r][n]
		if s.Role() != topology.RoleReplica {
			return refused("Promote", r, "InvalidParameterException", "not a replica")
		}
		if p := m.secrets[s.PrimaryRegion][n]; !m.dark[s.PrimaryRegion] {
			p.Replicas = slices.DeleteFunc(p.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == r })
		}
		s.PrimaryRegion = ""
		return nil
	})
}

func (m *model) AttachRotation(ctx context.Context, r topology.Region, n topology.Name, lambda string, rules topology.RotationRules, immediately bool, token string) error {
	return m.change(ctx, "AttachRotation", r, string(n), func() error {
		switch f := m.functions[lambda]; {
		case f == nil || !f.Invokable:
			return &topology.OpError{Op: "RotateSecret", Region: r, Code: "AccessDeniedException",
				Err: fmt.Errorf("%w: Secrets Manager cannot invoke the specified Lambda function. Ensure that …", topology.ErrDenied)}
		case m.secrets[r][n].RotationInFlight():
			return refused("RotateSecret", r, "InvalidRequestException", "A previous rotation isn’t complete. That rotation will be reattempted.")
		}
		m.secrets[r][n].Rotation = topology.Rotation{Enabled: true, LambdaARN: lambda, Rules: rules}
		return nil
	})
}

func (m *model) CancelRotation(ctx context.Context, r topology.Region, n topology.Name) error {
	return m.change(ctx, "CancelRotation", r, string(n), func() error {
		m.secrets[r][n].Rotation.Enabled = false
		return nil
	})
}

func (m *model) RemoveStage(ctx context.Context, r topology.Region, n topology.Name, stage, version string) error {
	return m.change(ctx, "RemoveStage", r, string(n), func() error {
		for i, v := range m.secrets[r][n].Versions {
			if v.ID == version {
				m.secrets[r][n].Versions[i].Stages = slices.DeleteFunc(slices.Clone(v.Stages), func(s string) bool { return s == stage })
			}
		}
		return nil
	})
}

func (m *model) MoveStage(ctx context.Context, r topology.Region, n topology.Name, stage, from, to string) error {
	return m.change(ctx, "MoveStage", r, string(n), func() error {
		for i, v := range m.secrets[r][n].Versions {
			stages := slices.DeleteFunc(slices.Clone(v.Stages), func(s string) bool { return s == stage })
			if v.ID == to {
				stages = append(stages, stage)
			}
			m.secrets[r][n].Versions[i].Stages = stages
		}
		return nil
	})
}

func (m *model) CopyVersion(ctx context.Context, n topology.Name, from topology.Region, version string, to topology.Region, label string) error {
	return m.change(ctx, "CopyVersion", to, string(n), func() error {
		if m.empty[version] {
			return &topology.OpError{Op: "GetSecretValue", Subject: string(n), Region: from, Code: "ResourceNotFoundException", Err: topology.ErrNotFound}
		}
		s := m.secrets[to][n]
		s.Versions = append(slices.Clone(s.Versions), topology.Version{ID: version, Stages: []string{label}})
		return nil
	})
}

func (m *model) PutPolicy(ctx context.Context, r topology.Region, n topology.Name, policy string) error {
	return m.change(ctx, "PutPolicy", r, string(n), func() error {
		m.policies[string(r)+" "+string(n)] = policy
		return nil
	})
}

func (m *model) GrantInvoke(ctx context.Context, r topology.Region, function, _ string) error {
	return m.change(ctx, "GrantInvoke", r, function, func() error {
		m.functions[function].Invokable = true
		return nil
	})
}

func (m *model) RestoreInvoke(ctx context.Context, r topology.Region, function string, _ topology.Permission) error {
	return m.GrantInvoke(ctx, r, function, "")
}

func (m *model) RevokeInvoke(ctx context.Context, r topology.Region, function, _ string) error {
	return m.change(ctx, "RevokeInvoke", r, function, func() error {
		m.functions[function].Invokable, m.functions[function].Policy = false, ""
		return nil
	})
}

func (m *model) PutAlarm(ctx context.Context, r topology.Region, a *topology.Alarm) error {
	return m.change(ctx, "PutAlarm", r, a.Name, func() error {
		c := *a
		c.Region, c.State = r, "INSUFFICIENT_DATA"
		m.alarms[r][a.Name] = &c
		return nil
	})
}

func (m *model) PutCompositeAlarm(context.Context, topology.Region, *topology.CompositeAlarm) error {
	return topology.ErrDenied
}

func (m *model) EnableAlarms(ctx context.Context, r topology.Region, names []string) error {
	return m.change(ctx, "EnableAlarms", r, fmt.Sprint(names), func() error { return m.switchAlarms(r, names, true) })
}

func (m *model) DisableAlarms(ctx context.Context, r topology.Region, names []string) error {
	return m.change(ctx, "DisableAlarms", r, fmt.Sprint(names), func() error { return m.switchAlarms(r, names, false) })
}

func (m *model) switchAlarms(r topology.Region, names []string, on bool) error {
	for _, n := range names {
		c := *m.alarms[r][n]
		c.ActionsEnabled = on
		m.alarms[r][n] = &c
	}
	return nil
}

func (m *model) PutMetricFilter(context.Context, topology.Region, *topology.MetricFilter) error {
	return topology.ErrDenied
}
