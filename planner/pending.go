package planner

import (
	"fmt"

	"github.com/understudy-dr/understudy/internal/topology"
)

// PendingWayOut says how a rotation that does not end by itself is ended by
// hand, in the region of the copy that shows it: which password is in force
// only the database knows. A label that is on another version moves only if
// that one is named. AWS: UpdateSecretVersionStage, and "Troubleshoot AWS
// Secrets Manager rotation".
func PendingWayOut(s *topology.Secret) string {
	current, pending := s.Stage(topology.StageCurrent), s.Stage(topology.StagePending)
	command := fmt.Sprintf("aws secretsmanager update-secret-version-stage --region %s --secret-id %s --version-stage ", s.Region, s.Name)
	if current == "" {
		return fmt.Sprintf("if AWSPENDING (version %s) logs in: %sAWSCURRENT --move-to-version-id %[1]s; then: %sAWSPENDING --remove-from-version-id %[1]s",
			pending, command, command)
	}
	return fmt.Sprintf("test a login with AWSCURRENT (version %s) and AWSPENDING (version %s); if only AWSPENDING's works: %sAWSCURRENT --remove-from-version-id %[1]s --move-to-version-id %[2]s; then, in both cases: %[3]sAWSPENDING --remove-from-version-id %[2]s",
		current, pending, command)
}
