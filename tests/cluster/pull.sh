#!/usr/bin/env bash
# Pulls an image where a registry answers. Status 0: the image is here. Status 1: it cannot be had, which is known after seconds and kept in
# mind for ten minutes, so that a run asks once.
#
#   ./pull.sh IMAGE
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
[[ $# == 1 && $1 != -* ]] || takes -- "${@:-nothing}"
use_daemon
image=$1 silent=$CLUSTER_CACHE/no-registry
! docker image inspect "$image" >/dev/null 2>&1 || exit 0
[[ ${CLUSTER_PULL:-yes} == yes ]] || exit 1
[[ -z $(find "$silent" -mmin -10 2>/dev/null) ]] || exit 1
# reading the manifest takes a second where it works; a pull has no time limit of its own and may rightly take minutes
if ! timeout 8 docker manifest inspect "$image" >/dev/null 2>&1; then
  say "no registry hands out $image: going on without"
  touch "$silent"
  exit 1
fi
step "pulling $image" timeout 900 docker pull -q "$image"
