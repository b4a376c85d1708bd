#!/bin/sh
# Installs, upgrades or removes ssh-session-notifier. It can safely be run again at any time.
# Read it before you run it: it runs as root. root/ has the files that it installs, and manifest their owners and modes.
# With --pam, root/usr/sbin/ssh-session-notifier-pam edits the PAM files of sshd and other services.
set -eu

NAME=ssh-session-notifier
QUEUE_USER=ssh-session-queue
SEND_USER=ssh-session-notifier
# Like make's DESTDIR: if set, files are installed below it, and no user, unit or cache of this machine is changed.
ROOT=${DESTDIR:-}
BINARY=/usr/sbin/$NAME
SHARED_DIR=/usr/share/$NAME
CONFIG_DIR=/etc/$NAME
STATE_DIR=/var/lib/$NAME
RUN_DIR=/run/$NAME
DENO="npx -y deno@2.9.6"

usage() {
  cat <<END
Usage: ./install.sh [options]

Installs the files next to this script (root/ and manifest) or in dist/,
or builds dist/ in a checkout. Run it as root. Run it again to upgrade.

  --pam            add the hook to /etc/pam.d/sshd, and update it in other PAM files; keeps backups
  --pam=NAME,...   the same for the files of these PAM services, such as sshd,login,su
  --fix-pam-env    like --pam, and set user_readenv=0 in all files of these services' PAM stacks;
                   keeps backups (--pam alone asks first, if run on a terminal)
  --scheduler=NAME what starts send: systemd, cron or none (default: systemd if it is running, or
                   installed below DESTDIR; otherwise cron)
  --dry-run        show what would be done, and change nothing
  --uninstall      remove everything except configuration, history, backups and system users
  --purge          remove these too
  --help           show this help
END
}

say() { printf '%s\n' "$@"; }

# Prints an error or a warning, and what to do about it.
complain() { printf '%s: %s\n' "$1" "$2" >&2; [ -z "${3:-}" ] || printf 'hint: %s\n' "$3" >&2; }
warn() { complain warning "$@"; }
die() { complain error "$1" "${2:-}"; exit "${3:-1}"; }

# Runs a command, or prints it in a dry run; `report` says that it is done.
run() { if [ -n "$dry_run" ]; then say "would run: $*"; else "$@"; fi; }
report() { [ -n "$dry_run" ] || say "$*"; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }

# --- the tree and its manifest ----------------------------------------------------------------------------------------
# Finds root/ and manifest; in a checkout, `deno task dist` builds them.
find_tree() {
  here=$(cd "$(dirname "$0")" && pwd)
  tree=$here
  [ ! -f "$here/deno.json" ] || tree=$here/dist
  if [ -f "$tree/manifest" ] && [ -f "$tree/root$BINARY" ]; then return; fi
  [ -f "$here/deno.json" ] || die "cannot find root/ and manifest next to install.sh" "unpack the whole archive"
  [ -z "$dry_run" ] || die "cannot find $tree/root and $tree/manifest" "build them: $DENO task dist"
  command -v npx >/dev/null || die "cannot build $tree/root: there is no npx" "install Node.js, or use a release"
  (cd "$here" && $DENO task dist)
}

# Calls a function for each file (f) or directory (d) of the manifest, with these variables.
each() { # TYPE FUNCTION
  while read -r type mode owner group path flags <&3; do
    if [ "$type" = "$1" ]; then "$2"; fi
  done 3<"$tree/manifest"
}

# Whether the current line has a flag.
has() { case ,$flags, in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

# Whether the current line is for a scheduler that was not chosen.
is_unused() {
  case ,$flags, in *,systemd,*) [ "$scheduler" != systemd ] ;; *,cron,*) [ "$scheduler" != cron ] ;; *) return 1 ;; esac
}

# Runs the binary, before anything is changed. Below DESTDIR, it may be for another processor.
test_binary() {
  program=$tree/root$BINARY
  # The shell would run a file that the kernel cannot execute as a script.
  case $(uname -m):$(od -An -tx1 -N20 "$program" | tr -d ' \n') in
    x86_64:7f454c46*b700 | aarch64:7f454c46*3e00)
      [ -n "$ROOT" ] || die "$program is for another processor than $(uname -m)" "use the archive for this processor"
      [ -z "$pam" ] || die "$program does not run here, so it cannot edit PAM files" "run install.sh without --pam"
      warn "$program is for another processor than $(uname -m): it is not tested here"
      return
      ;;
  esac
  version=$("$program" --version 2>&1) ||
    die "cannot run $program: $version" "use Linux with glibc, on the processor that the binary was built for"
  say "$version"
}

# --- DESTDIR ----------------------------------------------------------------------------------------------------------
# DESTDIR, and each directory below it that is written to or deleted from, must belong to root or to the user running
# this, and must not be a link. Otherwise another user could redirect writes to the files of this machine.
check_root() {
  case $ROOT in /*) ;; *) ROOT=$PWD/$ROOT ;; esac
  # In a sticky directory, users cannot replace each other's files.
  check_way "" "$ROOT/." "! -perm -1000"
  if [ -z "$dry_run$uninstall" ]; then
    mkdir -p "$ROOT"
    # Check again: another user may have created it just before.
    check_way "" "$ROOT/." "! -perm -1000"
  fi
  if [ -d "$ROOT" ]; then ROOT=$(cd "$ROOT" && pwd -P); fi
  # A DESTDIR of / is this machine itself.
  ROOT=${ROOT%/}
  if [ -z "$ROOT" ]; then
    case $DESTDIR in *[!/]*) die "cannot use DESTDIR: $DESTDIR is /, which is this machine" "unset DESTDIR" ;; esac
    return
  fi
  each d check_line
  each f check_line
  # Where earlier releases had files.
  for path in /etc/pam.d/sshd "/etc/systemd/system/$NAME.path" "/etc/tmpfiles.d/$NAME.conf"; do check_line; done
}
check_line() { if [ "$type" = d ]; then check_way "$ROOT" "$path/."; else check_way "$ROOT" "$path"; fi; }

# Checks the directories on the path to a file, as far as they exist.
check_way() { # BASE PATH [EXCEPTION: a find expression for directories that others may write to]
  way=$1
  rest=${2#/}
  while :; do
    case $checked in *" $way "*) ;; *) check_dir "${3:-}" || return 0 ;; esac
    case $rest in */*) ;; *) return ;; esac
    way=$way/${rest%%/*}
    rest=${rest#*/}
  done
}

# Checks the directory $way; fails if it does not exist.
check_dir() { # [EXCEPTION]
  if [ -L "$way" ]; then die "cannot use DESTDIR: $way is a symbolic link" "use a path without symbolic links"; fi
  if [ ! -d "$way/" ]; then return 1; fi
  # shellcheck disable=SC2086 # a find expression, to be split into words
  if [ -n "$(find "$way/" -prune \( ! -user 0 ! -user "$(id -u)" -o -perm /022 $1 \))" ]; then
    die "cannot use DESTDIR: $way belongs to another user, or others can write to it" "use a directory of your own"
  fi
  if [ -z "$1" ]; then checked="$checked$way "; fi
}

# --- files ------------------------------------------------------------------------------------------------------------
# Sets owner, then mode, because a change of owner clears setgid. Changes nothing that is already right.
own() { # PATH OWNER:GROUP MODE
  state=$(stat -c '%U:%G %a' "$1" 2>/dev/null) || state=''
  if [ -z "$ROOT" ] && [ "${state% *}" != "$2" ]; then run chown -h "$2" "$1"; state=''; fi
  if [ "${state#* }" != "${3#0}" ]; then run chmod "$3" "$1"; fi
}

# Creates a directory. Refuses a link, which an attacker may have created.
make_dir() { # PATH OWNER:GROUP MODE
  if [ -L "$ROOT$1" ]; then die "$1 is a symbolic link" "check where it points and why, then remove it"; fi
  if [ ! -d "$ROOT$1" ]; then run mkdir -p "$ROOT$1"; fi
  if [ -n "$dry_run" ]; then own "$ROOT$1" "$2" "$3"; return; fi
  # Work from inside the directory: the owner of its parent could replace it with a link just now.
  (
    parent=$(cd "$ROOT${1%/*}/" && pwd -P)
    cd "$ROOT$1"
    [ "$(pwd -P)" = "${parent%/}/${1##*/}" ] || die "$1 was replaced during installation" "find out who replaced it"
    own . "$2" "$3"
  )
}

# Copies a file, unless its content is the same. A login now, or the host after a power cut, uses the old or the new one.
write_file() { # SOURCE PATH OWNER:GROUP MODE
  if [ ! -L "$ROOT$2" ] && cmp -s "$1" "$ROOT$2"; then
    own "$ROOT$2" "$3" "$4"
    say "unchanged: $2"
  elif [ -n "$dry_run" ]; then
    say "would write: $2 ($3 $4)"
  else
    mkdir -p "$ROOT${2%/*}"
    rm -f "$ROOT$2.new" "$ROOT$2".*.new
    # The number of this process, because another run may write the same file.
    new=$ROOT$2.$$.new
    cp "$1" "$new"
    own "$new" "$3" "$4"
    sync "$new"
    mv -fT "$new" "$ROOT$2"
    restore_label "$2"
    say "written: $2"
  fi
}

# Gives a file its SELinux label. A failure must not end the installation half-way.
restore_label() {
  if [ -n "$ROOT" ] || [ ! -e "$1" ] || ! command -v restorecon >/dev/null; then return; fi
  restorecon "$1" </dev/null || warn "cannot restore the SELinux label of $1" "restorecon $1"
}

# Removes a file, and the temporary files that killed runs may have left.
remove_file() { # PATH
  for file in "$ROOT$1" "$ROOT$1.new" "$ROOT$1".*.new; do
    if exists "$file"; then run rm -f "$file"; report "removed: ${file#"$ROOT"}"; fi
  done
}

# Whether the current line is not for this installation: /run is not part of what is below DESTDIR.
is_skipped() { is_unused || { has boot && [ -n "$ROOT" ]; }; }

# Creates the directory of the current line. The parents of optional files are created with them.
install_dir() {
  if has optional || is_skipped || { has state && [ ! -d "$ROOT$path" ]; }; then return; fi
  make_dir "$path" "$owner:$group" "$mode"
}

install_file() {
  if has state || is_skipped; then return; fi
  source=$tree/root$path
  case $flags in *from=*) source=$tree/root${flags##*from=} ;; esac
  if has boot; then
    # Never truncate it: send remembers how far it has read. Only root can write to its directory.
    if [ ! -e "$path" ]; then run install -m "$mode" /dev/null "$path"; fi
    own "$path" "$owner:$group" "$mode"
  elif has keep && exists "$ROOT$path"; then
    say "kept: $path"
    # If it is a link, another tool manages the target.
    if [ ! -L "$ROOT$path" ]; then own "$ROOT$path" "$owner:$group" "$mode"; fi
  elif is_foreign; then
    warn "cannot write $path: it exists, and is not from install.sh" "check its origin; remove it if possible"
  else
    if has keep; then is_new=yes; fi
    write_file "$source" "$path" "$owner:$group" "$mode"
  fi
}

# Whether the file of the current line is from somewhere else; ours name this program in their first lines.
is_foreign() {
  case $path in "$SHARED_DIR"/*) return 1 ;; esac
  if ! has optional || ! exists "$ROOT$path"; then return 1; fi
  if [ -L "$ROOT$path" ] || [ ! -f "$ROOT$path" ]; then return 0; fi
  ! head -n 2 "$ROOT$path" | grep -Eq "(ritten by|Part of) .*$NAME"
}

uninstall_file() {
  if has state || has keep || has boot; then return; fi
  if is_foreign; then say "kept: $path (not from install.sh)"; else remove_file "$path"; fi
}

# --- users, and what earlier releases left ----------------------------------------------------------------------------
make_users() {
  if [ -n "$ROOT" ]; then return; fi
  for user in "$QUEUE_USER" "$SEND_USER"; do
    if ! getent group "$user" >/dev/null; then run groupadd --system "$user"; fi
    if ! getent passwd "$user" >/dev/null; then
      run useradd --system --gid "$user" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"
      report "created: the system user $user"
    fi
  done
  # The group of queue/ has access to nothing else, so the hook cannot read configuration or history.
  case " $(id -Gn "$SEND_USER" 2>/dev/null) " in *" $QUEUE_USER "*) return ;; esac
  run usermod --append --groups "$QUEUE_USER" "$SEND_USER"
}

# Runs a command on files whose directory belongs to the user of the hook. As root, it would follow the links that this
# user can put there meanwhile.
as_queue_user() { run setpriv --reuid="$QUEUE_USER" --regid="$QUEUE_USER" --clear-groups "$@" </dev/null; }

# Earlier releases had the units and the tmpfiles.d file in /etc, where they would replace those in /usr/lib. If a file
# is in both places, the one in /etc is the administrator's.
move_from_etc() {
  old=/etc/${path#/usr/lib/}
  if [ "$old" = "/etc/$path" ] || [ -L "$ROOT$old" ] || [ ! -f "$ROOT$old" ] || exists "$ROOT$path"; then return; fi
  if ! grep -Eq "^d $RUN_DIR |^Description=(Deliver|Retry) notifications" "$ROOT$old"; then return; fi
  if [ -z "$dry_run" ]; then mkdir -p "$ROOT${path%/*}"; fi
  run mv -T "$ROOT$old" "$ROOT$path"
}

# In earlier releases, the files in queue/ had the group of send.
change_queue_group() {
  if [ -n "$ROOT" ] || [ ! -d "$STATE_DIR/queue" ]; then return; fi
  if [ -z "$(find "$STATE_DIR/queue" ! -group "$QUEUE_USER" -print -quit 2>/dev/null)" ]; then return; fi
  as_queue_user chgrp --recursive --no-dereference "$QUEUE_USER" "$STATE_DIR/queue" ||
    warn "cannot change the group of all of $STATE_DIR/queue to $QUEUE_USER" "ssh-session-notifier check"
}

# In earlier releases, the queue database was in queue/ itself. The new hook does not use it; `send` reads it once.
move_old_queue() {
  if [ -n "$ROOT" ] || [ ! -d "$STATE_DIR/queue" ]; then return; fi
  # `repair` may have been killed between two of these.
  if ! find "$STATE_DIR/queue" -maxdepth 1 -name 'session_events.db*' -o -name old_database | grep -q .; then return; fi
  run "$BINARY" repair || warn "cannot move the queue database of an earlier release" "$BINARY repair"
}

# Moves the database of the Go program of the same name, so that `send` delivers its remaining events.
move_legacy_database() {
  old=$STATE_DIR/session_events.db
  legacy=$STATE_DIR/send/legacy.db
  exists "$ROOT$old" || return 0
  if [ -e "$ROOT$legacy" ]; then warn "$old is not moved: $legacy already exists"; return; fi
  # The user of the Go program could write here until now. A link, or a second name of another file, would make the
  # steps below change the owner of that file.
  for suffix in -wal -shm ""; do
    exists "$ROOT$old$suffix" || continue
    case $(stat -c '%F, %h' "$ROOT$old$suffix") in "regular file, 1" | "regular empty file, 1") continue ;; esac
    warn "$old$suffix is not a regular file with a single name: it is not moved, and its events are not sent"
    return
  done
  # Move the log first: a database without its log would lose the latest events.
  for suffix in -wal -shm ""; do
    if [ ! -e "$ROOT$old$suffix" ]; then continue; fi
    # Change the owner first, while only root can replace the file.
    own "$ROOT$old$suffix" "$SEND_USER:$SEND_USER" 0600
    run mv -T "$ROOT$old$suffix" "$ROOT$legacy$suffix"
  done
  report "moved aside: the Go program's database, to $legacy"
}

# --- SELinux ----------------------------------------------------------------------------------------------------------
has_selinux() { [ -z "$ROOT" ] && [ -e /sys/fs/selinux/enforce ]; }

# A failure here blocks no login. In enforcing mode, logins may then not be recorded, and `check` reports it.
install_selinux() {
  if ! has_selinux; then return; fi
  lost="in enforcing mode, logins may not be recorded"
  if ! command -v semodule >/dev/null || ! command -v restorecon >/dev/null; then
    warn "SELinux is on, but its tools are missing: $lost" "install policycoreutils, then run install.sh again"
    return
  fi
  case $(loaded_selinux_module) in
    same) say "unchanged: the SELinux module $NAME" ;;
    foreign)
      warn "an SELinux module named $NAME is loaded that install.sh did not write" \
        "semodule --remove=$NAME, then run install.sh again"
      return
      ;;
    *)
      if ! run semodule --install="$work/$NAME.cil" </dev/null; then
        warn "the SELinux module $NAME cannot be loaded: $lost" "fix the error above, then run install.sh again"
        return
      fi
      report "loaded: the SELinux module $NAME"
      ;;
  esac
  relabel
}

# Prints same, old or foreign if a module of this name is loaded; otherwise nothing.
loaded_selinux_module() {
  # semodule may not read every directory, and write only to one of this type.
  cp "$tree/root$SHARED_DIR/$NAME.cil" "$work/$NAME.cil"
  mkdir -p "$work/loaded"
  chcon -t semanage_tmp_t "$work/loaded" 2>/dev/null || true
  loaded=$work/loaded/$NAME.cil
  (cd "$work/loaded" && semodule --cil --extract="$NAME" >/dev/null 2>&1 </dev/null) || true
  if [ ! -f "$loaded" ]; then return; fi
  if cmp -s "$loaded" "$work/$NAME.cil"; then say same; return; fi
  if head -n 1 "$loaded" | grep -q "Written by install.sh of $NAME"; then say old; else say foreign; fi
}

relabel() {
  for labelled in "$STATE_DIR" "$RUN_DIR" "$RUN_DIR/unrecorded"; do restore_label "$labelled"; done
  for labelled in "$STATE_DIR/queue" "$RUN_DIR/spool"; do
    if [ ! -d "$labelled" ]; then continue; fi
    as_queue_user restorecon -R "$labelled" || warn "cannot restore the SELinux labels of $labelled" "$NAME check"
  done
}

remove_selinux() {
  if ! has_selinux || ! command -v semodule >/dev/null; then return; fi
  case $(loaded_selinux_module) in same | old) ;; *) return ;; esac
  if ! run semodule --remove="$NAME" </dev/null; then
    warn "the SELinux module $NAME is still loaded" "semodule --remove=$NAME"
    return
  fi
  report "removed: the SELinux module $NAME"
  relabel
}

# --- the scheduler ----------------------------------------------------------------------------------------------------
# Whether systemd runs, and this is its machine.
has_systemd() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

find_scheduler() {
  scheduler=cron
  if has_systemd; then scheduler=systemd; fi
  if [ -z "$ROOT" ]; then return; fi
  if [ -e "$ROOT/usr/lib/systemd/systemd" ] || [ -e "$ROOT/lib/systemd/systemd" ]; then scheduler=systemd; fi
}

# Starts the chosen scheduler before it removes the other one, so that one always runs. A unit may be masked.
start_scheduler() {
  if [ "$scheduler$ROOT" = systemd ]; then
    if has_systemd; then run systemctl daemon-reload || true; fi
    # Not `enable`, which would keep the links to the units that earlier releases had in /etc.
    run systemctl reenable "$NAME.timer" "$NAME.path" ||
      warn "cannot enable the units" "systemctl enable --now $NAME.timer $NAME.path"
    if has_systemd; then run systemctl start "$NAME.timer" "$NAME.path" || warn "cannot start all units, see above"; fi
  fi
  remove_schedulers
}

# Stops and removes the schedulers that are not chosen; with --uninstall, none is.
remove_schedulers() {
  for unit in "$NAME.path" "$NAME.timer" "$NAME.service"; do
    if [ "$scheduler" = systemd ] || ! has_systemd || [ ! -e "/usr/lib/systemd/system/$unit" ]; then continue; fi
    run systemctl disable --now "$unit" || true
  done
  each f remove_unused
  if has_systemd && [ "$scheduler" != systemd ]; then run systemctl daemon-reload || true; fi
  # The root directory of the service, with systemd's mount points.
  if [ "$scheduler" = systemd ] || [ ! -d "$ROOT$STATE_DIR/root" ]; then return; fi
  run rm -rf --one-file-system "$ROOT$STATE_DIR/root"
}
remove_unused() { if is_unused; then remove_file "$path"; fi; }

# --- main -------------------------------------------------------------------------------------------------------------
# Edits PAM files with the script of the tree, which packages use too.
edit_pam() { DESTDIR=$ROOT sh "$tree/root$BINARY-pam" ${dry_run:+--dry-run} "$@"; }

# shellcheck disable=SC2086 # one word for each service
install_all() {
  test_binary
  # Finds files that cannot be edited before anything is changed.
  if [ -n "$pam" ]; then edit_pam --check add $pam; fi
  make_users
  each d install_dir
  change_queue_group
  # Before the hook is in the PAM stack.
  install_selinux
  each f move_from_etc
  each f install_file
  if [ -n "$pam" ]; then edit_pam $fix_pam_env add $pam; fi
  # After the PAM edit, so that a hook of the Go program no longer writes to it.
  move_legacy_database
  move_old_queue
  start_scheduler
  # Late, because a login in progress may still read them.
  if [ -z "$dry_run" ] || [ -z "$pam" ]; then edit_pam remove-includes; fi
  if [ -z "$pam" ] && ! grep -qrs "$NAME" "$ROOT/etc/pam.d"; then
    say "" "nothing is recorded yet: the hook is not in /etc/pam.d/sshd; to add it, run install.sh --pam"
  elif [ -z "$ROOT$dry_run" ]; then
    "$BINARY" check || warn "check found faults, see above"
  fi
  if [ -n "$is_new" ]; then say "next: choose a service in $CONFIG_DIR/config.toml, then run: $NAME test"; fi
}

uninstall_all() {
  edit_pam remove
  each f move_from_etc
  remove_schedulers
  each f uninstall_file
  if [ -d "$ROOT$SHARED_DIR" ]; then run rmdir "$ROOT$SHARED_DIR"; fi
  [ -n "$dry_run" ] || edit_pam remove-includes
  remove_selinux
  if [ -z "$purge" ]; then say "kept: $CONFIG_DIR and $STATE_DIR (--purge removes them)"; return; fi
  run rm -rf "$ROOT$CONFIG_DIR" "$ROOT$STATE_DIR"
  report "removed: $CONFIG_DIR and $STATE_DIR"
  if [ -n "$ROOT" ]; then return; fi
  run rm -rf --one-file-system "$RUN_DIR"
  # The user of send first, because it is a member of the other group.
  for user in "$SEND_USER" "$QUEUE_USER"; do
    if getent passwd "$user" >/dev/null; then
      run userdel "$user" || die "cannot remove the user $user" "fix the error above, then run install.sh again"
      report "removed: the system user $user"
    fi
    if getent group "$user" >/dev/null; then run groupdel "$user"; fi
  done
}

dry_run='' pam='' fix_pam_env='' uninstall='' purge='' is_new='' scheduler='' checked=' '
while [ $# -gt 0 ]; do
  case $1 in
    --pam) pam="$pam sshd" ;;
    --pam=*)
      case ,${1#*=} in
        *[!A-Za-z0-9._,-]* | *,[.-]* | *,,* | *,) die "--pam takes names of PAM services, not \"${1#*=}\"" \
          "separate the names by commas: --pam=sshd,login,su" 64 ;;
      esac
      pam="$pam $(say "${1#*=}" | tr , ' ')"
      ;;
    --fix-pam-env) fix_pam_env=$1 ;;
    --scheduler=systemd | --scheduler=cron | --scheduler=none) scheduler=${1#*=} ;;
    --dry-run) dry_run=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) uninstall=yes purge=yes ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && die "unknown option $1" "see above" 64 ;;
  esac
  shift
done

if [ -n "$fix_pam_env" ]; then pam=${pam:-sshd}; fi
umask 022
# After a plain su, the PATH may lack the directories of useradd and similar programs.
PATH=$PATH:/usr/sbin:/sbin
# Comments in PAM files may contain any bytes.
export LC_ALL=C
[ "$(uname -s)" = Linux ] || die "install.sh works only on Linux"
find_tree
if [ -n "$ROOT" ]; then check_root; fi
[ -n "$ROOT" ] || [ "$(id -u)" -eq 0 ] || die "install.sh must run as root" "sudo ./install.sh" 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ -n "$uninstall" ]; then scheduler=none; elif [ -z "$scheduler" ]; then find_scheduler; fi
if [ -n "$uninstall" ]; then uninstall_all; else install_all; fi
