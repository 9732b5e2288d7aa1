#!/usr/bin/env bash
# Brings up the kind cluster: a Docker daemon where none runs, the node image, the cluster of kind-config.yaml, metrics-server, a kubeconfig.
# Run again it changes nothing that works; a cluster left half made, or made of something else, is mended or made anew.
#
#   ./up.sh              ./up.sh --created   prints `created` or `found`: whoever made the cluster may take it away again
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"

takes --created -- "$@"
main() {
  "$HERE/prerequisites.sh" docker
  take_lock up.sh
  "$HERE/docker-daemon.sh" start
  use_daemon
  image=$("$HERE/node-image.sh")
  fetch_tools
  wanted=$({ cat "$CLUSTER_CONFIG"; docker image inspect -f '{{.Id}}' "$image"; } | sha256sum | cut -c1-16)
  local how=found
  if ! usable; then
    how=created
    delete
    step "creating the cluster $CLUSTER_NAME" create
  fi
  step "waiting for every node" kubectl wait node --all --for=condition=Ready --timeout=180s
  metrics_server
  say "the cluster $CLUSTER_NAME is up; to work with it:  export KUBECONFIG=$CLUSTER_KUBECONFIG"
  [[ ${1:-} != --created ]] || echo "$how"
}

fetch_tools() {
  command -v kind >/dev/null || "$HERE/build.sh" kind
  command -v helm >/dev/null || "$HERE/build.sh" helm
  command -v kubectl >/dev/null || "$HERE/build.sh" kubectl
}

nodes() { docker ps -aq --filter "label=io.x-k8s.kind.cluster=$CLUSTER_NAME"; }

# The mark is set last, so a cluster whose making was interrupted has none.
usable() {
  local -a ids
  mapfile -t ids < <(nodes)
  ((${#ids[@]})) || return 1
  say "found the cluster $CLUSTER_NAME"
  docker start "${ids[@]}" >/dev/null 2>&1 || return 1
  kind export kubeconfig --name "$CLUSTER_NAME" --kubeconfig "$CLUSTER_KUBECONFIG" >/dev/null 2>&1 || return 1
  if ! step "waiting for its API server" wait_for_api; then return 1; fi
  [[ $(kubectl get namespace kube-system -o 'jsonpath={.metadata.annotations.opsbuddy\.dev/made-of}' --request-timeout 10s) == "$wanted" ]] && return 0
  say "it was not finished, or made of another configuration or node image"
  return 1
}
wait_for_api() {
  local i
  for ((i = 0; i < 90; i++)); do
    ! kubectl get --raw /readyz --request-timeout 5s || return 0
    sleep 1
  done
  return 1
}

delete() {
  [[ -z $(nodes) ]] || step "removing the unusable cluster" kind delete cluster --name "$CLUSTER_NAME" --kubeconfig "$CLUSTER_KUBECONFIG"
}
create() {
  kind create cluster --name "$CLUSTER_NAME" --config "$CLUSTER_CONFIG" --image "$image" --kubeconfig "$CLUSTER_KUBECONFIG" --wait 180s
  kubectl annotate namespace kube-system --overwrite "opsbuddy.dev/made-of=$wanted"
}

metrics_server() {
  if [[ $image != opsbuddy/* ]] && ! docker image inspect opsbuddy/metrics-server:local >/dev/null 2>&1; then
    "$HERE/metrics-server-image.sh" >/dev/null
    step "loading metrics-server" kind load docker-image --name "$CLUSTER_NAME" opsbuddy/metrics-server:local
  fi
  step "metrics-server" start_metrics_server
}
start_metrics_server() {
  kubectl apply -f "$HERE/manifests/metrics-server.yaml"
  kubectl -n kube-system rollout status deployment/metrics-server --timeout=180s
}

main "$@"
