package sim

import (
	"slices"
	"time"
)

// takeOff starts a rotation whose steps each take Options.RotationStep, so
// that what callers see between two steps (AWSPENDING with and without a
// value, a database whose password is no longer AWSCURRENT's) lasts.
func (c *Cloud) takeOff(at *regionStore, s *secret, token string, now time.Time) {
	s.rotation = s.rotation.changed()
	s.rotation.round++
	s.rotation.inFlight = true
	c.touch(at, s, now)
	c.nextStep(at, s, token, 0, now)
}

// nextStep lets a step end after its time. The flight is over before that if
// the rotation was cancelled or given up meanwhile, or the secret is gone. If
// the region is down by then it is taken up again when the region is back.
func (c *Cloud) nextStep(at *regionStore, s *secret, token string, i int, now time.Time) {
	round, steps := s.rotation.round, rotationSteps()
	c.at(now.Add(c.opts.RotationStep), func(c *Cloud, now time.Time) {
		switch {
		case at.secrets.byName[s.name] != s || s.rotation == nil || s.rotation.round != round || s.deleteAt != 0:
			return
		case c.down(at.name, "secretsmanager"):
			s.rotation = s.rotation.changed()
			s.rotation.inFlight = false
			at.secrets.overdue[s.name] = true
			return
		}
		err := c.runStep(at, s, steps[i], token, now)
		if err != nil || i+1 == len(steps) {
			c.rotated(at, s, err, now)
			return
		}
		c.touch(at, s, now)
		c.nextStep(at, s, token, i+1, now)
	})
}

// testRotation is what RotateImmediately false does instead of rotating: an
// AWSPENDING version is made, tested and removed. If the test fails the
// version stays or goes by the quirk test-pending.
func (c *Cloud) testRotation(at *regionStore, s *secret, token string, now time.Time) {
	s.ownVersions()
	s.versions = append(s.versions, version{id: token, created: stampOf(now)})
	s.attach(stagePending, token)
	if c.opts.RotationStep == 0 {
		c.endTest(at, s, token)
		return
	}
	c.at(now.Add(c.opts.RotationStep), func(c *Cloud, now time.Time) {
		pending := s.staged(stagePending)
		if at.secrets.byName[s.name] != s || pending == nil || pending.id != token || pending.value != nil {
			return
		}
		c.endTest(at, s, token)
		c.touch(at, s, now)
	})
}

func (c *Cloud) endTest(at *regionStore, s *secret, token string) {
	err := c.invokeStep(at, s, "testSecret", func() error { return c.testCurrent(at, s) })
	if err != nil && c.quirks().TestPending == "keep" {
		return
	}
	s.versions = slices.DeleteFunc(slices.Clone(s.versions), func(v version) bool { return v.id == token })
}
