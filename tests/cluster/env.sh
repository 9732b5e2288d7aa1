#!/usr/bin/env bash
# Prints what a shell needs to work with the cluster:   eval "$(tests/cluster/env.sh)"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
takes -- "$@"
host=$("$HERE/docker-daemon.sh" host)
# shellcheck disable=SC2016 # the caller's PATH
printf 'export PATH=%q:"$PATH"\n' "$CLUSTER_BIN"
printf 'export KUBECONFIG=%q\n' "$CLUSTER_KUBECONFIG"
[[ -z $host ]] || printf 'export DOCKER_HOST=%q\n' "$host"
