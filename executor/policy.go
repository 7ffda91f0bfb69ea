package executor

import (
	"encoding/json"
	"errors"
	"strings"
)

// A document is a policy as text, and where its statements are in it. It is
// edited as text, so that what people wrote stays as they wrote it.
type document struct {
	text       string
	list       bool // the statements stand in brackets; IAM takes a single one without
	statements []json.RawMessage
	starts     []int // of each statement
	at         int   // where the first statement of a list begins
}

func parsePolicy(policy string) (document, error) {
	d := document{text: policy}
	if policy == "" {
		return d, nil
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal([]byte(policy), &whole); err != nil {
		return d, failure(CodePolicyUnreadable, "the resource policy is not JSON: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(policy))
	_, _ = dec.Token() // it is an object, as was seen
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return d, failure(CodePolicyUnreadable, "the resource policy is not JSON: %v", err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return d, failure(CodePolicyUnreadable, "the resource policy is not JSON: %v", err)
		}
		if key != "Statement" {
			continue
		}
		if err := d.read(raw, int(dec.InputOffset())-len(raw)); err != nil {
			return d, failure(CodePolicyUnreadable, "the resource policy's statements cannot be read: %v", err)
		}
	}
	return d, nil
}

// read takes the statements apart, whose text begins at an offset.
func (d *document) read(raw json.RawMessage, offset int) error {
	d.statements, d.starts, d.list = nil, nil, raw[0] == '['
	if !d.list && raw[0] != '{' {
		return errors.New("neither one nor a list")
	}
	if !d.list {
		d.statements, d.starts = []json.RawMessage{raw}, []int{offset}
		return nil
	}
	d.at = offset + 1
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		var one json.RawMessage
		if err := dec.Decode(&one); err != nil {
			return err
		}
		d.statements = append(d.statements, one)
		d.starts = append(d.starts, offset+int(dec.InputOffset())-len(one))
	}
	return nil
}

func (d *document) find(sid string) int {
	for i, raw := range d.statements {
		var st struct{ Sid string }
		if json.Unmarshal(raw, &st) == nil && st.Sid == sid {
			return i
		}
	}
	return -1
}

func (d *document) end(i int) int { return d.starts[i] + len(d.statements[i]) }

// with is the policy with one statement more: the first of a list. Behind a
// single one without brackets it is the second, which tells without that
// there were none.
func (d *document) with(statement string) string {
	switch {
	case d.text == "":
		return `{"Statement":[` + statement + `],"Version":"2012-10-17"}`
	case len(d.statements) == 0 && d.list:
		return d.text[:d.at] + statement + d.text[d.at:]
	case d.list:
		return d.text[:d.at] + statement + "," + d.text[d.at:]
	}
	return d.text[:d.starts[0]] + "[" + string(d.statements[0]) + "," + statement + "]" + d.text[d.end(0):]
}

func (d *document) replaced(i int, statement string) string {
	return d.text[:d.starts[i]] + statement + d.text[d.end(i):]
}

// without is the policy without a statement, and without brackets if they came
// with it; "" if no statement is left.
func (d *document) without(i int) string {
	switch n := len(d.statements); {
	case n == 1:
		return ""
	case i == 0:
		comma := d.end(0) + strings.IndexByte(d.text[d.end(0):], ',')
		return d.text[:d.starts[0]] + d.text[comma+1:]
	case n == 2 && d.starts[0] == d.at && d.starts[1] == d.end(0)+1 && d.text[d.end(1)] == ']':
		return d.text[:d.at-1] + string(d.statements[0]) + d.text[d.end(1)+1:]
	}
	return d.text[:d.end(i-1)] + d.text[d.end(i):]
}
