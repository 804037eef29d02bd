#!/usr/bin/env bash
# Lays out the root of Tandem's images: the program, the shared libraries that ldd names, the
# licences and package entries of these (scanners read them), two names of users, an empty /tmp.
#   deploy/docker/root.sh PROGRAM VERSION DIRECTORY
# Times of files are SOURCE_DATE_EPOCH's.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."

program=$1
version=$2
root=$3

is=$(<VERSION)
if [[ $version != "$is" ]]; then
  echo "root.sh: the version is '$version' in deploy/docker/Dockerfile, expected '$is' as in VERSION" >&2
  exit 1
fi

# library(path): at its place, without the links that lead to it; its package has an entry.
library() {
  local path=$1 directory real package documents
  directory=$(realpath "$(dirname "$path")")
  install -D -m 0755 "$path" "$root$directory/${path##*/}"
  real=$(realpath "$path")
  # A package may know its file by a path from before /lib became a link to /usr/lib.
  package=$(dpkg-query --search "$real" 2>/dev/null || dpkg-query --search "${real#/usr}")
  package=${package%%:*}
  documents=usr/share/doc/$package
  install -D -m 0644 "/$documents/copyright" "$root/$documents/copyright"
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
}

mkdir -p "$root"/{etc,usr/bin,usr/lib,usr/lib64,usr/share/doc/tandem,var/lib/dpkg/status.d,models}
ln -s usr/lib usr/lib64 "$root/"
mkdir -m 1777 "$root/tmp"
strip --strip-all -o "$root/usr/bin/tandem" "$program"
chmod 0755 "$root/usr/bin/tandem"
libraries=$(ldd "$program" | grep -oE '/[^ ]+')
for path in $libraries; do
  library "$path"
done

cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/:/sbin/nologin
nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin
PASSWD
cat >"$root/etc/group" <<'GROUP'
root:x:0:
nonroot:x:65532:
GROUP
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
install -m 0644 /etc/os-release "$root/etc/os-release"
install -m 0644 LICENSE "$root/usr/share/doc/tandem/copyright"
deploy/docker/sbom.sh "$root" tandem "$version" >"$root/usr/share/doc/tandem/sbom.spdx.json"
find "$root" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-0}" {} +
