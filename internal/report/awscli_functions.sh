
# Functions and their permissions.

granted() { # REGION FUNCTION STATEMENT: sets GRANT to yes or no
  ask aws lambda get-policy --region "$1" --function-name="$2" --output text --query Policy
  GRANT=no
  case ${ANSWER// /} in *"\"Sid\":\"$3\""*) GRANT=yes ;; esac
}
is_granted() { [[ $GRANT == yes ]]; }
# invoker REGION FUNCTION: sets SID to a statement of the function's policy that
# lets Secrets Manager invoke it, and STATEMENT to its text, "" if none is left.
# One that add-permission could not put back is not taken.
invoker() {
  local key='"(AWS:Source(Account|Arn)|aws:PrincipalOrgID|lambda:(EventSourceToken|FunctionUrlAuthType|InvokedViaFunctionUrl))":"[^"]*"'
  local form='\{"Sid":"([^"]+)","Effect":"Allow","Principal":\{"Service":"secretsmanager\.amazonaws\.com"\},"Action":"(lambda:InvokeFunction|lambda:[*]|[*])"'
  form+=',"Resource":"[^"]*"(,"Condition":\{("(StringEquals|StringLike|ArnLike|Bool)":\{('$key',?)+\},?)+\})?\}'
  ask aws lambda get-policy --region "$1" --function-name="$2" --output text --query Policy
  SID='' STATEMENT=''
  if [[ ${ANSWER//[[:space:]]/} =~ $form ]]; then
    SID=${BASH_REMATCH[1]} STATEMENT=${BASH_REMATCH[0]}
  elif [[ $ANSWER == *secretsmanager.amazonaws.com* || $ANSWER == *'"Principal":"*"'* ]]; then
    stop "its policy lets Secrets Manager, or everybody, invoke it by a statement that add-permission could not put back: take that out by hand"
  fi
}
