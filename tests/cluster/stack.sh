#!/usr/bin/env bash
# Installs the stack by Helm into the cluster of the kubeconfig, or upgrades it, also when a run before was killed in the middle of that.
#
#   ./stack.sh [--set operator.replicas=2 ...]      arguments go to helm
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
[[ ${1:-} != -h && ${1:-} != --help ]] || takes -- "$1" # all else is for helm

# Helm refuses everything while it believes that somebody is at it. The lock of the cluster says that nobody is, so what is pending was given up.
kubectl -n "$CLUSTER_NAMESPACE" delete secret --ignore-not-found -l 'owner=helm,name=opsbuddy,status in (pending-install,pending-upgrade,pending-rollback)'
helm upgrade --install opsbuddy "$ROOT/charts/opsbuddy" --namespace "$CLUSTER_NAMESPACE" --create-namespace --wait --timeout 5m "$@"
