
# Values. One passes from one aws to the next through a pipe and is nowhere else:
# in no variable, argument or file, not on the screen, and not in what an error
# says either, of which only the code is shown. (What has a carriage return or a
# NUL in it would not survive that, and goes by a file in memory without a name.)

export PYTHONUTF8=1 AWS_CLI_FILE_ENCODING=UTF-8 AWS_CLI_OUTPUT_ENCODING=UTF-8

no_history() { # the CLI's own history would keep the values, in a file
  if [[ $(command aws configure get cli_history 2>/dev/null || true) == enabled ]]; then
    stop 'cli_history is enabled for this profile and would keep secret values in ~/.aws/cli/history: turn it off first'
  fi
}

value() { # REGION SECRET VERSION FORMAT QUERY
  aws secretsmanager get-secret-value --region "$1" --secret-id="$2" --version-id="$3" --output "$4" --query "$5"
}
put() { # REGION SECRET VERSION LABEL SOURCE...: answers with the version's labels
  aws secretsmanager put-secret-value --region "$1" --secret-id="$2" --client-request-token="$3" --version-stages="$4" \
    --output text --query VersionStages "${@:5}"
}
# pass_… FROM REGION SECRET VERSION LABEL
pass_text() { # awk takes off the line end that the CLI adds
  value "$1" "$3" "$4" text SecretString | LC_ALL=C awk 'NR > 1 { printf "\n" } { printf "%s", $0 }' |
    put "${@:2}" --secret-string file:///dev/stdin
}
pass_binary() { value "$1" "$3" "$4" text SecretBinary | base64 --decode | put "${@:2}" --secret-binary fileb:///dev/stdin; }
pass_file() ( # the file loses its name while it is empty: whatever ends this leaves nothing behind
  memory=$(umask 077 && mktemp /dev/shm/understudy.XXXXXX) && exec 4<>"$memory" && rm "$memory" &&
    value "$1" "$3" "$4" json '{SecretString: SecretString}' >&4 &&
    put "${@:2}" --cli-input-json file:///dev/stdin <&4 # opened anew each time the CLI reads it, and that is twice
)

discreetly() { # COMMAND...: its errors by their codes only
  { "$@" 2>&1 1>&3 | sed -n 's/.*An error occurred (\([A-Za-z]*\)) when calling the \([A-Za-z]*\) operation.*/  \1 in \2/p' >&2; } 3>&1
}

# same_value FROM REGION SECRET VERSION
same_value() {
  cmp -s <(value "$1" "$3" "$4" json '[SecretString, SecretBinary]' 2>/dev/null || printf 'unreadable in %s' "$1") \
    <(value "$2" "$3" "$4" json '[SecretString, SecretBinary]' 2>/dev/null || printf 'unreadable in %s' "$2")
}

# copy_version FROM REGION SECRET VERSION LABEL: under the same version id, as
# ClientRequestToken becomes it. AWSCURRENT does not move. Repeating it is
# harmless: AWS takes the same value again, and refuses another one.
copy_version() {
  local labels tries=0
  printf '  copying version %s from %s to %s\n' "$4" "$1" "$2"
  ask aws secretsmanager get-secret-value --region "$1" --secret-id="$3" --version-id="$4" --output text \
    --query 'SecretBinary && `"binary"` || (contains(SecretString, `"\r"`) || contains(SecretString, `"\u0000"`)) && `"file"` || `"text"`'
  if [[ $ANSWER == absent ]]; then stop "there is no version $4 in $1"; fi
  if [[ $ANSWER == file && ! -w /dev/shm ]]; then stop "version $4 has a carriage return or a NUL in it, and there is no file system in memory here (/dev/shm): use understudy"; fi
  if ! labels=$(discreetly "pass_$ANSWER" "$@"); then stop "version $4 was not copied"; fi
  case $'\t'"$labels"$'\t' in
  *$'\t'"$5"$'\t'*) ;;
  *) # the version was there without a label: AWS leaves it as it is
    aws secretsmanager update-secret-version-stage --region "$2" --secret-id="$3" --version-stage="$5" --move-to-version-id="$4" >/dev/null ;;
  esac
  until same_value "$1" "$2" "$3" "$4"; do
    tries=$((tries + 1))
    if ((tries > 5)); then stop "version $4 does not read the same in $1 and $2: compare them yourself before anything is overwritten"; fi
    sleep 1
  done
  printf '  it reads the same in both\n'
}

# match_versions FROM REGION SECRET ARN IDS: brings the labelled versions of FROM
# into a writable copy, under the same labels, one call at a time, each decided by
# a fresh look. What is only there and not in IDS would lose its label: it stops.
match_versions() {
  local began=$SECONDS done=$'\n'
  while :; do
    look "$1" "$3"
    if [[ $SEEN != writable || $DELETED != - ]]; then stop "$1 has no copy that can be written ($SEEN)"; fi
    if ! no_rotation_is_under_way; then NEXT='wait'; else
      S_HOLDS=$HOLDS S_VERSIONS=$VERSIONS S_CURRENT=$CURRENT
      look "$2" "$3"
      if [[ $SEEN != writable || $DELETED != - ]]; then stop "the copy in $2 takes no version ($SEEN)"; fi
      expect 'the ARN' "$ARN" "$4"
      expect_versions "$S_VERSIONS $5"
      next_match
    fi
    if [[ -z $NEXT ]]; then return; fi
    case $done in
    *$'\n'"$NEXT"$'\n'*) NEXT='wait' ;; # AWS took it, it does not show yet
    esac
    if [[ $NEXT == wait ]]; then
      if ((SECONDS - began > WINDOW)); then stop "not equal after $WINDOW s"; fi
      sleep "$PAUSE"
      continue
    fi
    done+=$NEXT$'\n'
    match_once "$1" "$2" "$3"
  done
}

match_once() { # FROM REGION SECRET: does what next_match said
  local off=() to=()
  case $LABEL$TO in *://*) stop "the aws CLI would take $LABEL or $TO for a file: use understudy" ;; esac
  if [[ $WHAT == copy ]]; then copy_version "$1" "$2" "$3" "$TO" UNDERSTUDY_COPY; return; fi
  printf '  %s\n' "$NEXT"
  if [[ $OFF != - ]]; then off=(--remove-from-version-id="$OFF"); fi
  if [[ $TO != - ]]; then to=(--move-to-version-id="$TO"); fi
  aws secretsmanager update-secret-version-stage --region "$2" --secret-id="$3" --version-stage="$LABEL" ${off[@]+"${off[@]}"} ${to[@]+"${to[@]}"} >/dev/null
}

# next_match: the next call that brings the copy closer to the source, into NEXT
# (in words) and WHAT, LABEL, OFF, TO; "" if they are equal. AWSPREVIOUS goes first
# as AWSCURRENT, so that AWS itself moves it on when AWSCURRENT gets its place.
next_match() {
  local rank id label
  NEXT=''
  for rank in 0 1 2; do
    while IFS=$'\t' read -r id label; do
      if [[ $(rank_of "$id") != "$rank" ]]; then continue; fi
      if ! holds "$id"; then need_copy "$id"; return; fi
      need_label "$label" "$id"
      if [[ -n $NEXT ]]; then return; fi
    done <<<"$S_HOLDS"
  done
  while IFS=$'\t' read -r id label; do
    if [[ $label != AWSCURRENT && $(on "$S_HOLDS" "$label") == - ]]; then next label "$label" "$id" -; return; fi
  done <<<"$HOLDS"
}

next() { # WHAT LABEL OFF TO
  WHAT=$1 LABEL=$2 OFF=$3 TO=$4
  NEXT="$1 $2 from ${3/#-/nothing} to ${4/#-/nothing}"
}

on() { # HOLDS LABEL: prints the version that has it, or "-"
  local id label
  while IFS=$'\t' read -r id label; do
    if [[ $label == "$2" ]]; then printf '%s' "$id"; return; fi
  done <<<"$1"
  printf -- -
}

rank_of() { # the source's AWSPREVIOUS comes last but one, its AWSCURRENT last
  if [[ $1 == "$S_CURRENT" ]]; then printf 2; elif [[ $1 == "$(on "$S_HOLDS" AWSPREVIOUS)" ]]; then printf 1; else printf 0; fi
}

need_copy() { # ID: a label on another version is not moved by a copy, but one alone on it keeps that version alive
  local marked id label labels=0
  marked=$(on "$HOLDS" UNDERSTUDY_COPY)
  while IFS=$'\t' read -r id label; do
    if [[ $id == "$marked" ]]; then labels=$((labels + 1)); fi
  done <<<"$HOLDS"
  if ((labels > 1)); then next label UNDERSTUDY_COPY "$marked" -; else next copy UNDERSTUDY_COPY - "$1"; fi
}

need_label() { # LABEL ID
  local now
  now=$(on "$HOLDS" "$1")
  if [[ $now == "$2" ]]; then return; fi
  if [[ $1 == AWSPREVIOUS ]]; then
    if [[ $CURRENT == "$2" ]]; then return; fi # it comes with AWSCURRENT
    if [[ $CURRENT != "$S_CURRENT" ]]; then next label AWSCURRENT "$CURRENT" "$2"; return; fi
  fi
  next label "$1" "$now" "$2"
}
