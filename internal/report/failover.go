package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/planner"
)

// Outlook writes what speaks for and against a move that is refused.
func Outlook(w io.Writer, plan *planner.Plan, s Style) error {
	p := newPrinter(w)
	outlook(p, plan, s)
	return p.done()
}

// outlook says before a failover what a person should weigh: where else it
// could go, how stale the copies are, what else was noted.
func outlook(p *printer, plan *planner.Plan, s Style) {
	if len(plan.Candidates) > 0 {
		p.line("")
		p.line(s.paint(strong, "Regions, best first:"))
		for i := range plan.Candidates {
			for _, line := range candidateLines(&plan.Candidates[i], s) {
				p.line("  " + line)
			}
		}
	}
	if line := stalenessLine(plan); line != "" {
		p.line("")
		p.paragraph(s, text(line))
	}
	if len(plan.Notes) > 0 {
		p.line("")
		p.line(s.paint(strong, "Worth knowing:"))
		lines := noteLines(plan.Notes)
		shown, rest := s.fold(len(lines))
		for _, line := range lines[:shown] {
			p.line("  " + line)
		}
		if rest != "" {
			p.line("  " + s.paint(faint, rest))
		}
	}
	loginRisks(p, plan.LoginRisks, s)
	if plan.Command == "failover" && plan.Summary[planner.Promote] > 0 {
		p.line("")
		p.paragraph(s, text("If reads are all that is needed, stop here: replicas serve them without any failover. A promotion can't be taken back."))
	}
}

// noteLines are the notes, a line each; what is said of many secrets in the
// same words is said once, and names the first of them.
func noteLines(notes []planner.Blocker) []string {
	type words struct{ message, fix string }
	var order []words
	secrets := map[words][]string{}
	for i := range notes {
		n := &notes[i]
		w := words{n.Message, n.Fix}
		if _, known := secrets[w]; !known {
			order, secrets[w] = append(order, w), nil
		}
		if n.Secret != "" {
			secrets[w] = append(secrets[w], clean(string(n.Secret)))
		}
	}
	lines := make([]string, 0, len(order))
	for _, w := range order {
		line, names := clean(w.message), secrets[w]
		switch n := len(names); {
		case n > 4:
			line = fmt.Sprintf("%s and %d more: %s", strings.Join(names[:3], ", "), n-3, line)
		case n > 0:
			line = list(names) + ": " + line
		}
		if w.fix != "" {
			line += "; " + clean(w.fix)
		}
		lines = append(lines, line)
	}
	return lines
}

// loginRisks says with which secrets applications may fail to log in, and
// why, the gravest cause first.
func loginRisks(p *printer, risks planner.Risks, s Style) {
	if len(risks) == 0 {
		return
	}
	p.line("")
	p.line(s.paint(strong, "Logins that may fail after the move:"))
	for i := range risks {
		x := &risks[i]
		shown, look := len(x.Secrets), notice
		if general := x.Code == planner.RiskUnseen || x.Code == planner.RiskOldRotates; general {
			shown, look = min(shown, 3), plain // so after every loss of a region
		}
		names := make([]string, 0, shown+1)
		for _, n := range x.Secrets[:shown] {
			names = append(names, clean(string(n)))
		}
		if left := len(x.Secrets) - shown; left > 0 {
			names = append(names, fmt.Sprintf("and %d more; --output json lists them", left))
		}
		head, rest := grid{style: s, indent: 2}, grid{style: s, indent: 4}
		head.add(cell{fmt.Sprintf("%s in %s (%s): %s", many(len(x.Secrets), "secret", "secrets"), x.Region, x.Code, clean(x.Message)), look})
		head.write(p)
		rest.add(text(strings.Join(names, ", ")))
		if x.Fix != "" {
			rest.add(cell{clean(x.Fix), faint})
		}
		rest.write(p)
	}
}

// candidateLines are one region and, folded by cause, what speaks against it.
func candidateLines(c *planner.Candidate, s Style) []string {
	verdict, look := "eligible", good
	if !c.Eligible {
		verdict, look = "rejected", bad
	}
	lines := []string{fmt.Sprintf("%s  %s  %s could move, %s", c.Region, s.paint(look, verdict), many(c.Secrets, "secret", "secrets"), freshness(c))}
	var codes []string
	count, example := map[string]int{}, map[string]planner.Blocker{}
	for _, l := range c.Limitations {
		if count[l.Code]++; count[l.Code] == 1 {
			codes, example[l.Code] = append(codes, l.Code), l
		}
	}
	slices.Sort(codes)
	for _, code := range codes {
		e := example[code]
		why := clean(e.Message)
		if e.Secret != "" {
			why = clean(string(e.Secret)) + ": " + why
		}
		if n := count[code] - 1; n > 0 {
			why += fmt.Sprintf(" (and %d more)", n)
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", code, why))
	}
	return lines
}

// freshness of a region's copies; what is not known is not "0 behind".
func freshness(c *planner.Candidate) string {
	known := fmt.Sprintf("%d behind", c.Behind)
	switch {
	case c.Unknown == 0:
		return known
	case c.Unknown >= c.Secrets:
		return "unknown how far behind"
	}
	return fmt.Sprintf("%s, %d unknown", known, c.Unknown)
}

// stalenessLine sums up how fresh the copies are.
func stalenessLine(plan *planner.Plan) string {
	if len(plan.Staleness) == 0 {
		return ""
	}
	even, behind, versions, unknown, age := 0, 0, 0, 0, 0.0
	most, lag := "", 0.0
	for _, f := range plan.Staleness {
		switch {
		case f.VersionsBehind < 0:
			unknown++
		case f.VersionsBehind == 0:
			even++
		default:
			behind++
			versions += f.VersionsBehind
			if f.SecondsBehind > lag {
				most, lag = string(f.Secret), f.SecondsBehind
			}
		}
		age = max(age, f.UnknownSeconds)
	}
	parts := []string{fmt.Sprintf("Staleness: %s up to date", many(even, "secret", "secrets"))}
	if behind > 0 {
		part := fmt.Sprintf("%d behind by %s", behind, many(versions, "version", "versions"))
		if most != "" {
			part += fmt.Sprintf(" (at most %s: %s)", seconds(lag), clean(most))
		}
		parts = append(parts, part)
	}
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", unknown))
	}
	line := strings.Join(parts, ", ") + "."
	if age > 0 {
		line += fmt.Sprintf(" %s is compared as the last snapshot knew it, %s ago; what was written there since is unknown.", plan.From, seconds(age))
	}
	return line
}

// Aftermath writes what a completed failover leaves to people: since when some
// secret has had no copy in sync in a second region (nil: all have one), and
// what the consumers must do.
func Aftermath(w io.Writer, unprotected *time.Time, consumers []string, s Style) error {
	p := newPrinter(w)
	if unprotected != nil {
		p.line("")
		p.paragraph(s, cell{fmt.Sprintf("UNPROTECTED since %s: some secret has no copy in sync in a second region; understudy drift says what gives it one",
			unprotected.UTC().Format(time.RFC3339)), bad})
	}
	if len(consumers) > 0 {
		p.line("")
		p.line(s.paint(strong, "What its consumers must do:"))
	}
	g := grid{style: s, indent: 2}
	for _, line := range consumers {
		g.add(text("-"), text(line))
	}
	g.write(p)
	return p.done()
}

// Consumers is what those who read the secrets must do after a move, and what
// endangers it: a static list, with the bounds that AWS documents.
func Consumers(from, to string) []string {
	return []string{
		"whoever names a secret by ARN must use the new ARN: the region in it is not rewritten, and an ARN of " + from + " asked in " + to + " is not found",
		"ECS: change valueFrom in the task definition to the " + to + " ARN and deploy; a running task keeps the value that it was started with",
		"Kubernetes: External Secrets stores name a region (spec.provider.aws.region); the Secrets Store CSI provider mounts from its region, and from failoverRegion if it is set; a 4xx from either fails the mount, so take " + from + " out where it denies",
		"Lambda extension and the AWS caching clients: a cached value may be served until its TTL is over (300 s by default in the extension and the agent, 1 h in the caching clients)",
		"database secrets: the host in the value is not rewritten; where it names a database in " + from + ", move that first, then put a value with its new host",
		"VPC endpoints, security groups, EventBridge rules and SNS subscriptions are regional: what consumers need of them must be in " + to + ", too",
		"IAM and key policies with ARNs, VPC endpoints or kms:ViaService of " + from + " refuse callers in " + to,
		"danger: a terraform apply (or a controller) that still lists " + to + " as a replica of " + from + " can overwrite the new primary with force; hold it back, and check with: understudy drift",
	}
}
