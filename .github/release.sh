#!/usr/bin/env bash
# The steps of a release, as workflows/release.yml takes them. Each can be run by hand, in a checkout of the tag.
# The rule: what goes out is made of a commit of main, by Deno's own runtime, and has run once.
set -euo pipefail

NAME=ssh-session-notifier
DENO=2.9.6
ARCHES=(x86_64 aarch64)
# Those who verify name the repository that the release is from.
REPOSITORY=${GITHUB_REPOSITORY:-OWNER/$NAME}

usage() {
  cat <<END
Usage: .github/release.sh STEP ...

  verify TAG        refuse a tag that is not the version of deno.json, or not on main
  compile DIR       make the binaries, DIR/ARCH/$NAME
  pack TAG DIR      make the archives of these, their checksums, and the release text DIR/notes.md
  try DIR           unpack the archive for this machine, run it, and install it below a directory
END
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Of the checkout. The one line of deno.json that is not nested deeper.
version() { sed -n 's/^  "version": "\([0-9][0-9A-Za-z.+-]*\)",$/\1/p' deno.json; }

verify() { # TAG
  [ "$1" = "v$(version)" ] || die "the tag $1 is not the version of deno.json, v$(version)"
  [ "$(git rev-parse "refs/tags/$1^{commit}")" = "$(git rev-parse HEAD)" ] || die "the checkout is not that of $1"
  git merge-base --is-ancestor HEAD refs/remotes/origin/main || die "$1 is not on main, where every commit is tested"
  [ -z "$(git status --porcelain)" ] || die "the checkout has changes: $(git status --porcelain)"
}

# What DENORT_BIN names would be in every binary, and nobody could tell from where it is.
refuse_foreign_runtime() {
  [ -z "${DENORT_BIN+set}" ] || die "DENORT_BIN is set: a release takes its runtime from Deno's own site alone"
}

refuse_testing_binary() { # FILE
  local said
  said=$("$1" --version) || die "$1 does not run"
  case $said in
    *"for testing only"*) die "$1 is not one to release: $said" ;;
    "$NAME $(version) (Deno $DENO, "*) printf '%s\n' "$said" ;;
    *) die "$1 is not version $(version) on Deno $DENO: $said" ;;
  esac
}

compile() { # DIR
  refuse_foreign_runtime
  local arch
  for arch in "${ARCHES[@]}"; do
    npx -y "deno@$DENO" task compile "--arch=$arch" "--output=$1/$arch/$NAME"
  done
  # The other one runs on a machine of its own, in step try.
  refuse_testing_binary "$1/$(uname -m)/$NAME"
}

# Makes the same archive of the same files, wherever and whenever: of them come only names, contents and executability.
pack() { # TAG DIR
  local arch directory
  for arch in "${ARCHES[@]}"; do
    directory=$NAME-$1-linux-$arch
    install -D -m 0755 "$2/$arch/$NAME" "$2/$directory/$NAME"
    install -m 0755 install.sh "$2/$directory/"
    install -m 0644 README.md LICENSE "$2/$directory/"
    tar --create --directory="$2" --sort=name --owner=0 --group=0 --numeric-owner \
      --mtime="@$(git log -1 --format=%ct)" "$directory" | gzip --no-name >"$2/$directory.tar.gz"
    rm -r "${2:?}/$directory" "${2:?}/$arch"
  done
  (cd "$2" && sha256sum -- *.tar.gz >SHA256SUMS)
  notes "$1" "$2" >"$2/notes.md"
}

notes() { # TAG DIR
  local previous
  previous=$(git describe --tags --abbrev=0 --match='v*' "$1^" 2>/dev/null) || previous=''
  # An annotated tag has a text of its own.
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

The second command proves that the archive was built by this repository's release workflow, of this tag.
The last one only says what \`sudo ./install.sh --pam\` would do.

## SHA-256

$(sed 's/^/    /' "$2/SHA256SUMS")
END
}

try() { # DIR
  local directory root
  (cd "$1" && sha256sum --check --strict SHA256SUMS)
  directory=$(cd "$1" && echo "$NAME"-*-linux-"$(uname -m)".tar.gz)
  directory=${directory%.tar.gz}
  tar -xzf "$1/$directory.tar.gz" -C "$1"
  refuse_testing_binary "$1/$directory/$NAME"
  root=$(mktemp -d)
  DESTDIR=$root "$1/$directory/install.sh"
  cmp "$1/$directory/$NAME" "$root/usr/sbin/$NAME"
  "$1/$directory/$NAME" man | cmp - "$root/usr/share/man/man8/$NAME.8"
  rm -r "$root" "${1:?}/$directory"
}

cd "$(dirname "$0")/.."
case "${1:-}:$#" in
  verify:2) verify "$2" ;;
  compile:2) compile "$(realpath -m -- "$2")" ;;
  pack:3) pack "$2" "$(realpath -- "$3")" ;;
  try:2) try "$(realpath -- "$2")" ;;
  *)
    usage >&2
    exit 64
    ;;
esac
