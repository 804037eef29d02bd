# shellcheck shell=bash
# Sourced by the scripts: say(what) prints one line; quietly(what, command...) says what is
# being done, keeps the command's output to itself, and shows it only when the command fails.

say() { printf '%s: %s\n' "$(basename "$0")" "$1"; }

quietly() {
  local what=$1 log status=0
  shift
  say "$what"
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    cat "$log" >&2
    printf '%s: failed: %s (exit %d)\n' "$(basename "$0")" "$what" "$status" >&2
  fi
  rm -f "$log"
  return "$status"
}
