package sim

import (
	"strings"
	"time"
)

func kmsOperations() []operation {
	op := func(name string, mutating bool, handle func(*request) (any, error)) operation {
		return operation{service: "kms", name: name, mutating: mutating, handle: handle, subject: keySubject}
	}
	return []operation{
		op("CreateKey", true, createKey),
		op("ReplicateKey", true, replicateKey),
		op("DescribeKey", false, describeKey),
		op("ListKeys", false, listKeys),
		op("UpdateKeyDescription", true, updateKeyDescription),
		op("EnableKey", true, enableKey),
		op("DisableKey", true, disableKey),
		op("ScheduleKeyDeletion", true, scheduleKeyDeletion),
		op("CancelKeyDeletion", true, cancelKeyDeletion),
		op("GetKeyPolicy", false, getKeyPolicy),
		op("PutKeyPolicy", true, putKeyPolicy),
		op("ListKeyPolicies", false, listKeyPolicies),
		op("ListResourceTags", false, listKeyTags),
		op("TagResource", true, tagKey),
		op("UntagResource", true, untagKey),
		op("GetKeyRotationStatus", false, getKeyRotationStatus),
		op("EnableKeyRotation", true, enableKeyRotation),
		op("DisableKeyRotation", true, disableKeyRotation),
		op("ListGrants", false, listGrants),
		op("CreateAlias", true, createAlias),
		op("UpdateAlias", true, updateAlias),
		op("DeleteAlias", true, deleteAlias),
		op("ListAliases", false, listAliases),
		op("Encrypt", false, kmsEncrypt),
		op("Decrypt", false, kmsDecrypt),
		op("GenerateDataKey", false, generateDataKey),
		op("GenerateDataKeyWithoutPlaintext", false, generateDataKey),
	}
}

func keySubject(r *request) string {
	var in struct{ KeyId, AliasName string }
	_ = r.unmarshal(&in) // a malformed body matches no fault
	return in.KeyId + in.AliasName
}

// A keyTag is a tag as KMS writes it.
type keyTag struct {
	TagKey   *string `json:"TagKey" check:"required,len=1..128"`
	TagValue *string `json:"TagValue" check:"required,len=0..256"`
}

func keyTagMap(list []keyTag) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		out[*t.TagKey] = *t.TagValue
	}
	return out
}

type createKeyInput struct {
	Policy      *string  `check:"len=1..131072"`
	Description *string  `check:"len=0..8192"`
	KeyUsage    *string  `check:"enum=SIGN_VERIFY|ENCRYPT_DECRYPT|GENERATE_VERIFY_MAC|KEY_AGREEMENT"`
	KeySpec     *string  `check:"enum=RSA_2048|RSA_3072|RSA_4096|ECC_NIST_P256|ECC_NIST_P384|ECC_NIST_P521|ECC_SECG_P256K1|SYMMETRIC_DEFAULT|HMAC_224|HMAC_256|HMAC_384|HMAC_512|SM2"`
	Origin      *string  `check:"enum=AWS_KMS|EXTERNAL|AWS_CLOUDHSM|EXTERNAL_KEY_STORE"`
	Tags        []keyTag `json:"Tags"`
	MultiRegion bool

	BypassPolicyLockoutSafetyCheck bool
}

// createKey makes a key; a multi-Region one is a primary, its id starts mrk-.
func createKey(r *request) (any, error) {
	var in createKeyInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if in.Policy != nil {
		if bad := r.checkKeyPolicy(*in.Policy, in.BypassPolicyLockoutSafetyCheck); bad != nil {
			return nil, bad
		}
	}
	if bad := checkKeyTags(keyTagMap(in.Tags)); bad != nil {
		return nil, bad
	}
	k := &key{
		state: keyEnabled, description: deref(in.Description), usage: orElse(in.KeyUsage, "ENCRYPT_DECRYPT"),
		spec: orElse(in.KeySpec, "SYMMETRIC_DEFAULT"), origin: orElse(in.Origin, "AWS_KMS"),
		tags: keyTagMap(in.Tags), created: r.now,
	}
	if k.spec != "SYMMETRIC_DEFAULT" && in.KeyUsage == nil {
		return nil, errorf("ValidationException", 400, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	}
	if k.origin == "EXTERNAL" {
		k.state = keyPendingImport
	}
	at := r.here()
	k.id = newUUID(r.cloud.rng)
	if in.MultiRegion {
		k.id = "mrk-" + strings.ReplaceAll(k.id, "-", "")
		k.family = &keyFamily{primary: r.region, arns: map[string]string{}}
	}
	at.addKey(k, in.Policy)
	return struct{ KeyMetadata *keyMetadata }{k.metadata(at)}, nil
}

func (s *regionStore) addKey(k *key, policy *string) {
	k.arn = s.keyARN(k.id)
	k.policy = orElse(policy, s.defaultKeyPolicy())
	if k.family != nil {
		k.family.arns[s.name] = k.arn
	}
	s.kms.keys[k.id] = k
}

type replicateKeyInput struct {
	KeyId         *string  `check:"required,len=1..2048"`
	ReplicaRegion *string  `check:"required,len=1..32"`
	Policy        *string  `check:"len=1..131072"`
	Description   *string  `check:"len=0..8192"`
	Tags          []keyTag `json:"Tags"`

	BypassPolicyLockoutSafetyCheck bool
}

// replicateKey makes a replica of a multi-Region primary key. It is Creating
// until the replication lag has passed. AWS: API reference, ReplicateKey.
func replicateKey(r *request) (any, error) {
	var in replicateKeyInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.ownKey(*in.KeyId)
	if bad != nil {
		return nil, bad
	}
	region := *in.ReplicaRegion
	switch {
	case k.family == nil || k.family.primary != r.region:
		return nil, errorf("UnsupportedOperationException", 400, "%s is not a multi-region primary key.", k.arn)
	case !scopeRegion.MatchString(region) || partitionOf(region) != partitionOf(r.region):
		return nil, errorf("ValidationException", 400, "Invalid region %s", region)
	case k.family.arns[region] != "":
		return nil, errorf("AlreadyExistsException", 400,
			"Unable to create key %s: Key already exists in region %s.", k.id, region)
	}
	if bad := k.usable(); bad != nil {
		return nil, bad
	}
	if in.Policy != nil {
		if bad := r.checkKeyPolicy(*in.Policy, in.BypassPolicyLockoutSafetyCheck); bad != nil {
			return nil, bad
		}
	}
	there := r.cloud.store(r.account, region)
	twin := &key{
		id: k.id, state: keyCreating, description: deref(in.Description), usage: k.usage, spec: k.spec,
		origin: k.origin, tags: keyTagMap(in.Tags), created: r.now, family: k.family,
	}
	there.addKey(twin, in.Policy)
	r.cloud.finishKeyReplica(twin, r.region, region, r.now)
	return struct {
		ReplicaKeyMetadata *keyMetadata
		ReplicaPolicy      string
		ReplicaTags        []any
	}{twin.metadata(there), twin.policy, keyTagList(twin.tags)}, nil
}

// finishKeyReplica enables a replica key when its material has arrived; while
// the regions are cut off from each other it looks again every minute.
func (c *Cloud) finishKeyReplica(k *key, from, to string, now time.Time) {
	c.at(now.Add(c.replicationLag(from, to)), func(c *Cloud, now time.Time) {
		switch {
		case k.state != keyCreating:
		case c.replicates(from, to):
			k.state = keyEnabled
		default:
			c.at(now.Add(time.Minute), func(c *Cloud, now time.Time) { c.finishKeyReplica(k, from, to, now) })
		}
	})
}

type keyIDInput struct {
	KeyId *string `check:"required,len=1..2048"`
}

func describeKey(r *request) (any, error) {
	var in keyIDInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.findKey(*in.KeyId)
	if bad != nil {
		return nil, bad
	}
	return struct{ KeyMetadata *keyMetadata }{k.metadata(r.here())}, nil
}

// A keyMetadata is KMS's KeyMetadata.
type keyMetadata struct {
	AWSAccountId                string
	KeyId                       string
	Arn                         string
	CreationDate                time.Time
	Enabled                     bool
	Description                 string
	KeyUsage                    string
	KeyState                    string
	DeletionDate                time.Time
	PendingDeletionWindowInDays int `json:",omitempty"`
	Origin                      string
	KeyManager                  string
	CustomerMasterKeySpec       string
	KeySpec                     string
	EncryptionAlgorithms        []string `json:",omitempty"`
	MultiRegion                 bool
	MultiRegionConfiguration    *multiRegionConfiguration
}

type multiRegionConfiguration struct {
	MultiRegionKeyType string
	PrimaryKey         multiRegionKey
	ReplicaKeys        []multiRegionKey
}

type multiRegionKey struct{ Arn, Region string }

func (k *key) metadata(at *regionStore) *keyMetadata {
	m := &keyMetadata{
		AWSAccountId: at.account.id, KeyId: k.id, Arn: k.arn, CreationDate: k.created,
		Enabled: k.state == keyEnabled, Description: k.description, KeyUsage: k.usage, KeyState: k.state,
		Origin: k.origin, KeyManager: "CUSTOMER", CustomerMasterKeySpec: k.spec, KeySpec: k.spec,
		MultiRegion: k.family != nil,
	}
	if k.managed {
		m.KeyManager = "AWS"
	}
	switch k.state {
	case keyPendingReplica: // the waiting period starts when the last replica is gone
		m.PendingDeletionWindowInDays = k.window
	default:
		m.DeletionDate = k.deletion
	}
	if k.spec == "SYMMETRIC_DEFAULT" {
		m.EncryptionAlgorithms = []string{"SYMMETRIC_DEFAULT"}
	}
	if f := k.family; f != nil {
		m.MultiRegionConfiguration = &multiRegionConfiguration{
			MultiRegionKeyType: f.kind(at.name),
			PrimaryKey:         multiRegionKey{f.arns[f.primary], f.primary},
			ReplicaKeys:        []multiRegionKey{},
		}
		for _, region := range sortedNames(f.arns) {
			if region != f.primary {
				m.MultiRegionConfiguration.ReplicaKeys = append(m.MultiRegionConfiguration.ReplicaKeys,
					multiRegionKey{f.arns[region], region})
			}
		}
	}
	return m
}

type listKeysInput struct {
	Limit  *int    `check:"range=1..1000"`
	Marker *string `check:"len=1..1024"`
}

func listKeys(r *request) (any, error) {
	var in listKeysInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	names := sortedNames(r.here().kms.keys)
	list, next, ok := r.page(names, deref(in.Marker), orElse(in.Limit, 100))
	if !ok {
		return nil, invalidMarker()
	}
	type entry struct{ KeyId, KeyArn string }
	keys := []entry{}
	for _, id := range list {
		keys = append(keys, entry{id, r.here().keyARN(id)})
	}
	return struct {
		Keys       []entry
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{keys, next, next != ""}, nil
}

func invalidMarker() *apiError {
	return errorf("InvalidMarkerException", 400, "Could not deserialize marker")
}
