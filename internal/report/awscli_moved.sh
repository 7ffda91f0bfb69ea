
# The way home. Between its promotion and the step that makes the other side its
# replica, AWS does not tell a home that was promoted from one that has yet to be
# overwritten. So promotions are noted, by the ids of their steps, in a file.

note_moves_in() { # FILE
  MOVED=$1
  if ! : >>"$MOVED"; then stop "$PWD must be writable: $MOVED notes there what came home"; fi
  if [[ -s $MOVED ]]; then printf 'Going on after what %s says was promoted. If that is of another day, delete it and start again.\n' "$MOVED"; fi
}
note_move() { printf '%s\n' "$1" >>"$MOVED"; } # ID

# is_home ID FROM HOME SECRET: what led to the promotion in HOME is over, by that
# note, or because FROM follows HOME.
is_home() {
  if grep -qxF -e "$1" "$MOVED"; then return; fi
  look "$2" "$4"
  follows "$3"
}
