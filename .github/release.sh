#!/usr/bin/env bash
# The steps of a release, run by workflows/release.yml. Each can be run by hand, in a checkout of the tag.
# A release is built from a commit on main, with Deno's own runtime, and has run at least once. What goes into it is
# pinned by hash: npm packages in deno.lock, Deno in deno/package-lock.json, its runtime in runtime.sha256.
set -euo pipefail

NAME=ssh-session-notifier
DENO=2.9.6
ARCHES=(x86_64 aarch64)
# The repository of the release, which users name to verify it.
REPOSITORY=${GITHUB_REPOSITORY:-OWNER/$NAME}
# The public keys of releases, in the format of ssh-keygen(1), ALLOWED SIGNERS.
SIGNERS=.github/allowed_signers

usage() {
  cat <<END
Usage: .github/release.sh STEP ...

  verify TAG        refuse a tag that is not the version in deno.json, or not on main; or that nobody could verify
  compile DIR       build what is installed, in DIR/ARCH, with its archive; the packages DIR/*.deb and DIR/*.rpm; and the
                    list of components DIR/*.cdx.json
  pack TAG DIR      collect the archives in DIR, and create the checksums and the release notes DIR/notes.md
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
  grep -q '^[^#]' "$SIGNERS" || die "$SIGNERS has no key, so nobody could verify the release; see RELEASING.md"
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

# Installs Deno from npm, which refuses a package whose hash is not the one in package-lock.json.
install_deno() { # DIR
  mkdir -p "$1"
  cp .github/deno/package.json .github/deno/package-lock.json "$1/"
  npm ci --loglevel=error --prefix "$1" --ignore-scripts --no-audit --no-fund
}

# Deno downloads the runtime, the first part of each binary, without verifying a sum (its cli/standalone/binary.rs).
refuse_unknown_runtime() { # DENO ARCH BINARY
  local sum
  sum=$("$1" run -A .ci/runtime_sum.ts "$3")
  grep -Fqx "$sum  denort-$DENO-$2" .github/runtime.sha256 ||
    die "the runtime for $2 has the SHA-256 $sum, which is not in .github/runtime.sha256; see RELEASING.md"
}

compile() { # DIR
  refuse_foreign_runtime
  local arch deno
  deno=$(mktemp -d)
  install_deno "$deno"
  # shellcheck disable=SC2064 # now, because the variable is local
  trap "rm -rf '$deno'" EXIT
  deno=$deno/node_modules/.bin/deno
  for arch in "${ARCHES[@]}"; do
    "$deno" task dist --archive "--arch=$arch" "--output=$1/$arch"
    refuse_unknown_runtime "$deno" "$arch" "$1/$arch/root/usr/sbin/$NAME"
    "$deno" task package "--dist=$1/$arch" "--output=$1"
  done
  # The other one is run on a machine of its architecture, in step try.
  refuse_testing_binary "$1/$(uname -m)/root/usr/sbin/$NAME"
  "$deno" run -A .ci/sbom.ts >"$1/$NAME-$(version).cdx.json"
}

pack() { # TAG DIR
  local arch
  for arch in "${ARCHES[@]}"; do
    mv "$2/$arch/$NAME-$(version)-$arch.tar.gz" "$2/"
    rm -r "${2:?}/$arch"
  done
  (cd "$2" && files=(*) && sha256sum -- "${files[@]}" >SHA256SUMS)
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

Needs OpenSSH 8.1 or later, and the file \`allowed_signers\` of the repository or of a release that you have verified:

    name=$NAME-$(version)-\$(uname -m)
    ssh-keygen -Y verify -f allowed_signers -I release -n $NAME -s SHA256SUMS.sig <SHA256SUMS &&
      sha256sum --check --ignore-missing SHA256SUMS && tar -xzf "\$name.tar.gz" && cd "\$name"
    ./install.sh --dry-run --pam --fix-pam-env

The last command, as root, only shows what it would do without \`--dry-run\`. To install a package instead, verify it in
the same way; see "Install" in the README. With gh 2.68 or later, logged in, this proves, in the directory of the
archive, that this repository's release workflow built it from this tag:

    gh attestation verify "\$name.tar.gz" --repo $REPOSITORY \\
      --signer-workflow $REPOSITORY/.github/workflows/release.yml --source-ref refs/tags/$1

\`$NAME-$(version).cdx.json\` lists the components of the program (CycloneDX).

## SHA-256

$(sed 's/^/    /' "$2/SHA256SUMS")
END
}

try() { # DIR
  local directory root tree package
  (cd "$1" && sha256sum --check --strict SHA256SUMS)
  directory=$1/$NAME-$(version)-$(uname -m)
  tar -xzf "$directory.tar.gz" -C "$1"
  tree=$directory/root
  refuse_testing_binary "$tree/usr/sbin/$NAME"
  package=$1/${NAME}_$(version)_$(dpkg --print-architecture).deb
  if [ -e "$package" ]; then
    dpkg-deb --fsys-tarfile "$package" | tar --extract --to-stdout "./usr/sbin/$NAME" | cmp - "$tree/usr/sbin/$NAME"
  fi
  root=$(mktemp -d)
  DESTDIR=$root "$directory/install.sh"
  cmp "$tree/usr/sbin/$NAME" "$root/usr/sbin/$NAME"
  rm -r "$root" "${directory:?}"
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
