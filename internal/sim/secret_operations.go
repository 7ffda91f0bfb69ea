package sim

// secretOperations are the calls of Secrets Manager. AWS: "Actions" in the
// AWS Secrets Manager API Reference.
func secretOperations() []operation {
	read := func(name string, handle func(*request) (any, error)) operation {
		return operation{service: "secretsmanager", name: name, handle: handle}
	}
	write := func(name string, handle func(*request) (any, error)) operation {
		return operation{service: "secretsmanager", name: name, handle: handle, mutating: true}
	}
	return []operation{
		read("DescribeSecret", secretCall((*request).describeSecret)),
		read("GetSecretValue", secretCall((*request).getSecretValue)),
		read("BatchGetSecretValue", secretCall((*request).batchGetSecretValue)),
		read("ListSecrets", secretCall((*request).listSecrets)),
		read("ListSecretVersionIds", secretCall((*request).listSecretVersionIDs)),
		read("GetRandomPassword", secretCall((*request).getRandomPassword)),
		read("GetResourcePolicy", secretCall((*request).getResourcePolicy)),
		read("ValidateResourcePolicy", secretCall((*request).validateResourcePolicy)),
		write("PutResourcePolicy", secretCall((*request).putResourcePolicy)),
		write("DeleteResourcePolicy", secretCall((*request).deleteResourcePolicy)),
		write("CreateSecret", secretCall((*request).createSecret)),
		write("DeleteSecret", secretCall((*request).deleteSecret)),
		write("RestoreSecret", secretCall((*request).restoreSecret)),
		write("PutSecretValue", secretCall((*request).putSecretValue)),
		write("UpdateSecret", secretCall((*request).updateSecret)),
		write("UpdateSecretVersionStage", secretCall((*request).updateSecretVersionStage)),
		write("ReplicateSecretToRegions", secretCall((*request).replicateSecretToRegions)),
		write("RemoveRegionsFromReplication", secretCall((*request).removeRegionsFromReplication)),
		write("StopReplicationToReplica", secretCall((*request).stopReplicationToReplica)),
		write("RotateSecret", secretCall((*request).rotateSecret)),
		write("CancelRotateSecret", secretCall((*request).cancelRotateSecret)),
		write("TagResource", secretCall((*request).tagResource)),
		write("UntagResource", secretCall((*request).untagResource)),
	}
}

// secretCall turns a method on a decoded input into an operation's handle:
// decode, check the members against the model, act.
func secretCall[In any](act func(*request, *In) (any, error)) func(*request) (any, error) {
	return func(r *request) (any, error) {
		in := new(In)
		if err := r.decode(in); err != nil {
			return nil, err
		}
		if v, ok := any(in).(interface{ check(*members) }); ok {
			m := &members{}
			v.check(m)
			if err := m.err(); err != nil {
				return nil, err
			}
		}
		r.cloud.runOverdue(r.here())
		return act(r, in)
	}
}

// Errors that many operations answer.

func errNoSecret() error {
	return errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.")
}

func errMarkedForDeletion() error {
	return errorf("InvalidRequestException", 400, "You can't perform this operation on the secret because it was marked for deletion.")
}

func errOnReplica() error {
	return errorf("InvalidParameterException", 400, "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
}

func invalidParameter(format string, args ...any) error {
	return errorf("InvalidParameterException", 400, format, args...)
}

func invalidRequest(format string, args ...any) error {
	return errorf("InvalidRequestException", 400, format, args...)
}

func errTokenNeeded() error {
	return invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
}

// seen finds the secret that a call is about, in whatever state it is, if
// its resource policy lets the caller at it.
func (r *request) seen(id *string) (*regionStore, *secret, error) {
	at := r.storeOf(deref(id))
	if at == nil {
		return nil, nil, errNoSecret()
	}
	s := at.find(deref(id))
	if s == nil {
		return nil, nil, errNoSecret()
	}
	if err := r.authorize(at, s); err != nil {
		return nil, nil, err
	}
	return at, s, nil
}

// alive finds a secret that is not scheduled for deletion.
func (r *request) alive(id *string) (*regionStore, *secret, error) {
	at, s, err := r.seen(id)
	if err == nil && s.deleteAt != 0 {
		err = errMarkedForDeletion()
	}
	return at, s, err
}

// writable finds a secret that may be changed here: not scheduled for
// deletion, and not a replica.
func (r *request) writable(id *string) (*regionStore, *secret, error) {
	at, s, err := r.seen(id)
	switch {
	case err != nil:
	case s.isReplica(at.name):
		err = errOnReplica()
	case s.deleteAt != 0:
		err = errMarkedForDeletion()
	}
	return at, s, err
}
