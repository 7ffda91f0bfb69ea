package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/topology"
)

// ReadCurrent reads a secret's value as its consumers do, key and policies
// included, drops it, and tells which version it was (GetSecretValue).
func (c *Client) ReadCurrent(ctx context.Context, region topology.Region, name topology.Name) (version string, err error) {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return "", err
	}
	out, err := sdk.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id(name)})
	if err != nil {
		return "", opError("GetSecretValue", string(name), region, err)
	}
	return aws.ToString(out.VersionId), nil
}

// Versions are a secret's versions by the time they were made, with those
// that have lost their last label as far as AWS keeps them
// (ListSecretVersionIds, IncludeDeprecated). No value is read. Silence is not
// tried again.
func (r *Reader) Versions(ctx context.Context, region topology.Region, name topology.Name) ([]topology.DatedVersion, error) {
	const op = "ListSecretVersionIds"
	ctx = asProbe(ctx)
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return nil, err
	}
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: id(name), IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(listPage)}
	var list []topology.DatedVersion
	for {
		out, err := sdk.secrets.ListSecretVersionIds(ctx, in)
		if err != nil {
			return nil, opError(op, string(name), region, err)
		}
		for _, v := range out.Versions {
			list = append(list, topology.DatedVersion{ID: aws.ToString(v.VersionId), Stages: sorted(v.VersionStages), Created: utc(v.CreatedDate)})
		}
		switch next := aws.ToString(out.NextToken); next {
		case "":
			slices.SortFunc(list, func(a, b topology.DatedVersion) int {
				return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
			})
			return list, nil
		case aws.ToString(in.NextToken):
			return nil, &topology.OpError{Op: op, Subject: string(name), Region: region,
				Err: errors.New("the list does not end: a page named itself as the next")}
		}
		in.NextToken = out.NextToken
	}
}
