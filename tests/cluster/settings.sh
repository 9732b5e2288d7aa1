# shellcheck shell=bash
# Names and places of the cluster, for the scripts of this folder to source. Each can be set from outside; README.md describes them.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
: "${CLUSTER_NAME:=opsbuddy}"
: "${CLUSTER_NAMESPACE:=opsbuddy}"
: "${CLUSTER_CONFIG:=$ROOT/kind-config.yaml}"
: "${CLUSTER_CACHE:=$HOME/.cache/opsbuddy}"
: "${CLUSTER_BIN:=$CLUSTER_CACHE/bin}"
: "${CLUSTER_KUBECONFIG:=$CLUSTER_CACHE/kubeconfig}"
: "${CLUSTER_STATE:=/var/lib/opsbuddy-docker}" # one place for every user of the machine: whoever runs `down` after a crash must find it
: "${CLUSTER_DAEMON:=any}"                     # any: use a daemon that answers; own: start one of our own whatever else runs
: "${CLUSTER_BRIDGE:=ob-docker0}"
: "${CLUSTER_NODE_BRIDGE:=ob-kind0}"
: "${CLUSTER_BRIDGE_ADDRESS:=10.198.0.1/24}"
: "${CLUSTER_POOL:=10.197.0.0/16}"
export CLUSTER_NAME CLUSTER_NAMESPACE CLUSTER_CONFIG CLUSTER_CACHE CLUSTER_BIN CLUSTER_KUBECONFIG CLUSTER_STATE CLUSTER_DAEMON CLUSTER_BRIDGE CLUSTER_NODE_BRIDGE CLUSTER_BRIDGE_ADDRESS CLUSTER_POOL
export PATH="$CLUSTER_BIN:$PATH" KUBECONFIG="$CLUSTER_KUBECONFIG"
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$ROOT/pyproject.toml" | head -n 1)
KUBERNETES_VERSION=$(sed -n 's/^.*k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$HERE/tools/kubernetes/go.mod")
export ROOT VERSION KUBERNETES_VERSION
mkdir -p "$CLUSTER_CACHE"

# the daemon that docker-daemon.sh start has found or started
use_daemon() {
  local host
  host=$("$HERE/docker-daemon.sh" host)
  [[ -z $host ]] || export DOCKER_HOST=$host
}
