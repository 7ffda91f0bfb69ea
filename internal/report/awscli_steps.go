package report

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A block is one step as shell.
type block struct {
	step *planner.Step
	// adopter is the region whose replica the copy becomes in a later step
	// of the plan: found so, a promotion is done.
	adopter topology.Region
	text    bytes.Buffer
	depth   int
}

func (b *block) indent()  { b.depth++ }
func (b *block) outdent() { b.depth-- }

// add writes a command; further lines of it are indented below it.
func (b *block) add(format string, args ...any) {
	in := strings.Repeat("  ", b.depth)
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	b.text.WriteString(in + strings.ReplaceAll(text, "\n", "\n"+in+"    ") + "\n")
}

// unless writes commands that are left out where a condition holds already.
func (b *block) unless(condition string, commands func()) {
	b.add("if %s; then", condition)
	b.add("  already")
	b.add("else")
	b.indent()
	commands()
	b.outdent()
	b.add("fi")
}

// explanation is the risk, what changes, and why.
func (b *block) explanation() string {
	words := stepText(b.step)
	if words == "" {
		return titleOf(b.step)
	}
	return words
}

func (b *block) here() string { return quote(string(b.step.Region)) }
func (b *block) from() string { return quote(string(b.step.Params.From)) }

// act is the one switch over what a step may be.
func (b *block) act() {
	if b.step.Secret != "" {
		b.add("secret=%s", quote(string(b.step.Secret)))
	}
	switch b.step.Action {
	case planner.Replicate, planner.RetryReplica:
		b.replicate("expect_own", "")
	case planner.OverwriteReplica:
		b.replicate("may_overwrite", " \"$FORCE\"")
	case planner.RekeyReplica:
		b.rekey()
	case planner.RemoveReplica:
		b.remove()
	case planner.Promote:
		b.promote()
	case planner.AttachRotation:
		b.attachRotation()
	case planner.CancelRotation:
		b.cancelRotation()
	case planner.ClearPending:
		b.clearPending()
	case planner.RescueVersion:
		b.rescue()
	case planner.GrantInvoke:
		b.grantInvoke()
	case planner.RevokeInvoke:
		b.revokeInvoke()
	case planner.FencePolicy, planner.UnfencePolicy:
		b.policy()
	case planner.PutAlarm, planner.PutCompositeAlarm:
		b.putAlarm()
	case planner.PutMetricFilter:
		b.putFilter()
	case planner.EnableAlarms:
		b.enableAlarms()
	case planner.DisableAlarms:
		b.disableAlarms()
	default:
		b.add("stop %s", quote("this version cannot write "+string(b.step.Action)+" as a script"))
	}
}

// expect writes preconditions.
func (b *block) expect(e planner.Expect) {
	for _, x := range []struct{ what, variable, want string }{
		{"the ARN", "$ARN", e.ARN}, {"the primary region", "$PRIMARY", string(e.PrimaryRegion)}, {"AWSCURRENT", "$CURRENT", e.Current},
	} {
		if x.want != "" {
			b.add(`expect '%s' "%s" %s`, x.what, x.variable, quote(x.want))
		}
	}
	if len(e.Versions) > 0 {
		b.add("expect_versions %s", quote(strings.Join(e.Versions, " ")))
	}
}

// expectIfThere: a copy that is absent has nothing to lose.
func (b *block) expectIfThere() {
	if e := b.step.Expect; e.ARN == "" && e.PrimaryRegion == "" && e.Current == "" && len(e.Versions) == 0 {
		return
	}
	b.add("if [[ $SEEN != absent ]]; then")
	b.indent()
	b.expect(b.step.Expect)
	b.outdent()
	b.add("fi")
}

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

// replicate: guard judges what stands in the replica's place.
func (b *block) replicate(guard, more string) {
	b.add("%s", b.pair())
	b.unless("is_fresh", func() {
		b.add("if ! is_under_way; then")
		b.indent()
		b.add("%s", guard)
		b.expectIfThere()
		if b.step.Action == planner.OverwriteReplica && len(b.step.Expect.Versions) == 0 {
			b.add("expect_versions \"$P_VERSIONS\"")
		}
		b.replicateCommand(more)
		b.outdent()
		b.add("fi")
		b.waitInSync()
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
		b.expectIfThere()
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
		b.expectIfThere()
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
		rest := b.step.Expect
		rest.ARN = ""
		b.expect(rest)
		b.add("aws secretsmanager stop-replication-to-replica --region %s --secret-id=\"$secret\" >/dev/null", b.here())
		b.add("wait_until is_writable %s", b.look())
	})
}

func (b *block) attachRotation() {
	p := &b.step.Params
	rules, schedule, window := map[string]any{}, "-", "-"
	if p.Rules.Duration != "" {
		rules["Duration"], window = p.Rules.Duration, p.Rules.Duration
	}
	switch r := p.Rules; {
	case r.Schedule != "":
		rules["ScheduleExpression"], schedule = r.Schedule, r.Schedule
	case r.AfterDays > 0:
		rules["AutomaticallyAfterDays"] = r.AfterDays
	case r == (topology.RotationRules{}):
		schedule = "any"
	}
	b.add("lambda=%s schedule=%s days=%d window=%s", quote(p.Lambda), quote(schedule), p.Rules.AfterDays, quote(window))
	b.add("%s", b.look())
	b.add("if [[ $SEEN != writable || $DELETED != - ]]; then stop \"the copy there takes no rotation ($SEEN)\"; fi")
	b.unless("rotates_as_wanted", func() {
		b.expect(b.step.Expect)
		flags := "--no-rotate-immediately"
		if p.RotateImmediately {
			flags = "--rotate-immediately"
		}
		if len(rules) > 0 {
			flags += " --rotation-rules " + quote(shellJSON(rules, ""))
		}
		b.add("patiently 'cannot invoke the specified Lambda function' \\\naws secretsmanager rotate-secret --region %s --secret-id=\"$secret\" --rotation-lambda-arn \"$lambda\" \\\n%s", b.here(), flags)
		b.add("wait_until rotates_as_wanted %s", b.look())
	})
}

func (b *block) cancelRotation() {
	b.add("%s", b.look())
	b.unless("is_quiet", func() {
		b.expect(b.step.Expect)
		b.add("aws secretsmanager cancel-rotate-secret --region %s --secret-id=\"$secret\" >/dev/null", b.here())
		b.add("wait_until is_quiet %s", b.look())
	})
}

func (b *block) clearPending() {
	b.add("%s", b.look())
	b.add("if [[ $SEEN == absent ]]; then stop 'there is no such secret'; fi")
	b.add("is_cleared() { [[ $PENDING == - || $PENDING == \"$CURRENT\" ]]; }")
	b.unless("is_cleared", func() {
		b.add("expect AWSPENDING \"$PENDING\" %s", quote(b.step.Params.Version))
		b.expect(b.step.Expect)
		b.add("aws secretsmanager update-secret-version-stage --region %s --secret-id=\"$secret\" \\\n--version-stage AWSPENDING --remove-from-version-id=%s >/dev/null", b.here(), quote(b.step.Params.Version))
		b.add("wait_until is_cleared %s", b.look())
	})
}

// rescue stops the script unless it is done: what comes after it would destroy
// the version, and copying it would take its value through a shell.
func (b *block) rescue() {
	b.add("%s", b.look())
	b.add("is_rescued() { case \" $VERSIONS \" in *%s*) ;; *) return 1 ;; esac; }", quote(" "+b.step.Params.Version+" "))
	b.unless("is_rescued", func() {
		b.add("stop %s", quote(fmt.Sprintf("version %s must be copied from %s first, and this script handles no secret values: use understudy, or copy it yourself with that ClientRequestToken and the label %s",
			b.step.Params.Version, b.step.Params.From, b.step.Params.Label)))
	})
}

func (b *block) function() string { return cmp.Or(b.step.Params.Lambda, b.step.Target) }

// revokeInvoke takes every permission away, whoever gave it, one by one.
func (b *block) revokeInvoke() {
	look := fmt.Sprintf("invoker %s %s", b.here(), quote(b.function()))
	b.add("%s", look)
	b.unless("[[ -z $SID ]]", func() {
		b.add("until [[ -z $SID ]]; do")
		b.add("  aws lambda remove-permission --region %s --function-name=%s --statement-id=\"$SID\"", b.here(), quote(b.function()))
		b.add("  %s", look)
		b.add("done")
	})
}

func (b *block) grantInvoke() {
	p, arn := &b.step.Params, b.function()
	look := fmt.Sprintf("granted %s %s %s", b.here(), quote(arn), quote(p.Statement))
	b.add("%s", look)
	b.unless("is_granted", func() {
		b.add("aws lambda add-permission --region %s --function-name=%s \\\n--statement-id=%s --action lambda:InvokeFunction \\\n--principal secretsmanager.amazonaws.com --source-account %s >/dev/null",
			b.here(), quote(arn), quote(p.Statement), quote(b.step.Account))
		b.add("wait_until is_granted %s", look)
	})
}

// policy adds or takes out the statement of a policy fence.
func (b *block) policy() {
	sid := b.step.Params.Statement
	deny, err := executor.FenceStatement(sid)
	if err != nil { // a string always has a JSON form
		b.add("stop %s", quote(err.Error()))
		return
	}
	edit := "fence"
	if b.step.Action == planner.UnfencePolicy {
		edit = "unfence"
	}
	b.add("%s", b.look())
	if b.step.Owed { // no writer is left there to be fenced
		b.unless("[[ $SEEN != writable ]]", func() { b.editPolicy(edit, deny, sid) })
		return
	}
	b.add("if [[ $SEEN != writable ]]; then stop \"the copy there takes no policy of its own ($SEEN)\"; fi")
	b.editPolicy(edit, deny, sid)
}

func (b *block) editPolicy(edit, deny, sid string) {
	b.add("ask aws secretsmanager get-resource-policy --region %s --secret-id=\"$secret\" --output text \\\n--query %s", b.here(), quote("ResourcePolicy || `\"-\"`"))
	b.add("%s %s %s", edit, quote(deny), quote(sid))
	b.unless("[[ -z $POLICY ]]", func() {
		b.expect(b.step.Expect)
		b.add("if [[ $POLICY == delete ]]; then")
		b.add("  aws secretsmanager delete-resource-policy --region %s --secret-id=\"$secret\" >/dev/null", b.here())
		b.add("else")
		b.add("  aws secretsmanager put-resource-policy --region %s --secret-id=\"$secret\" --resource-policy \"$POLICY\" >/dev/null", b.here())
		b.add("fi")
	})
}
