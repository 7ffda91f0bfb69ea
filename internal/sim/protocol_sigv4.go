package sim

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// A scope is what a SigV4 credential tells: keyid/date/region/service/aws4_request.
// AWS: IAM user guide, "Elements of an AWS API request signature".
type scope struct {
	account, region, service string
}

// readScope reads the scope from the Authorization header, or from
// X-Amz-Credential of a presigned URL.
func (c *Cloud) readScope(req *http.Request) (scope, *apiError) {
	header := req.Header.Get("Authorization")
	if header == "" {
		if credential := req.URL.Query().Get("X-Amz-Credential"); credential != "" {
			return parseCredential(credential, req)
		}
		return scope{}, authError(req, "MissingAuthenticationToken", "Missing Authentication Token")
	}
	algorithm, rest, _ := strings.Cut(header, " ")
	if !strings.HasPrefix(algorithm, "AWS4-") {
		return scope{}, authError(req, "IncompleteSignature",
			fmt.Sprintf("Unsupported AWS 'algorithm': '%s'.", clip(algorithm, 64)))
	}
	params := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		params[name] = value
	}
	missing := ""
	for _, name := range [...]string{"Credential", "Signature", "SignedHeaders"} {
		if params[name] == "" {
			missing += "Authorization header requires '" + name + "' parameter. "
		}
	}
	if req.Header.Get("X-Amz-Date") == "" && req.Header.Get("Date") == "" {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if missing != "" {
		s, _ := parseCredential(params["Credential"], req)
		return s, authError(req, "IncompleteSignature", missing+"Authorization="+algorithm)
	}
	return parseCredential(params["Credential"], req)
}

var scopeRegion = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)

func parseCredential(credential string, req *http.Request) (scope, *apiError) {
	parts := strings.Split(credential, "/")
	if set := req.Header.Get("X-Amz-Region-Set"); set != "" && len(parts) == 4 { // SigV4A has no region in its scope
		region, _, _ := strings.Cut(set, ",")
		parts = []string{parts[0], parts[1], region, parts[2], parts[3]}
	}
	if len(parts) != 5 {
		return scope{}, authError(req, "IncompleteSignature", fmt.Sprintf(
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'",
			clip(credential, 256)))
	}
	s := scope{account: accountOfKey(parts[0]), region: parts[2], service: parts[3]}
	if s.service == "cloudwatch" {
		s.service = "monitoring"
	}
	switch {
	case parts[4] != "aws4_request":
		return s, authError(req, "SignatureDoesNotMatch", fmt.Sprintf(
			"Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", clip(parts[4], 64)))
	case !scopeRegion.MatchString(s.region):
		return s, authError(req, "SignatureDoesNotMatch", fmt.Sprintf(
			"Credential should be scoped to a valid region, not '%s'. ", clip(s.region, 64)))
	}
	return s, nil
}

// authError gives the error the name and status of the caller's protocol:
// the JSON services answer 400 with "…Exception", the others 403.
func authError(req *http.Request, code, message string) *apiError {
	e := &apiError{Code: code, Status: 403, Message: message}
	if code == "MissingAuthenticationToken" && req.Header.Get("X-Amz-Target") == "" && !isLambdaPath(req.URL.Path) {
		e.Message = "Request is missing Authentication Token"
	}
	if req.Header.Get("X-Amz-Target") != "" {
		e.Status = 400
	}
	if e.Status == 400 || isLambdaPath(req.URL.Path) || req.Header.Get("Smithy-Protocol") != "" {
		e.Code += "Exception"
		if code == "SignatureDoesNotMatch" {
			e.Code = "InvalidSignatureException"
		}
	}
	return e
}

// Access key ids carry the account they belong to, in AWS as here: base32 of
// the account's number, shifted by 7 bits, follows the four-letter prefix.
// Keys that AssumeRole made here end in a checksum, so that somebody's made-up
// key (AKIAIOSFODNN7EXAMPLE) is not taken for another account's. A key id
// that is nothing but 12 digits names its account outright.

// accessKeyOf makes the access key id of temporary credentials of an account.
func accessKeyOf(account string, serial uint16) string {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		n = 0
	}
	var raw [10]byte
	binary.BigEndian.PutUint64(raw[:], n<<23|1<<63)
	binary.BigEndian.PutUint16(raw[6:], serial)
	sum := sha256.Sum256(raw[:8])
	copy(raw[8:], sum[:2])
	return "ASIA" + base32.StdEncoding.EncodeToString(raw[:])
}

// accountOfKey is the account an access key id names, "" for the default one.
func accountOfKey(id string) string {
	if isAccount(id) {
		return id
	}
	if len(id) != 20 || !strings.HasPrefix(id, "ASIA") {
		return ""
	}
	raw, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || len(raw) != 10 {
		return ""
	}
	sum := sha256.Sum256(raw[:8])
	if sum[0] != raw[8] || sum[1] != raw[9] {
		return ""
	}
	n := binary.BigEndian.Uint64(raw) &^ (1 << 63) >> 23
	return fmt.Sprintf("%012d", n)
}

// isAccount says whether s is an AWS account id: twelve digits.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
