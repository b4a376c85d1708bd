#!/usr/bin/env bash
# The steps of a release, run by workflows/release.yml. Each can be run by hand, in a checkout of the tag.
# A release is built from a commit on main, with Deno's own runtime, and has run at least once.
set -euo pipefail

NAME=ssh-session-notifier
DENO=2.9.6
ARCHES=(x86_64 aarch64)
# The repository of the release, which users name to verify it.
REPOSITORY=${GITHUB_REPOSITORY:-OWNER/$NAME}

usage() {
  cat <<END
Usage: .github/release.sh STEP ...

  verify TAG        refuse a tag that is not the version in deno.json, or not on main
  compile DIR       build the trees, DIR/ARCH
  package DIR       create the .deb and the .rpm of each tree
  pack TAG DIR      create their archives, the checksums, and the release notes DIR/notes.md
  try DIR           unpack the archive for this machine, run the binary, and install it below a directory
END
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Prints the version of the checkout. In deno.json, only its line has this indentation.
version() { sed -n 's/^  "version": "\([0-9][0-9A-Za-z.+-]*\)",$/\1/p' deno.json; }

verify() { # TAG
  [ "$1" = "v$(version)" ] || die "the tag $1 is not the version in deno.json, v$(version)"
  [ "$(git rev-parse "refs/tags/$1^{commit}")" = "$(git rev-parse HEAD)" ] || die "the checkout is not at $1"
  git merge-base --is-ancestor HEAD refs/remotes/origin/main || die "$1 is not on main, where every commit is tested"
  [ -z "$(git status --porcelain)" ] || die "the checkout has changes: $(git status --porcelain)"
}

# The file that DENORT_BIN names would be part of every binary, from an unknown source.
refuse_foreign_runtime() {
  [ -z "${DENORT_BIN+set}" ] || die "DENORT_BIN is set: a release must use the runtime from Deno's own site"
}

refuse_testing_binary() { # FILE
  local said
  said=$("$1" --version) || die "$1 does not run"
  case $said in
    *"for testing only"*) die "cannot release $1: $said" ;;
    "$NAME $(version) (Deno $DENO, "*) printf '%s\n' "$said" ;;
    *) die "$1 is not version $(version) on Deno $DENO: $said" ;;
  esac
}

compile() { # DIR
  refuse_foreign_runtime
  local arch
  for arch in "${ARCHES[@]}"; do
    npx -y "deno@$DENO" task dist "--arch=$arch" "--output=$1/$arch"
  done
  # The other one is run on a machine of its architecture, in step try.
  refuse_testing_binary "$1/$(uname -m)/root/usr/sbin/$NAME"
}

package() { # DIR
  local arch
  for arch in "${ARCHES[@]}"; do npx -y "deno@$DENO" task package "--dist=$1/$arch" "--output=$1"; done
}

# Creates reproducible archives: only the names, contents and executable bits of the files affect them.
pack() { # TAG DIR
  local arch directory
  for arch in "${ARCHES[@]}"; do
    directory=$NAME-$1-linux-$arch
    mv "$2/$arch" "$2/$directory"
    install -m 0755 install.sh "$2/$directory/"
    install -m 0644 README.md LICENSE "$2/$directory/"
    tar --create --directory="$2" --sort=name --owner=0 --group=0 --numeric-owner \
      --mode=u=rwX,go=rX --mtime="@$(git log -1 --format=%ct)" "$directory" | gzip --no-name >"$2/$directory.tar.gz"
    rm -r "${2:?}/$directory"
  done
  (cd "$2" && shopt -s nullglob && sha256sum -- *.deb *.rpm *.tar.gz >SHA256SUMS)
  notes "$1" "$2" >"$2/notes.md"
}

notes() { # TAG DIR
  local previous
  previous=$(git describe --tags --abbrev=0 --match='v*' "$1^" 2>/dev/null) || previous=''
  # An annotated tag has its own text.
  if [ "$(git cat-file -t "refs/tags/$1")" = tag ]; then
    git for-each-ref --format='%(contents:subject)%0a%0a%(contents:body)' "refs/tags/$1"
  fi
  if [ -n "$previous" ]; then
    printf '## Changes since %s\n\n' "$previous"
    git log --reverse --no-merges --format='- %s' "$previous..$1"
  fi
  cat <<END

## Verify and install

    sha256sum --check --ignore-missing SHA256SUMS
    gh attestation verify $NAME-$1-linux-\$(uname -m).tar.gz --repo $REPOSITORY \\
      --signer-workflow $REPOSITORY/.github/workflows/release.yml --source-ref refs/tags/$1
    tar -xzf $NAME-$1-linux-\$(uname -m).tar.gz
    cd $NAME-$1-linux-\$(uname -m)
    sudo ./install.sh --dry-run --pam

The second command proves that this repository's release workflow built the archive from this tag.
The last command only shows what \`sudo ./install.sh --pam\` would do.

## SHA-256

$(sed 's/^/    /' "$2/SHA256SUMS")
END
}

# Prints the name of the .deb for this machine.
package_name() { echo "${NAME}_$(version)_$(dpkg --print-architecture).deb"; }

try() { # DIR
  local directory root
  (cd "$1" && sha256sum --check --strict SHA256SUMS)
  directory=$(cd "$1" && echo "$NAME"-*-linux-"$(uname -m)".tar.gz)
  directory=${directory%.tar.gz}
  tar -xzf "$1/$directory.tar.gz" -C "$1"
  refuse_testing_binary "$1/$directory/root/usr/sbin/$NAME"
  root=$(mktemp -d)
  DESTDIR=$root "$1/$directory/install.sh"
  cmp "$1/$directory/root/usr/sbin/$NAME" "$root/usr/sbin/$NAME"
  cmp "$1/$directory/root/usr/share/man/man8/$NAME.8" "$root/usr/share/man/man8/$NAME.8"
  if [ -e "$1/$(package_name)" ]; then
    dpkg-deb --fsys-tarfile "$1/$(package_name)" | tar --extract --to-stdout "./usr/sbin/$NAME" |
      cmp - "$root/usr/sbin/$NAME"
  fi
  rm -r "$root" "${1:?}/$directory"
}

cd "$(dirname "$0")/.."
case "${1:-}:$#" in
  verify:2) verify "$2" ;;
  compile:2) compile "$(realpath -m -- "$2")" ;;
  package:2) package "$(realpath -- "$2")" ;;
  pack:3) pack "$2" "$(realpath -- "$3")" ;;
  try:2) try "$(realpath -- "$2")" ;;
  *)
    usage >&2
    exit 64
    ;;
esac
