package report

import "strings"

func (b *block) clearPending() {
	b.add("%s", b.look())
	b.add("if [[ $SEEN == absent ]]; then stop 'there is no such secret'; fi")
	b.unless("no_rotation_is_under_way", func() {
		b.add("expect AWSPENDING \"$PENDING\" %s", quote(b.step.Params.Version))
		b.expect(b.step.Expect)
		b.add("aws secretsmanager update-secret-version-stage --region %s --secret-id=\"$secret\" \\\n--version-stage AWSPENDING --remove-from-version-id=%s >/dev/null", b.here(), quote(b.step.Params.Version))
		b.add("wait_until no_rotation_is_under_way %s", b.look())
	})
}

// rescue copies one version into another region, where it must then be found
// by its id, with its value.
func (b *block) rescue() {
	version := quote(b.step.Params.Version)
	b.add("version_is_there() { holds_value %s; }", version)
	b.add("%s", b.look())
	b.unless("version_is_there", func() {
		b.add("if [[ $SEEN != writable || $DELETED != - ]]; then stop \"the copy there takes no new version ($SEEN)\"; fi")
		b.expect(b.step.Expect)
		b.add("copy_version %s %s \"$secret\" \\\n%s %s", b.from(), b.here(), version, quote(b.step.Params.Label))
		b.add("wait_until version_is_there %s", b.look())
	})
}

func (b *block) matchVersions() {
	b.unlessHome(func() {
		b.window()
		b.add("match_versions %s %s \"$secret\" \\\n%s \\\n%s", b.from(), b.here(),
			quote(b.step.Expect.ARN), quote(strings.Join(b.step.Expect.Versions, " ")))
	})
}
