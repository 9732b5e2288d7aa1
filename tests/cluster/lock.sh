# shellcheck shell=bash
# One run at a time for a cluster: its name, its daemon and its bridge are one. To be sourced after settings.sh and progress.sh.

# take_lock WHO: waits at most an hour for the lock and says who has it. It is held until this process ends; scripts it calls share it.
# Whatever is to outlive the script must be started with 9>&-, or it would hold the lock for good.
take_lock() {
  [[ ${CLUSTER_LOCK_HELD:-} != "$CLUSTER_NAME" ]] || return 0
  local file=$CLUSTER_CACHE/$CLUSTER_NAME.lock
  exec 9>>"$file"
  if ! lock_within 0; then
    say "waiting for the cluster $CLUSTER_NAME: held by $(cat "$file")"
    lock_within 3600 || die "The cluster $CLUSTER_NAME is still held by $(cat "$file"). Wait for it, or end that process if it hangs."
  fi
  echo "$1 (process $$ of $(id -un), since $(date +%T))" >"$file"
  export CLUSTER_LOCK_HELD=$CLUSTER_NAME
}
lock_within() { # flock(1) is a Linux program; the lock itself is not, and it belongs to the open file, which this shell keeps
  python3 - "$1" <<'P'
import fcntl, signal, sys
seconds = int(sys.argv[1])
signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
signal.alarm(seconds)
try:
    fcntl.flock(9, fcntl.LOCK_EX | (0 if seconds else fcntl.LOCK_NB))
except BlockingIOError:
    sys.exit(1)
P
}
