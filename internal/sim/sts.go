package sim

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"time"
)

func stsOperations() []operation {
	return []operation{
		{service: "sts", name: "GetCallerIdentity", handle: getCallerIdentity},
		{service: "sts", name: "AssumeRole", handle: assumeRole},
	}
}

// getCallerIdentity answers for whoever signed: the account of the access
// key. What role assumed it is not kept, so it is always the simulator's own.
func getCallerIdentity(r *request) (any, error) {
	return struct{ Arn, UserId, Account string }{
		Arn:    fmt.Sprintf("arn:%s:iam::%s:user/simulator", partitionOf(r.region), r.account),
		UserId: "AIDASIMULATOR0000000", Account: r.account,
	}, nil
}

type assumeRoleInput struct {
	RoleArn         *string `check:"required,len=20..2048"`
	RoleSessionName *string `check:"required,len=2..64"`
	DurationSeconds *int    `check:"range=900..43200"`
	ExternalId      *string `check:"len=2..1224"`
	Policy          *string `check:"len=1.."`
	SourceIdentity  *string `check:"len=2..64"`
}

var (
	assumableRole = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/[a-zA-Z0-9+=,.@_/-]+$`)
	sessionForm   = regexp.MustCompile(`^[\w+=,.@-]*$`)
)

// assumeRole gives temporary credentials whose access key id carries the
// role's account, so that calls signed with them run there. Every role exists
// and trusts everybody.
func assumeRole(r *request) (any, error) {
	var in assumeRoleInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	m := assumableRole.FindStringSubmatch(*in.RoleArn)
	switch {
	case m == nil:
		return nil, errorf("ValidationError", 400, "%s is invalid", *in.RoleArn)
	case !sessionForm.MatchString(*in.RoleSessionName):
		return nil, errorf("ValidationError", 400, "1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`, *in.RoleSessionName)
	}
	_, role := splitAfterLast(*in.RoleArn, '/')
	expires := r.now.Add(time.Duration(orElse(in.DurationSeconds, 3600)) * time.Second)
	h := fnv.New32a()
	h.Write([]byte(*in.RoleArn))
	type credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken string
		Expiration                                 time.Time
	}
	type assumedUser struct{ AssumedRoleId, Arn string }
	id := fmt.Sprintf("AROASIMULATOR%08X:%s", h.Sum32(), *in.RoleSessionName)
	return struct {
		Credentials      credentials
		AssumedRoleUser  assumedUser
		PackedPolicySize int    `json:",omitempty"`
		SourceIdentity   string `json:",omitempty"`
	}{
		Credentials: credentials{
			AccessKeyId:     accessKeyOf(m[1], uint16(r.cloud.rng.Uint32())),
			SecretAccessKey: "simulated" + newUUID(r.cloud.rng)[:31],
			SessionToken:    "simulated/" + newUUID(r.cloud.rng),
			Expiration:      expires,
		},
		AssumedRoleUser: assumedUser{id, fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", partitionOf(r.region), m[1], role, *in.RoleSessionName)},
		SourceIdentity:  deref(in.SourceIdentity),
	}, nil
}

func splitAfterLast(s string, sep byte) (before, after string) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			return s[:i], s[i+1:]
		}
	}
	return "", s
}
