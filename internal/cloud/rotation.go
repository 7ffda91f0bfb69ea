package cloud

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/internal/topology"
)

// AttachRotation turns rotation on (RotateSecret). token becomes the id of
// the version that the rotation makes; a repeated step sends the same one.
// AWS answers AccessDeniedException, and stores nothing, where the function
// is missing or may not be invoked: topology.ErrDenied.
func (c *Client) AttachRotation(ctx context.Context, region topology.Region, name topology.Name, lambda string,
	rules topology.RotationRules, immediately bool, token string,
) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: id(name), ClientRequestToken: aws.String(token),
		RotationLambdaARN: text(lambda), RotationRules: rulesInput(rules),
		RotateImmediately: aws.Bool(immediately),
	})
	return opError("RotateSecret", string(name), region, err)
}

// CancelRotation turns rotation off (CancelRotateSecret). The function and
// the rules stay stored.
func (c *Client) CancelRotation(ctx context.Context, region topology.Region, name topology.Name) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.secrets.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: id(name)})
	return opError("CancelRotateSecret", string(name), region, err)
}

// rulesInput are the rules as RotateSecret takes them: days or a schedule.
// Where a schedule was set, AWS answers the days it computed from it as well,
// which must not be sent back.
func rulesInput(r topology.RotationRules) *types.RotationRulesType {
	if r == (topology.RotationRules{}) {
		return nil
	}
	in := &types.RotationRulesType{Duration: text(r.Duration), ScheduleExpression: text(r.Schedule)}
	if r.Schedule == "" && r.AfterDays > 0 {
		in.AutomaticallyAfterDays = aws.Int64(r.AfterDays)
	}
	return in
}

func rotation(enabled *bool, lambda *string, rules *types.RotationRulesType, last, next *time.Time) topology.Rotation {
	r := topology.Rotation{
		Enabled: aws.ToBool(enabled), LambdaARN: aws.ToString(lambda), Last: utc(last), Next: utc(next),
	}
	if rules != nil {
		r.Rules = topology.RotationRules{
			AfterDays: aws.ToInt64(rules.AutomaticallyAfterDays),
			Schedule:  aws.ToString(rules.ScheduleExpression),
			Duration:  aws.ToString(rules.Duration),
		}
	}
	return r
}
