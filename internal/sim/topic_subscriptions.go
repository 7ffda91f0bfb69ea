package sim

import (
	"slices"
	"strconv"
	"strings"
)

// subscribe adds an endpoint. Those that a person or a web server would have
// to confirm stay pending. AWS: API reference, Subscribe.
func subscribe(r *request) (any, error) {
	var in struct {
		TopicArn, Protocol, Endpoint *string
		Attributes                   map[string]string
		ReturnSubscriptionArn        bool
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, bad := r.findTopic(in.TopicArn)
	if bad != nil {
		return nil, bad
	}
	protocol, endpoint := deref(in.Protocol), deref(in.Endpoint)
	pending := false
	switch protocol {
	case "http", "https", "email", "email-json":
		pending = true
	case "sms", "application":
	case "sqs", "lambda", "firehose":
		if !strings.HasPrefix(endpoint, "arn:") {
			return nil, invalidTopic("Endpoint Reason: Please use a valid ARN")
		}
	default:
		return nil, invalidTopic("Amazon SNS does not support this protocol string: " + clip(protocol, 64))
	}
	if endpoint == "" {
		return nil, invalidTopic("Endpoint")
	}
	found := slices.IndexFunc(t.subscriptions, func(s subscription) bool { return s.Protocol == protocol && s.Endpoint == endpoint })
	if found < 0 {
		t.subscriptions = append(t.subscriptions, subscription{
			SubscriptionArn: *in.TopicArn + ":" + newUUID(r.cloud.rng), Owner: r.account, Protocol: protocol,
			Endpoint: endpoint, TopicArn: *in.TopicArn, attributes: in.Attributes, pending: pending,
		})
		found = len(t.subscriptions) - 1
	}
	s := t.subscriptions[found]
	if s.pending && !in.ReturnSubscriptionArn {
		s.SubscriptionArn = "pending confirmation"
	}
	return struct{ SubscriptionArn string }{s.SubscriptionArn}, nil
}

// findSubscription finds a subscription by its ARN, with its topic.
func (r *request) findSubscription(arn string) (*topic, int, *apiError) {
	i := strings.LastIndexByte(arn, ':')
	if strings.Count(arn, ":") != 6 {
		return nil, 0, invalidTopic("SubscriptionArn Reason: An ARN must have at least 6 elements")
	}
	topicARN := arn[:i]
	t, bad := r.findTopic(&topicARN)
	if bad == nil {
		if at := slices.IndexFunc(t.subscriptions, func(s subscription) bool { return s.SubscriptionArn == arn }); at >= 0 {
			return t, at, nil
		}
	}
	return nil, 0, errorf("NotFound", 404, "Subscription does not exist")
}

type subscriptionInput struct {
	SubscriptionArn *string `check:"required"`
}

func unsubscribe(r *request) (any, error) {
	var in subscriptionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, i, bad := r.findSubscription(*in.SubscriptionArn)
	switch {
	case bad != nil && bad.Code == "NotFound": // AWS: it is gone, as wished
		return nil, nil
	case bad != nil:
		return nil, bad
	}
	t.subscriptions = slices.Delete(t.subscriptions, i, i+1)
	t.deleted++
	return nil, nil
}

func getSubscriptionAttributes(r *request) (any, error) {
	var in subscriptionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, i, bad := r.findSubscription(*in.SubscriptionArn)
	if bad != nil {
		return nil, bad
	}
	s := t.subscriptions[i]
	attributes := map[string]string{
		"SubscriptionArn": s.SubscriptionArn, "TopicArn": s.TopicArn, "Owner": s.Owner, "Protocol": s.Protocol,
		"Endpoint": s.Endpoint, "PendingConfirmation": strconv.FormatBool(s.pending), "RawMessageDelivery": "false",
		"ConfirmationWasAuthenticated": strconv.FormatBool(!s.pending),
	}
	for name, value := range s.attributes {
		attributes[name] = value
	}
	return struct{ Attributes map[string]string }{attributes}, nil
}

// subscriptionPage renders a page of subscriptions by their ARN.
func subscriptionPage(r *request, all map[string]subscription, token string) (any, error) {
	list, next, ok := r.page(sortedNames(all), token, 100)
	if !ok {
		return nil, invalidTopic("NextToken")
	}
	out := struct {
		Subscriptions []subscription
		NextToken     string `json:",omitempty"`
	}{[]subscription{}, next}
	for _, arn := range list {
		s := all[arn]
		if s.pending {
			s.SubscriptionArn = "PendingConfirmation"
		}
		out.Subscriptions = append(out.Subscriptions, s)
	}
	return out, nil
}

func listSubscriptionsByTopic(r *request) (any, error) {
	var in topicInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	t, bad := r.findTopic(in.TopicArn)
	if bad != nil {
		return nil, bad
	}
	all := map[string]subscription{}
	for _, s := range t.subscriptions {
		all[s.SubscriptionArn] = s
	}
	return subscriptionPage(r, all, deref(in.NextToken))
}

func listSubscriptions(r *request) (any, error) {
	var in topicInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	all := map[string]subscription{}
	for _, t := range r.here().topics.topics {
		for _, s := range t.subscriptions {
			all[s.SubscriptionArn] = s
		}
	}
	return subscriptionPage(r, all, deref(in.NextToken))
}
