#!/usr/bin/env bash
# Builds the product's images, opsbuddy-<name>:<version>, and influxdb:2, and loads into the cluster's nodes those whose content they do not have yet.
# Prints the names of the images that were loaded: what runs from one of them needs a restart, because the version alone does not change.
#
#   ./images.sh [gateway file-service ...]      all of them without arguments
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
source "$HERE/lock.sh"
ALL=(operator gateway file-service utility-service analytics-service timeseries-service ui-service influxdb)

takes "${ALL[@]}" -- "$@"

main() {
  take_lock images.sh
  use_daemon
  # the default builder of the docker program at hand; the legacy one where its BuildKit plugin is missing
  docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
  "$HERE/base-images.sh"
  local name images=()
  for name in "${@:-"${ALL[@]}"}"; do
    if [[ $name == influxdb ]]; then
      influxdb
      images+=(influxdb:2)
    else
      step "building opsbuddy-$name:$VERSION" build "$name"
      images+=("opsbuddy-$name:$VERSION")
    fi
  done
  load "${images[@]}"
}

build() {
  local folder=$1
  [[ -d $ROOT/$folder ]] || folder=services/$1
  local proxy=() variable
  for variable in HTTP_PROXY HTTPS_PROXY NO_PROXY; do [[ -z ${!variable:-} ]] || proxy+=(--build-arg "$variable"); done
  docker build --network host "${proxy[@]}" --build-arg "PACKAGE=$folder" --build-arg "UV_VERSION=$(sed -n 's/^UV_VERSION := //p' "$ROOT/Makefile")" \
    -t "opsbuddy-$1:$VERSION" "$ROOT"
}

# Pulled, or the built influxd on Debian with what the chart relies on of the published image: influxd on PATH, user 1000, data in /var/lib/influxdb2.
influxdb() {
  local made
  made=$(docker image inspect -f '{{index .Config.Labels "opsbuddy.dev/made-here"}}' influxdb:2 2>/dev/null || true)
  if [[ -z $made ]] && "$HERE/pull.sh" influxdb:2; then return; fi
  "$HERE/build.sh" influxdb
  step "making influxdb:2" make_influxdb
}
make_influxdb() {
  local work
  work=$(mktemp -d)
  cp "$CLUSTER_BIN/influxd" "$work/"
  cat >"$work/Dockerfile" <<'D'
FROM debian:bookworm-slim
RUN groupadd --gid 1000 influxdb && useradd --uid 1000 --gid 1000 --home-dir /var/lib/influxdb2 --no-create-home influxdb \
 && install -d -o 1000 -g 1000 /var/lib/influxdb2 /etc/influxdb2
COPY influxd /usr/local/bin/
ENV INFLUXD_BOLT_PATH=/var/lib/influxdb2/influxd.bolt INFLUXD_ENGINE_PATH=/var/lib/influxdb2/engine INFLUXD_SQLITE_PATH=/var/lib/influxdb2/influxd.sqlite \
    INFLUXD_CONFIG_PATH=/etc/influxdb2 INFLUXD_REPORTING_DISABLED=true
EXPOSE 8086
LABEL opsbuddy.dev/made-here=yes
USER 1000:1000
CMD ["influxd"]
D
  DOCKER_BUILDKIT=0 docker build -t influxdb:2 "$work"
  rm -rf "$work"
}

load() { # all missing ones in one archive: what they share is copied once
  local image missing=() nodes
  nodes=$(docker ps -q --filter "label=io.x-k8s.kind.cluster=$CLUSTER_NAME")
  [[ -n $nodes ]] || { say "no node of $CLUSTER_NAME runs: the images are built but not loaded (up.sh brings the cluster)"; return; }
  mapfile -t missing < <(missing_on_a_node "$nodes" "$@")
  ((${#missing[@]})) || { say "the nodes have all of them"; return; }
  step "loading ${#missing[@]} images into the nodes" kind load docker-image --name "$CLUSTER_NAME" "${missing[@]}"
  printf '%s\n' "${missing[@]}"
}
missing_on_a_node() {
  local node image present=() nodes=$1
  shift
  for node in $nodes; do present+=("$(docker exec "$node" crictl images -q --no-trunc)"); done
  for image in "$@"; do
    local id
    id=$(docker image inspect -f '{{.Id}}' "$image")
    for node in "${present[@]}"; do
      grep -qxF "$id" <<<"$node" || { echo "$image"; break; }
    done
  done
}

main "$@"
