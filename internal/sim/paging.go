package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sort"
)

// page cuts one page out of names, which are sorted, and returns a token for
// the next page, "" on the last. A token names the last element seen, so that
// additions and deletions between two calls neither repeat nor skip others.
// ok is false when the token was not made here, for another call or account,
// or has expired.
func (r *request) page(names []string, token string, limit int) (list []string, next string, ok bool) {
	from := 0
	if token != "" {
		after, good := r.openToken(token)
		if !good {
			return nil, "", false
		}
		from = sort.Search(len(names), func(i int) bool { return names[i] > after })
	}
	list = names[from:]
	if len(list) > limit {
		list = list[:limit]
		next = r.sealToken(list[limit-1])
	}
	return list, next, true
}

// sealToken makes an opaque token: expiry, mark, checksum, in base64.
func (r *request) sealToken(after string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.now.Add(r.cloud.quirks().TokenLife).UnixMilli()))
	b = append(b, after...)
	return base64.RawURLEncoding.EncodeToString(append(b, r.tokenSum(b)...))
}

func (r *request) openToken(token string) (after string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 8+8 {
		return "", false
	}
	content, sum := b[:len(b)-8], b[len(b)-8:]
	if !hmac.Equal(sum, r.tokenSum(content)) {
		return "", false
	}
	if r.now.UnixMilli() > int64(binary.BigEndian.Uint64(content)) {
		return "", false
	}
	return string(content[8:]), true
}

func (r *request) tokenSum(content []byte) []byte {
	h := hmac.New(sha256.New, []byte(r.account+"/"+r.region+"/"+r.service+"/"+r.op))
	h.Write(content)
	return h.Sum(nil)[:8]
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
