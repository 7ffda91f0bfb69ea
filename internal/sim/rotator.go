package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A database is what a secret is the password of. A secret and its replicas,
// promoted ones included, share one, as they do in life: when two regions
// rotate it each for itself, the login of one of them breaks.
type database struct {
	last *value // holds the password that is set now
}

// set changes the password to the one in v.
func (d *database) set(v *value) { d.last = v }

// accepts says whether one can log in with v.
func (d *database) accepts(v *value) bool {
	return v != nil && d.last != nil && (v == d.last || passwordIn(v) == passwordIn(d.last))
}

// passwordIn is the member "password" of a JSON object, or all of the value.
func passwordIn(v *value) string {
	var object struct {
		Password *string `json:"password"`
	}
	if json.Unmarshal([]byte(v.data), &object) == nil && object.Password != nil {
		return *object.Password
	}
	return v.data
}

// LoginWorks says whether the AWSCURRENT value that a region serves logs in
// to the secret's database. The database starts with the secret's first
// value; it follows every value that is put by hand as AWSCURRENT, as a person
// would change both, and every rotation's setSecret. The error is that of the
// GetSecretValue which an application would call, if the region has no value
// to serve. The region's state is not looked at.
func (c *Cloud) LoginWorks(account, region, secretName string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	at := c.store(account, region)
	s := at.secrets.byName[secretName]
	if s == nil {
		return false, errNoSecret()
	}
	return c.loginLocked(at, s)
}

func (c *Cloud) loginLocked(at *regionStore, s *secret) (bool, error) {
	if s.deleteAt != 0 {
		return false, errMarkedForDeletion()
	}
	v, err := s.pick(nil, nil)
	if err == nil {
		err = c.decryptable(at, v.keyARN)
	}
	if err != nil {
		return false, err
	}
	return s.database.accepts(v.value), nil
}

// step is what the built-in rotation function does, in the manner of AWS's
// own single-user template. It calls Secrets Manager under the same policy
// and keys as any caller.
func (c *Cloud) step(at *regionStore, s *secret, step, token string, now time.Time) error {
	switch step {
	case "createSecret":
		return c.stepCreate(at, s, token, now)
	case "setSecret":
		return c.stepSet(at, s, token)
	case "testSecret":
		return c.stepTest(at, s, token)
	}
	return c.stepFinish(at, s, token)
}

// rotatorMay asks the secret's policy for a call of the rotation function.
func (c *Cloud) rotatorMay(at *regionStore, s *secret, op string) error {
	r := &request{cloud: c, account: at.account.id, region: at.name, service: "secretsmanager", op: op}
	return r.authorize(at, s)
}

// readFor reads the version with a label as the rotation function would.
func (c *Cloud) readFor(at *regionStore, s *secret, stage string) (*value, error) {
	if err := c.rotatorMay(at, s, "GetSecretValue"); err != nil {
		return nil, err
	}
	v, err := s.pick(nil, &stage)
	if err != nil {
		return nil, err
	}
	return v.value, c.decryptable(at, v.keyARN)
}

func (c *Cloud) stepCreate(at *regionStore, s *secret, token string, now time.Time) error {
	current, err := c.readFor(at, s, stageCurrent)
	if err != nil {
		return err
	}
	if v := s.version(token); v != nil && v.value != nil {
		return nil // an earlier attempt made it
	}
	if err := c.rotatorMay(at, s, "PutSecretValue"); err != nil {
		return err
	}
	fresh, err := withPassword(current, randomPassword(c.rng, 32, passwordLetters{}))
	if err != nil {
		return err
	}
	return c.putVersion(at, s, newVersion{id: token, value: fresh, stages: []string{stagePending}}, now)
}

// withPassword is v with another password.
func withPassword(v *value, password string) (*value, error) {
	var object map[string]any
	_ = json.Unmarshal([]byte(v.data), &object) // what is no object is a password as it stands
	if object["password"] == nil {
		return &value{data: password, binary: v.binary}, nil
	}
	object["password"] = password
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("write new value: %w", err)
	}
	return &value{data: string(text), binary: v.binary}, nil
}

// stepSet changes the password. It needs a login first: with the pending
// value (an earlier attempt set it), the current or the previous one.
func (c *Cloud) stepSet(at *regionStore, s *secret, token string) error {
	pending := s.version(token)
	if pending == nil || pending.value == nil {
		return errors.New("the pending version has no value")
	}
	for _, stage := range []string{stagePending, stageCurrent, stagePrevious} {
		v, err := c.readFor(at, s, stage)
		if err == nil && s.database.accepts(v) {
			s.database.set(pending.value)
			return nil
		}
	}
	return errors.New("unable to log into database with previous, current, or pending secret")
}

func (c *Cloud) stepTest(at *regionStore, s *secret, token string) error {
	v, err := c.readFor(at, s, stagePending)
	if err != nil {
		return err
	}
	if !s.database.accepts(v) {
		return fmt.Errorf("unable to log into database with pending secret %s", token)
	}
	return nil
}

// testCurrent is testSecret when nothing was rotated: does the password work?
func (c *Cloud) testCurrent(at *regionStore, s *secret) error {
	v, err := c.readFor(at, s, stageCurrent)
	if err != nil {
		return err
	}
	if !s.database.accepts(v) {
		return errors.New("unable to log into database with current secret")
	}
	return nil
}

// stepFinish makes the pending version current. Secrets Manager then takes
// AWSPENDING off it.
func (c *Cloud) stepFinish(at *regionStore, s *secret, token string) error {
	if err := c.rotatorMay(at, s, "UpdateSecretVersionStage"); err != nil {
		return err
	}
	s.attach(stageCurrent, token)
	s.detach(stagePending)
	return nil
}
