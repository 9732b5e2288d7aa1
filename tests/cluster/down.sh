#!/usr/bin/env bash
# Takes the cluster away, and the Docker daemon if it is ours: no process, mount, bridge, rule or chain is left, also after a crash. What was built stays
# as files ($CLUSTER_CACHE, and the daemon's images under $CLUSTER_STATE), so that the next `up` takes a minute.
#
#   ./down.sh          ./down.sh --everything   removes those files too
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"

takes --everything -- "$@"
main() {
  take_lock down.sh
  use_daemon
  if timeout 10 docker version >/dev/null 2>&1; then delete_cluster; fi
  "$HERE/docker-daemon.sh" stop
  rm -f "$CLUSTER_KUBECONFIG"
  if [[ ${1:-} == --everything ]]; then
    say "removing $CLUSTER_STATE and $CLUSTER_CACHE"
    rm -rf "$CLUSTER_STATE" "$CLUSTER_CACHE"
  fi
  say "the cluster $CLUSTER_NAME is gone"
}

# Without kind: it may be missing here, and its nodes are containers with a label.
delete_cluster() {
  local -a ids
  mapfile -t ids < <(docker ps -aq --filter "label=io.x-k8s.kind.cluster=$CLUSTER_NAME")
  ((${#ids[@]} == 0)) || step "removing the nodes of $CLUSTER_NAME" timeout 120 docker rm -fv "${ids[@]}"
  # fails, rightly, while nodes of another cluster are in it
  docker network rm kind >/dev/null 2>&1 || true
}

main "$@"
