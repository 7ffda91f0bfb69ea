package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// quote writes a word for bash so that it is taken literally, whatever is in
// it. What is no printable ASCII is spelled out ($'\x1b'), so that what a
// reader sees is what runs.
func quote(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(word) {
		switch c := word[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c) // always three digits: what follows is not taken for more of it
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString("'")
	return b.String()
}

// shellJSON is JSON in ASCII. It may stand in a here-document: a line of it
// is never a bare word.
func shellJSON(v any, indent string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic("report: plain data: " + err.Error()) // as Step.Seal has it
	}
	return ascii(strings.TrimSpace(b.String()))
}

// ascii escapes what is not ASCII in a JSON text: it can only stand in strings.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf && r != 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// literal is a value in a JMESPath expression, the language of --query.
func literal(v any) string {
	return "`" + strings.ReplaceAll(shellJSON(v, ""), "`", `\u0060`) + "`"
}
