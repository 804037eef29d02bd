#!/usr/bin/env bash
# Makes the image that stands for debian:bookworm-slim where no registry of images is reachable:
# Debian 12 by debootstrap, with its updates. Quick when it is there.
#   tests/images/base_image.sh                     in the storage of buildah.sh
#   tests/images/base_image.sh --copy-to STORAGE   and in another
# DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR name other mirrors than Debian's own.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
. tools/quiet.sh
. tests/images/buildah.sh

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make() {
  local root=$work/root container
  debootstrap --variant=minbase bookworm "$root" "$mirror"
  cat >"$root/etc/apt/sources.list" <<SOURCES
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb $security bookworm-security main
SOURCES
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  container=$(build_tool from scratch)
  build_tool add --quiet "$container" "$root" /
  build_tool commit --quiet --rm "$container" "$base_image"
}

if ! build_tool inspect --type image "$base_image" >/dev/null 2>&1; then
  quietly "making $base_image by debootstrap" make
fi
if [[ ${1:-} == --copy-to ]]; then
  build_tool push --quiet "$base_image" "docker-archive:$work/base.tar:$base_image"
  use_storage "$2"
  build_tool pull --quiet "docker-archive:$work/base.tar" >/dev/null
fi
