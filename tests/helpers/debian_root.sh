#!/bin/sh
# Builds the files of a minimal Debian with sshd, for tests of the packages. Needs root and debootstrap.
#
# usage: debian_root.sh DIRECTORY SUITE
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# systemd satisfies a dependency of the .deb. It does not run. rpm installs the .rpm.
debootstrap --variant=minbase --include=openssh-server,rpm,systemd "$2" "$1" "${MIRROR:-http://deb.debian.org/debian}" \
  >"$1.log" 2>&1 || {
  tail -n 20 "$1.log" >&2
  exit 1
}
rm -rf "$1.log" "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "${1:?}"/dev/*
