package sim

import "time"

// withOwnKey reads an input that names a key and finds it, in one of the
// given states (none: in any).
func withOwnKey(r *request, in any, id func() string, states ...string) (*key, error) {
	if err := r.read(in); err != nil {
		return nil, err
	}
	k, bad := r.ownKey(id())
	if bad != nil {
		return nil, bad
	}
	if len(states) == 0 {
		return k, nil
	}
	for _, s := range states {
		if k.state == s {
			return k, nil
		}
	}
	return nil, k.wrongState()
}

func updateKeyDescription(r *request) (any, error) {
	var in struct {
		KeyId       *string `check:"required,len=1..2048"`
		Description *string `check:"required,len=0..8192"`
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId }, keyEnabled, keyDisabled)
	if err != nil {
		return nil, err
	}
	k.description = *in.Description
	return nil, nil
}

func enableKey(r *request) (any, error) {
	var in keyIDInput
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId }, keyEnabled, keyDisabled)
	if err != nil {
		return nil, err
	}
	k.state = keyEnabled
	return nil, nil
}

func disableKey(r *request) (any, error) {
	var in keyIDInput
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId }, keyEnabled, keyDisabled)
	if err != nil {
		return nil, err
	}
	k.state = keyDisabled
	return nil, nil
}

// scheduleKeyDeletion starts the waiting period. A multi-Region primary with
// replicas waits for them first. AWS: API reference, ScheduleKeyDeletion.
func scheduleKeyDeletion(r *request) (any, error) {
	var in struct {
		KeyId               *string `check:"required,len=1..2048"`
		PendingWindowInDays *int    `check:"range=1..365"`
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId }, keyEnabled, keyDisabled, keyPendingImport, keyUnavailable)
	if err != nil {
		return nil, err
	}
	days := orElse(in.PendingWindowInDays, 30)
	if days < 7 || days > 30 {
		return nil, errorf("ValidationException", 400, "PendingWindowInDays must be between 7 and 30 days")
	}
	k.window = days
	out := struct {
		KeyId               string
		KeyState            string
		DeletionDate        time.Time
		PendingWindowInDays int
	}{KeyId: k.arn, PendingWindowInDays: days}
	if k.family != nil && k.family.primary == r.region && len(k.family.arns) > 1 {
		k.state = keyPendingReplica
	} else {
		r.cloud.deleteKeyLater(r.here(), k, r.now)
	}
	out.KeyState, out.DeletionDate = k.state, k.deletion
	return out, nil
}

// deleteKeyLater removes the key when its waiting period ends, unless that
// was cancelled meanwhile.
func (c *Cloud) deleteKeyLater(at *regionStore, k *key, now time.Time) {
	due := now.AddDate(0, 0, k.window)
	k.state, k.deletion = keyPendingDeletion, due
	c.at(due, func(c *Cloud, now time.Time) {
		if k.state != keyPendingDeletion || !k.deletion.Equal(due) {
			return
		}
		delete(at.kms.keys, k.id)
		for name, a := range at.kms.aliases {
			if a.target == k.id {
				delete(at.kms.aliases, name)
			}
		}
		if k.family == nil {
			return
		}
		delete(k.family.arns, at.name)
		primary := c.store(at.account.id, k.family.primary)
		if p := primary.kms.keys[k.id]; p != nil && p.state == keyPendingReplica && len(k.family.arns) == 1 {
			c.deleteKeyLater(primary, p, now)
		}
	})
}

func cancelKeyDeletion(r *request) (any, error) {
	var in keyIDInput
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	if k.state != keyPendingDeletion && k.state != keyPendingReplica {
		return nil, errorf("KMSInvalidStateException", 400, "%s is not pending deletion.", k.arn)
	}
	k.state, k.deletion, k.window = keyDisabled, time.Time{}, 0
	return struct{ KeyId string }{k.arn}, nil
}

func keyTagList(tags map[string]string) []any {
	list := []any{}
	for _, name := range sortedNames(tags) {
		list = append(list, struct{ TagKey, TagValue string }{name, tags[name]})
	}
	return list
}

func checkKeyTags(tags map[string]string) *apiError {
	if _, bad := reservedTag(tags); bad {
		return errorf("TagException", 400, "Tags beginning with aws: are reserved")
	}
	if len(tags) > resourceTagLimit {
		return errorf("TagException", 400, "Too many tags")
	}
	return nil
}

func listKeyTags(r *request) (any, error) {
	var in struct {
		keyIDInput
		listKeysInput
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	list, next, ok := r.page(sortedNames(k.tags), deref(in.Marker), orElse(in.Limit, 50))
	if !ok {
		return nil, invalidMarker()
	}
	shown := map[string]string{}
	for _, name := range list {
		shown[name] = k.tags[name]
	}
	return struct {
		Tags       []any
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{keyTagList(shown), next, next != ""}, nil
}

func tagKey(r *request) (any, error) {
	var in struct {
		KeyId *string  `check:"required,len=1..2048"`
		Tags  []keyTag `json:"Tags" check:"required"`
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	if k.state == keyPendingDeletion || k.state == keyPendingReplica {
		return nil, k.wrongState()
	}
	merged, _ := joinTags(k.tags, keyTagMap(in.Tags))
	if bad := checkKeyTags(merged); bad != nil {
		return nil, bad
	}
	k.tags = merged
	return nil, nil
}

func untagKey(r *request) (any, error) {
	var in struct {
		KeyId   *string  `check:"required,len=1..2048"`
		TagKeys []string `check:"required"`
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(k.tags, name)
	}
	return nil, nil
}

func getKeyRotationStatus(r *request) (any, error) {
	var in keyIDInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.findKey(*in.KeyId)
	if bad != nil {
		return nil, bad
	}
	if k.state == keyPendingDeletion || k.state == keyPendingReplica || k.state == keyPendingImport {
		return nil, k.wrongState()
	}
	out := struct {
		KeyRotationEnabled   bool
		KeyId                string
		RotationPeriodInDays int `json:",omitempty"`
		NextRotationDate     time.Time
	}{KeyRotationEnabled: k.rotation > 0, KeyId: k.arn, RotationPeriodInDays: k.rotation}
	if k.rotation > 0 {
		out.NextRotationDate = k.rotated.AddDate(0, 0, k.rotation)
		for !out.NextRotationDate.After(r.now) {
			out.NextRotationDate = out.NextRotationDate.AddDate(0, 0, k.rotation)
		}
	}
	return out, nil
}

func enableKeyRotation(r *request) (any, error) {
	var in struct {
		KeyId                *string `check:"required,len=1..2048"`
		RotationPeriodInDays *int    `check:"range=90..2560"`
	}
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	if k.spec != "SYMMETRIC_DEFAULT" || k.origin != "AWS_KMS" {
		return nil, errorf("UnsupportedOperationException", 400, "%s is not a symmetric encryption key with key material that KMS made.", k.arn)
	}
	if bad := k.usable(); bad != nil {
		return nil, bad
	}
	if k.rotation == 0 {
		k.rotated = r.now
	}
	k.rotation = orElse(in.RotationPeriodInDays, 365)
	return nil, nil
}

func disableKeyRotation(r *request) (any, error) {
	var in keyIDInput
	k, err := withOwnKey(r, &in, func() string { return *in.KeyId })
	if err != nil {
		return nil, err
	}
	if bad := k.usable(); bad != nil {
		return nil, bad
	}
	k.rotation = 0
	return nil, nil
}

func listGrants(r *request) (any, error) {
	var in keyIDInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if _, bad := r.findKey(*in.KeyId); bad != nil {
		return nil, bad
	}
	return struct {
		Grants    []any
		Truncated bool
	}{[]any{}, false}, nil
}
