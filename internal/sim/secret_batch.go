package sim

import "errors"

type batchGetInput struct {
	SecretIdList []string
	Filters      []secretFilter
	MaxResults   *int
	NextToken    *string
}

func (in *batchGetInput) check(m *members) {
	m.size("secretIdList", in.SecretIdList != nil, len(in.SecretIdList), 1, 20)
	m.filters(in.Filters)
	m.between("maxResults", in.MaxResults, 1, 20)
	m.length("nextToken", in.NextToken, 1, 4096)
}

type batchError struct{ SecretId, ErrorCode, Message string }

type batchGetOutput struct {
	SecretValues []*secretValueOutput
	Errors       []batchError
	NextToken    string `json:",omitempty"`
}

func (r *request) batchGetSecretValue(in *batchGetInput) (any, error) {
	switch {
	case in.SecretIdList != nil && in.Filters != nil:
		return nil, invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case in.SecretIdList == nil && in.Filters == nil:
		return nil, invalidParameter("Either 'SecretIdList' or 'Filters' must be provided.")
	case in.SecretIdList != nil && (in.MaxResults != nil || in.NextToken != nil):
		return nil, invalidParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' or 'NextToken' is provided.")
	}
	out := batchGetOutput{SecretValues: []*secretValueOutput{}, Errors: []batchError{}}
	ids := in.SecretIdList
	if in.Filters != nil {
		if err := checkFilters(in.Filters); err != nil {
			return nil, err
		}
		scope := pageScope(in.Filters)
		after, err := r.pageAfter(in.NextToken, scope)
		if err != nil {
			return nil, err
		}
		limit := 20
		if in.MaxResults != nil {
			limit = *in.MaxResults
		}
		found, more := r.here().secrets.page("", r.descending(""), after, limit, func(s *secret) bool {
			return s.deleteAt == 0 && matchesAll(in.Filters, s)
		})
		for _, s := range found {
			ids = append(ids, s.name)
		}
		if more {
			out.NextToken = r.sealPage(scope, cursorAt("", found[len(found)-1]))
		}
	}
	for _, id := range ids {
		r.batchOne(&out, id)
	}
	return out, nil
}

// batchOne reads one secret of a batch; what fails goes into its Errors.
func (r *request) batchOne(out *batchGetOutput, id string) {
	got, err := r.getSecretValue(&getSecretValueInput{SecretId: &id})
	if fault, ok := errors.AsType[*apiError](err); ok {
		out.Errors = append(out.Errors, batchError{id, fault.Code, fault.Message})
		return
	}
	out.SecretValues = append(out.SecretValues, got.(*secretValueOutput))
}
