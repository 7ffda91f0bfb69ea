
# Alarms.

# alarms REGION NAMES: sets THERE and ON, how many there are and how many act.
BOTH='[not_null(MetricAlarms, `[]`), not_null(CompositeAlarms, `[]`)][]'
alarms() {
  ask aws cloudwatch describe-alarms --region "$1" --cli-input-json "$2" --output json \
    --query "join(\`\" \"\`, [to_string(length($BOTH)), to_string(length($BOTH | [?ActionsEnabled]))])"
  ANSWER=${ANSWER//\"/}
  THERE=${ANSWER% *} ON=${ANSWER#* }
}
acting() { # REGION NAMES: sets ACTING, the input that names those of them which act
  ask aws cloudwatch describe-alarms --region "$1" --cli-input-json "$2" --output json \
    --query "{AlarmNames: $BOTH | [?ActionsEnabled].AlarmName}"
  ACTING=$ANSWER
}
all_act() { [[ $ON == "$WANTED" ]]; }
none_acts() { [[ $ON == 0 ]]; }
