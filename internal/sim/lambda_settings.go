package sim

// regionConcurrency is an account's concurrent executions in a region, of
// which 100 must stay unreserved. AWS: Lambda quotas.
const (
	regionConcurrency = 1000
	keepUnreserved    = 100
)

func (s *regionStore) reservedConcurrency() int {
	sum := 0
	for _, fn := range s.lambda.functions {
		sum += deref(fn.concurrency)
	}
	return sum
}

func putFunctionConcurrency(r *request) (any, error) {
	var in struct {
		FunctionName                 *string
		ReservedConcurrentExecutions *int `check:"required,range=0.."`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	n := *in.ReservedConcurrentExecutions
	if n > 0 && r.here().reservedConcurrency()-deref(fn.concurrency)+n > regionConcurrency-keepUnreserved {
		return nil, errorf("InvalidParameterValueException", 400,
			"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", keepUnreserved)
	}
	fn.concurrency = &n
	return struct{ ReservedConcurrentExecutions int }{n}, nil
}

func deleteFunctionConcurrency(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	fn.concurrency = nil
	return nil, nil
}

func getFunctionConcurrency(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, _, bad := r.findFunction(in.FunctionName, nil)
	if bad != nil {
		return nil, bad
	}
	return struct{ ReservedConcurrentExecutions *int }{fn.concurrency}, nil
}

type functionTagInput struct {
	Resource *string `check:"required,len=1..256"`
	Tags     map[string]string
	TagKeys  []string `json:"tagKeys"`
}

func readFunctionTags(r *request) (*functionTagInput, *function, error) {
	var in functionTagInput
	if err := r.read(&in); err != nil {
		return nil, nil, err
	}
	fn, _, bad := r.findFunction(in.Resource, nil)
	if bad != nil {
		return nil, nil, bad
	}
	return &in, fn, nil
}

func listFunctionTags(r *request) (any, error) {
	_, fn, err := readFunctionTags(r)
	if err != nil {
		return nil, err
	}
	tags := copyTags(fn.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	return struct{ Tags map[string]string }{tags}, nil
}

func tagFunction(r *request) (any, error) {
	in, fn, err := readFunctionTags(r)
	if err != nil {
		return nil, err
	}
	if name, bad := reservedTag(in.Tags); bad {
		return nil, errorf("InvalidParameterValueException", 400, "Tag key %s begins with the reserved prefix aws:", name)
	}
	tags, ok := joinTags(fn.tags, in.Tags)
	if !ok {
		return nil, errorf("InvalidParameterValueException", 400, "Number of tags exceeds resource tag limit.")
	}
	fn.tags = tags
	return nil, nil
}

func untagFunction(r *request) (any, error) {
	in, fn, err := readFunctionTags(r)
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(fn.tags, name)
	}
	return nil, nil
}

// readFunction is for the reads of settings that no function here has.
func readFunction(r *request) (*functionConfig, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	_, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	return cfg, nil
}

func getFunctionCodeSigningConfig(r *request) (any, error) {
	cfg, err := readFunction(r)
	if err != nil {
		return nil, err
	}
	return struct{ FunctionName string }{cfg.FunctionName}, nil
}

func getRuntimeManagementConfig(r *request) (any, error) {
	cfg, err := readFunction(r)
	if err != nil {
		return nil, err
	}
	return struct{ UpdateRuntimeOn, FunctionArn string }{"Auto", cfg.FunctionArn}, nil
}

func getFunctionRecursionConfig(r *request) (any, error) {
	if _, err := readFunction(r); err != nil {
		return nil, err
	}
	return struct{ RecursiveLoop string }{"Terminate"}, nil
}

func noFunctionResource(r *request) (any, error) {
	if _, err := readFunction(r); err != nil {
		return nil, err
	}
	return nil, noSuchResource()
}

func noEventInvokeConfig(r *request) (any, error) {
	cfg, err := readFunction(r)
	if err != nil {
		return nil, err
	}
	return nil, errorf("ResourceNotFoundException", 404, "The function %s doesn't have an EventInvokeConfig", cfg.FunctionArn)
}

func noProvisionedConcurrency(r *request) (any, error) {
	if _, err := readFunction(r); err != nil {
		return nil, err
	}
	return nil, errorf("ProvisionedConcurrencyConfigNotFoundException", 404, "No Provisioned Concurrency Config found for this function")
}

func getAccountSettings(r *request) (any, error) {
	type limit struct{ TotalCodeSize, CodeSizeUnzipped, CodeSizeZipped, ConcurrentExecutions, UnreservedConcurrentExecutions int }
	type usage struct{ TotalCodeSize, FunctionCount int }
	at, size := r.here(), 0
	for _, fn := range at.lambda.functions {
		size += fn.CodeSize
	}
	return struct {
		AccountLimit limit
		AccountUsage usage
	}{
		limit{80 << 30, 250 << 20, 50 << 20, regionConcurrency, regionConcurrency - at.reservedConcurrency()},
		usage{size, len(at.lambda.functions)},
	}, nil
}
