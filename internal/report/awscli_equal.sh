
# Equality: the same versions under the same labels.

compare() { # OTHER REGION SECRET: looks at OTHER's copy, then at REGION's
  look "$1" "$3"
  if [[ $SEEN == absent ]]; then stop "there is no such secret in $1"; fi
  OTHER_HOLDS=$HOLDS
  look "$2" "$3"
}
it_holds_what_the_other_holds() { [[ $HOLDS == "$OTHER_HOLDS" ]]; }

# compare_all FROM SECRET REGION...: sets EQUAL to yes if no rotation is under way
# in FROM and all REGIONs are replicas of it that hold the same.
compare_all() {
  local from=$1 name=$2 holds region
  shift 2
  EQUAL=yes
  look "$from" "$name"
  if [[ $SEEN != writable || $DELETED != - ]]; then stop "$from has no copy that can be written ($SEEN)"; fi
  if ! no_rotation_is_under_way; then EQUAL=no; fi
  holds=$HOLDS
  for region in "$@"; do
    look "$region" "$name"
    if ! follows "$from"; then stop "the copy in $region is no replica of $from ($SEEN)"; fi
    if [[ $HOLDS != "$holds" ]]; then EQUAL=no; fi
  done
}
all_hold_the_same() { [[ $EQUAL == yes ]]; }
