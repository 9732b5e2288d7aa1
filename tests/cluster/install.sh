#!/usr/bin/env bash
# The whole platform on the cluster: the cluster itself, the product's images, the stack by Helm, and the sample services. Run again it brings all of
# that up to date and restarts what runs from an image that changed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"
: "${CLUSTER_NAMESPACE:=opsbuddy}"

main() {
  take_lock install.sh
  "$HERE/up.sh"
  use_daemon
  mapfile -t changed < <("$HERE/images.sh")
  step "installing the stack into the namespace $CLUSTER_NAMESPACE" install_stack
  step "restarting what runs from a changed image" restart_changed
  step "applying the sample services" kubectl -n "$CLUSTER_NAMESPACE" apply -f "$ROOT/manifests/samples"
  step "waiting for every deployment" kubectl -n "$CLUSTER_NAMESPACE" wait deployment --all --for=condition=Available --timeout=180s
  say "OpsBuddy runs"
  cat <<T

  export KUBECONFIG=$CLUSTER_KUBECONFIG
  kubectl -n $CLUSTER_NAMESPACE get opsbuddyservices
  kubectl -n $CLUSTER_NAMESPACE port-forward svc/ui-service 3000:3000      then http://localhost:3000

T
}

install_stack() {
  helm dependency update "$ROOT/charts/opsbuddy"
  helm upgrade --install opsbuddy "$ROOT/charts/opsbuddy" --namespace "$CLUSTER_NAMESPACE" --create-namespace --wait --timeout 5m
}

# The tag is the version and stays the same while one develops, so nothing else would tell Kubernetes.
restart_changed() {
  local image name
  for image in "${changed[@]}"; do
    kubectl -n "$CLUSTER_NAMESPACE" get deployments,statefulsets -o \
      'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.metadata.creationTimestamp}{" "}{.spec.template.spec.containers[*].image}{"\n"}{end}' |
      while read -r name created images; do
        if [[ " $images " == *" $image "* && $(date -d "$created" +%s) -lt $CLUSTER_STARTED ]]; then
          kubectl -n "$CLUSTER_NAMESPACE" rollout restart "$name"
        fi
      done
  done
}

main
