#!/usr/bin/env bash
# The whole platform on the cluster: the cluster itself, the product's images, the stack by Helm, and manifests/samples applied to it.
# Run again it brings all of that up to date and restarts what runs from an image that changed. Arguments go to helm (--set operator.replicas=2).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"
[[ ${1:-} != -h && ${1:-} != --help ]] || takes -- "$1" # all else is for helm

main() {
  take_lock install.sh
  "$HERE/up.sh"
  use_daemon
  mapfile -t changed < <("$HERE/images.sh")
  trap '(($? == 0)) || explain' EXIT
  step "installing the stack into the namespace $CLUSTER_NAMESPACE" "$HERE/stack.sh" "$@"
  # They say what the chart says by default, so they would take back what arguments change.
  (($#)) || step "applying manifests/samples" kubectl -n "$CLUSTER_NAMESPACE" apply -f "$ROOT/manifests/samples"
  restart_changed
  wait_for_services
  say "OpsBuddy runs"
  cat <<T

  export KUBECONFIG=$CLUSTER_KUBECONFIG PATH=$CLUSTER_BIN:\$PATH
  kubectl -n $CLUSTER_NAMESPACE get opsbuddyservices
  kubectl -n $CLUSTER_NAMESPACE port-forward service/ui-service 3000:3000      then http://localhost:3000
  helm -n $CLUSTER_NAMESPACE test opsbuddy --logs

T
}

# Says each service as it becomes Ready; gives up after five minutes.
wait_for_services() {
  local name status reason ready='' waiting begun=$SECONDS
  say "waiting for every service to be Ready"
  while true; do
    waiting=''
    while read -r name status reason; do
      if [[ $status != True ]]; then
        waiting+=" $name (${reason:-not judged yet})"
      elif [[ " $ready " != *" $name "* ]]; then
        ready+=" $name"
        say "  $name is Ready"
      fi
    done < <(services)
    [[ -n $waiting || -z $ready ]] || return 0
    ((SECONDS - begun < 300)) || { say "not Ready after 300 s:$waiting"; return 1; }
    sleep 1
  done
}
services() { # name, status and reason of Ready
  kubectl -n "$CLUSTER_NAMESPACE" get opsbuddyservices --request-timeout 10s -o \
    'jsonpath={range .items[*]}{.metadata.name}{range .status.conditions[?(@.type=="Ready")]} {.status} {.reason}{end}{"\n"}{end}'
}

# The tag is the version and stays the same while one develops, so nothing else would tell Kubernetes.
restart_changed() {
  local image name created images
  for image in "${changed[@]}"; do
    while read -r name created images; do
      if [[ " $images " == *" $image "* && $(date -d "$created" +%s) -lt $CLUSTER_STARTED ]]; then
        step "restarting $name, whose image changed" restart "$name"
      fi
    done < <(kubectl -n "$CLUSTER_NAMESPACE" get deployments -o \
      'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.metadata.creationTimestamp}{" "}{.spec.template.spec.containers[*].image}{"\n"}{end}')
  done
}
restart() {
  kubectl -n "$CLUSTER_NAMESPACE" rollout restart "$1"
  kubectl -n "$CLUSTER_NAMESPACE" rollout status "$1" --timeout=180s
}

# What a person would ask next when it failed: what is not ready, why, and what it last said.
explain() {
  local pod
  {
    echo
    kubectl -n "$CLUSTER_NAMESPACE" get opsbuddyservices,deployments,pods,persistentvolumeclaims -o wide
    echo
    kubectl -n "$CLUSTER_NAMESPACE" get opsbuddyservices -o \
      'jsonpath={range .items[*]}{.metadata.name}: {range .status.conditions[?(@.type=="Ready")]}{.status} {.reason} {.message}{end}{"\n"}{end}'
    echo
    kubectl -n "$CLUSTER_NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 30
    for pod in $(kubectl -n "$CLUSTER_NAMESPACE" get pods -o \
      'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | awk '$2 != "True" {print $1}'); do
      printf '\n-- the last of %s\n' "$pod"
      kubectl -n "$CLUSTER_NAMESPACE" logs "$pod" --all-containers --tail=20
    done
    printf '\n-- the last of the operator\n'
    kubectl -n "$CLUSTER_NAMESPACE" logs deployment/opsbuddy-operator --tail=20
  } >&2 2>&1 || true
}

main "$@"
