package sim

import (
	"strings"
	"time"
)

type aliasInput struct {
	AliasName   *string `check:"required,len=1..256"`
	TargetKeyId *string `check:"required,len=1..2048"`
}

// checkAliasName refuses names that AWS refuses. AWS: API reference, CreateAlias.
func checkAliasName(name string) *apiError {
	switch {
	case !strings.HasPrefix(name, "alias/"):
		return errorf("ValidationException", 400,
			`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.HasPrefix(name, "alias/aws/"):
		return errorf("NotAuthorizedException", 400, "")
	case !aliasForm.MatchString(name):
		return errorf("ValidationException", 400, "1 validation error detected: Value '%s' at 'aliasName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$", name)
	}
	return nil
}

// aliasTarget finds the key an alias shall name: by key id or key ARN only.
func (r *request) aliasTarget(id string) (*key, *apiError) {
	if strings.HasPrefix(id, "alias/") || strings.Contains(id, ":alias/") {
		return nil, errorf("ValidationException", 400, "Aliases must refer to keys. Not aliases")
	}
	k, bad := r.ownKey(id)
	if bad != nil {
		return nil, bad
	}
	if k.state == keyPendingDeletion || k.state == keyPendingReplica {
		return nil, k.wrongState()
	}
	return k, nil
}

func createAlias(r *request) (any, error) {
	var in aliasInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := checkAliasName(*in.AliasName); bad != nil {
		return nil, bad
	}
	k, bad := r.aliasTarget(*in.TargetKeyId)
	if bad != nil {
		return nil, bad
	}
	at := r.here()
	if at.kms.aliases[*in.AliasName] != nil {
		return nil, errorf("AlreadyExistsException", 400, "An alias with the name %s already exists", at.aliasARN(*in.AliasName))
	}
	at.kms.aliases[*in.AliasName] = &keyAlias{name: *in.AliasName, target: k.id, created: r.now, updated: r.now}
	return nil, nil
}

func updateAlias(r *request) (any, error) {
	var in aliasInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := checkAliasName(*in.AliasName); bad != nil {
		return nil, bad
	}
	a := r.here().kms.aliases[*in.AliasName]
	if a == nil {
		return nil, r.aliasMissing(*in.AliasName)
	}
	k, bad := r.aliasTarget(*in.TargetKeyId)
	if bad != nil {
		return nil, bad
	}
	if old := r.here().kms.keys[a.target]; old != nil && (old.usage != k.usage || old.spec != k.spec) {
		return nil, errorf("ValidationException", 400, "Alias %s cannot be changed from a %s key to a %s key", a.name, old.usage, k.usage)
	}
	a.target, a.updated = k.id, r.now
	return nil, nil
}

func (r *request) aliasMissing(name string) *apiError {
	return errorf("NotFoundException", 400, "Alias %s is not found.", r.here().aliasARN(name))
}

func deleteAlias(r *request) (any, error) {
	var in struct {
		AliasName *string `check:"required,len=1..256"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := checkAliasName(*in.AliasName); bad != nil {
		return nil, bad
	}
	if r.here().kms.aliases[*in.AliasName] == nil {
		return nil, r.aliasMissing(*in.AliasName)
	}
	delete(r.here().kms.aliases, *in.AliasName)
	return nil, nil
}

type aliasEntry struct {
	AliasName       string
	AliasArn        string
	TargetKeyId     string
	CreationDate    time.Time
	LastUpdatedDate time.Time
}

func listAliases(r *request) (any, error) {
	var in struct {
		KeyId *string `check:"len=1..2048"`
		listKeysInput
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	at, want := r.here(), ""
	if in.KeyId != nil {
		k, bad := r.findKey(*in.KeyId)
		if bad != nil {
			return nil, bad
		}
		want = k.id
	}
	all := map[string]aliasEntry{}
	if want == "" || want == at.managedKeyID() {
		all[secretsAlias] = aliasEntry{secretsAlias, at.aliasARN(secretsAlias), at.managedKeyID(), managedKeyBirth(), managedKeyBirth()}
	}
	for name, a := range at.kms.aliases {
		if want == "" || a.target == want {
			all[name] = aliasEntry{name, at.aliasARN(name), a.target, a.created, a.updated}
		}
	}
	list, next, ok := r.page(sortedNames(all), deref(in.Marker), orElse(in.Limit, 50))
	if !ok {
		return nil, invalidMarker()
	}
	out := struct {
		Aliases    []aliasEntry
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{Aliases: []aliasEntry{}, NextMarker: next, Truncated: next != ""}
	for _, name := range list {
		out.Aliases = append(out.Aliases, all[name])
	}
	return out, nil
}
