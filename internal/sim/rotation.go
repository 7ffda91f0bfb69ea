package sim

import (
	"regexp"
	"time"
)

// A rotation is a secret's rotation settings. Like all of a secret it is
// replaced, not changed in place.
type rotation struct {
	configured bool // RotateSecret succeeded in this region
	enabled    bool
	lambda     string
	rules      rotationRules
	last       stamp // LastRotatedDate
	next       stamp // NextRotationDate: the end of the next window
	attempts   int   // failed attempts at the rotation in flight
	inFlight   bool  // steps are under way (Options.RotationStep)
	round      int   // counts schedules; an event of an earlier one is void
}

// rotationRules is RotationRules as DescribeSecret answers it.
type rotationRules struct {
	AutomaticallyAfterDays int    `json:",omitempty"`
	Duration               string `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
}

// changed is a copy of r to change; of nothing, an empty one.
func (r *rotation) changed() *rotation {
	if r == nil {
		return &rotation{}
	}
	copied := *r
	return &copied
}

// settled is what a replica knows of its primary's rotation: the settings,
// without a schedule of its own.
func (r *rotation) settled() *rotation {
	if r == nil {
		return nil
	}
	copied := *r
	copied.round, copied.attempts, copied.inFlight = 0, 0, false
	return &copied
}

// promoted is what remains of rotation after promotion: it is not on, and no
// function is configured. AWS: "Promote a replica secret to a standalone
// secret": configure rotation again.
func (r *rotation) promoted() *rotation {
	if r == nil || r.last == 0 {
		return nil
	}
	return &rotation{last: r.last}
}

func (r *rotation) describe(e *secretEntry) {
	e.LastRotatedDate = r.last
	if !r.configured {
		return
	}
	e.RotationEnabled, e.RotationLambdaARN = &r.enabled, r.lambda
	if rules := r.rules; rules != (rotationRules{}) {
		if plan, err := rules.schedule(); err == nil && rules.AutomaticallyAfterDays == 0 {
			rules.AutomaticallyAfterDays = plan.days()
		}
		e.RotationRules = &rules
	}
	if r.enabled {
		e.NextRotationDate = r.next
	}
}

type rotationRulesInput struct {
	AutomaticallyAfterDays *int
	Duration               *string
	ScheduleExpression     *string
}

type rotateSecretInput struct {
	SecretId           *string
	ClientRequestToken *string
	RotationLambdaARN  *string
	RotationRules      *rotationRulesInput
	RotateImmediately  *bool
}

var (
	durationPattern = regexp.MustCompile(`^[0-9]+h$`)
	schedulePattern = regexp.MustCompile(`^[0-9A-Za-z()#?*\-/, ]+$`)
)

func (in *rotateSecretInput) check(m *members) {
	m.secretID(in.SecretId)
	m.token(in.ClientRequestToken)
	m.length("rotationLambdaARN", in.RotationLambdaARN, 0, 2048)
	if rules := in.RotationRules; rules != nil {
		m.between("rotationRules.automaticallyAfterDays", rules.AutomaticallyAfterDays, 1, 1000)
		m.length("rotationRules.duration", rules.Duration, 2, 3)
		m.matches("rotationRules.duration", rules.Duration, durationPattern)
		m.length("rotationRules.scheduleExpression", rules.ScheduleExpression, 1, 256)
		m.matches("rotationRules.scheduleExpression", rules.ScheduleExpression, schedulePattern)
	}
}

// rules are those of the input, or those there were.
func (in *rotateSecretInput) rules(had rotationRules) (rotationRules, error) {
	given := in.RotationRules
	if given == nil {
		return had, nil
	}
	if given.AutomaticallyAfterDays != nil && given.ScheduleExpression != nil {
		return had, invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.")
	}
	rules := rotationRules{Duration: deref(given.Duration), ScheduleExpression: deref(given.ScheduleExpression)}
	if given.AutomaticallyAfterDays != nil {
		rules.AutomaticallyAfterDays = *given.AutomaticallyAfterDays
	}
	_, err := rules.schedule()
	return rules, err
}

type rotateSecretOutput struct {
	ARN, Name string
	VersionId string `json:",omitempty"`
}

// rotateSecret configures rotation and starts it: at once, or with
// RotateImmediately false by a test of the function. Nothing is stored if
// the function can't be invoked.
func (r *request) rotateSecret(in *rotateSecretInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if in.ClientRequestToken == nil {
		return nil, errTokenNeeded()
	}
	token := *in.ClientRequestToken
	out := rotateSecretOutput{s.arn(at), s.name, token}
	plan := s.rotation.changed()
	if plan.lambda, err = s.rotationFunction(in, plan.lambda); err != nil {
		return nil, err
	}
	if plan.rules, err = in.rules(plan.rules); err != nil {
		return nil, err
	}
	current, pending := s.staged(stageCurrent), s.staged(stagePending)
	if current != nil && current.id == token && (pending == nil || pending.id == token) {
		return out, nil // this rotation was asked for before, and is done
	}
	if pending != nil && pending.id == token && plan.inFlight {
		return out, nil // asked for before, and under way
	}
	if pending != nil && pending != current && pending.id != token {
		r.cloud.reattempt(at, s, r.now)
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	if had := s.version(token); had != nil && had != pending {
		return nil, errTokenInUse(token, s.arn(at))
	}
	if s.owner == "" && !r.cloud.functionHome(at, plan.lambda).permitted(plan.lambda, s.arn(at)) {
		return nil, errNotInvokable()
	}
	plan.configured, plan.enabled, plan.attempts = true, true, 0
	s.rotation = plan
	if in.RotateImmediately != nil && !*in.RotateImmediately {
		r.cloud.testRotation(at, s, token, r.now)
		r.cloud.scheduleAttached(at, s, r.now)
		r.cloud.touch(at, s, r.now)
		return out, nil
	}
	r.cloud.rotate(at, s, token, r.now)
	return out, nil
}

func errNotInvokable() error {
	err := errorf("AccessDeniedException", 400, "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	err.Upper = true
	return err
}

// rotationFunction is the function to rotate with: the one given, or the one
// configured before. A managed secret is rotated by its service.
func (s *secret) rotationFunction(in *rotateSecretInput, had string) (string, error) {
	given := deref(in.RotationLambdaARN)
	switch {
	case s.owner != "" && given != "":
		return "", invalidRequest("Rotation Lambda ARN is not supported for a service-managed secret.")
	case given != "":
		return given, nil
	case had == "" && s.owner == "":
		return "", invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	return had, nil
}

// cancelRotateSecret turns rotation off. A version labelled AWSPENDING stays
// so; function and rules stay visible. AWS: CancelRotateSecret.
func (r *request) cancelRotateSecret(in *secretIDInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if s.rotation == nil || !s.rotation.configured {
		if r.cloud.quirks().CancelUnconfigured == "ignore" {
			return rotateSecretOutput{ARN: s.arn(at), Name: s.name}, nil
		}
		return nil, invalidRequest("You tried to cancel rotation of a secret that doesn't have rotation configured.")
	}
	s.rotation = s.rotation.changed()
	s.rotation.enabled, s.rotation.inFlight, s.rotation.next, s.rotation.attempts = false, false, 0, 0
	s.rotation.round++
	delete(at.secrets.overdue, s.name)
	r.cloud.touch(at, s, r.now)
	out := rotateSecretOutput{ARN: s.arn(at), Name: s.name}
	if pending := s.staged(stagePending); pending != nil {
		out.VersionId = pending.id
	}
	return out, nil
}

// scheduleAttached sets the next rotation after one was configured without
// rotating at once. If the last rotation is longer ago than the schedule
// allows, the quirk overdue-rotation says whether it fires right away.
func (c *Cloud) scheduleAttached(at *regionStore, s *secret, now time.Time) {
	base := now
	if s.rotation.last != 0 && c.quirks().OverdueRotation == "fire" {
		base = s.rotation.last.time()
	}
	c.schedule(at, s, base, now)
}

// schedule sets the first window after base, and makes it fire. A window
// that has begun already fires now.
func (c *Cloud) schedule(at *regionStore, s *secret, base, now time.Time) {
	s.rotation = s.rotation.changed()
	s.rotation.round++
	s.rotation.inFlight = false
	plan, err := s.rotation.rules.schedule()
	if err != nil || plan == nil || !s.rotation.enabled {
		s.rotation.next = 0
		return
	}
	start, end, ok := plan.after(base)
	if !ok {
		s.rotation.next = 0
		return
	}
	s.rotation.next = stampOf(end)
	if start.Before(now) {
		start = now
	}
	c.fireAt(at, s, start)
}

// fireAt makes the present schedule of s come due at a time.
func (c *Cloud) fireAt(at *regionStore, s *secret, due time.Time) {
	round := s.rotation.round
	c.at(due, func(c *Cloud, now time.Time) {
		if at.secrets.byName[s.name] == s && s.rotation != nil && s.rotation.round == round {
			c.fire(at, s, now)
		}
	})
}

// rotatedByHand moves the schedule on after a new value was put: that counts
// as a rotation.
func (c *Cloud) rotatedByHand(at *regionStore, s *secret, now time.Time) {
	if s.rotation == nil || !s.rotation.enabled {
		return
	}
	s.rotation = s.rotation.changed()
	s.rotation.last, s.rotation.attempts = stampOf(now), 0
	c.schedule(at, s, now, now)
}
