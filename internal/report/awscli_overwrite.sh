
# Overwriting. `overwrite` is the command of the block.

# may_overwrite IDS: a standalone copy may be overwritten if it holds nothing but
# the primary's versions and IDS, and ended no rotation that the primary has only
# begun, perhaps without its value; sets FORCE. Nothing else may be.
may_overwrite() {
  FORCE=--no-force-overwrite-replica-secret
  if [[ $SEEN == absent ]]; then return; fi
  if is_own; then
    if [[ -n $1 ]]; then expect_versions "$1"; fi
    return
  fi
  if is_replica; then stop "the copy there is still replicated from $PRIMARY: promote it first"; fi
  if [[ $DELETED != - ]]; then stop 'the copy there is scheduled for deletion: restore it or wait'; fi
  expect_versions "$P_VERSIONS $1"
  if [[ $P_BEGUN != - && ($HOLDS == *"$P_BEGUN"$'\t'AWSCURRENT* || $HOLDS == *"$P_BEGUN"$'\t'AWSPREVIOUS*) ]]; then
    stop "the rotation to version $P_BEGUN ended there, and $FROM may not have its value: make a new plan"
  fi
  FORCE=--force-overwrite-replica-secret
}

# overwrite_stale IDS FROM REGION SECRET: the primary lists a replica as InSync
# that is none any more, promoted while the primary could not hear of it. The
# region is NOT removed from the list: that might destroy the copy. A label is
# put on the primary instead; pushing it fails, the entry turns Failed, and to
# replicate with force is then the documented retry. unmark takes the label off.
overwrite_stale() {
  local known=$1 began=$SECONDS
  shift
  printf '  %s still lists %s as InSync, which is no replica: making it notice\n' "$1" "$2"
  if [[ $P_MARKED == - ]]; then
    aws secretsmanager update-secret-version-stage --region "$1" --secret-id="$3" \
      --version-stage UNDERSTUDY_MARK --move-to-version-id="$P_CURRENT" >/dev/null
  fi
  pair "$@"
  until the_primary_noticed || ((SECONDS - began > 30)); do sleep "$PAUSE"; pair "$@"; done
  if is_fresh; then return; fi
  may_overwrite "$known"
  if the_primary_noticed; then overwrite; return; fi
  overwrite # what this does while the entry says InSync is not documented
  wait_until it_came_to_an_end pair "$@"
  if [[ $ENTRY == Failed ]]; then may_overwrite "$known"; overwrite; fi
}

unmark() { # FROM SECRET: after a pair
  if [[ $P_MARKED != - ]]; then
    aws secretsmanager update-secret-version-stage --region "$1" --secret-id="$2" \
      --version-stage UNDERSTUDY_MARK --remove-from-version-id="$P_MARKED" >/dev/null
  fi
}
