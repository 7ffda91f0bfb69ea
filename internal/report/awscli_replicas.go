package report

import (
	"fmt"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

func (b *block) pair() string { return fmt.Sprintf("pair %s %s \"$secret\"", b.from(), b.here()) }
func (b *block) look() string { return fmt.Sprintf("look %s \"$secret\"", b.here()) }

func (b *block) replicateCommand(more string) {
	region := map[string]string{"Region": string(b.step.Region)}
	if key := b.step.Params.Key; key != "" {
		region["KmsKeyId"] = key
	}
	b.add("aws secretsmanager replicate-secret-to-regions --region %s --secret-id=\"$secret\"%s \\\n--add-replica-regions %s >/dev/null",
		b.from(), more, quote(shellJSON([]any{region}, "")))
}

func (b *block) waitInSync() { b.add("wait_in_sync %s %s \"$secret\"", b.from(), b.here()) }

// replicate adds a replica, or tries a failed one again.
func (b *block) replicate() {
	b.unlessHome(func() {
		b.add("%s", b.pair())
		b.unless("is_fresh", func() {
			b.add("if ! is_under_way; then")
			b.indent()
			b.add("expect_own")
			b.expectIfThere(b.step.Expect)
			b.replicateCommand("")
			b.outdent()
			b.add("fi")
			b.waitInSync()
		})
	})
}

// overwrite makes a copy a replica, whatever it was, unless a version would
// be lost.
func (b *block) overwrite() {
	known := quote(strings.Join(b.step.Expect.Versions, " "))
	rest := b.step.Expect
	rest.Versions = nil
	b.unlessHome(func() {
		b.add("overwrite() {")
		b.indent()
		b.replicateCommand(` "$FORCE"`)
		b.outdent()
		b.add("}")
		b.add("%s", b.pair())
		b.unless("is_fresh", func() {
			b.add("if ! is_under_way; then")
			b.indent()
			b.add("wait_until the_copy_lists_no_replicas %s", b.pair())
			b.add("may_overwrite %s", known)
			b.expectIfThere(rest)
			b.add("if is_stale; then overwrite_stale %s %s %s \"$secret\"; else overwrite; fi", known, b.from(), b.here())
			b.outdent()
			b.add("fi")
			b.waitInSync()
		})
		b.add("unmark %s \"$secret\"", b.from())
	})
}

func (b *block) rekey() {
	key := b.step.Params.Key
	if key == "" {
		key = topology.DefaultKey
	}
	b.add("wait_until is_settled %s", b.pair())
	b.add("same_key %s \"$ENTRY_KEY\" %s", b.here(), quote(key))
	b.unless("[[ $SAME == yes ]] && is_fresh", func() {
		b.add("if [[ $SAME == no || $ENTRY != InSync ]]; then")
		b.indent()
		b.add("expect_own")
		b.expectIfThere(b.step.Expect)
		if b.step.Params.ViaRemoval {
			b.add("if [[ $ENTRY == InSync ]]; then")
			b.indent()
			b.removeCommand()
			b.outdent()
			b.add("fi")
			b.add("if [[ $ENTRY != Failed ]]; then wait_until is_gone %s; fi", b.pair())
		}
		b.replicateCommand("")
		b.outdent()
		b.add("fi")
		b.waitInSync()
		b.add("same_key %s \"$ENTRY_KEY\" %s", b.here(), quote(key))
		b.add("if [[ $SAME == no ]]; then stop \"it is in sync, but still under $ENTRY_KEY\"; fi")
	})
}

func (b *block) removeCommand() {
	b.add("aws secretsmanager remove-regions-from-replication --region %s --secret-id=\"$secret\" \\\n--remove-replica-regions %s >/dev/null",
		b.from(), b.here())
}

func (b *block) remove() {
	b.add("%s", b.pair())
	b.add("expect_own") // what was promoted may be the only copy
	b.unless("is_gone", func() {
		b.add("if [[ $ENTRY != - ]]; then")
		b.indent()
		b.expectIfThere(b.step.Expect)
		b.removeCommand()
		b.outdent()
		b.add("fi")
		b.add("wait_until is_gone %s", b.pair())
	})
}

func (b *block) promote() {
	b.add("%s", b.look())
	if arn := b.step.Expect.ARN; arn != "" { // the lineage counts even where it is done
		b.add("expect 'the ARN' \"$ARN\" %s", quote(arn))
	}
	done := "is_writable"
	if b.adopter != "" {
		done += " || follows " + quote(string(b.adopter))
	}
	b.unless(done, func() {
		b.add("if [[ $SEEN == absent ]]; then stop 'there is no such secret'; fi")
		if as := b.step.Expect.SameAs; as != "" {
			b.add("wait_until it_holds_what_the_other_holds compare %s %s \"$secret\"", quote(string(as)), b.here())
		}
		rest := b.step.Expect
		rest.ARN = ""
		if b.emergency && rest.Current != "" {
			b.add("expect_current %s", quote(rest.Current))
			rest.Current = ""
		}
		b.expect(rest)
		b.add("aws secretsmanager stop-replication-to-replica --region %s --secret-id=\"$secret\" >/dev/null", b.here())
		b.add("wait_until is_writable %s", b.look())
	})
	if b.noted {
		b.add("note_move %s", quote(b.step.ID))
	}
}

// awaitEqual makes no call; without a secret it is where a planned move can
// be called off for the last time.
func (b *block) awaitEqual() {
	if b.step.Secret == "" {
		b.add(`printf '  all of the above holds; from here on there is no way back\n'`)
		return
	}
	var regions []string
	for _, r := range b.step.Params.Regions {
		regions = append(regions, quote(string(r)))
	}
	b.window()
	b.add("%s", b.look())
	b.unless("is_writable", func() { // promoted since
		b.add("wait_until all_hold_the_same compare_all %s \"$secret\" %s", b.from(), strings.Join(regions, " "))
	})
}

// window is how long the waits of the block may take.
func (b *block) window() {
	if s := b.step.Params.WindowSeconds; s > 0 {
		b.add("WINDOW=%.0f", max(1, s))
	}
}

// unlessHome writes commands that are over once the copy was promoted by a
// later step of the plan: a home that comes to be the primary again.
func (b *block) unlessHome(commands func()) {
	p := b.home
	if p == nil {
		commands()
		return
	}
	b.unless(fmt.Sprintf("is_home %s %s %s \"$secret\"", quote(p.ID), quote(string(p.Params.From)), quote(string(p.Region))), commands)
}
