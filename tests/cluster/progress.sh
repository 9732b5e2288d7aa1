# shellcheck shell=bash
# What a person sees of the scripts: what one does and takes, and on stderr while the cluster is made one line a step with the seconds since the
# outermost script began. To be sourced.
: "${CLUSTER_STARTED:=$(date +%s)}"
export CLUSTER_STARTED

say() { printf '[%4d s] %s\n' "$(($(date +%s) - CLUSTER_STARTED))" "$*" >&2; }
die() {
  printf '%s\n' "$@" >&2
  exit 1
}

# takes WORD... -- "$@": answers --help with the comment at the script's head, and refuses a word that is none of these before anything is done.
takes() {
  local known=' ' word
  while [[ $1 != -- ]]; do
    known+="$1 "
    shift
  done
  shift
  for word; do
    case $word in
      -h | --help) head_comment; exit 0 ;;
      *) [[ $known == *" $word "* ]] || { { echo "$(basename "$0") does not take '$word'."; head_comment; } >&2; exit 2; } ;;
    esac
  done
}
head_comment() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# step WHAT COMMAND...: runs the command out of sight. A line when it begins, one every 15 s while it runs, the end of its output when it fails.
# The command may be a function; it runs in a subshell that ends at its first failing line, provided that `step` itself is no condition (`step ... || x`).
step() {
  local what=$1 log beat status begun=$SECONDS
  shift
  log=$(mktemp)
  say "$what"
  beat_while_running "$what" $$ 9>&- &
  beat=$!
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1
  status=$?
  set -e
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  if ((status != 0)); then
    say "$what: failed after $((SECONDS - begun)) s with status $status; the end of its output:"
    tail -n 25 "$log" | sed 's/^/    /' >&2
  elif ((SECONDS - begun >= 15)); then
    say "$what: done in $((SECONDS - begun)) s"
  fi
  rm -f "$log"
  return "$status"
}
beat_while_running() {
  local nap='' begun=$SECONDS
  trap 'kill "$nap" 2>/dev/null; exit' TERM
  while kill -0 "$2" 2>/dev/null; do
    sleep 15 >/dev/null 2>&1 & # it must not keep a pipe open that somebody reads to its end
    nap=$!
    wait "$nap"
    say "$1: still at it after $((SECONDS - begun)) s"
  done
}
