package main

import (
	"strings"
	"testing"
)

func TestAScriptIsAllThatIsPrinted(t *testing.T) {
	d := newDesk(t)
	for line, says := range map[string]string{
		"plan --as pdf":                         `--as "pdf"`,
		"plan --as aws-clli":                    `did you mean "aws-cli"?`,
		"--output json plan --as aws-cli":       "--as aws-cli is a script",
		"failover --to us-west-2 --as aws-cli":  "add --dry-run",
		"failover --to us-west-2 --as x --yes":  `--as "x"`,
		"failover --to us-west-2 --yes --as=":   `--as ""`,
		"failover --as aws-cli --dry-run --yes": "--to REGION is missing",
	} {
		d.want(exitUsage, strings.Fields(line)...)
		if said := d.stderr.String() + d.stdout.String(); !strings.Contains(said, says) { // as JSON an error is on stdout
			t.Errorf("%s does not say %q: %s", line, says, said)
		}
	}
	if total, _ := d.calls(); total > 0 {
		t.Errorf("%d calls were made for a wrong command line", total)
	}
	for line, code := range map[string]int{
		"plan --as aws-cli": exitOK, "plan --as aws-cli --detailed-exitcode": exitChanges,
		"failover --to us-west-2 --dry-run --as aws-cli": exitOK,
	} {
		d.want(code, strings.Fields(line)...)
		out := d.stdout.String()
		if !strings.HasPrefix(out, "#!/usr/bin/env bash\n") || !strings.HasSuffix(out, "printf 'Done.\\n'\n") {
			t.Errorf("%s: something beside the script was printed:\n%.200s\n…\n%s", line, out, out[max(0, len(out)-200):])
		}
	}
	if _, mutating := d.calls(); mutating > 0 {
		t.Errorf("%d mutating calls", mutating)
	}
}
