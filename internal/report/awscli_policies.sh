
# Resource policies, edited as text.

# fence DENY SID: sets POLICY to the resource policy in ANSWER with the statement
# DENY added, "" if it is there. unfence takes it out; "delete" if nothing is left.
fence() {
  local form='"Statement"[[:space:]]*:[[:space:]]*([[{])' start='' rest
  if [[ $ANSWER =~ $form ]]; then start=${BASH_REMATCH[0]} rest=${ANSWER#*"${BASH_REMATCH[0]}"}; fi
  case $ANSWER in
  *"$1"*) POLICY='' ;;
  -) POLICY="{\"Statement\":[$1],\"Version\":\"2012-10-17\"}" ;;
  *"\"$2\""*) stop "another statement is named $2: remove it first" ;;
  *) case $start in
    *'[') POLICY="${ANSWER%%"$start"*}$start$1,$rest" ;;
    *'{') # one statement, which may stand without a list
      to_its_end "$rest"
      POLICY="${ANSWER%%"$start"*}${start%'{'}[$1,{$OBJECT]${rest#"$OBJECT"}" ;;
    *) stop 'no statements are found in the resource policy: edit it by hand' ;;
    esac ;;
  esac
}
to_its_end() { # TEXT: sets OBJECT to the rest of a JSON object, up to its "}"
  local LC_ALL=C i depth=1 quoted='' length=${#1}
  for ((i = 0; depth > 0 && i < length; i++)); do
    case $quoted${1:i:1} in
    '"\') i=$((i + 1)) ;;
    '""') quoted='' ;;
    '"') quoted='"' ;;
    '{') depth=$((depth + 1)) ;;
    '}') depth=$((depth - 1)) ;;
    esac
  done
  OBJECT=${1:0:i}
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
