#!/usr/bin/env bash
# Prints the node image for `kind create cluster` after seeing to it that the daemon has it: the one built here before (in the daemon, or in its archive
# under $CLUSTER_CACHE), else kind's published one where a registry answers, else it is built now, which takes half an hour once.
#
# The built one is Debian with systemd and containerd, kind's own entrypoint and units (read from the pinned kind module), Kubernetes built from
# its module, and every image that the cluster needs preloaded. Instead of kindnet it has kube-router (pod routes and NetworkPolicy).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
takes -- "$@"
cd "$HERE"
use_daemon
export DOCKER_BUILDKIT=0 GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
PUBLISHED=kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a
PARTS=(kubernetes kind coredns kube-router metrics-server local-path-provisioner cri-tools)
image=opsbuddy/kind-node:$KUBERNETES_VERSION
key=$({ for part in "${PARTS[@]}"; do cat "tools/$part/go.sum"; done; cat node-image.sh node/* manifests/default-*; } | sha256sum | cut -c1-16)
archive=$CLUSTER_CACHE/kind-node-$key.tar.zst

main() {
  if [[ $(docker image inspect -f '{{index .Config.Labels "key"}}' "$image" 2>/dev/null) == "$key" ]]; then
    save_archive
  elif [[ -s $archive ]]; then
    ./prerequisites.sh archive
    step "loading the node image from its archive" load_archive
  elif ./pull.sh "$PUBLISHED"; then
    image=$PUBLISHED
  else
    ./prerequisites.sh images
    ./build.sh "${PARTS[@]}"
    ./base-images.sh
    begin
    step "making the images that run in the cluster" make_cluster_images
    step "making the node" make_node
    step "preloading ${#preload[@]} images into the node" preload_node
    save_archive
  fi
  echo "$image"
}

load_archive() { zstd -dc "$archive" | docker load -q; }
save_archive() {
  [[ ! -s $archive ]] || return 0
  ./prerequisites.sh archive
  rm -f "$CLUSTER_CACHE"/kind-node-*.tar.zst
  step "keeping the node image in $archive" write_archive
}
write_archive() { docker save "$image" | zstd -q -T0 -3 -f -o "$archive.part" && mv "$archive.part" "$archive"; }

begin() {
  work=$(mktemp -d)
  trap finish EXIT
  list=$(kubeadm config images list --kubernetes-version "$KUBERNETES_VERSION" 2>/dev/null)
  published() { grep -E "/$1:" <<<"$list"; } # the name that kubeadm will look for in the node
  pause=$(published pause)
  static=(kube-apiserver kube-controller-manager kube-scheduler etcd)
  preload=("${static[@]}" kube-proxy coredns/coredns)
  for i in "${!preload[@]}"; do preload[i]=$(published "${preload[i]}"); done
  preload+=("$pause" debian:bookworm-slim opsbuddy/kube-router:local opsbuddy/metrics-server:local opsbuddy/local-path-provisioner:local)
}
finish() {
  [[ ! -s $work/container ]] || docker rm -fv "$(<"$work/container")" >/dev/null 2>&1 || true
  rm -rf "$work"
}

make_cluster_images() {
  docker build --network host -t opsbuddy/packet-filter - <<'D'
FROM debian:bookworm-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends iptables nftables ipset iproute2 conntrack kmod && rm -rf /var/lib/apt/lists/*
D
  local program
  for program in "${static[@]}"; do program_image "$(published "$program")" scratch "$program"; done
  program_image "$(published coredns/coredns)" scratch coredns
  program_image "$(published kube-proxy)" opsbuddy/packet-filter kube-proxy
  program_image opsbuddy/kube-router:local opsbuddy/packet-filter kube-router
  program_image opsbuddy/local-path-provisioner:local scratch local-path-provisioner
  ./metrics-server-image.sh
  mkdir "$work/pause"
  cc -Os -static -s -o "$work/pause/pause" node/pause.c
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' >"$work/pause/Dockerfile"
  docker build -t "$pause" "$work/pause"
}
program_image() { # program_image NAME BASE PROGRAM
  rm -rf "$work/image"
  mkdir "$work/image"
  cp "$CLUSTER_BIN/$3" "$work/image/"
  printf 'FROM %s\nCOPY %s /usr/local/bin/\nENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nENTRYPOINT ["/usr/local/bin/%s"]\n' "$2" "$3" "$3" >"$work/image/Dockerfile"
  docker build -t "$1" "$work/image"
}

make_node() {
  local files=$work/node/files
  mkdir -p "$files" "$work/node/bin"
  cp -r "$(cd tools/kind && go list -m -f '{{.Dir}}' sigs.k8s.io/kind)/images/base/files/." "$files/"
  chmod -R u+w "$files"
  find "$files" -type f -exec chmod 644 {} +
  chmod 755 "$files"/usr/local/bin/* "$files"/kind/bin/*
  # A machine without CAP_SYS_RESOURCE may neither lower an OOM score nor raise a limit: neither containerd's unit nor its CRI plugin may ask for it.
  sed -i -e '/^OOMScoreAdjust=/d' -e '/^LimitNPROC=/d' -e '/^LimitCORE=/d' -e '/^LimitNOFILE=/d' -e 's#/usr/local/bin/containerd#/usr/bin/containerd#' \
    "$files/etc/systemd/system/containerd.service"
  sed -i -e 's#restrict_oom_score_adj = false#restrict_oom_score_adj = true#' -e "s#sandbox_image = .*#sandbox_image = \"$pause\"#" "$files/etc/containerd/config.toml"
  mkdir -p "$files/kind/manifests"
  cp "$CLUSTER_BIN"/{kubeadm,kubelet,kubectl,crictl} "$work/node/bin/"
  echo "$KUBERNETES_VERSION" >"$files/kind/version"
  cp manifests/default-cni.yaml manifests/default-storage.yaml "$files/kind/manifests/"
  cp node/Dockerfile "$work/node/"
  docker build --network host -t opsbuddy/kind-node-base "$work/node"
}

preload_node() {
  local i node
  node=$(docker run -d --cidfile "$work/container" --privileged --entrypoint sleep opsbuddy/kind-node-base infinity)
  docker exec -d "$node" containerd
  for ((i = 0; i < 100; i++)); do
    ! docker exec "$node" ctr version || break
    sleep 0.2
  done
  docker save "${preload[@]}" | docker exec -i "$node" ctr -n k8s.io images import --no-unpack -
  # shellcheck disable=SC2016 # for the shell in the node
  docker exec "$node" sh -c 'kill "$(pidof containerd)"; while pidof containerd; do sleep 0.1; done'
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' --change 'CMD []' --change "LABEL key=$key" "$node" "$image"
}

main
