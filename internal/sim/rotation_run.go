package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rotationSteps are the steps in order. AWS: "Lambda rotation functions".
func rotationSteps() [4]string {
	return [4]string{"createSecret", "setSecret", "testSecret", "finishSecret"}
}

// A rotationFailure is a step of a secret's rotation that was told to fail;
// secret "" stands for every one.
type rotationFailure struct{ secret, step string }

// FailRotation makes the next count attempts at a step of the secret's
// rotation in a region fail, before the step does anything; count 0 means
// until further notice, a negative count ends it. secret "" stands for every
// secret of the default account. It refuses a step that there is not.
func (c *Cloud) FailRotation(region, secret, step string, count int) error {
	steps := rotationSteps()
	if !slices.Contains(steps[:], step) {
		return fmt.Errorf("rotation step %q: use one of createSecret, setSecret, testSecret, finishSecret", step)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	failures := c.store(c.opts.Account, region).secrets.failures
	switch f := (rotationFailure{secret, step}); {
	case count < 0:
		delete(failures, f)
	case count == 0:
		failures[f] = -1
	default:
		failures[f] = count
	}
	return nil
}

// fails says whether a step is told to fail now, and counts it.
func (st *secretStore) fails(secret, step string) bool {
	for _, f := range []rotationFailure{{secret, step}, {"", step}} {
		switch n := st.failures[f]; {
		case n < 0:
			return true
		case n == 1:
			delete(st.failures, f)
			return true
		case n > 1:
			st.failures[f] = n - 1
			return true
		}
	}
	return false
}

// faultAt says whether a fault on the operation "rotation:STEP" hits a step,
// and counts it. A fault that names no operation is for calls, not for steps.
func (c *Cloud) faultAt(at *regionStore, s *secret, step string) bool {
	r := &request{cloud: c, account: at.account.id, region: at.name, service: "secretsmanager", op: "rotation:" + step}
	op := operation{service: r.service, name: r.op, subject: func(*request) string { return s.name }}
	for _, f := range c.faults {
		if strings.HasPrefix(f.Match.Operation, "rotation:") && !f.spent() && f.matches(r, op) {
			f.hits++
			return true
		}
	}
	return false
}

// down says whether a region's Secrets Manager does nothing at all now.
func (c *Cloud) down(region, service string) bool {
	switch c.regionStateOf(region, service) {
	case RegionRefuse, RegionHang, RegionUnavailable:
		return true
	}
	return false
}

// fire runs a rotation that came due. In a region that is down it is
// overdue, and runs as soon as the region is back.
func (c *Cloud) fire(at *regionStore, s *secret, now time.Time) {
	switch {
	case c.down(at.name, "secretsmanager"):
		at.secrets.overdue[s.name] = true
	case s.rotation == nil || !s.rotation.enabled || s.isReplica(at.name) || s.deleteAt != 0:
	default:
		token := ""
		if pending := s.staged(stagePending); pending != nil && pending != s.staged(stageCurrent) {
			token = pending.id // a rotation that hangs is taken up again
		} else {
			token = newVersionID(c.rng)
		}
		c.rotate(at, s, token, now)
	}
}

// runOverdue runs the rotations that came due while the region was down.
func (c *Cloud) runOverdue(at *regionStore) {
	if len(at.secrets.overdue) == 0 || c.down(at.name, "secretsmanager") {
		return
	}
	names := slices.Sorted(maps.Keys(at.secrets.overdue))
	clear(at.secrets.overdue)
	for _, name := range names {
		if s := at.secrets.byName[name]; s != nil {
			c.fire(at, s, c.nowLocked())
		}
	}
}

// reattempt tries the rotation that hangs once more, soon.
func (c *Cloud) reattempt(at *regionStore, s *secret, now time.Time) {
	if s.rotation != nil && s.rotation.enabled && !s.rotation.inFlight {
		c.fireAt(at, s, now)
	}
}

// rotate runs the four steps for a version: within this moment, or with
// Options.RotationStep one after the other. A step that fails leaves
// everything as it is then, AWSPENDING included, and is tried again later.
func (c *Cloud) rotate(at *regionStore, s *secret, token string, now time.Time) {
	if s.version(token) == nil {
		s.ownVersions()
		s.versions = append(s.versions, version{id: token, created: stampOf(now)})
		s.attach(stagePending, token)
	}
	if c.opts.RotationStep > 0 {
		c.takeOff(at, s, token, now)
		return
	}
	c.rotated(at, s, c.runSteps(at, s, token, now), now)
}

// rotated settles a rotation that finished or failed.
func (c *Cloud) rotated(at *regionStore, s *secret, err error, now time.Time) {
	s.rotation = s.rotation.changed()
	if err != nil {
		c.rotationFailed(at, s, now)
	} else {
		s.rotation.last, s.rotation.attempts = stampOf(now), 0
		c.schedule(at, s, now, now)
	}
	c.touch(at, s, now)
}

// rotationFailed arranges another attempt (AWS says only that it "retries the
// entire rotation process multiple times": quirks say how many and when), or after the last one waits for
// the next window. NextRotationDate stays, so it comes to lie in the past.
func (c *Cloud) rotationFailed(at *regionStore, s *secret, now time.Time) {
	s.rotation.attempts++
	s.rotation.round++
	s.rotation.inFlight = false
	if allowed, _ := strconv.Atoi(c.quirks().RotationAttempts); s.rotation.attempts < allowed {
		c.fireAt(at, s, now.Add(c.quirks().RotationPause))
		return
	}
	s.rotation.attempts = 0
	plan, err := s.rotation.rules.schedule()
	if err != nil || plan == nil {
		return
	}
	if start, _, ok := plan.after(now); ok {
		c.fireAt(at, s, start)
	}
}

func (c *Cloud) runSteps(at *regionStore, s *secret, token string, now time.Time) error {
	for _, step := range rotationSteps() {
		if err := c.runStep(at, s, step, token, now); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) runStep(at *regionStore, s *secret, step, token string, now time.Time) error {
	return c.invokeStep(at, s, step, func() error { return c.step(at, s, step, token, now) })
}

// invokeStep is one invocation of the rotation function, if it can run.
func (c *Cloud) invokeStep(at *regionStore, s *secret, step string, run func() error) error {
	home := c.functionHome(at, s.rotation.lambda)
	switch {
	case at.secrets.fails(s.name, step) || c.faultAt(at, s, step):
		return errors.New("told to fail at " + step)
	case c.down(home.name, "lambda") || s.owner == "" && !home.invokable(s.rotation.lambda, s.arn(at)):
		return errNotInvokable()
	}
	return run()
}

// functionHome is the region in which a secret's function is looked for: the
// secret's own, or with the quirk foreign-function the one in its ARN.
func (c *Cloud) functionHome(at *regionStore, functionARN string) *regionStore {
	ref, ok := parseFunctionRef(functionARN)
	if !ok || ref.region == "" || ref.region == at.name || c.quirks().ForeignFunction == "refuse" {
		return at
	}
	return c.store(at.account.id, ref.region)
}
