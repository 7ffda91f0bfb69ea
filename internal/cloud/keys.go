package cloud

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Key is what DescribeKey says of a key id, ARN or alias in the region; ""
// is the AWS-managed key. A key that is missing is a value, not an error.
func (r *Reader) Key(ctx context.Context, region topology.Region, ref string) (topology.Key, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return topology.Key{}, err
	}
	ref = cmp.Or(ref, topology.DefaultKey)
	out, err := sdk.keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(ref)})
	if err != nil {
		if err = opError("DescribeKey", ref, region, err); errors.Is(err, topology.ErrNotFound) {
			return topology.Key{Missing: true}, nil
		}
		return topology.Key{}, err
	}
	if out.KeyMetadata == nil {
		return topology.Key{}, &topology.OpError{Op: "DescribeKey", Subject: ref, Region: region,
			Err: errors.New("answer without KeyMetadata")}
	}
	return topology.Key{
		ARN: aws.ToString(out.KeyMetadata.Arn), State: string(out.KeyMetadata.KeyState),
		Managed: out.KeyMetadata.KeyManager == types.KeyManagerTypeAws,
	}, nil
}

// KeyPolicy is the policy document of a key (GetKeyPolicy), which has but one,
// named default. AWS takes a key's id or ARN, and no alias. A region that
// keeps silent costs one attempt's probe time.
func (r *Reader) KeyPolicy(ctx context.Context, region topology.Region, key string) (string, error) {
	ctx = asProbe(ctx)
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return "", err
	}
	out, err := sdk.keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String(key), PolicyName: aws.String("default")})
	if err != nil {
		return "", opError("GetKeyPolicy", key, region, err)
	}
	return aws.ToString(out.Policy), nil
}
