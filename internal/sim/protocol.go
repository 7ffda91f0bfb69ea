package sim

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
)

// A codec renders answers in the wire protocol that the caller spoke.
//
// out is the Go value an operation returned: structs with json tags, maps,
// slices, strings, numbers, booleans, []byte (a blob) and time.Time (a
// timestamp); each protocol has its own form for the last two. A nil out is
// the answer of an operation that AWS models without output.
type codec interface {
	writeResult(w http.ResponseWriter, r *request, out any)
	writeError(w http.ResponseWriter, r *request, err *apiError)
}

// maxInflated bounds a request body after decompression, in bytes. AWS's own
// limits are lower for every service here but Lambda's zip upload (50 MB,
// base64 in JSON).
const maxInflated = 72 << 20

// A wireService is how one service speaks: its target prefixes and namespace
// are those of the service models that the SDKs are generated from.
type wireService struct {
	name      string // signing name
	target    string // X-Amz-Target prefix, or the Smithy service's shape name
	json      string // JSON version, "" when the service speaks none
	namespace string // XML namespace of the query protocol, "" when it has none
	version   string // Version parameter of the query protocol
}

func wireServices() [7]wireService {
	return [...]wireService{
		{name: "secretsmanager", target: "secretsmanager", json: "1.1"},
		{name: "kms", target: "TrentService", json: "1.1"},
		{name: "logs", target: "Logs_20140328", json: "1.1"},
		{
			name: "monitoring", target: "GraniteServiceVersion20100801", json: "1.0",
			namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/", version: "2010-08-01",
		},
		{name: "sns", namespace: "http://sns.amazonaws.com/doc/2010-03-31/", version: "2010-03-31"},
		{name: "sts", namespace: "https://sts.amazonaws.com/doc/2011-06-15/", version: "2011-06-15"},
		{name: "lambda"},
	}
}

func serviceNamed(name string) wireService {
	for _, s := range wireServices() {
		if s.name == name {
			return s
		}
	}
	return wireService{name: name}
}

func serviceOfTarget(target string) (wireService, bool) {
	for _, s := range wireServices() {
		if s.target != "" && s.target == target {
			return s, true
		}
	}
	return wireService{}, false
}

// parseRequest reads service, region and account from the SigV4 credential
// scope (the signature itself is not verified: the simulator knows no
// secret keys), finds the operation's name, and turns the body into JSON.
// The request and the codec are never nil, so that an error can be rendered
// too. It takes no lock: request.now is for the caller to set.
func (c *Cloud) parseRequest(req *http.Request, body []byte) (*request, codec, *apiError) {
	r := &request{cloud: c, account: c.opts.Account, id: newRequestID()}
	scope, scopeErr := c.readScope(req)
	r.region, r.service = scope.region, scope.service
	if scope.account != "" {
		r.account = scope.account
	}
	body, sizeErr := inflate(req.Header.Get("Content-Encoding"), body)
	p := pickProtocol(req, r)
	if scopeErr != nil {
		return r, p, scopeErr
	}
	if sizeErr != nil {
		return r, p, sizeErr
	}
	if err := p.parse(req, body, r); err != nil {
		return r, p, err
	}
	if _, ok := c.ops[r.service][r.op]; !ok {
		return r, p, p.unknownOperation(r)
	}
	return r, p, nil
}

// A protocol is a codec that reads requests too.
type protocol interface {
	codec
	// parse sets op, body, path and query of r.
	parse(req *http.Request, body []byte, r *request) *apiError
	unknownOperation(r *request) *apiError
}

// pickProtocol decides by what the request looks like. An unsigned request
// has no service yet; its target or path tells.
func pickProtocol(req *http.Request, r *request) protocol {
	target := req.Header.Get("X-Amz-Target")
	shapes := &r.cloud.shapes
	switch {
	case req.Header.Get("Smithy-Protocol") != "" || strings.HasPrefix(req.URL.Path, "/service/"):
		return cborProtocol{shapes}
	case target != "":
		prefix, _, _ := strings.Cut(target, ".")
		s, _ := serviceOfTarget(prefix)
		if r.service == "" {
			r.service = s.name
		}
		return jsonProtocol{shapes, jsonVersion(req, serviceNamed(r.service))}
	case r.service == "lambda" || isLambdaPath(req.URL.Path):
		r.service = "lambda"
		return restProtocol{shapes}
	case serviceNamed(r.service).namespace == "" && serviceNamed(r.service).json != "":
		return jsonProtocol{shapes, jsonVersion(req, serviceNamed(r.service))}
	}
	return queryProtocol{shapes}
}

// inflate undoes the SDKs' request compression (CloudWatch PutMetricData).
func inflate(encoding string, body []byte) ([]byte, *apiError) {
	tooLarge := errorf("RequestEntityTooLargeException", http.StatusRequestEntityTooLarge,
		"Request size exceeded the limit.")
	if len(body) > maxInflated {
		return nil, tooLarge
	}
	if !strings.Contains(encoding, "gzip") {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errorf("SerializationException", 400, "Request body is not in gzip format.")
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, errorf("SerializationException", 400, "Request body is not in gzip format.")
	case len(plain) > maxInflated:
		return nil, tooLarge
	}
	return plain, nil
}

// newRequestID is a random UUID, as AWS's request ids are. Request ids are no
// part of the simulated state, so the cloud's seeded source stays untouched.
func newRequestID() string {
	a, b := rand.Uint64(), rand.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffff_ffff_ffff)
}

// isLambdaPath says whether a path looks like Lambda's: /2015-03-31/functions.
func isLambdaPath(path string) bool {
	p := strings.TrimPrefix(path, "/")
	return len(p) > 11 && p[4] == '-' && p[7] == '-' && p[10] == '/' && strings.Trim(p[:4], "0123456789") == ""
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
