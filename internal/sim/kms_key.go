package sim

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// KMS key states. AWS: KMS developer guide, "Key states of AWS KMS keys".
const (
	keyEnabled         = "Enabled"
	keyDisabled        = "Disabled"
	keyCreating        = "Creating"
	keyPendingDeletion = "PendingDeletion"
	keyPendingReplica  = "PendingReplicaDeletion"
	keyPendingImport   = "PendingImport"
	keyUnavailable     = "Unavailable"
	keyUpdating        = "Updating"
)

// secretsAlias is the alias of the AWS-managed key that Secrets Manager uses
// when none is named. It is always there and always enabled.
const secretsAlias = "alias/aws/secretsmanager"

// A keyStore is one account's KMS in one region.
type keyStore struct {
	keys    map[string]*key // by key id
	aliases map[string]*keyAlias
}

func newKeyStore() *keyStore {
	return &keyStore{keys: map[string]*key{}, aliases: map[string]*keyAlias{}}
}

// A key is one KMS key in one region.
type key struct {
	id, arn     string
	state       string
	managed     bool // AWS owns it: alias/aws/…
	description string
	usage, spec string
	origin      string
	policy      string
	read        string            // the policy that parsed was read from
	parsed      []policyStatement // see statements
	tags        map[string]string
	created     time.Time
	deletion    time.Time // end of the waiting period, zero when none
	window      int       // days
	rotation    int       // days between rotations, 0 when off
	rotated     time.Time // when rotation was enabled
	family      *keyFamily
}

// A keyFamily is a multi-Region key: one id, one material, a key per region.
type keyFamily struct {
	primary string // region
	arns    map[string]string
}

// A keyAlias names a key.
type keyAlias struct {
	name             string
	target           string // key id
	created, updated time.Time
}

// resolveKey finds a key by id, ARN, alias or alias ARN in this region; ""
// is the AWS-managed key of Secrets Manager.
func (s *regionStore) resolveKey(id string) (*key, bool) {
	if id == "" {
		id = secretsAlias
	}
	if rest, ok := strings.CutPrefix(id, "arn:"); ok {
		parts := strings.SplitN(rest, ":", 5) // partition, kms, region, account, resource
		if len(parts) != 5 || parts[1] != "kms" || parts[2] != s.name || parts[3] != s.account.id {
			return nil, false
		}
		id = strings.TrimPrefix(parts[4], "key/")
	}
	if alias, ok := s.kms.aliases[id]; ok {
		id = alias.target
	}
	if k, ok := s.kms.keys[id]; ok {
		return k, true
	}
	if id == secretsAlias || id == s.managedKeyID() {
		return s.managedKey(), true
	}
	return nil, false
}

// managedKeyID derives from account and region, so that it is the same in
// every run without anybody having created the key.
func (s *regionStore) managedKeyID() string {
	sum := sha256.Sum256([]byte(secretsAlias + "/" + s.account.id + "/" + s.name))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (s *regionStore) keyARN(id string) string {
	return fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", partitionOf(s.name), s.name, s.account.id, id)
}

func (s *regionStore) aliasARN(name string) string {
	return fmt.Sprintf("arn:%s:kms:%s:%s:%s", partitionOf(s.name), s.name, s.account.id, name)
}

func (s *regionStore) managedKey() *key {
	id := s.managedKeyID()
	return &key{
		id: id, arn: s.keyARN(id), state: keyEnabled, managed: true, rotation: 365,
		description: "Default key that protects my Secrets Manager data when no other key is defined",
		usage:       "ENCRYPT_DECRYPT", spec: "SYMMETRIC_DEFAULT", origin: "AWS_KMS",
		created: managedKeyBirth(), rotated: managedKeyBirth(), policy: s.managedKeyPolicy(),
	}
}

func managedKeyBirth() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

// usable says why the key cannot encrypt or decrypt now, nil if it can.
// AWS: DisabledException for a disabled key, KMSInvalidStateException for
// every other state; HTTP 400.
func (k *key) usable() *apiError {
	switch k.state {
	case keyEnabled, keyUpdating:
		return nil
	case keyDisabled:
		return errorf("DisabledException", 400, "%s is disabled.", k.arn)
	}
	return k.wrongState()
}

func (k *key) wrongState() *apiError {
	words := map[string]string{
		keyPendingDeletion: "pending deletion", keyPendingReplica: "pending replica deletion",
		keyPendingImport: "pending import", keyCreating: "creating", keyUnavailable: "unavailable",
		keyDisabled: "disabled", keyUpdating: "updating",
	}
	return errorf("KMSInvalidStateException", 400, "%s is %s.", k.arn, words[k.state])
}

var (
	keyIDForm  = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^mrk-[0-9a-f]{32}$`)
	aliasForm  = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)
	keyARNForm = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):([0-9]{12}):(key/.+|alias/.+)$`)
)

// findKey resolves a KeyId as KMS's own API does, with its errors.
func (r *request) findKey(id string) (*key, *apiError) {
	at := r.here()
	if strings.HasPrefix(id, "arn:") {
		m := keyARNForm.FindStringSubmatch(id)
		switch {
		case m == nil:
			return nil, errorf("InvalidArnException", 400, "Invalid arn %s", id)
		case m[1] != r.region:
			return nil, errorf("NotFoundException", 400, "Invalid arn %s", m[1])
		}
		at = r.cloud.store(m[2], r.region)
		if k, ok := at.resolveKey(id); ok {
			return k, nil
		}
		if strings.HasPrefix(m[3], "alias/") {
			return nil, errorf("NotFoundException", 400, "Alias %s is not found.", id)
		}
		return nil, errorf("NotFoundException", 400, "Key '%s' does not exist", id)
	}
	if k, ok := at.resolveKey(id); ok {
		return k, nil
	}
	switch {
	case aliasForm.MatchString(id):
		return nil, errorf("NotFoundException", 400, "Alias %s is not found.", at.aliasARN(id))
	case keyIDForm.MatchString(id):
		return nil, errorf("NotFoundException", 400, "Key '%s' does not exist", at.keyARN(id))
	}
	return nil, errorf("NotFoundException", 400, "Invalid keyId '%s'", id)
}

// keyByID resolves a KeyId where an alias will not do. AWS: API reference,
// EnableKey, GetKeyPolicy and their like ("Specify the key ID or key ARN").
func (r *request) keyByID(id string) (*key, *apiError) {
	if strings.HasPrefix(id, "alias/") || strings.HasPrefix(id, "arn:") && strings.Contains(id, ":alias/") {
		return nil, errorf("NotFoundException", 400, "Invalid keyId '%s'", id)
	}
	return r.findKey(id)
}

// ownKey finds a key that a caller may administer: not an AWS-managed one.
func (r *request) ownKey(id string) (*key, *apiError) {
	k, err := r.keyByID(id)
	if err != nil {
		return nil, err
	}
	if k.managed {
		return nil, errorf("AccessDeniedException", 400,
			"User: arn:%s:iam::%s:root is not authorized to perform: kms:%s on resource: %s because no resource-based policy allows the kms:%s action",
			partitionOf(r.region), r.account, r.op, k.arn, r.op)
	}
	return k, nil
}

// A KeyState is one KMS key as GET /_sim/state shows it.
type KeyState struct {
	ARN         string            `json:"arn"`
	State       string            `json:"state"`
	Aliases     []string          `json:"aliases,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Policy      string            `json:"policy,omitempty"`
	Usage       string            `json:"usage"`
	Spec        string            `json:"spec"`
	Rotation    int               `json:"rotation_days,omitempty"` // 0: off
	MultiRegion string            `json:"multi_region,omitempty"`  // PRIMARY or REPLICA
	Deletion    *time.Time        `json:"deletion,omitempty"`
}

// keyState is every customer-managed key of a region, by key id.
func (s *regionStore) keyState() map[string]KeyState {
	out := make(map[string]KeyState, len(s.kms.keys))
	for id, k := range s.kms.keys {
		st := KeyState{ARN: k.arn, State: k.state, Description: k.description, Tags: copyTags(k.tags), Policy: k.policy, Usage: k.usage, Spec: k.spec, Rotation: k.rotation}
		if k.family != nil {
			st.MultiRegion = k.family.kind(s.name)
		}
		if !k.deletion.IsZero() {
			deletion := k.deletion // a copy: the state outlives the lock
			st.Deletion = &deletion
		}
		for _, name := range sortedNames(s.kms.aliases) {
			if s.kms.aliases[name].target == id {
				st.Aliases = append(st.Aliases, name)
			}
		}
		out[id] = st
	}
	return out
}

func (f *keyFamily) kind(region string) string {
	if f.primary == region {
		return "PRIMARY"
	}
	return "REPLICA"
}

// newUUID is a version 4 UUID from the cloud's seeded source.
func newUUID(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffff_ffff_ffff)
}
