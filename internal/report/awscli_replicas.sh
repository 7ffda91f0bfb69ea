
# Replicas.

# pair FROM REGION SECRET: looks at the primary in FROM (P_…), then at the copy in REGION.
pair() {
  local entry key message
  FROM=$1
  look "$1" "$3" "$2"
  case $SEEN in
  absent) stop "there is no such secret in $1" ;;
  replica) stop "$1 is a replica of $PRIMARY, not the primary" ;;
  esac
  if [[ $DELETED != - ]]; then stop "the primary in $1 is scheduled for deletion"; fi
  P_CURRENT=$CURRENT P_VERSIONS=$VERSIONS P_MARKED=$MARKED P_BEGUN=- entry=$ENTRY key=$ENTRY_KEY message=$ENTRY_MESSAGE
  if ! holds_value "$PENDING"; then P_BEGUN=$PENDING; fi
  look "$2" "$3"
  ENTRY=$entry ENTRY_KEY=$key ENTRY_MESSAGE=$message
}

# What the last pair found.
is_own() { [[ $SEEN == replica && $PRIMARY == "$FROM" ]]; }
is_fresh() { [[ $ENTRY == InSync && $CURRENT == "$P_CURRENT" ]] && is_own; }
is_under_way() { [[ $ENTRY == InProgress ]] || { [[ $ENTRY == InSync ]] && { [[ $SEEN == absent ]] || is_own; }; }; }
is_settled() { [[ $ENTRY != InProgress ]]; }
is_gone() { [[ $ENTRY == - && $SEEN == absent ]]; }
is_stale() { [[ $ENTRY == InSync && $SEEN == writable && $REPLICAS == 0 ]]; }
the_copy_lists_no_replicas() { [[ $SEEN != writable || $REPLICAS == 0 ]]; }
the_primary_noticed() { [[ $ENTRY != InSync ]]; }
it_came_to_an_end() { [[ $ENTRY == Failed ]] || is_fresh; }

expect_own() { # the copy must be a replica of the primary, or absent
  if [[ $SEEN != absent ]] && ! is_own; then stop "what stands there is no replica of $FROM (its primary: $PRIMARY): it is left alone"; fi
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
    sleep "$PAUSE"
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
