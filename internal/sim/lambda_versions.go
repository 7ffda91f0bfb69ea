package sim

import "encoding/json"

// publish makes a version of the function as it is now; one that equals the
// last version is that version. AWS: API reference, PublishVersion.
func (f *function) publish(r *request, description string) functionConfig {
	if n := len(f.versions); n > 0 {
		if last := f.versions[n-1]; last.CodeSha256 == f.CodeSha256 && last.LastModified == f.LastModified {
			return last
		}
	}
	v := f.functionConfig
	v.Version = versionNumber(f.next)
	v.FunctionArn += ":" + v.Version
	v.RevisionId = newUUID(r.cloud.rng)
	v.State, v.StateReason, v.StateReasonCode, v.LastUpdateStatus = "Active", "", "", "Successful"
	if description != "" {
		v.Description = description
	}
	f.next++
	f.versions = append(f.versions, v)
	return v
}

func publishVersion(r *request) (any, error) {
	var in struct {
		functionInput
		CodeSha256  *string
		Description *string `check:"len=0..256"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	if bad := checkRevision(in.RevisionId, fn.RevisionId, "GetFunction/GetAlias"); bad != nil {
		return nil, bad
	}
	if sum := deref(in.CodeSha256); sum != "" && sum != fn.CodeSha256 {
		return nil, errorf("InvalidParameterValueException", 400,
			"CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", clip(sum, 128), fn.CodeSha256)
	}
	return fn.publish(r, deref(in.Description)), nil
}

func listVersionsByFunction(r *request) (any, error) {
	var in markerInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	latest := fn.functionConfig
	latest.FunctionArn += ":$LATEST"
	byKey := map[string]functionConfig{"": latest}
	for _, v := range fn.versions {
		byKey[fmtVersion(v.Version)] = v
	}
	list, next, ok := r.page(sortedNames(byKey), deref(in.Marker), min(orElse(in.MaxItems, 50), 50))
	if !ok {
		return nil, badMarker()
	}
	out := struct {
		Versions   []functionConfig
		NextMarker string `json:",omitempty"`
	}{Versions: []functionConfig{}, NextMarker: next}
	for _, key := range list {
		out.Versions = append(out.Versions, byKey[key])
	}
	return out, nil
}

// fmtVersion pads a version's number, so that text sorts as numbers do.
func fmtVersion(v string) string {
	const zeros = "0000000000"
	return zeros[:max(0, len(zeros)-len(v))] + v
}

func listFunctionAliases(r *request) (any, error) {
	var in markerInput
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if _, _, bad := r.findFunction(in.FunctionName, nil); bad != nil {
		return nil, bad
	}
	return struct{ Aliases []any }{[]any{}}, nil
}

// invokeFunction runs nothing but says what a caller would see: the built-in
// functions of the simulator answer null.
func invokeFunction(r *request) (any, error) {
	name, qualifier := r.path["FunctionName"], ""
	if q := r.query["Qualifier"]; len(q) > 0 {
		qualifier = q[0]
	}
	fn, cfg, bad := r.findFunction(&name, &qualifier)
	switch {
	case bad != nil:
		return nil, bad
	case fn.concurrency != nil && *fn.concurrency == 0:
		return nil, errorf("TooManyRequestsException", 429, "Rate Exceeded.")
	case cfg.State != "Active":
		return nil, errorf("ResourceConflictException", 409,
			"The operation cannot be performed at this time. The function is currently in the following state: %s", cfg.State)
	case fn.failing:
		return json.RawMessage(`{"errorMessage":"the function fails on command","errorType":"Error"}`), nil
	}
	return json.RawMessage("null"), nil
}
