package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// A topicStore is one account's SNS in one region.
type topicStore struct {
	topics map[string]*topic // by name
}

func newTopicStore() *topicStore { return &topicStore{topics: map[string]*topic{}} }

// A topic is one SNS topic.
type topic struct {
	name          string
	attributes    map[string]string
	tags          map[string]string
	subscriptions []subscription
	deleted       int // subscriptions that were removed
	published     int // messages that were taken, to be delivered to nobody
}

// A subscription is one endpoint of a topic. Nothing is delivered to it.
type subscription struct {
	SubscriptionArn string
	Owner           string
	Protocol        string
	Endpoint        string
	TopicArn        string

	attributes map[string]string
	pending    bool
}

func topicOperations() []operation {
	op := func(name string, mutating bool, handle func(*request) (any, error)) operation {
		return operation{service: "sns", name: name, mutating: mutating, handle: handle, subject: topicSubject}
	}
	return []operation{
		op("CreateTopic", true, createTopic),
		op("DeleteTopic", true, deleteTopic),
		op("GetTopicAttributes", false, getTopicAttributes),
		op("SetTopicAttributes", true, setTopicAttributes),
		op("ListTopics", false, listTopics),
		op("Subscribe", true, subscribe),
		op("Unsubscribe", true, unsubscribe),
		op("GetSubscriptionAttributes", false, getSubscriptionAttributes),
		op("ListSubscriptionsByTopic", false, listSubscriptionsByTopic),
		op("ListSubscriptions", false, listSubscriptions),
		op("Publish", true, publish),
		op("ListTagsForResource", false, listTopicTags),
		op("TagResource", true, tagTopic),
		op("UntagResource", true, untagTopic),
	}
}

func topicSubject(r *request) string {
	var in struct{ TopicArn, Name, ResourceArn string }
	_ = r.unmarshal(&in) // a malformed body matches no fault
	return in.TopicArn + in.Name + in.ResourceArn
}

func (s *regionStore) topicARN(name string) string {
	return fmt.Sprintf("arn:%s:sns:%s:%s:%s", partitionOf(s.name), s.name, s.account.id, name)
}

func invalidTopic(what string) *apiError {
	return errorf("InvalidParameter", 400, "Invalid parameter: %s", what)
}

// findTopic finds a topic by ARN. AWS: an ARN of another region is invalid
// here, an unknown one not found.
func (r *request) findTopic(arn *string) (*topic, *apiError) {
	if arn == nil || *arn == "" {
		return nil, invalidTopic("TopicArn Reason: no value for required parameter")
	}
	parts := strings.Split(*arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" {
		return nil, invalidTopic(fmt.Sprintf("TopicArn Reason: An ARN must have at least 6 elements, not %d", len(parts)))
	}
	if parts[3] != r.region {
		return nil, invalidTopic("TopicArn")
	}
	if t := r.cloud.store(parts[4], r.region).topics.topics[parts[5]]; t != nil && isAccount(parts[4]) {
		return t, nil
	}
	return nil, errorf("NotFound", 404, "Topic does not exist")
}

var topicForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$|^[A-Za-z0-9_-]{1,251}\.fifo$`)

func createTopic(r *request) (any, error) {
	var in struct {
		Name       *string
		Attributes map[string]string
		Tags       []tagKV
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	name := deref(in.Name)
	if !topicForm.MatchString(name) || strings.HasSuffix(name, ".fifo") != (in.Attributes["FifoTopic"] == "true") {
		return nil, invalidTopic("Topic Name")
	}
	at := r.here()
	out := struct{ TopicArn string }{at.topicARN(name)}
	tags := tagMap(in.Tags)
	if t := at.topics.topics[name]; t != nil { // AWS: creating it again with the same settings is no error
		for _, attribute := range sortedNames(in.Attributes) {
			if t.attributes[attribute] != in.Attributes[attribute] {
				return nil, invalidTopic("Attributes Reason: Topic already exists with different attributes")
			}
		}
		for _, tag := range sortedNames(tags) {
			if old, ok := t.tags[tag]; !ok || old != tags[tag] {
				return nil, invalidTopic("Tags Reason: Topic already exists with different tags")
			}
		}
		return out, nil
	}
	t := &topic{name: name, tags: tags, attributes: map[string]string{}}
	for _, attribute := range sortedNames(in.Attributes) {
		value := in.Attributes[attribute]
		if bad := checkTopicAttribute(attribute, value); bad != nil {
			return nil, bad
		}
		t.attributes[attribute] = value
	}
	if t.attributes["Policy"] == "" {
		t.attributes["Policy"] = at.defaultTopicPolicy(name)
	}
	at.topics.topics[name] = t
	return out, nil
}

// defaultTopicPolicy lets the owning account in. AWS: SNS developer guide,
// "Example cases for Amazon SNS access control".
func (s *regionStore) defaultTopicPolicy(name string) string {
	return fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",`+
		`"Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission",`+
		`"SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"%s",`+
		`"Condition":{"StringEquals":{"AWS:SourceOwner":"%s"}}}]}`, s.topicARN(name), s.account.id)
}

func checkTopicAttribute(name, value string) *apiError {
	switch name {
	case "Policy", "DeliveryPolicy", "ArchivePolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalidTopic(name + " Error: JSON is not well-formed")
		}
	case "DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope":
	default:
		if !strings.HasSuffix(name, "FeedbackRoleArn") && !strings.HasSuffix(name, "FeedbackSampleRate") {
			return invalidTopic("AttributeName")
		}
	}
	return nil
}

type topicInput struct{ TopicArn, NextToken *string }

func deleteTopic(r *request) (any, error) {
	var in topicInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, bad := r.findTopic(in.TopicArn)
	switch {
	case bad != nil && bad.Code == "NotFound": // AWS: deleting a missing topic is no error
		return nil, nil
	case bad != nil:
		return nil, bad
	}
	delete(r.here().topics.topics, t.name)
	return nil, nil
}

const defaultDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,` +
	`"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,` +
	`"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`

func getTopicAttributes(r *request) (any, error) {
	var in topicInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, bad := r.findTopic(in.TopicArn)
	if bad != nil {
		return nil, bad
	}
	pending := 0
	for _, s := range t.subscriptions {
		if s.pending {
			pending++
		}
	}
	attributes := map[string]string{
		"TopicArn": *in.TopicArn, "Owner": strings.Split(*in.TopicArn, ":")[4], "DisplayName": "",
		"EffectiveDeliveryPolicy": defaultDelivery, "SubscriptionsPending": strconv.Itoa(pending),
		"SubscriptionsConfirmed": strconv.Itoa(len(t.subscriptions) - pending), "SubscriptionsDeleted": strconv.Itoa(t.deleted),
	}
	for name, value := range t.attributes {
		attributes[name] = value
	}
	return struct{ Attributes map[string]string }{attributes}, nil
}

func setTopicAttributes(r *request) (any, error) {
	var in struct{ TopicArn, AttributeName, AttributeValue *string }
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, bad := r.findTopic(in.TopicArn)
	if bad != nil {
		return nil, bad
	}
	name, value := deref(in.AttributeName), deref(in.AttributeValue)
	if bad := checkTopicAttribute(name, value); bad != nil {
		return nil, bad
	}
	t.attributes[name] = value
	if value == "" {
		delete(t.attributes, name)
		if name == "Policy" {
			t.attributes[name] = r.here().defaultTopicPolicy(t.name)
		}
	}
	return nil, nil
}

func listTopics(r *request) (any, error) {
	var in topicInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	list, next, ok := r.page(sortedNames(r.here().topics.topics), deref(in.NextToken), 100)
	if !ok {
		return nil, invalidTopic("NextToken")
	}
	type entry struct{ TopicArn string }
	out := struct {
		Topics    []entry
		NextToken string `json:",omitempty"`
	}{[]entry{}, next}
	for _, name := range list {
		out.Topics = append(out.Topics, entry{r.here().topicARN(name)})
	}
	return out, nil
}

func publish(r *request) (any, error) {
	var in struct{ TopicArn, TargetArn, PhoneNumber, Message, Subject *string }
	if err := r.read(&in); err != nil {
		return nil, err
	}
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	t, bad := r.findTopic(arn)
	switch {
	case bad != nil:
		return nil, bad
	case deref(in.Message) == "":
		return nil, invalidTopic("Empty message")
	case len(*in.Message) > 256<<10:
		return nil, invalidTopic("Message too long")
	case in.Subject != nil && (len(*in.Subject) == 0 || len(*in.Subject) > 100):
		return nil, invalidTopic("Subject")
	}
	t.published++
	return struct{ MessageId string }{newUUID(r.cloud.rng)}, nil
}

type topicTagInput struct {
	ResourceArn *string `check:"required,len=1..1011"`
	Tags        []tagKV
	TagKeys     []string
}

func readTopicTags(r *request) (*topicTagInput, *topic, error) {
	var in topicTagInput
	if err := r.read(&in); err != nil {
		return nil, nil, err
	}
	t, bad := r.findTopic(in.ResourceArn)
	if bad != nil {
		if bad.Code == "NotFound" {
			bad = errorf("ResourceNotFound", 404, "Resource does not exist")
		}
		return nil, nil, bad
	}
	return &in, t, nil
}

func listTopicTags(r *request) (any, error) {
	_, t, err := readTopicTags(r)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []tagPair }{tagPairs(t.tags)}, nil
}

func tagTopic(r *request) (any, error) {
	in, t, err := readTopicTags(r)
	if err != nil {
		return nil, err
	}
	tags, ok := joinTags(t.tags, tagMap(in.Tags))
	if !ok {
		return nil, errorf("TagLimitExceeded", 400, "Could not complete request: tag quota of per resource exceeded")
	}
	t.tags = tags
	return struct{}{}, nil
}

func untagTopic(r *request) (any, error) {
	in, t, err := readTopicTags(r)
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(t.tags, name)
	}
	return struct{}{}, nil
}

// A TopicState is one topic as GET /_sim/state shows it.
type TopicState struct {
	ARN           string            `json:"arn"`
	Subscriptions int               `json:"subscriptions,omitempty"`
	Endpoints     []string          `json:"endpoints,omitempty"` // "sqs arn:…", of the subscriptions
	Published     int               `json:"published,omitempty"`
	Attributes    map[string]string `json:"attributes,omitempty"` // as set, Policy among them
	Tags          map[string]string `json:"tags,omitempty"`
}

// topicState is every topic of a region, by name.
func (s *regionStore) topicState() map[string]TopicState {
	out := make(map[string]TopicState, len(s.topics.topics))
	for name, t := range s.topics.topics {
		st := TopicState{
			ARN: s.topicARN(name), Subscriptions: len(t.subscriptions), Published: t.published,
			Attributes: maps.Clone(t.attributes), Tags: copyTags(t.tags),
		}
		for _, sub := range t.subscriptions {
			st.Endpoints = append(st.Endpoints, sub.Protocol+" "+sub.Endpoint)
		}
		out[name] = st
	}
	return out
}
