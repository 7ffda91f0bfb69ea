package sim

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

func lambdaOperations() []operation {
	op := func(name string, mutating bool, handle func(*request) (any, error)) operation {
		return operation{service: "lambda", name: name, mutating: mutating, handle: handle, subject: functionSubject}
	}
	return []operation{
		op("CreateFunction", true, createFunction),
		op("GetFunction", false, getFunction),
		op("GetFunctionConfiguration", false, getFunctionConfiguration),
		op("ListFunctions", false, listFunctions),
		op("UpdateFunctionConfiguration", true, updateFunctionConfiguration),
		op("UpdateFunctionCode", true, updateFunctionCode),
		op("DeleteFunction", true, deleteFunction),
		op("ListVersionsByFunction", false, listVersionsByFunction),
		op("PublishVersion", true, publishVersion),
		op("ListAliases", false, listFunctionAliases),
		op("Invoke", true, invokeFunction),
		op("AddPermission", true, addPermission),
		op("GetPolicy", false, getPolicy),
		op("RemovePermission", true, removePermission),
		op("PutFunctionConcurrency", true, putFunctionConcurrency),
		op("DeleteFunctionConcurrency", true, deleteFunctionConcurrency),
		op("GetFunctionConcurrency", false, getFunctionConcurrency),
		op("ListTags", false, listFunctionTags),
		op("TagResource", true, tagFunction),
		op("UntagResource", true, untagFunction),
		op("GetFunctionCodeSigningConfig", false, getFunctionCodeSigningConfig),
		op("GetRuntimeManagementConfig", false, getRuntimeManagementConfig),
		op("GetFunctionRecursionConfig", false, getFunctionRecursionConfig),
		op("GetFunctionUrlConfig", false, noFunctionResource),
		op("GetFunctionEventInvokeConfig", false, noEventInvokeConfig),
		op("GetProvisionedConcurrencyConfig", false, noProvisionedConcurrency),
		op("GetAccountSettings", false, getAccountSettings),
	}
}

func functionSubject(r *request) string {
	if name := r.path["FunctionName"]; name != "" {
		return name
	}
	var in struct{ FunctionName string }
	_ = json.Unmarshal(r.body, &in) // a malformed body matches no fault
	return in.FunctionName
}

// functionSettings are what both CreateFunction and UpdateFunctionConfiguration set.
type functionSettings struct {
	FunctionName     *string `check:"required,len=1..256"`
	Runtime          *string
	Role             *string
	Handler          *string `check:"len=0..128"`
	Description      *string `check:"len=0..256"`
	Timeout          *int    `check:"range=1.."`
	MemorySize       *int    `check:"range=128..32768"`
	VpcConfig        *vpcConfig
	DeadLetterConfig *struct{ TargetArn string }
	Environment      *environment
	KMSKeyArn        *string
	TracingConfig    *tracingConfig
	Layers           []string
	EphemeralStorage *ephemeralStorage
	SnapStart        *snapStart
	LoggingConfig    *loggingConfig
	RevisionId       *string
}

type createFunctionInput struct {
	functionSettings
	Code          *functionCode `check:"required"`
	PackageType   *string       `check:"enum=Zip|Image"`
	Architectures []string      `check:"len=1..1"`
	Tags          map[string]string
	Publish       bool
}

var (
	roleForm    = regexp.MustCompile(`^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	runtimeForm = regexp.MustCompile(`^(nodejs|java|python|dotnet|ruby|provided|go1)[a-z0-9.]*$`)
)

// check is what the model constrains by pattern, and Lambda by itself.
func (s *functionSettings) check(r *request) *apiError {
	if s.Role != nil && !roleForm.MatchString(*s.Role) {
		return r.invalid("1 validation error detected: Value '%s' at 'role' failed to satisfy constraint: "+
			`Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`, clip(*s.Role, 256))
	}
	if s.Runtime != nil && !runtimeForm.MatchString(*s.Runtime) {
		return errorf("InvalidParameterValueException", 400,
			"Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set or be a valid ARN", clip(*s.Runtime, 128))
	}
	if s.Timeout != nil && *s.Timeout > 900 {
		return r.invalid("1 validation error detected: Value '%d' at 'timeout' failed to satisfy constraint: "+
			"Member must have value less than or equal to 900", *s.Timeout)
	}
	if s.Environment != nil {
		for _, name := range sortedNames(s.Environment.Variables) {
			if strings.HasPrefix(name, "AWS_") {
				return errorf("InvalidParameterValueException", 400,
					"Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys "+
						"that are currently not supported for modification. Reserved keys used in this request: %s", name)
			}
		}
	}
	return nil
}

func (s *functionSettings) apply(c *functionConfig) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.Runtime, s.Runtime)
	set(&c.Role, s.Role)
	set(&c.Handler, s.Handler)
	set(&c.Description, s.Description)
	set(&c.KMSKeyArn, s.KMSKeyArn)
	c.Timeout, c.MemorySize = orElse(s.Timeout, c.Timeout), orElse(s.MemorySize, c.MemorySize)
	c.TracingConfig = orElse(s.TracingConfig, c.TracingConfig)
	c.EphemeralStorage = orElse(s.EphemeralStorage, c.EphemeralStorage)
	if s.VpcConfig != nil {
		c.VpcConfig = &vpcConfig{SubnetIds: s.VpcConfig.SubnetIds, SecurityGroupIds: s.VpcConfig.SecurityGroupIds}
		if len(s.VpcConfig.SubnetIds) > 0 {
			c.VpcConfig.VpcId = "vpc-0a1b2c3d"
		}
	}
	if s.DeadLetterConfig != nil {
		c.DeadLetterConfig = s.DeadLetterConfig
	}
	if s.Environment != nil {
		c.Environment = s.Environment
		if len(s.Environment.Variables) == 0 {
			c.Environment = nil
		}
	}
	if s.SnapStart != nil {
		c.SnapStart = snapStart{s.SnapStart.ApplyOn, "Off"}
	}
	if s.LoggingConfig != nil {
		c.LoggingConfig = *s.LoggingConfig
		if c.LoggingConfig.LogGroup == "" {
			c.LoggingConfig.LogGroup = "/aws/lambda/" + c.FunctionName
		}
	}
	if s.Layers != nil {
		c.Layers = nil
		for _, arn := range s.Layers {
			c.Layers = append(c.Layers, layer{arn})
		}
	}
}

func createFunction(r *request) (any, error) {
	var in createFunctionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	ref, bad := r.functionRef(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	if in.Role == nil {
		return nil, r.invalid("1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null")
	}
	if bad := in.check(r); bad != nil {
		return nil, bad
	}
	kind := orElse(in.PackageType, "Zip")
	switch at := r.here(); {
	case !in.Code.given():
		return nil, errorf("InvalidParameterValueException", 400, "Please provide a source for function code.")
	case kind == "Zip" && (in.Runtime == nil || in.Handler == nil):
		return nil, errorf("InvalidParameterValueException", 400,
			"Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case at.lambda.functions[ref.name] != nil:
		return nil, errorf("ResourceConflictException", 409, "Function already exist: %s", ref.name)
	}
	fn := &function{next: 1, tags: in.Tags, policies: map[string]*functionPolicy{}}
	fn.functionConfig = functionConfig{
		FunctionName: ref.name, FunctionArn: r.here().functionARN(ref.name), Version: "$LATEST",
		Timeout: 3, MemorySize: 128, TracingConfig: tracingConfig{"PassThrough"},
		PackageType: kind, Architectures: []string{"x86_64"}, EphemeralStorage: ephemeralStorage{512},
		SnapStart: snapStart{"None", "Off"}, LoggingConfig: loggingConfig{LogFormat: "Text", LogGroup: "/aws/lambda/" + ref.name},
		State: "Pending", StateReason: "The function is being created.", StateReasonCode: "Creating",
	}
	if len(in.Architectures) > 0 {
		fn.Architectures = in.Architectures
	}
	in.apply(&fn.functionConfig)
	fn.code = *in.Code
	fn.CodeSize, fn.CodeSha256 = fn.code.sum()
	r.here().lambda.functions[ref.name] = fn
	r.touchFunction(fn)
	fn.LastUpdateStatus = ""
	r.cloud.at(r.now, func(*Cloud, time.Time) { fn.State, fn.StateReason, fn.StateReasonCode = "Active", "", "" })
	if in.Publish {
		return fn.publish(r, ""), nil
	}
	return fn.functionConfig, nil
}

// functionInput names a function, and perhaps a version.
type functionInput struct {
	FunctionName *string
	Qualifier    *string
	RevisionId   *string
}

func getFunction(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	type location struct {
		RepositoryType   string
		Location         string `json:",omitempty"`
		ImageUri         string `json:",omitempty"`
		ResolvedImageUri string `json:",omitempty"`
	}
	code := location{
		RepositoryType: "S3",
		Location:       "https://awslambda-" + r.region + "-tasks.s3." + r.region + ".amazonaws.com/snapshots/" + r.account + "/" + cfg.FunctionName,
	}
	if cfg.code.ImageUri != nil {
		code = location{RepositoryType: "ECR", ImageUri: *cfg.code.ImageUri, ResolvedImageUri: *cfg.code.ImageUri}
	}
	type reserved struct{ ReservedConcurrentExecutions int }
	out := struct {
		Configuration functionConfig
		Code          location
		Tags          map[string]string `json:",omitempty"`
		Concurrency   *reserved
	}{Configuration: *cfg, Code: code, Tags: fn.tags}
	if fn.concurrency != nil {
		out.Concurrency = &reserved{*fn.concurrency}
	}
	return out, nil
}

func getFunctionConfiguration(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	_, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	return *cfg, nil
}

type markerInput struct {
	FunctionName    *string
	FunctionVersion *string `check:"enum=ALL"`
	Marker          *string
	MaxItems        *int `check:"range=1..10000"`
}

func listFunctions(r *request) (any, error) {
	var in markerInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	all := map[string]functionConfig{}
	for name, fn := range r.here().lambda.functions {
		all[name] = fn.functionConfig
		if in.FunctionVersion != nil {
			for _, v := range fn.versions {
				all[name+":"+v.Version] = v
			}
		}
	}
	list, next, ok := r.page(sortedNames(all), deref(in.Marker), min(orElse(in.MaxItems, 50), 50))
	if !ok {
		return nil, badMarker()
	}
	out := struct {
		Functions  []functionConfig
		NextMarker string `json:",omitempty"`
	}{Functions: []functionConfig{}, NextMarker: next}
	for _, name := range list {
		cfg := all[name]
		cfg.State, cfg.StateReason, cfg.StateReasonCode, cfg.LastUpdateStatus = "", "", "", "" // AWS leaves them out of lists
		out.Functions = append(out.Functions, cfg)
	}
	return out, nil
}

func badMarker() *apiError {
	return errorf("InvalidParameterValueException", 400, "Invalid pagination marker.")
}

// checkRevision refuses a change to something that changed since it was read.
func checkRevision(given *string, now, how string) *apiError {
	if given == nil || *given == "" || *given == now {
		return nil
	}
	return errorf("PreconditionFailedException", 412,
		"The Revision Id provided does not match the latest Revision Id. Call the %s API to retrieve the latest Revision Id", how)
}

func updateFunctionConfiguration(r *request) (any, error) {
	var in functionSettings
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := in.check(r); bad != nil {
		return nil, bad
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	if bad := checkRevision(in.RevisionId, fn.RevisionId, "GetFunction/GetAlias"); bad != nil {
		return nil, bad
	}
	in.apply(&fn.functionConfig)
	r.touchFunction(fn)
	return fn.functionConfig, nil
}

func updateFunctionCode(r *request) (any, error) {
	var in struct {
		functionInput
		functionCode
		Architectures []string
		Publish       bool
		DryRun        bool
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	if !in.given() {
		return nil, errorf("InvalidParameterValueException", 400, "Please provide a source for function code.")
	}
	if bad := checkRevision(in.RevisionId, fn.RevisionId, "GetFunction/GetAlias"); bad != nil {
		return nil, bad
	}
	if in.DryRun {
		return fn.functionConfig, nil
	}
	fn.code = in.functionCode
	fn.CodeSize, fn.CodeSha256 = fn.code.sum()
	if len(in.Architectures) > 0 {
		fn.Architectures = in.Architectures
	}
	r.touchFunction(fn)
	if in.Publish {
		return fn.publish(r, ""), nil
	}
	return fn.functionConfig, nil
}

func deleteFunction(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	ref, bad := r.functionRef(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	fn, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	switch {
	case bad != nil:
		return nil, bad
	case ref.qualifier == "":
		delete(r.here().lambda.functions, ref.name)
	case ref.qualifier == "$LATEST":
		return nil, errorf("InvalidParameterValueException", 400, "$LATEST version cannot be deleted without deleting the function.")
	default:
		for i := range fn.versions {
			if fn.versions[i].Version == cfg.Version {
				fn.versions = append(fn.versions[:i:i], fn.versions[i+1:]...)
				break
			}
		}
	}
	return nil, nil
}
