package cloud

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/understudy-dr/understudy/internal/topology"
)

// Who invokes a rotation function, and how the permission says so. AWS:
// "AWS Lambda rotation function execution role permissions".
const (
	rotationPrincipal = topology.RotationService
	invokeAction      = "lambda:InvokeFunction"
	endpointVariable  = "SECRETS_MANAGER_ENDPOINT" // read by AWS's rotation templates
)

// Function is a rotation function as GetFunctionConfiguration and GetPolicy
// tell of it. A function that is missing is a value, not an error. Of its
// environment only SECRETS_MANAGER_ENDPOINT is kept.
func (r *Reader) Function(ctx context.Context, region topology.Region, arn string) (*topology.Function, error) {
	account, err := r.Account(ctx)
	if err != nil {
		return nil, err
	}
	return r.function(ctx, region, arn, account)
}

func (r *Reader) function(ctx context.Context, region topology.Region, arn, account string) (*topology.Function, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return nil, err
	}
	out, err := sdk.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(arn)})
	if err != nil {
		if err = opError("GetFunctionConfiguration", arn, region, err); errors.Is(err, topology.ErrNotFound) {
			return &topology.Function{ARN: arn, Missing: true}, nil
		}
		return nil, err
	}
	f := &topology.Function{ARN: arn, State: string(out.State)}
	if out.Environment != nil {
		f.Endpoint = out.Environment.Variables[endpointVariable]
	}
	if f.Policy, err = r.functionPolicy(ctx, region, arn); err != nil {
		return nil, err
	}
	f.Invokable = invokable(f.Policy, region, account)
	return f, nil
}

// functionPolicy is the function's resource policy, "" if it has none.
func (r *Reader) functionPolicy(ctx context.Context, region topology.Region, arn string) (string, error) {
	sdk, err := r.sdk.in(ctx, region)
	if err != nil {
		return "", err
	}
	out, err := sdk.functions.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(arn)})
	if err != nil {
		if err = opError("GetPolicy", arn, region, err); errors.Is(err, topology.ErrNotFound) {
			return "", nil
		}
		return "", err
	}
	return aws.ToString(out.Policy), nil
}

// GrantInvoke lets Secrets Manager invoke the function for this account's
// secrets (AddPermission): one statement, whatever the number of secrets, as
// a function's policy is limited to 20 KB. A statement of that id that grants
// the same already is success; one that grants something else is an error.
func (c *Client) GrantInvoke(ctx context.Context, region topology.Region, function, statement string) error {
	account, err := c.Account(ctx)
	if err != nil {
		return err
	}
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.functions.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String(function), StatementId: aws.String(statement),
		Action: aws.String(invokeAction), Principal: aws.String(rotationPrincipal), SourceAccount: aws.String(account),
	})
	if err == nil {
		return nil
	}
	if isCode(err, "ResourceConflictException") {
		return c.sameGrant(ctx, region, function, statement, account, err)
	}
	return opError("AddPermission", function, region, err)
}

// sameGrant looks into a refused AddPermission: the statement may be ours.
func (c *Client) sameGrant(ctx context.Context, region topology.Region, function, statement, account string, conflict error) error {
	policy, err := c.functionPolicy(ctx, region, function)
	if err != nil {
		return err
	}
	found, ok := statementOf(policy, statement)
	switch {
	case !ok: // another conflict: an update of the function is in progress
		return opError("AddPermission", function, region, conflict)
	case found.grants(region, account):
		return nil
	}
	return &topology.OpError{Op: "AddPermission", Subject: function, Region: region, Code: failureOf(conflict).code,
		Err: fmt.Errorf("statement %q is there and grants something else: remove it with `aws lambda remove-permission`, then try again", statement)}
}

// RestoreInvoke writes a statement that was taken from the function's policy
// again, as it was (AddPermission).
func (c *Client) RestoreInvoke(ctx context.Context, region topology.Region, function string, p topology.Permission) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String(function), StatementId: aws.String(p.Sid), Action: aws.String(p.Action), Principal: aws.String(rotationPrincipal),
		SourceAccount: said(p.SourceAccount), SourceArn: said(p.SourceARN), PrincipalOrgID: said(p.PrincipalOrgID),
		EventSourceToken: said(p.EventSourceToken), FunctionUrlAuthType: types.FunctionUrlAuthType(p.FunctionURLAuthType),
	}
	if p.InvokedViaFunctionURL != "" {
		in.InvokedViaFunctionUrl = aws.Bool(p.InvokedViaFunctionURL == "true")
	}
	_, err = sdk.functions.AddPermission(ctx, in)
	return opError("AddPermission", function, region, err)
}

// said is nil for what a statement does not say.
func said(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// RevokeInvoke takes the statement away (RemovePermission). One that is not
// there is topology.ErrNotFound.
func (c *Client) RevokeInvoke(ctx context.Context, region topology.Region, function, statement string) error {
	sdk, err := c.sdk.in(ctx, region)
	if err != nil {
		return err
	}
	_, err = sdk.functions.RemovePermission(ctx, &lambda.RemovePermissionInput{
		FunctionName: aws.String(function), StatementId: aws.String(statement),
	})
	return opError("RemovePermission", function, region, err)
}
