# shellcheck disable=SC1003,SC2016,SC2034,SC2154 # queries are literal; not every script has every variable
set -euo pipefail
set +o histexpand # for pasting: a "!" in a name is only that

# Helpers. Nothing down to the line of dashes changes anything in AWS: it only
# says how the blocks below it look, check, act and wait.

export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_CLI_ERROR_FORMAT=legacy AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5
PATIENCE=${PATIENCE:-300}             # seconds that a wait may take
PAUSE=${PAUSE:-1}                     # seconds between two looks
ALLOW=" ${ALLOW:-} "                  # flags that gated steps need
STEP='before the first step' NOT_DONE='' CALL_OFF='' WINDOW=$PATIENCE
ERR=$(mktemp) SILENT=$(mktemp) # what AWS says when it refuses; regions that do not answer. Removed at the end
trap ended EXIT
case $- in *i*) ;; *) trap 'exit 130' INT; trap 'exit 143' HUP TERM ;; esac # the aws CLI ends as if nothing were

TIMEOUT=30 # seconds that one try of a call may take
aws() { command aws --cli-connect-timeout 10 --cli-read-timeout "$TIMEOUT" "$@"; }
briefly() { TIMEOUT=10; export AWS_MAX_ATTEMPTS=2; }

ended() {
  local code=$?
  rm -f "$ERR" "$SILENT"
  if [[ $code != 0 && -n $STEP ]]; then
    if [[ -n $NOT_DONE ]]; then printf 'Not done before that:%s\n' "$NOT_DONE" >&2; fi
    printf 'STOPPED at %s\nNothing after it was done. Once the cause is gone, run the same again: what is done is skipped.\n' "$STEP" >&2
    if [[ $CALL_OFF == possible ]]; then printf 'Or call it off: how, says the script at "## called off".\n' >&2; fi
  fi
}

stop() { printf '  STOP: %s\n' "$*" >&2; exit 1; }
begin() { STEP=$1 WINDOW=$PATIENCE; printf '%s  %s\n' "$(date -u +%H:%M:%SZ)" "$1"; }
document() { DOCUMENT=$(cat); }
already() { printf '  done already\n'; }

allowed() { # FLAG
  case $ALLOW in *" $1 "*) ;; *) stop "a step needs $1: run this with ALLOW='$1' (several: one space between them) once you agree to it" ;; esac
}

# ask aws SERVICE OPERATION --region REGION ...: its output goes into ANSWER,
# "absent" if there is no such thing.
ask() {
  if ANSWER=$("$@" 2>"$ERR"); then return; fi
  case $(<"$ERR") in
  *NotFoundException*) ANSWER=absent ;;
  *'endpoint URL'*) printf '%s\n' "$5" >>"$SILENT"; cat "$ERR" >&2; stop "$5 does not answer" ;;
  *) cat "$ERR" >&2; stop 'that look failed, nothing is assumed' ;;
  esac
}

in_account() { # ACCOUNT REGION
  ask aws sts get-caller-identity --region "$2" --output text --query Account
  if [[ $ANSWER != "$1" ]]; then stop "these credentials are of account $ANSWER, the plan is for $1"; fi
}

# What look asks for: a line of settings, a line of version ids, and a line of
# staging labels for each of these versions; "." keeps an empty line in its place.
LOOK='[[ARN, PrimaryRegion || `"-"`, DeletedDate && `"deleting"` || `"-"`, RotationEnabled && `"on"` || `"off"`,
  RotationLambdaARN || `"-"`, RotationRules.ScheduleExpression || `"-"`, not_null(RotationRules.AutomaticallyAfterDays, `0`),
  RotationRules.Duration || `"-"`, sum(map(&length(@), values(not_null(VersionIdsToStages, `{}`)))),
  length(not_null(ReplicationStatus, `[]`)), (ReplicationStatus[?Region==`"OTHER"`] | [-1].Status) || `"-"`,
  (ReplicationStatus[?Region==`"OTHER"`] | [-1].KmsKeyId) || `"-"`, (ReplicationStatus[?Region==`"OTHER"`] | [-1].StatusMessage) || `"-"`],
  [`"."`, keys(not_null(VersionIdsToStages, `{}`))][], map(&[`"."`, @][], values(not_null(VersionIdsToStages, `{}`)))]'

# look REGION SECRET [OTHER]: one describe-secret, into the variables below. SEEN
# is absent, replica or writable; ENTRY… are what it lists for the region OTHER.
look() {
  local region=$1 name=$2 other=${3:-none} labels
  ask aws secretsmanager describe-secret --region "$region" --secret-id="$name" --output text --query "${LOOK//OTHER/$other}"
  if [[ $ANSWER == absent ]]; then ANSWER=$'-\t-\t-\toff\t-\t-\t0\t-\t0\t0\t-\t-\t-\n.'; fi
  IFS=$'\t' read -r ARN PRIMARY DELETED ROTATES LAMBDA SCHEDULE DAYS DURATION labels \
    REPLICAS ENTRY ENTRY_KEY ENTRY_MESSAGE <<<"$ANSWER"
  held "${labels%.*}" <<<"${ANSWER#*$'\n'}"
  SEEN=writable
  if [[ $ARN == - ]]; then SEEN=absent; elif [[ $PRIMARY != - && $PRIMARY != "$region" ]]; then SEEN=replica; fi
}

# held LABELS: reads a copy's versions. VERSIONS are the ids of all that have a
# label, HOLDS the lines "ID<tab>LABEL" in order, CURRENT, PENDING and MARKED
# who has that label, or "-". A label with a tab or a line end in it is too much.
held() {
  local ids row label i=0 found=0
  VERSIONS='' HOLDS='' CURRENT=- PENDING=- MARKED=-
  IFS=$'\t' read -r -a ids
  while IFS=$'\t' read -r -a row; do
    i=$((i + 1))
    if ((${#row[@]} > 1)); then VERSIONS+="${VERSIONS:+ }${ids[i]}"; fi
    for label in "${row[@]:1}"; do
      found=$((found + 1)) HOLDS+="${ids[i]}"$'\t'"$label"$'\n'
      case $label in AWSCURRENT) CURRENT=${ids[i]} ;; AWSPENDING) PENDING=${ids[i]} ;; UNDERSTUDY_MARK) MARKED=${ids[i]} ;; esac
    done
  done
  if [[ $found != "$1" ]]; then stop 'its versions have staging labels that this script cannot read: use understudy'; fi
  HOLDS=$(LC_ALL=C sort <<<"${HOLDS%$'\n'}")
}

# What the last look found.
is_writable() { [[ $SEEN == writable ]]; }
is_replica() { [[ $SEEN == replica ]]; }
follows() { [[ $SEEN == replica && $PRIMARY == "$1" ]]; }
is_quiet() { [[ $SEEN != writable || $ROTATES == off ]]; }
no_rotation_is_under_way() { [[ $PENDING == - || $PENDING == "$CURRENT" ]]; }
holds() { case " $VERSIONS " in *" $1 "*) ;; *) return 1 ;; esac; }
holds_value() { # under AWSPENDING alone it may be one that a rotation has not filled yet
  local others=${HOLDS//"$1"$'\t'AWSPENDING/}
  [[ $others == *"$1"$'\t'* ]]
}
rotates_as_wanted() { # lambda, schedule, days, duration: of the block
  [[ $ROTATES == on && $LAMBDA == "$lambda" && ($duration == - || $duration == "$DURATION") ]] || return
  [[ $schedule == any || ($schedule == "$SCHEDULE" && ($schedule != - || $days == "$DAYS")) ]]
}

expect() { # WHAT FOUND WANTED
  if [[ $2 != "$3" ]]; then stop "the world moved since the plan was made: $1 is $2, not $3; make a new plan"; fi
}

# expect_current VERSION: what the plan was shown before a promotion. That loses
# nothing, so another one can be agreed to where no new plan can be made.
expect_current() {
  if [[ $CURRENT == "$1" ]]; then return; fi
  if [[ $CURRENT != - && $ALLOW == *' accept-stale '* ]]; then printf '  AWSCURRENT is %s, not that of the plan, %s: accepted\n' "$CURRENT" "$1"; return; fi
  stop "the world moved since the plan was made: AWSCURRENT is $CURRENT, not $1: a rotation since, or a copy that is behind; make a new plan, or, where you can't, run this with ALLOW='accept-stale'"
}

expect_versions() { # IDS: all that the copy may hold, else something would be lost
  local ids id
  read -r -a ids <<<"${VERSIONS:--}"
  for id in "${ids[@]}"; do
    case " $1 - " in *" $id "*) ;; *) stop "it holds version $id, which this would destroy: find out what it is, then make a new plan" ;; esac
  done
}

# wait_until TEST LOOK...: looks again and again until the test holds.
wait_until() {
  local test=$1 began=$SECONDS told=-30
  shift
  "$@"
  until "$test"; do
    if ((SECONDS - began > WINDOW)); then stop "not so after $WINDOW s: ${test//_/ }"; fi
    if ((SECONDS - began - told >= 30)); then told=$((SECONDS - began)); printf '  waiting: %s? %d s of %d\n' "${test//_/ }" "$told" "$WINDOW"; fi
    sleep "$PAUSE"
    "$@"
  done
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

# Steps that may be left undone, with those that need them; all else goes on.

not_done() { # CODE
  NOT_DONE=${NOT_DONE//$'\n'"  $STEP"/} # as of a block that is pasted again
  if [[ $1 != 0 ]]; then
    NOT_DONE+=$'\n'"  $STEP"
    printf '  NOT DONE; going on with what does not need it\n' >&2
  fi
}
needs() { # NUMBER...
  local n
  for n in "$@"; do
    case $NOT_DONE in *$'\n  ['"$n/"*) stop "it needs [$n], which was not done" ;; esac
  done
}
answering() { # REGION...: to wait for a silent one again and again would take hours
  local region
  case $- in *i*) return ;; esac # who pastes block by block sees it
  for region in "$@"; do
    if grep -qxF -e "$region" "$SILENT"; then stop "$region did not answer a while ago"; fi
  done
}
