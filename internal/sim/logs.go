package sim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A logStore is one account's CloudWatch Logs in one region: log groups and
// their metric filters. Log events are not taken.
type logStore struct {
	groups map[string]*logGroup
}

func newLogStore() *logStore { return &logStore{groups: map[string]*logGroup{}} }

// A logGroup is one log group.
type logGroup struct {
	name      string
	created   time.Time
	retention int // days, 0 for ever
	class     string
	key       string // KMS key ARN
	protected bool
	tags      map[string]string
	filters   map[string]*metricFilter
}

func logOperations() []operation {
	op := func(name string, mutating bool, handle func(*request) (any, error)) operation {
		return operation{service: "logs", name: name, mutating: mutating, handle: handle, subject: logSubject}
	}
	return []operation{
		op("CreateLogGroup", true, createLogGroup),
		op("DeleteLogGroup", true, deleteLogGroup),
		op("DescribeLogGroups", false, describeLogGroups),
		op("PutRetentionPolicy", true, putRetentionPolicy),
		op("DeleteRetentionPolicy", true, deleteRetentionPolicy),
		op("PutMetricFilter", true, putMetricFilter),
		op("DescribeMetricFilters", false, describeMetricFilters),
		op("DeleteMetricFilter", true, deleteMetricFilter),
		op("ListTagsForResource", false, listLogTags),
		op("TagResource", true, tagLogGroup),
		op("UntagResource", true, untagLogGroup),
		op("ListTagsLogGroup", false, listLogTags),
		op("TagLogGroup", true, tagLogGroup),
		op("UntagLogGroup", true, untagLogGroup),
	}
}

func logSubject(r *request) string {
	var in struct {
		LogGroupName string `json:"logGroupName"`
		ResourceArn  string `json:"resourceArn"`
	}
	_ = r.unmarshal(&in) // a malformed body matches no fault
	return in.LogGroupName + in.ResourceArn
}

var logGroupForm = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]+$`)

// logPattern refuses a text that the model's pattern refuses.
func logPattern(r *request, member string, text *string, form *regexp.Regexp) *apiError {
	if text == nil || form.MatchString(*text) {
		return nil
	}
	return r.invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
		clip(*text, 512), member, strings.Trim(form.String(), "^$"))
}

func (r *request) findLogGroup(name string) (*logGroup, *apiError) {
	if g := r.here().logs.groups[name]; g != nil {
		return g, nil
	}
	return nil, errorf("ResourceNotFoundException", 400, "The specified log group does not exist.")
}

type createLogGroupInput struct {
	LogGroupName              *string           `json:"logGroupName" check:"required,len=1..512"`
	KmsKeyId                  *string           `json:"kmsKeyId" check:"len=..256"`
	Tags                      map[string]string `json:"tags" check:"len=1..50"`
	LogGroupClass             *string           `json:"logGroupClass" check:"enum=STANDARD|INFREQUENT_ACCESS|DELIVERY"`
	DeletionProtectionEnabled bool              `json:"deletionProtectionEnabled"`
}

func createLogGroup(r *request) (any, error) {
	var in createLogGroupInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := logPattern(r, "logGroupName", in.LogGroupName, logGroupForm); bad != nil {
		return nil, bad
	}
	groups := r.here().logs.groups
	if groups[*in.LogGroupName] != nil {
		return nil, errorf("ResourceAlreadyExistsException", 400, "The specified log group already exists")
	}
	groups[*in.LogGroupName] = &logGroup{
		name: *in.LogGroupName, created: r.now, class: orElse(in.LogGroupClass, "STANDARD"), key: deref(in.KmsKeyId),
		protected: in.DeletionProtectionEnabled, tags: copyTags(in.Tags), filters: map[string]*metricFilter{},
	}
	return nil, nil
}

type logGroupInput struct {
	LogGroupName *string `json:"logGroupName" check:"required,len=1..512"`
}

// readLogGroup reads an input that names a log group, and finds it.
func readLogGroup(r *request, in any, name func() *string) (*logGroup, error) {
	if err := r.read(in); err != nil {
		return nil, err
	}
	g, bad := r.findLogGroup(*name())
	if bad != nil {
		return nil, bad
	}
	return g, nil
}

func deleteLogGroup(r *request) (any, error) {
	var in logGroupInput
	g, err := readLogGroup(r, &in, func() *string { return in.LogGroupName })
	if err != nil {
		return nil, err
	}
	if g.protected {
		return nil, errorf("ValidationException", 400, "The log group has deletion protection enabled.")
	}
	delete(r.here().logs.groups, g.name)
	return nil, nil
}

type logGroupEntry struct {
	LogGroupName      string `json:"logGroupName"`
	CreationTime      int64  `json:"creationTime"` // milliseconds since 1970
	RetentionInDays   int    `json:"retentionInDays,omitempty"`
	MetricFilterCount int    `json:"metricFilterCount"`
	Arn               string `json:"arn"`
	StoredBytes       int64  `json:"storedBytes"`
	KmsKeyId          string `json:"kmsKeyId,omitempty"`
	LogGroupClass     string `json:"logGroupClass"`
	LogGroupArn       string `json:"logGroupArn"`
	Protected         bool   `json:"deletionProtectionEnabled"`
}

func (s *regionStore) logGroupARN(name string) string {
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", partitionOf(s.name), s.name, s.account.id, name)
}

func (g *logGroup) entry(at *regionStore) logGroupEntry {
	arn := at.logGroupARN(g.name)
	return logGroupEntry{
		LogGroupName: g.name, CreationTime: g.created.UnixMilli(), RetentionInDays: g.retention,
		MetricFilterCount: len(g.filters), Arn: arn + ":*", KmsKeyId: g.key, LogGroupClass: g.class, LogGroupArn: arn,
		Protected: g.protected,
	}
}

type describeLogGroupsInput struct {
	Prefix      *string  `json:"logGroupNamePrefix" check:"len=1..512"`
	Pattern     *string  `json:"logGroupNamePattern" check:"len=0..512"`
	Class       *string  `json:"logGroupClass" check:"enum=STANDARD|INFREQUENT_ACCESS|DELIVERY"`
	Identifiers []string `json:"logGroupIdentifiers" check:"len=1..50"`
	NextToken   *string  `json:"nextToken" check:"len=1.."`
	Limit       *int     `json:"limit" check:"range=1..50"`
}

func (in *describeLogGroupsInput) wants(g *logGroup, arn string) bool {
	return strings.HasPrefix(g.name, deref(in.Prefix)) &&
		(in.Pattern == nil || strings.Contains(strings.ToLower(g.name), strings.ToLower(*in.Pattern))) &&
		(in.Class == nil || g.class == *in.Class) &&
		(in.Identifiers == nil || slices.Contains(in.Identifiers, g.name) || slices.Contains(in.Identifiers, arn))
}

func describeLogGroups(r *request) (any, error) {
	var in describeLogGroupsInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if in.Prefix != nil && in.Pattern != nil {
		return nil, r.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	at := r.here()
	found := map[string]bool{}
	for name, g := range at.logs.groups {
		if in.wants(g, at.logGroupARN(name)) {
			found[name] = true
		}
	}
	list, next, ok := r.page(sortedNames(found), deref(in.NextToken), orElse(in.Limit, 50))
	if !ok {
		return nil, r.invalid("The specified nextToken is invalid.")
	}
	out := struct {
		LogGroups []logGroupEntry `json:"logGroups"`
		NextToken string          `json:"nextToken,omitempty"`
	}{[]logGroupEntry{}, next}
	for _, name := range list {
		out.LogGroups = append(out.LogGroups, at.logs.groups[name].entry(at))
	}
	return out, nil
}

// retentionDays are the only retentions there are. AWS: API reference, PutRetentionPolicy.
func retentionDays() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

func putRetentionPolicy(r *request) (any, error) {
	var in struct {
		logGroupInput
		RetentionInDays *int `json:"retentionInDays" check:"required"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if !slices.Contains(retentionDays(), *in.RetentionInDays) {
		return nil, r.invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %v", *in.RetentionInDays, strings.ReplaceAll(fmt.Sprint(retentionDays()), " ", ", "))
	}
	g, bad := r.findLogGroup(*in.LogGroupName)
	if bad != nil {
		return nil, bad
	}
	g.retention = *in.RetentionInDays
	return nil, nil
}

func deleteRetentionPolicy(r *request) (any, error) {
	var in logGroupInput
	g, err := readLogGroup(r, &in, func() *string { return in.LogGroupName })
	if err != nil {
		return nil, err
	}
	g.retention = 0
	return nil, nil
}

// logTagInput serves the newer operations (resourceArn) and the older ones
// (logGroupName; UntagLogGroup calls its keys tags).
type logTagInput struct {
	ResourceArn  *string `json:"resourceArn" check:"len=1..1011"`
	LogGroupName *string `json:"logGroupName" check:"len=1..512"`
}

func (r *request) taggedGroup(in logTagInput) (*logGroup, *apiError) {
	name := deref(in.LogGroupName)
	if in.ResourceArn != nil {
		rest, ok := strings.CutPrefix(*in.ResourceArn, r.here().logGroupARN(""))
		if !ok {
			return nil, errorf("ResourceNotFoundException", 400, "The specified resource does not exist.")
		}
		name = strings.TrimSuffix(rest, ":*")
	} else if in.LogGroupName == nil {
		return nil, r.invalid("1 validation error detected: Value null at 'resourceArn' failed to satisfy constraint: Member must not be null")
	}
	return r.findLogGroup(name)
}

func listLogTags(r *request) (any, error) {
	var in logTagInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	g, bad := r.taggedGroup(in)
	if bad != nil {
		return nil, bad
	}
	tags := maps.Clone(g.tags)
	if tags == nil {
		tags = map[string]string{}
	}
	return struct {
		Tags map[string]string `json:"tags"`
	}{tags}, nil
}

func tagLogGroup(r *request) (any, error) {
	var in struct {
		logTagInput
		Tags map[string]string `json:"tags" check:"required,len=1..50"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	g, bad := r.taggedGroup(in.logTagInput)
	if bad != nil {
		return nil, bad
	}
	if name, reserved := reservedTag(in.Tags); reserved {
		return nil, r.invalid("Tag key %s begins with the reserved prefix aws:", name)
	}
	tags, ok := joinTags(g.tags, in.Tags)
	if !ok {
		return nil, errorf("TooManyTagsException", 400, "The maximum number of tags per resource is %d", resourceTagLimit)
	}
	g.tags = tags
	return nil, nil
}

func untagLogGroup(r *request) (any, error) {
	var in struct {
		logTagInput
		TagKeys []string `json:"tagKeys"`
		Tags    []string `json:"tags"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	g, bad := r.taggedGroup(in.logTagInput)
	if bad != nil {
		return nil, bad
	}
	for _, name := range append(in.TagKeys, in.Tags...) {
		delete(g.tags, name)
	}
	return nil, nil
}
