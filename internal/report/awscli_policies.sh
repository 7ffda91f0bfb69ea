
# Resource policies, edited as text.

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
