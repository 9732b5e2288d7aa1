#!/usr/bin/env bash
# opsbuddy/metrics-server:local, the image that manifests/metrics-server.yaml names: the built program on nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
takes -- "$@"
use_daemon
"$HERE/build.sh" metrics-server
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$CLUSTER_BIN/metrics-server" "$work/"
printf 'FROM scratch\nCOPY metrics-server /usr/local/bin/\nUSER 65534:65534\nENTRYPOINT ["/usr/local/bin/metrics-server"]\n' >"$work/Dockerfile"
DOCKER_BUILDKIT=0 docker build -q -t opsbuddy/metrics-server:local "$work"
