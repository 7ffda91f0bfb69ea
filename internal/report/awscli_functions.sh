
# Functions and their permissions.

granted() { # REGION FUNCTION STATEMENT: sets GRANT to yes or no
  ask aws lambda get-policy --region "$1" --function-name="$2" --output text --query Policy
  GRANT=no
  case ${ANSWER// /} in *"\"Sid\":\"$3\""*) GRANT=yes ;; esac
}
is_granted() { [[ $GRANT == yes ]]; }
# invoker REGION FUNCTION: sets SID to a statement of the function's policy that
# lets Secrets Manager invoke it, "" if none is left.
invoker() {
  local form='"Sid":"([^"]+)","Effect":"Allow","Principal":\{"Service":"secretsmanager\.amazonaws\.com"\}'
  ask aws lambda get-policy --region "$1" --function-name="$2" --output text --query Policy
  SID=''
  if [[ ${ANSWER//[[:space:]]/} =~ $form ]]; then
    SID=${BASH_REMATCH[1]}
  elif [[ $ANSWER == *secretsmanager.amazonaws.com* || $ANSWER == *'"Principal":"*"'* ]]; then
    stop "its policy lets Secrets Manager, or everybody, invoke it in a way unknown here: take that out by hand"
  fi
}
