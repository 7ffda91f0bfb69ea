set -euo pipefail
set +o histexpand # for pasting: a "!" in a name is only that

# Helpers. Nothing down to the line of dashes changes anything in AWS.

export AWS_PAGER='' AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5
PATIENCE=${PATIENCE:-300}             # seconds that a wait may take
ALLOW=" ${ALLOW:-} "                  # flags that gated steps need
STEP='before the first step' NOT_DONE=''
ERR=$(mktemp)
trap ended EXIT

aws() { command aws --cli-connect-timeout 10 --cli-read-timeout 30 "$@"; }

ended() {
  local code=$?
  rm -f "$ERR"
  if [[ $code != 0 && -n $STEP ]]; then
    printf 'STOPPED at %s\nNothing after it was done. Once the cause is gone, run the same again: what is done is skipped.\n' "$STEP" >&2
  fi
}

stop() { printf '  STOP: %s\n' "$*" >&2; exit 1; }
begin() { STEP=$1; printf '%s\n' "$1"; }
document() { DOCUMENT=$(cat); }
already() { printf '  done already\n'; }

allowed() { # FLAG
  case $ALLOW in *" $1 "*) ;; *) stop "a step needs $1: run this with ALLOW='$1' (several: one space between them) once you agree to it" ;; esac
}

# ask COMMAND...: its output goes into ANSWER, "absent" if there is no such thing.
ask() {
  if ANSWER=$("$@" 2>"$ERR"); then return; fi
  case $(<"$ERR") in
  *NotFoundException*) ANSWER=absent ;;
  *) cat "$ERR" >&2; stop 'that look failed, nothing is assumed' ;;
  esac
}

in_account() { # ACCOUNT REGION
  ask aws sts get-caller-identity --region "$2" --output text --query Account
  if [[ $ANSWER != "$1" ]]; then stop "these credentials are of account $ANSWER, the plan is for $1"; fi
}

LOOK='[ARN, PrimaryRegion || `"-"`, DeletedDate && `"deleting"` || `"-"`, RotationEnabled && `"on"` || `"off"`,
  RotationLambdaARN || `"-"`, RotationRules.ScheduleExpression || `"-"`, not_null(RotationRules.AutomaticallyAfterDays, `0`),
  RotationRules.Duration || `"-"`, join(`" "`, keys(not_null(VersionIdsToStages, `{}`))) || `"-"`,
  join(`" "`, map(&to_string(contains(@, `"AWSCURRENT"`)), values(not_null(VersionIdsToStages, `{}`)))) || `"-"`,
  join(`" "`, map(&to_string(contains(@, `"AWSPENDING"`)), values(not_null(VersionIdsToStages, `{}`)))) || `"-"`,
  length(not_null(ReplicationStatus, `[]`)), (ReplicationStatus[?Region==`"OTHER"`] | [-1].Status) || `"-"`,
  (ReplicationStatus[?Region==`"OTHER"`] | [-1].KmsKeyId) || `"-"`, (ReplicationStatus[?Region==`"OTHER"`] | [-1].StatusMessage) || `"-"`]'

# look REGION SECRET [OTHER]: one describe-secret, into the variables below. SEEN
# is absent, replica or writable; ENTRY… are what it lists for the region OTHER.
look() {
  local region=$1 name=$2 other=${3:-none} current pending
  ask aws secretsmanager describe-secret --region "$region" --secret-id="$name" --output text --query "${LOOK//OTHER/$other}"
  if [[ $ANSWER == absent ]]; then ANSWER=$'-\t-\t-\toff\t-\t-\t0\t-\t-\t-\t-\t0\t-\t-\t-'; fi
  IFS=$'\t' read -r ARN PRIMARY DELETED ROTATES LAMBDA SCHEDULE DAYS WINDOW VERSIONS current pending \
    REPLICAS ENTRY ENTRY_KEY ENTRY_MESSAGE <<<"$ANSWER"
  CURRENT=$(labelled "$current") PENDING=$(labelled "$pending")
  SEEN=writable
  if [[ $ARN == - ]]; then SEEN=absent; elif [[ $PRIMARY != - && $PRIMARY != "$region" ]]; then SEEN=replica; fi
}

labelled() { # FLAGS: the version of VERSIONS whose flag is true, or "-"
  local i ids flags
  read -r -a ids <<<"$VERSIONS"
  read -r -a flags <<<"$1"
  for ((i = 0; i < ${#ids[@]}; i++)); do
    if [[ ${flags[i]} == true ]]; then printf '%s' "${ids[i]}"; return; fi
  done
  printf -- -
}

# pair FROM REGION SECRET: looks at the primary in FROM, then at the copy in REGION.
pair() {
  local entry key message
  FROM=$1
  look "$1" "$3" "$2"
  case $SEEN in
  absent) stop "there is no such secret in $1" ;;
  replica) stop "$1 is a replica of $PRIMARY, not the primary" ;;
  esac
  if [[ $DELETED != - ]]; then stop "the primary in $1 is scheduled for deletion"; fi
  P_CURRENT=$CURRENT P_VERSIONS=$VERSIONS entry=$ENTRY key=$ENTRY_KEY message=$ENTRY_MESSAGE
  look "$2" "$3"
  ENTRY=$entry ENTRY_KEY=$key ENTRY_MESSAGE=$message
}

# What the last look or pair found.
is_replica() { [[ $SEEN == replica ]]; }
is_writable() { [[ $SEEN == writable ]]; }
is_own() { [[ $SEEN == replica && $PRIMARY == "$FROM" ]]; }
follows() { [[ $SEEN == replica && $PRIMARY == "$1" ]]; }
is_fresh() { [[ $ENTRY == InSync && $CURRENT == "$P_CURRENT" ]] && is_own; }
is_under_way() { [[ $ENTRY == InProgress ]] || { [[ $ENTRY == InSync ]] && { [[ $SEEN == absent ]] || is_own; }; }; }
is_settled() { [[ $ENTRY != InProgress ]]; }
is_gone() { [[ $ENTRY == - && $SEEN == absent ]]; }
is_quiet() { [[ $SEEN != writable || $ROTATES == off ]]; }
rotates_as_wanted() { # lambda, schedule, days, window: of the block
  [[ $ROTATES == on && $LAMBDA == "$lambda" && ($window == - || $window == "$WINDOW") ]] || return
  [[ $schedule == any || ($schedule == "$SCHEDULE" && ($schedule != - || $days == "$DAYS")) ]]
}

expect() { # WHAT FOUND WANTED
  if [[ $2 != "$3" ]]; then stop "the world moved since the plan was made: $1 is $2, not $3; make a new plan"; fi
}

expect_versions() { # IDS: all that the copy may hold, else something would be lost
  local ids id
  if [[ $VERSIONS == - ]]; then return; fi
  read -r -a ids <<<"$VERSIONS"
  for id in "${ids[@]}"; do
    case " $1 " in *" $id "*) ;; *) stop "it holds version $id, which the plan does not know and this would destroy" ;; esac
  done
}

expect_own() { # the copy must be a replica of the primary, or absent
  if [[ $SEEN != absent ]] && ! is_own; then stop "what stands there is no replica of $FROM (its primary: $PRIMARY): it is left alone"; fi
}

# may_overwrite sets FORCE: a standalone copy may be overwritten, and nothing else.
may_overwrite() {
  FORCE=--no-force-overwrite-replica-secret
  if [[ $SEEN == absent ]] || is_own; then return; fi
  if is_replica; then stop "the copy there is still replicated from $PRIMARY: promote it first"; fi
  if [[ $REPLICAS != 0 ]]; then stop 'the copy there lists replicas of its own: AWS refuses to overwrite it'; fi
  if [[ $DELETED != - ]]; then stop 'the copy there is scheduled for deletion: restore it or wait'; fi
  FORCE=--force-overwrite-replica-secret
}

# wait_until TEST LOOK...: looks again and again until the test holds.
wait_until() {
  local test=$1 began=$SECONDS
  shift
  "$@"
  until "$test"; do
    if ((SECONDS - began > PATIENCE)); then stop "not so after $PATIENCE s: ${test//_/ }"; fi
    sleep 1
    "$@"
  done
}

# wait_in_sync FROM REGION SECRET: until the replica is InSync and holds the
# primary's AWSCURRENT. A failure that was there before may show a little longer.
wait_in_sync() {
  local began=$SECONDS before="$ENTRY $ENTRY_MESSAGE"
  pair "$@"
  until is_fresh; do
    if [[ $ENTRY == Failed ]] && { [[ "$ENTRY $ENTRY_MESSAGE" != "$before" ]] || ((SECONDS - began > 5)); }; then
      stop "replication failed: $ENTRY_MESSAGE"
    fi
    if ((SECONDS - began > PATIENCE)); then stop "not InSync with the primary's AWSCURRENT after $PATIENCE s: $ENTRY $ENTRY_MESSAGE"; fi
    sleep 1
    pair "$@"
  done
}

# same_key REGION REF REF: sets SAME to yes or no. "-" is the AWS-managed key.
same_key() {
  local one=${2/#-/alias/aws/secretsmanager} two=${3/#-/alias/aws/secretsmanager} arn
  SAME=yes
  if [[ $one == "$two" ]]; then return; fi
  ask aws kms describe-key --region "$1" --key-id="$one" --output text --query KeyMetadata.Arn
  arn=$ANSWER
  ask aws kms describe-key --region "$1" --key-id="$two" --output text --query KeyMetadata.Arn
  if [[ $ANSWER == absent || $ANSWER != "$arn" ]]; then SAME=no; fi
}

# patiently WORDS COMMAND...: again while AWS refuses in these words, six times at
# most: a permission that was just granted takes a while to spread.
patiently() {
  local words=$1 pause=1
  shift
  until "$@" >/dev/null 2>"$ERR"; do
    case $(<"$ERR") in *"$words"*) ;; *) pause=99 ;; esac
    if ((pause > 16)); then cat "$ERR" >&2; stop 'AWS refused'; fi
    sleep "$pause"
    pause=$((pause * 2))
  done
}

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

granted() { # REGION FUNCTION STATEMENT: sets GRANT to yes or no
  ask aws lambda get-policy --region "$1" --function-name="$2" --output text --query Policy
  GRANT=no
  case ${ANSWER// /} in *"\"Sid\":\"$3\""*) GRANT=yes ;; esac
}
is_granted() { [[ $GRANT == yes ]]; }

# fence DENY SID: sets POLICY to the resource policy in ANSWER with the statement
# DENY added, "" if it is there. unfence takes it out; "delete" if nothing is left.
fence() {
  local list=''
  if [[ $ANSWER =~ \"Statement\"[[:space:]]*:[[:space:]]*\[ ]]; then list=${BASH_REMATCH[0]}; fi
  case $ANSWER in
  *"$1"*) POLICY='' ;;
  -) POLICY="{\"Statement\":[$1],\"Version\":\"2012-10-17\"}" ;;
  *"\"$2\""*) stop "another statement is named $2: remove it first" ;;
  *) if [[ -z $list ]]; then stop 'the statements of the resource policy are no list: edit it by hand'; fi
    POLICY="${ANSWER%%"$list"*}$list$1,${ANSWER#*"$list"}" ;;
  esac
}
unfence() {
  case $ANSWER in
  *"[$1]"*) POLICY=delete ;;
  *"$1,"*) POLICY="${ANSWER%%"$1,"*}${ANSWER#*"$1,"}" ;;
  *",$1"*) POLICY="${ANSWER%%",$1"*}${ANSWER#*",$1"}" ;;
  *"\"$2\""*) stop "the statement $2 was written by something else: take it out by hand" ;;
  *) POLICY='' ;;
  esac
}

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

# not_done CODE: a step in the old primary stays owed if it could not be done.
not_done() {
  if [[ $1 != 0 ]]; then
    NOT_DONE+="  $STEP"$'\n'
    printf '  NOT DONE, so it is still owed; going on\n' >&2
  fi
}

# ------------------------------------------------------------------------------
