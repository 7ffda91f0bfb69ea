package sim

import "slices"

type listVersionsInput struct {
	SecretId          *string
	MaxResults        *int
	NextToken         *string
	IncludeDeprecated bool
}

func (in *listVersionsInput) check(m *members) {
	m.secretID(in.SecretId)
	m.between("maxResults", in.MaxResults, 1, 100)
	m.length("nextToken", in.NextToken, 1, 4096)
}

type versionEntry struct {
	VersionId        string
	VersionStages    []string `json:",omitempty"`
	LastAccessedDate stamp    `json:",omitempty"`
	CreatedDate      stamp
	KmsKeyIds        []string `json:",omitempty"`
}

type listVersionsOutput struct {
	ARN, Name string
	Versions  []versionEntry
	NextToken string `json:",omitempty"`
}

func (r *request) listSecretVersionIDs(in *listVersionsInput) (any, error) {
	at, s, err := r.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	scope := pageScope(s.suffix, in.IncludeDeprecated)
	after, err := r.pageAfter(in.NextToken, scope)
	if err != nil {
		return nil, err
	}
	limit := 100
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	out := listVersionsOutput{ARN: s.arn(at), Name: s.name, Versions: []versionEntry{}}
	for i := int(after.seq); i < len(s.versions); i++ {
		v := s.versions[i]
		if len(v.stages) == 0 && !in.IncludeDeprecated {
			continue
		}
		if len(out.Versions) == limit {
			out.NextToken = r.sealPage(scope, cursor{seq: int64(i)})
			break
		}
		e := versionEntry{VersionId: v.id, VersionStages: v.stages, LastAccessedDate: v.accessed, CreatedDate: v.created}
		e.KmsKeyIds = []string{"DefaultEncryptionKey"}
		if v.keyARN != "" {
			e.KmsKeyIds[0] = v.keyARN
		}
		out.Versions = append(out.Versions, e)
	}
	return out, nil
}

type updateStageInput struct {
	SecretId            *string
	VersionStage        *string
	RemoveFromVersionId *string
	MoveToVersionId     *string
}

func (in *updateStageInput) check(m *members) {
	m.secretID(in.SecretId)
	if m.present("versionStage", in.VersionStage != nil) {
		m.length("versionStage", in.VersionStage, 1, 256)
	}
	m.length("removeFromVersionId", in.RemoveFromVersionId, 32, 64)
	m.length("moveToVersionId", in.MoveToVersionId, 32, 64)
}

type arnAndName struct{ ARN, Name string }

func (r *request) updateSecretVersionStage(in *updateStageInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := s.checkManaged(); err != nil {
		return nil, err
	}
	if err := s.checkStageMove(in); err != nil {
		return nil, err
	}
	stage := *in.VersionStage
	if in.MoveToVersionId == nil {
		s.detach(stage)
	} else {
		s.attach(stage, *in.MoveToVersionId)
	}
	r.cloud.touch(at, s, r.now)
	return arnAndName{s.arn(at), s.name}, nil
}

// checkStageMove refuses what UpdateSecretVersionStage refuses: versions
// that are not there, a label that is on another version than the caller
// says, and taking AWSCURRENT off altogether.
func (s *secret) checkStageMove(in *updateStageInput) error {
	stage := *in.VersionStage
	for _, id := range []*string{in.RemoveFromVersionId, in.MoveToVersionId} {
		if id != nil && s.version(*id) == nil {
			return errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret value for VersionId: %s", *id)
		}
	}
	if in.RemoveFromVersionId == nil && in.MoveToVersionId == nil {
		return invalidParameter("You must specify at least one of MoveToVersionId and RemoveFromVersionId.")
	}
	if stage == stageCurrent && in.MoveToVersionId == nil {
		return invalidParameter("You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.")
	}
	holder := s.staged(stage)
	if in.RemoveFromVersionId != nil && (holder == nil || holder.id != *in.RemoveFromVersionId) {
		return invalidParameter("The staging label %s isn't currently attached to version %s.", stage, *in.RemoveFromVersionId)
	}
	if in.RemoveFromVersionId == nil && holder != nil && holder.id != *in.MoveToVersionId {
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, holder.id)
	}
	if in.MoveToVersionId != nil && !slices.Contains(s.version(*in.MoveToVersionId).stages, stage) {
		return s.checkLabels([]string{stage})
	}
	return nil
}
