# shellcheck shell=bash
# Sourced: build_tool(arguments...) is buildah with a storage of its own. IMAGES_STORAGE says where;
# what is in it makes a repeated build quick, and may be removed at any time.

# shellcheck disable=SC2034 # its users are elsewhere
base_image=localhost/debian:bookworm-slim

# use_storage(directory): from here on build_tool's.
use_storage() {
  images_storage=$1
  mkdir -p "$images_storage"
  images_driver=vfs # works everywhere, and copies everything
  if buildah --root "$images_storage/overlay" --runroot "$images_storage/run" --storage-driver overlay info \
    >/dev/null 2>&1; then
    images_driver=overlay
  fi
}

build_tool() {
  buildah --root "$images_storage/$images_driver" --runroot "$images_storage/run" \
    --storage-driver "$images_driver" "$@"
}

use_storage "${IMAGES_STORAGE:-${XDG_CACHE_HOME:-$HOME/.cache}/tandem-images}"
