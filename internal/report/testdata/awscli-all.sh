#!/usr/bin/env bash
# understudy failover from us-east-1 to us-west-2, by hand. Plan 9c41d2f03b1e, account 123456789012.
# 2 attach-rotation, 2 cancel-rotation, 1 clear-pending, 1 disable-alarms, 1 enable-alarms, 1 fence-policy, 1 grant-invoke, 1 overwrite-replica, 1 promote, 1 put-alarm, 1 put-composite-alarm, 1 put-metric-filter, 2 rekey-replica, 1 remove-replica, 1 replicate, 1 rescue-version, 1 retry-replica, 1 revoke-invoke and 1 unfence-policy.
#
# ONE-WAY DOORS: nothing takes these back.
#   remove-replica prod/db in eu-west-1 (destructive)
#   promote prod/db in eu-west-1 (one-way)
#   overwrite-replica prod/db in eu-west-1 (destructive)
#
# REFUSED unless you allow it.
#   rekey-replica prod/db in eu-west-1: needs ALLOW='allow-replica-gap'
#   remove-replica prod/db in eu-west-1: needs ALLOW='allow-remove'
#
# OWED, commented out at the end of this file: their region did not answer.
#   cancel-rotation prod/db in us-east-1
#   disable-alarms secrets and 1 more in us-east-1
#
# NOT IN THIS FILE: what the plan could not do.
#   no-replica prod/x us-west-2: no copy; wait
#
# NOTE.
#   alarms-stay us-east-1: alarms keep acting
#
# LOGINS THAT MAY FAIL after the move.
#   unseen-writes: a, b, c and 2 more: unseen writes; test a login
#
# IF READS ARE ALL THAT IS NEEDED, do not run this.
#   Replicas serve them without any failover, and a promotion can't be taken back.
#
# HOW TO RUN IT.
#   It needs bash, the aws CLI, credentials for the account, and about a minute.
#   Whole:           bash THIS-FILE 2>&1 | tee -a by-hand.log
#   Block by block:  start `bash`, paste all down to the line of dashes, then one block
#                    after the other. One that fails is left, with what needs it.
#   Every block looks before it acts, checks what the plan was made on, and waits for the
#   effect: PATIENCE=900 bash THIS-FILE gives each wait 15 minutes instead of 5.
#   If it stops, or leaves steps, read why, and run it again: what is done is skipped.
#
# IF UNDERSTUDY IS DEAD and this file is no longer fresh.
#   A promotion is refused where AWSCURRENT is not what it was when this was printed: the
#   secret was rotated since, or the copy fell behind. Once you know which, or can't wait,
#   ALLOW='accept-stale' bash THIS-FILE promotes these too. Nothing is lost by that; what
#   the old primary has and the copy lacks stays there.
#
# WHAT IT CANNOT DO.
#   No journal:  understudy does not see what is done here; by-hand.log is all there is.
#   No lease:    make sure that nobody runs understudy, or this file, at the same time.
#   No debts:    what a region that is dark still owes stands in this file only, and nobody
#                is reminded of it.
#
# AFTERWARDS, once understudy works again:
#   understudy failover --to us-west-2   finds each step done, changes nothing, and knows from then on
#                                        where the primary is and what is owed
#   understudy fence                     pays what is owed, as soon as the old region answers

HELPERS
allowed 'allow-remove'
allowed 'allow-replica-gap'
in_account '123456789012' 'eu-west-1'
no_history
note_moves_in 'understudy-9c41d2f03b1e.moved'

# absent → replica; missing
begin '[1/20] replicate prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  secret='prod/db'
  if is_home '1caaee9d5546' 'us-east-1' 'eu-west-1' "$secret"; then
    already
  else
    pair 'us-west-2' 'eu-west-1' "$secret"
    if is_fresh; then
      already
    else
      if ! is_under_way; then
        expect_own
        aws secretsmanager replicate-secret-to-regions --region 'us-west-2' --secret-id="$secret" \
            --add-replica-regions '[{"KmsKeyId":"alias/eu","Region":"eu-west-1"}]' >/dev/null
      fi
      wait_in_sync 'us-west-2' 'eu-west-1' "$secret"
    fi
  fi
)
not_done $?
set -e

# retry-replica prod/db in eu-west-1
begin '[2/20] retry-replica prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  secret='prod/db'
  if is_home '1caaee9d5546' 'us-east-1' 'eu-west-1' "$secret"; then
    already
  else
    pair 'us-west-2' 'eu-west-1' "$secret"
    if is_fresh; then
      already
    else
      if ! is_under_way; then
        expect_own
        if [[ $SEEN != absent ]]; then
          expect 'the ARN' "$ARN" 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3'
          expect 'the primary region' "$PRIMARY" 'us-west-2'
          expect 'AWSCURRENT' "$CURRENT" 'v2'
          expect_versions 'v1 v2'
        fi
        aws secretsmanager replicate-secret-to-regions --region 'us-west-2' --secret-id="$secret" \
            --add-replica-regions '[{"Region":"eu-west-1"}]' >/dev/null
      fi
      wait_in_sync 'us-west-2' 'eu-west-1' "$secret"
    fi
  fi
)
not_done $?
set -e

# [disruptive, needs --allow-replica-gap]
begin '[3/20] rekey-replica prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  allowed 'allow-replica-gap'
  secret='prod/db'
  wait_until is_settled pair 'us-west-2' 'eu-west-1' "$secret"
  same_key 'eu-west-1' "$ENTRY_KEY" 'alias/eu'
  if [[ $SAME == yes ]] && is_fresh; then
    already
  else
    if [[ $SAME == no || $ENTRY != InSync ]]; then
      expect_own
      if [[ $SEEN != absent ]]; then
        expect 'the ARN' "$ARN" 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3'
        expect 'the primary region' "$PRIMARY" 'us-west-2'
        expect 'AWSCURRENT' "$CURRENT" 'v2'
        expect_versions 'v1 v2'
      fi
      if [[ $ENTRY == InSync ]]; then
        aws secretsmanager remove-regions-from-replication --region 'us-west-2' --secret-id="$secret" \
            --remove-replica-regions 'eu-west-1' >/dev/null
      fi
      if [[ $ENTRY != Failed ]]; then wait_until is_gone pair 'us-west-2' 'eu-west-1' "$secret"; fi
      aws secretsmanager replicate-secret-to-regions --region 'us-west-2' --secret-id="$secret" \
          --add-replica-regions '[{"KmsKeyId":"alias/eu","Region":"eu-west-1"}]' >/dev/null
    fi
    wait_in_sync 'us-west-2' 'eu-west-1' "$secret"
    same_key 'eu-west-1' "$ENTRY_KEY" 'alias/eu'
    if [[ $SAME == no ]]; then stop "it is in sync, but still under $ENTRY_KEY"; fi
  fi
)
not_done $?
set -e

# [disruptive]
begin '[4/20] rekey-replica prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  secret='prod/db'
  wait_until is_settled pair 'us-west-2' 'eu-west-1' "$secret"
  same_key 'eu-west-1' "$ENTRY_KEY" 'alias/aws/secretsmanager'
  if [[ $SAME == yes ]] && is_fresh; then
    already
  else
    if [[ $SAME == no || $ENTRY != InSync ]]; then
      expect_own
      aws secretsmanager replicate-secret-to-regions --region 'us-west-2' --secret-id="$secret" \
          --add-replica-regions '[{"Region":"eu-west-1"}]' >/dev/null
    fi
    wait_in_sync 'us-west-2' 'eu-west-1' "$secret"
    same_key 'eu-west-1' "$ENTRY_KEY" 'alias/aws/secretsmanager'
    if [[ $SAME == no ]]; then stop "it is in sync, but still under $ENTRY_KEY"; fi
  fi
)
not_done $?
set -e

# [destructive, needs --allow-remove]
begin '[5/20] remove-replica prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  allowed 'allow-remove'
  secret='prod/db'
  pair 'us-west-2' 'eu-west-1' "$secret"
  expect_own
  if is_gone; then
    already
  else
    if [[ $ENTRY != - ]]; then
      aws secretsmanager remove-regions-from-replication --region 'us-west-2' --secret-id="$secret" \
          --remove-replica-regions 'eu-west-1' >/dev/null
    fi
    wait_until is_gone pair 'us-west-2' 'eu-west-1' "$secret"
  fi
)
not_done $?
set -e

# [one-way]
begin '[6/20] promote prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1'
  secret='prod/db'
  look 'eu-west-1' "$secret"
  expect 'the ARN' "$ARN" 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3'
  if is_writable || follows 'us-west-2'; then
    already
  else
    if [[ $SEEN == absent ]]; then stop 'there is no such secret'; fi
    expect_current 'v2'
    expect 'the primary region' "$PRIMARY" 'us-west-2'
    expect_versions 'v1 v2'
    aws secretsmanager stop-replication-to-replica --region 'eu-west-1' --secret-id="$secret" >/dev/null
    wait_until is_writable look 'eu-west-1' "$secret"
  fi
  note_move '1caaee9d5546'
)
not_done $?
set -e

# [destructive]
begin '[7/20] overwrite-replica prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1' 'us-west-2'
  secret='prod/db'
  overwrite() {
    aws secretsmanager replicate-secret-to-regions --region 'us-west-2' --secret-id="$secret" "$FORCE" \
        --add-replica-regions '[{"KmsKeyId":"alias/eu","Region":"eu-west-1"}]' >/dev/null
  }
  pair 'us-west-2' 'eu-west-1' "$secret"
  if is_fresh; then
    already
  else
    if ! is_under_way; then
      wait_until the_copy_lists_no_replicas pair 'us-west-2' 'eu-west-1' "$secret"
      may_overwrite 'v1 v2'
      if [[ $SEEN != absent ]]; then
        expect 'the ARN' "$ARN" 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3'
        expect 'the primary region' "$PRIMARY" 'us-west-2'
        expect 'AWSCURRENT' "$CURRENT" 'v2'
      fi
      if is_stale; then overwrite_stale 'v1 v2' 'us-west-2' 'eu-west-1' "$secret"; else overwrite; fi
    fi
    wait_in_sync 'us-west-2' 'eu-west-1' "$secret"
  fi
  unmark 'us-west-2' "$secret"
)
not_done $?
set -e

# attach-rotation prod/db in us-west-2
begin '[8/20] attach-rotation prod/db in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  secret='prod/db'
  lambda='arn:aws:lambda:us-west-2:123456789012:function:rotate' schedule='rate(10 days)' days=0 duration='2h'
  look 'us-west-2' "$secret"
  if [[ $SEEN != writable || $DELETED != - ]]; then stop "the copy there takes no rotation ($SEEN)"; fi
  if rotates_as_wanted; then
    already
  else
    patiently 'cannot invoke the specified Lambda function' \
        aws secretsmanager rotate-secret --region 'us-west-2' --secret-id="$secret" --rotation-lambda-arn "$lambda" \
        --no-rotate-immediately --rotation-rules '{"Duration":"2h","ScheduleExpression":"rate(10 days)"}'
    wait_until rotates_as_wanted look 'us-west-2' "$secret"
  fi
)
not_done $?
set -e

# attach-rotation prod/db in eu-west-1
begin '[9/20] attach-rotation prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1'
  secret='prod/db'
  lambda='arn:aws:lambda:eu-west-1:123456789012:function:rotate' schedule='-' days=30 duration='-'
  look 'eu-west-1' "$secret"
  if [[ $SEEN != writable || $DELETED != - ]]; then stop "the copy there takes no rotation ($SEEN)"; fi
  if rotates_as_wanted; then
    already
  else
    patiently 'cannot invoke the specified Lambda function' \
        aws secretsmanager rotate-secret --region 'eu-west-1' --secret-id="$secret" --rotation-lambda-arn "$lambda" \
        --rotate-immediately --rotation-rules '{"AutomaticallyAfterDays":30}'
    wait_until rotates_as_wanted look 'eu-west-1' "$secret"
  fi
)
not_done $?
set -e

# [owed if dark]
begin '[10/20] cancel-rotation prod/db in eu-west-1'
set +e
(
  set -e
  briefly
  answering 'eu-west-1'
  secret='prod/db'
  look 'eu-west-1' "$secret"
  if is_quiet; then
    already
  else
    aws secretsmanager cancel-rotate-secret --region 'eu-west-1' --secret-id="$secret" >/dev/null
    wait_until is_quiet look 'eu-west-1' "$secret"
  fi
)
not_done $?
set -e

# [disruptive]
begin '[11/20] clear-pending prod/db in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  secret='prod/db'
  look 'us-west-2' "$secret"
  if [[ $SEEN == absent ]]; then stop 'there is no such secret'; fi
  if no_rotation_is_under_way; then
    already
  else
    expect AWSPENDING "$PENDING" 'v3'
    aws secretsmanager update-secret-version-stage --region 'us-west-2' --secret-id="$secret" \
        --version-stage AWSPENDING --remove-from-version-id='v3' >/dev/null
    wait_until no_rotation_is_under_way look 'us-west-2' "$secret"
  fi
)
not_done $?
set -e

# rescue-version prod/db in us-west-2
begin '[12/20] rescue-version prod/db in us-west-2'
set +e
(
  set -e
  answering 'us-west-2' 'eu-west-1'
  secret='prod/db'
  version_is_there() { holds_value 'v4'; }
  look 'us-west-2' "$secret"
  if version_is_there; then
    already
  else
    if [[ $SEEN != writable || $DELETED != - ]]; then stop "the copy there takes no new version ($SEEN)"; fi
    copy_version 'eu-west-1' 'us-west-2' "$secret" \
        'v4' 'UNDERSTUDY_RESCUED_1'
    wait_until version_is_there look 'us-west-2' "$secret"
  fi
)
not_done $?
set -e

# [disruptive, owed if dark]
begin '[13/20] fence-policy prod/db in eu-west-1'
set +e
(
  set -e
  briefly
  answering 'eu-west-1'
  secret='prod/db'
  look 'eu-west-1' "$secret"
  if [[ $SEEN != writable ]]; then
    already
  else
    ask aws secretsmanager get-resource-policy --region 'eu-west-1' --secret-id="$secret" --output text \
        --query 'ResourcePolicy || `"-"`'
    fence '{"Action":["secretsmanager:DeleteSecret","secretsmanager:PutSecretValue","secretsmanager:RemoveRegionsFromReplication","secretsmanager:ReplicateSecretToRegions","secretsmanager:RotateSecret","secretsmanager:UpdateSecret","secretsmanager:UpdateSecretVersionStage"],"Effect":"Deny","Principal":"*","Resource":"*","Sid":"UnderstudyFence"}' 'UnderstudyFence'
    if [[ -z $POLICY ]]; then
      already
    else
      if [[ $POLICY == delete ]]; then
        aws secretsmanager delete-resource-policy --region 'eu-west-1' --secret-id="$secret" >/dev/null
      else
        aws secretsmanager put-resource-policy --region 'eu-west-1' --secret-id="$secret" --resource-policy "$POLICY" >/dev/null
      fi
    fi
  fi
)
not_done $?
set -e

# unfence-policy prod/db in eu-west-1
begin '[14/20] unfence-policy prod/db in eu-west-1'
set +e
(
  set -e
  answering 'eu-west-1'
  secret='prod/db'
  look 'eu-west-1' "$secret"
  if [[ $SEEN != writable ]]; then stop "the copy there takes no policy of its own ($SEEN)"; fi
  ask aws secretsmanager get-resource-policy --region 'eu-west-1' --secret-id="$secret" --output text \
      --query 'ResourcePolicy || `"-"`'
  unfence '{"Action":["secretsmanager:DeleteSecret","secretsmanager:PutSecretValue","secretsmanager:RemoveRegionsFromReplication","secretsmanager:ReplicateSecretToRegions","secretsmanager:RotateSecret","secretsmanager:UpdateSecret","secretsmanager:UpdateSecretVersionStage"],"Effect":"Deny","Principal":"*","Resource":"*","Sid":"UnderstudyFence"}' 'UnderstudyFence'
  if [[ -z $POLICY ]]; then
    already
  else
    if [[ $POLICY == delete ]]; then
      aws secretsmanager delete-resource-policy --region 'eu-west-1' --secret-id="$secret" >/dev/null
    else
      aws secretsmanager put-resource-policy --region 'eu-west-1' --secret-id="$secret" --resource-policy "$POLICY" >/dev/null
    fi
  fi
)
not_done $?
set -e

# grant-invoke arn:aws:lambda:us-west-2:123456789012:function:rotate in us-west-2
begin '[15/20] grant-invoke arn:aws:lambda:us-west-2:123456789012:function:rotate in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  granted 'us-west-2' 'arn:aws:lambda:us-west-2:123456789012:function:rotate' 'understudy-secretsmanager'
  if is_granted; then
    already
  else
    aws lambda add-permission --region 'us-west-2' --function-name='arn:aws:lambda:us-west-2:123456789012:function:rotate' \
        --statement-id='understudy-secretsmanager' --action 'lambda:InvokeFunction' \
        --principal secretsmanager.amazonaws.com --source-account '123456789012' >/dev/null
    wait_until is_granted granted 'us-west-2' 'arn:aws:lambda:us-west-2:123456789012:function:rotate' 'understudy-secretsmanager'
  fi
)
not_done $?
set -e

# [disruptive, owed if dark]
begin '[16/20] revoke-invoke arn:aws:lambda:eu-west-1:123456789012:function:rotate in eu-west-1'
set +e
(
  set -e
  briefly
  answering 'eu-west-1'
  invoker 'eu-west-1' 'arn:aws:lambda:eu-west-1:123456789012:function:rotate'
  if [[ -z $SID ]]; then
    already
  else
    until [[ -z $SID ]]; do
      printf '  taken, keep this to put it back: %s\n' "$STATEMENT"
      aws lambda remove-permission --region 'eu-west-1' --function-name='arn:aws:lambda:eu-west-1:123456789012:function:rotate' --statement-id="$SID"
      invoker 'eu-west-1' 'arn:aws:lambda:eu-west-1:123456789012:function:rotate'
    done
  fi
)
not_done $?
set -e

# put-metric-filter trail denied in us-west-2
begin '[17/20] put-metric-filter trail denied in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  ask aws logs describe-metric-filters --region 'us-west-2' --output json --log-group-name='trail' \
      --filter-name-prefix='denied' \
      --query 'length(metricFilters[?logGroupName==`"trail"` && filterName==`"denied"` && filterPattern==`"{ $.code = \"AccessDenied\" }"` && metricTransformations==`[{"metricName":"Denied","metricNamespace":"Secrets","metricValue":"1"}]`])'
  if [[ $ANSWER == 1 ]]; then
    already
  else
    if [[ $ANSWER == absent ]]; then aws logs create-log-group --region 'us-west-2' --log-group-name='trail'; fi
    document <<'JSON'
{
  "filterName": "denied",
  "filterPattern": "{ $.code = \"AccessDenied\" }",
  "logGroupName": "trail",
  "metricTransformations": [
    {
      "metricName": "Denied",
      "metricNamespace": "Secrets",
      "metricValue": "1"
    }
  ]
}
JSON
    aws logs put-metric-filter --region 'us-west-2' --cli-input-json "$DOCUMENT"
  fi
)
not_done $?
set -e

# put-alarm secrets-denied in us-west-2
begin '[18/20] put-alarm secrets-denied in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  ask aws cloudwatch describe-alarms --region 'us-west-2' --output json \
      --cli-input-json '{"AlarmNames":["secrets-denied"],"AlarmTypes":["MetricAlarm"]}' \
      --query 'length(MetricAlarms[?AlarmName==`"secrets-denied"` && !AlarmDescription && AlarmActions==`["arn:aws:sns:us-west-2:123456789012:alerts"]` && !OKActions && !InsufficientDataActions && Namespace==`"Secrets"` && MetricName==`"Denied"` && Statistic==`"Sum"` && !ExtendedStatistic && Dimensions==`[{"Name":"A","Value":"b"}]` && Period==`300` && !Unit && EvaluationPeriods==`1` && (!DatapointsToAlarm || DatapointsToAlarm==EvaluationPeriods) && Threshold==`5` && ComparisonOperator==`"GreaterThanThreshold"` && (!TreatMissingData || TreatMissingData==`"missing"`) && !EvaluateLowSampleCountPercentile && !ThresholdMetricId && Metrics==`[{"Id":"m1","MetricStat":{"Metric":{"MetricName":"Denied","Namespace":"Secrets"},"Period":60,"Stat":"Sum"}}]`])'
  if [[ $ANSWER == 1 ]]; then
    already
  else
    document <<'JSON'
{
  "ActionsEnabled": false,
  "AlarmActions": [
    "arn:aws:sns:us-west-2:123456789012:alerts"
  ],
  "AlarmName": "secrets-denied",
  "ComparisonOperator": "GreaterThanThreshold",
  "Dimensions": [
    {
      "Name": "A",
      "Value": "b"
    }
  ],
  "EvaluationPeriods": 1,
  "MetricName": "Denied",
  "Metrics": [
    {
      "Id": "m1",
      "MetricStat": {
        "Metric": {
          "MetricName": "Denied",
          "Namespace": "Secrets"
        },
        "Period": 60,
        "Stat": "Sum"
      }
    }
  ],
  "Namespace": "Secrets",
  "Period": 300,
  "Statistic": "Sum",
  "Threshold": 5,
  "TreatMissingData": "missing"
}
JSON
    aws cloudwatch put-metric-alarm --region 'us-west-2' --cli-input-json "$DOCUMENT"
  fi
)
not_done $?
set -e

# put-composite-alarm secrets in us-west-2
begin '[19/20] put-composite-alarm secrets in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  ask aws cloudwatch describe-alarms --region 'us-west-2' --output json \
      --cli-input-json '{"AlarmNames":["secrets"],"AlarmTypes":["CompositeAlarm"]}' \
      --query 'length(CompositeAlarms[?AlarmName==`"secrets"` && !AlarmDescription && AlarmRule==`"ALARM(\"secrets-denied\")"` && !AlarmActions && !OKActions && !InsufficientDataActions && !ActionsSuppressor && !ActionsSuppressorWaitPeriod && !ActionsSuppressorExtensionPeriod])'
  if [[ $ANSWER == 1 ]]; then
    already
  else
    document <<'JSON'
{
  "ActionsEnabled": false,
  "AlarmName": "secrets",
  "AlarmRule": "ALARM(\"secrets-denied\")"
}
JSON
    aws cloudwatch put-composite-alarm --region 'us-west-2' --cli-input-json "$DOCUMENT"
  fi
)
not_done $?
set -e

# enable-alarms secrets and 1 more in us-west-2
begin '[20/20] enable-alarms secrets and 1 more in us-west-2'
set +e
(
  set -e
  answering 'us-west-2'
  names='{"AlarmNames":["secrets","secrets-denied"],"AlarmTypes":["MetricAlarm","CompositeAlarm"]}'
  WANTED=2
  alarms 'us-west-2' "$names"
  if all_act; then
    already
  else
    if [[ $THERE != "$WANTED" ]]; then stop "only $THERE of these $WANTED alarms are there: put them first"; fi
    aws cloudwatch enable-alarm-actions --region 'us-west-2' \
        --cli-input-json '{"AlarmNames":["secrets","secrets-denied"]}'
    wait_until all_act alarms 'us-west-2' "$names"
  fi
)
not_done $?
set -e

# ARNs that change, for whoever reads these secrets by ARN:
#   arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-a1b2c3 -> arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-a1b2c3

## owed: when us-east-1 answers, take the "# " in front of the lines below away, as this does:
##   sed '/^## owed/,$ s/^# //' THIS-FILE >later.sh && bash later.sh

# # [owed if dark] the fence
# begin '[owed 1/2] cancel-rotation prod/db in us-east-1'
# set +e
# (
#   set -e
#   briefly
#   answering 'us-east-1'
#   secret='prod/db'
#   look 'us-east-1' "$secret"
#   if is_quiet; then
#     already
#   else
#     aws secretsmanager cancel-rotate-secret --region 'us-east-1' --secret-id="$secret" >/dev/null
#     wait_until is_quiet look 'us-east-1' "$secret"
#   fi
# )
# not_done $?
# set -e

# # [disruptive, owed if dark]
# begin '[owed 2/2] disable-alarms secrets and 1 more in us-east-1'
# set +e
# (
#   set -e
#   briefly
#   answering 'us-east-1'
#   names='{"AlarmNames":["secrets","secrets-denied"],"AlarmTypes":["MetricAlarm","CompositeAlarm"]}'
#   alarms 'us-east-1' "$names"
#   if none_acts; then
#     already
#   else
#     acting 'us-east-1' "$names"
#     aws cloudwatch disable-alarm-actions --region 'us-east-1' --cli-input-json "$ACTING"
#     wait_until none_acts alarms 'us-east-1' "$names"
#   fi
# )
# not_done $?
# set -e

STEP=''
if [[ -n $NOT_DONE ]]; then printf 'Done, but for these:%s\nOnce the cause is gone, run the same again: what is done is skipped.\n' "$NOT_DONE" >&2; exit 1; fi
if [[ $CALL_OFF != done ]]; then rm -f "$MOVED"; fi
printf 'Done.\n'
