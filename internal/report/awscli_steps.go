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
	// home is the later step that promotes the copy, if there is one; noted,
	// that the step is one.
	home  *planner.Step
	noted bool
	// enabled are the alarms that later steps of the plan switch on.
	enabled map[alarmAt]bool
	// emergency: the script is of one.
	emergency bool
	// back: it takes back what another block did.
	back  bool
	text  bytes.Buffer
	depth int
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

// answering bounds what a region that hangs may cost: one wait, and that a
// short one where the region may well have been lost.
func (b *block) answering() {
	var regions []string
	for _, r := range regionsOf(b.step) {
		regions = append(regions, quote(string(r)))
	}
	if b.step.Owed {
		b.add("briefly")
	}
	b.add("answering %s", strings.Join(regions, " "))
}

// act is the one switch over what a step may be.
func (b *block) act() {
	if b.step.Secret != "" {
		b.add("secret=%s", quote(string(b.step.Secret)))
	}
	switch b.step.Action {
	case planner.Replicate, planner.RetryReplica:
		b.replicate()
	case planner.OverwriteReplica:
		b.overwrite()
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
	case planner.MatchVersions:
		b.matchVersions()
	case planner.AwaitEqual:
		b.awaitEqual()
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
func (b *block) expectIfThere(e planner.Expect) {
	if e.ARN == "" && e.PrimaryRegion == "" && e.Current == "" && len(e.Versions) == 0 {
		return
	}
	b.add("if [[ $SEEN != absent ]]; then")
	b.indent()
	b.expect(e)
	b.outdent()
	b.add("fi")
}

func (b *block) attachRotation() {
	p := &b.step.Params
	rules, schedule, duration := map[string]any{}, "-", "-"
	if p.Rules.Duration != "" {
		rules["Duration"], duration = p.Rules.Duration, p.Rules.Duration
	}
	switch r := p.Rules; {
	case r.Schedule != "":
		rules["ScheduleExpression"], schedule = r.Schedule, r.Schedule
	case r.AfterDays > 0:
		rules["AutomaticallyAfterDays"] = r.AfterDays
	case r == (topology.RotationRules{}):
		schedule = "any"
	}
	b.add("lambda=%s schedule=%s days=%d duration=%s", quote(p.Lambda), quote(schedule), p.Rules.AfterDays, quote(duration))
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
	b.unlessHome(func() {
		b.window()
		b.add("%s", b.look())
		b.unless("is_quiet", func() {
			if b.step.Params.Settled {
				b.add("wait_until no_rotation_is_under_way %s", b.look())
			}
			b.expect(b.step.Expect)
			b.add("aws secretsmanager cancel-rotate-secret --region %s --secret-id=\"$secret\" >/dev/null", b.here())
			b.add("wait_until is_quiet %s", b.look())
		})
	})
}

func (b *block) function() string { return cmp.Or(b.step.Params.Lambda, b.step.Target) }

// revokeInvoke takes every permission away, whoever gave it, one by one, and
// tells what each was.
func (b *block) revokeInvoke() {
	look := fmt.Sprintf("invoker %s %s", b.here(), quote(b.function()))
	b.add("%s", look)
	b.unless("[[ -z $SID ]]", func() {
		b.add("until [[ -z $SID ]]; do")
		b.add("%s", `  printf '  taken, keep this to put it back: %s\n' "$STATEMENT"`)
		b.add("  aws lambda remove-permission --region %s --function-name=%s --statement-id=\"$SID\"", b.here(), quote(b.function()))
		b.add("  %s", look)
		b.add("done")
	})
}

// grantInvoke puts back what a fence took, or lets in all secrets of the
// account.
func (b *block) grantInvoke() {
	p := &b.step.Params
	for _, was := range p.Permissions {
		b.addPermission(was)
	}
	switch {
	case p.Statement != "":
		b.addPermission(topology.Permission{Sid: p.Statement, Action: "lambda:InvokeFunction", SourceAccount: b.step.Account})
	case len(p.Permissions) == 0:
		b.add("already")
	}
}

func (b *block) addPermission(p topology.Permission) {
	look := fmt.Sprintf("granted %s %s %s", b.here(), quote(b.function()), quote(p.Sid))
	var only strings.Builder
	for _, o := range []struct{ option, value string }{
		{"source-account", p.SourceAccount}, {"source-arn", p.SourceARN}, {"principal-org-id", p.PrincipalOrgID},
		{"event-source-token", p.EventSourceToken}, {"function-url-auth-type", p.FunctionURLAuthType},
	} {
		if o.value != "" {
			fmt.Fprintf(&only, " --%s %s", o.option, quote(o.value))
		}
	}
	switch p.InvokedViaFunctionURL {
	case "true":
		only.WriteString(" --invoked-via-function-url")
	case "false":
		only.WriteString(" --no-invoked-via-function-url")
	}
	b.add("%s", look)
	b.unless("is_granted", func() {
		b.add("aws lambda add-permission --region %s --function-name=%s \\\n--statement-id=%s --action %s \\\n--principal %s%s >/dev/null",
			b.here(), quote(b.function()), quote(p.Sid), quote(p.Action), topology.RotationService, only.String())
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
	b.unlessHome(func() {
		for _, r := range b.step.Params.Regions {
			b.add("look %s \"$secret\"", quote(string(r)))
			b.add("if follows %s; then stop %s; fi", b.here(), quote(string(r)+" is still its replica: the deny would reach it. Re-parent that first"))
		}
		b.add("%s", b.look())
		if b.step.Owed || b.back { // no writer is left there to be fenced
			b.unless("[[ $SEEN != writable ]]", func() { b.editPolicy(edit, deny, sid) })
			return
		}
		b.add("if [[ $SEEN != writable ]]; then stop \"the copy there takes no policy of its own ($SEEN)\"; fi")
		b.editPolicy(edit, deny, sid)
	})
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
