#!/usr/bin/env bash
# The images that ours begin with, under their public names, so that every Dockerfile builds unchanged: debian:bookworm-slim and
# python:3.11-slim-bookworm. Pulled, or made from Debian packages where no registry answers. The made ones carry this machine's trusted roots
# (SSL_CERT_FILE too: uv brings roots of its own otherwise) and its pip settings, so that installing works in a build with --network host.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
source "$HERE/progress.sh"
takes -- "$@"
export DOCKER_BUILDKIT=0
use_daemon
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_debian() {
  local files=$work/files
  debootstrap --variant=minbase --include=ca-certificates bookworm "$files"
  rm -rf "$files"/var/cache/apt/archives/*.deb "$files"/var/lib/apt/lists/* "$files"/usr/share/{doc,man,locale}/*
  cp /etc/ssl/certs/ca-certificates.crt "$files/etc/ssl/certs/"
  [[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$files/etc/pip.conf"
  tar -C "$files" -c . | docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' --change 'CMD ["bash"]' - debian:bookworm-slim
}
make_python() {
  docker build --network host -t python:3.11-slim-bookworm - <<'D'
FROM debian:bookworm-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-venv python3-pip \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/info/* && ln -s /usr/bin/python3 /usr/local/bin/python && rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
CMD ["python3"]
D
}
if ! "$HERE/pull.sh" debian:bookworm-slim; then
  "$HERE/prerequisites.sh" images
  step "making debian:bookworm-slim" make_debian
fi
if ! "$HERE/pull.sh" python:3.11-slim-bookworm; then step "making python:3.11-slim-bookworm" make_python; fi
