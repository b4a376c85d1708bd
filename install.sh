#!/bin/sh
# Installs, upgrades or removes ssh-session-notifier. Every step can be repeated without harm.
# Read it before you run it: it works as root, and with --pam it edits the PAM stack of sshd.
set -eu

NAME=ssh-session-notifier
QUEUE_USER=ssh-session-queue
SEND_USER=ssh-session-notifier
# Like make's: where set, the files go below that directory, and no user, unit or cache of this machine is touched.
ROOT=${DESTDIR:-}
BINARY=/usr/sbin/$NAME
CONFIG_DIR=/etc/$NAME
STATE_DIR=/var/lib/$NAME
RUN_DIR=/run/$NAME
PAM_DIR=/etc/pam.d
UNIT_DIR=/etc/systemd/system
CRON_FILE=/etc/cron.d/$NAME
TMPFILES=/etc/tmpfiles.d/$NAME.conf
BASH_COMPLETION=/usr/share/bash-completion/completions/$NAME
FISH_COMPLETION=/usr/share/fish/vendor_completions.d/$NAME.fish
# Zsh looks in the first on Debian and its like, elsewhere in the second. What a DESTDIR is for can't be told: so both.
ZSH_COMPLETION_DEBIAN=/usr/share/zsh/vendor-completions/_$NAME
ZSH_COMPLETION=/usr/share/zsh/site-functions/_$NAME
MAN_PAGE=/usr/share/man/man8/$NAME.8
# `env` has no environment to read but the hook's, and takes the place of `prlimit`: one process.
LAST_RESORT="/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0"
DENO="npx -y deno@2.9.6"

usage() {
  cat <<END
Usage: ./install.sh [options]

Installs the binary that lies beside this script (./$NAME or ./dist/$NAME),
or builds one where there is none. Run it as root. Repeat it to upgrade.

  --pam            put the hook into /etc/pam.d/sshd, with a backup
  --fix-pam-env    --pam, and switch user_readenv=1 off wherever sshd's PAM stack has it, with a
                   backup (--pam alone asks, if there is a terminal)
  --binary FILE    install this binary
  --scheduler=NAME what starts send: systemd, cron or none; by default systemd where it runs (below a
                   DESTDIR: where it is installed), else cron
  --dry-run        only say what would be done
  --uninstall      take everything out but configuration and history
  --purge          take these out too
  --help           show this

Examples:
  ./install.sh --dry-run --pam
  ./install.sh --pam --fix-pam-env
  DESTDIR=/tmp/package ./install.sh
END
}

say() { printf '%s\n' "$*"; }
warn() {
  printf 'warning: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
}
die() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
  exit "${3:-1}"
}

# Does it, or says that it would.
run() {
  if [ -n "$dry_run" ]; then
    say "would run: $*"
  else
    "$@"
  fi
}

# Says what was done; in a dry run, run has said already what would be.
report() { [ -n "$dry_run" ] || say "$*"; }

# --- files ------------------------------------------------------------------------------------------------------------

# Gives a file its owner, then its mode, since a change of the owner clears setgid. Leaves alone what is right.
own() { # PATH OWNER:GROUP MODE
  state=$(stat -c '%U:%G %a' "$1" 2>/dev/null) || state=''
  if [ -z "$ROOT" ] && [ "${state% *}" != "$2" ]; then
    run chown -h "$2" "$1"
    state=''
  fi
  if [ "${state#* }" != "${3#0}" ]; then run chmod "$3" "$1"; fi
}

# A DESTDIR, and each directory below it that is written to or deleted from, must belong to root or to the user that runs
# this, and must not be a link: otherwise another user could redirect the writes to the files of this machine.
check_root() {
  case $ROOT in /*) ;; *) ROOT=$PWD/$ROOT ;; esac
  # In a sticky directory, no user can replace the files of another one.
  check_way "" "$ROOT/." "! -perm -1000"
  if [ -z "$dry_run$uninstall" ]; then
    mkdir -p "$ROOT"
    # Once more: another user may have made it just before.
    check_way "" "$ROOT/." "! -perm -1000"
  fi
  if [ -d "$ROOT" ]; then ROOT=$(cd "$ROOT" && pwd -P); fi
  # Below / is this machine.
  ROOT=${ROOT%/}
  if [ -z "$ROOT" ]; then
    case $DESTDIR in *[!/]*) die "DESTDIR is not used: $DESTDIR is /, which is this machine" "leave it out" ;; esac
    return
  fi
  for path in "$BINARY" "$CONFIG_DIR/backup/sshd" "$STATE_DIR/root/." "$PAM_DIR/sshd" "$UNIT_DIR/$NAME.path" \
    "$CRON_FILE" "$TMPFILES" "$BASH_COMPLETION" "$FISH_COMPLETION" "$ZSH_COMPLETION" "$ZSH_COMPLETION_DEBIAN" \
    "$MAN_PAGE"; do
    check_way "$ROOT" "$path"
  done
}

# Checks the directories on the way to a file, as far as they exist.
check_way() { # BASE PATH [EXCEPTION, for which directories others may write there]
  way=$1
  rest=${2#/}
  while :; do
    if [ -L "$way" ]; then die "DESTDIR is not used: $way is a symbolic link" "use a path without links"; fi
    if [ ! -d "$way/" ]; then return; fi
    # shellcheck disable=SC2086 # an expression of find, in words
    if [ -n "$(find "$way/" -prune \( ! -user 0 ! -user "$(id -u)" -o -perm /022 ${3:-} \))" ]; then
      die "DESTDIR is not used: $way belongs to another user, or others can write in it" "name a directory of your own"
    fi
    case $rest in */*) ;; *) return ;; esac
    way=$way/${rest%%/*}
    rest=${rest#*/}
  done
}

# Makes a directory. Not through a link: someone may have put one there.
make_dir() { # PATH OWNER:GROUP MODE
  if [ -L "$ROOT$1" ]; then die "$1 is a symbolic link" "see where it leads and why, then remove it"; fi
  if [ ! -d "$ROOT$1" ]; then run mkdir -p "$ROOT$1"; fi
  if [ -n "$dry_run" ]; then
    own "$ROOT$1" "$2" "$3"
    return
  fi
  # From inside: whoever owns the directory above could put a link in its place only now.
  (
    path=$ROOT$1
    parent=$(cd "${path%/*}/" && pwd -P)
    cd "$path"
    [ "$(pwd -P)" = "${parent%/}/${path##*/}" ] || die "$1 was exchanged while this ran" "find out by whom"
    own . "$2" "$3"
  )
}

# Writes standard input to a file in one step, so that nobody ever reads half of it. Keeps one that is the same.
write_file() { # PATH OWNER:GROUP MODE
  cat >"$work/file"
  if [ ! -L "$ROOT$1" ] && cmp -s "$work/file" "$ROOT$1"; then
    own "$ROOT$1" "$2" "$3"
    say "unchanged: $1"
  elif [ -n "$dry_run" ]; then
    say "would write: $1"
  else
    mkdir -p "$ROOT${1%/*}"
    cp "$work/file" "$ROOT$1.new"
    own "$ROOT$1.new" "$2" "$3"
    mv -fT "$ROOT$1.new" "$ROOT$1"
    # Its standard input is a file that SELinux does not let restorecon have.
    if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$1" </dev/null; fi
    say "written: $1"
  fi
}

# Takes out a file, and what a run that was killed may have left of it.
remove_file() { # PATH
  for file in "$ROOT$1" "$ROOT$1.new"; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      run rm -f "$file"
      report "removed: ${file#"$ROOT"}"
    fi
  done
}

backup() { # PATH
  copy=$CONFIG_DIR/backup/${1##*/}.$(date +%Y%m%d%H%M%S)
  # Never over another one, which may be the file as it was before this script.
  while [ -e "$ROOT$copy" ]; do copy=$copy.1; done
  make_dir "$CONFIG_DIR/backup" root:root 0700
  run cp -p "$ROOT$1" "$ROOT$copy"
  say "backup of $1: $copy"
}

# --- the program ------------------------------------------------------------------------------------------------------

find_binary() {
  here=$(cd "$(dirname "$0")" && pwd)
  if [ -z "$binary" ]; then
    for candidate in "$here/$NAME" "$here/dist/$NAME"; do
      if [ -f "$candidate" ]; then
        binary=$candidate
        break
      fi
    done
  fi
  if [ -z "$binary" ]; then build_binary; fi
  # Without a slash, the shell would run the one in the PATH, which may be the one that is installed.
  case $binary in */*) ;; *) binary=./$binary ;; esac
  if [ -n "$dry_run" ] && [ ! -f "$binary" ]; then return; fi
  [ -f "$binary" ] || die "there is no file $binary"
  # Told before it is run: a shell takes a file that the kernel can't run for a script.
  processor=$(processor_of "$binary")
  if [ -n "$processor" ] && [ "$processor" != "$(uname -m)" ] && [ ! -e "/proc/sys/fs/binfmt_misc/qemu-$processor" ]; then
    [ -n "$ROOT" ] || die "$binary is for $processor, and this is $(uname -m)" "bring the one for this processor"
    warn "$binary is for $processor: it is not tried here, and its completions and man page are not written" \
      "for these, run this where it runs, or install an emulator (Debian: qemu-user-binfmt)"
    runs_here=''
    return
  fi
  version=$("$binary" --version 2>&1) ||
    die "$binary does not run here: $version" "it needs Linux with glibc, on the processor that it was built for"
  say "$version"
  case $version in *"for testing only"*) warn "this binary is for testing only, see above" ;; esac
}

# Which processor a binary is for, as uname -m has it; nothing where it is for another than there are releases for.
processor_of() { # FILE
  case $(od -An -tx1 -N20 "$1" | tr -d ' \n') in
    7f454c46*3e00) say x86_64 ;;
    7f454c46*b700) say aarch64 ;;
  esac
}

build_binary() {
  binary=$here/dist/$NAME
  [ -f "$here/deno.json" ] || die "there is no binary beside install.sh" "put $NAME there, or run this in a checkout"
  command -v npx >/dev/null || die "there is no binary, and no npx to build one with" "install Node, or bring a binary"
  say "no binary here: building one"
  (cd "$here" && run $DENO task compile)
}

install_binary() {
  if [ -n "$dry_run" ]; then
    say "would install: $BINARY (root:$SEND_USER, 2750)"
    return
  fi
  mkdir -p "$ROOT${BINARY%/*}"
  cp "$binary" "$ROOT$BINARY.new"
  # Setgid: the kernel then sets AT_SECURE, and the loader ignores LD_PRELOAD and its like.
  own "$ROOT$BINARY.new" "root:$SEND_USER" 2750
  # In one step: a login in this moment runs the old one or the new one.
  mv -fT "$ROOT$BINARY.new" "$ROOT$BINARY"
  if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$BINARY"; fi
  say "installed: $BINARY"
}

# The completions and the man page, which the program itself has. Nothing depends on them: what goes wrong with one is
# said, and no more.
install_documents() {
  if [ -z "$runs_here" ]; then return; fi
  install_document "$BASH_COMPLETION" completions bash
  install_document "$ZSH_COMPLETION_DEBIAN" completions zsh
  install_document "$ZSH_COMPLETION" completions zsh
  install_document "$FISH_COMPLETION" completions fish
  install_document "$MAN_PAGE" man
}

install_document() { # PATH COMMAND...
  document=$1
  shift
  if [ -n "$dry_run" ] && [ ! -f "$binary" ]; then
    say "would write: $document"
  elif is_foreign "$document"; then
    warn "$document is not written: it is there, and not from here" "see from where it is; if you can, remove it"
  elif ! "$binary" "$@" >"$work/document" 2>/dev/null || ! [ -s "$work/document" ]; then
    warn "$document is not written: the binary has none"
  else
    # Not in a condition, where the shell would go on behind what fails. /usr/share may be read-only.
    set +e
    (set -e && write_file "$document" root:root 0644 <"$work/document")
    written=$?
    set -e
    [ "$written" -eq 0 ] || warn "$document is not written, see above"
  fi
}

# Whether something of that name is there that this script has not written. What it writes says so at its beginning.
is_foreign() { # PATH
  if [ ! -e "$ROOT$1" ] && [ ! -L "$ROOT$1" ]; then return 1; fi
  if [ -L "$ROOT$1" ] || [ ! -f "$ROOT$1" ]; then return 0; fi
  ! head -n 2 "$ROOT$1" | grep -q "ritten by \`$NAME "
}

remove_documents() {
  for document in "$BASH_COMPLETION" "$ZSH_COMPLETION_DEBIAN" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$MAN_PAGE"; do
    if is_foreign "$document"; then
      say "kept: $document, which is not from here"
    else
      remove_file "$document"
    fi
  done
}

make_users() {
  if [ -n "$ROOT" ]; then return; fi
  for user in "$QUEUE_USER" "$SEND_USER"; do
    if ! getent group "$user" >/dev/null; then run groupadd --system "$user"; fi
    if ! getent passwd "$user" >/dev/null; then
      run useradd --system --gid "$user" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"
      report "made: the system user $user"
    fi
  done
  # The group of queue/ gives access to nothing else, so the hook can read neither configuration nor history.
  case " $(id -Gn "$SEND_USER" 2>/dev/null) " in
    *" $QUEUE_USER "*) ;;
    *) run usermod --append --groups "$QUEUE_USER" "$SEND_USER" ;;
  esac
}

make_dirs() {
  make_dir "$CONFIG_DIR" "root:$SEND_USER" 0750
  # 0751: the user of the hook has to reach queue/.
  make_dir "$STATE_DIR" "root:$SEND_USER" 0751
  # The hook becomes the owner of this one. Setgid: its group, of which the user of send is a member, can read what the
  # hook writes there.
  make_dir "$STATE_DIR/queue" "$QUEUE_USER:$QUEUE_USER" 2750
  make_dir "$STATE_DIR/queue/spool" "$QUEUE_USER:$QUEUE_USER" 2750
  change_queue_group
  make_dir "$STATE_DIR/send" "$SEND_USER:$SEND_USER" 0700
  make_run_dir
}

# What is kept in memory: a spool for a full disk, and the file of the last resort. After each boot, systemd or cron
# creates it again.
make_run_dir() {
  write_file "$TMPFILES" root:root 0644 <<END
# Written by install.sh. $NAME keeps logins here that the disk or the hook could not record; see tmpfiles.d(5).
d $RUN_DIR 0750 root $QUEUE_USER -
d $RUN_DIR/spool 2750 $QUEUE_USER $QUEUE_USER -
f $RUN_DIR/unrecorded 0640 root $QUEUE_USER -
END
  if [ -n "$ROOT" ]; then return; fi
  make_dir "$RUN_DIR" "root:$QUEUE_USER" 0750
  make_dir "$RUN_DIR/spool" "$QUEUE_USER:$QUEUE_USER" 2750
  # Only root can write in this folder. Never emptied: send remembers how far it has read.
  if [ ! -e "$RUN_DIR/unrecorded" ]; then run install -m 0640 /dev/null "$RUN_DIR/unrecorded"; fi
  own "$RUN_DIR/unrecorded" "root:$QUEUE_USER" 0640
}

# Earlier releases gave the files in queue/ to the group of send. Not run as root, since the owner of queue/ may have
# put links there.
change_queue_group() {
  if [ -n "$ROOT" ] || [ ! -d "$STATE_DIR/queue" ]; then return; fi
  if [ -n "$(find "$STATE_DIR/queue" ! -group "$QUEUE_USER" -print -quit 2>/dev/null)" ]; then
    run setpriv --reuid="$QUEUE_USER" --regid="$QUEUE_USER" --clear-groups \
      chgrp --recursive --no-dereference "$QUEUE_USER" "$STATE_DIR/queue" ||
      warn "not all of $STATE_DIR/queue could be given to the group $QUEUE_USER" "ssh-session-notifier check"
  fi
}

# What the Go program of the same name has left to send: `send` takes it over.
move_legacy_database() {
  old=$STATE_DIR/session_events.db
  legacy=$STATE_DIR/send/legacy.db
  if [ ! -e "$ROOT$old" ] && [ ! -L "$ROOT$old" ]; then return; fi
  if [ -e "$ROOT$legacy" ]; then
    warn "$old stays, since there is a $legacy already"
    return
  fi
  # The user of the Go program could write here until now. What is given away below must be nothing but its own: no
  # link, and no second name of another file.
  for suffix in -wal -shm ""; do
    if [ ! -e "$ROOT$old$suffix" ] && [ ! -L "$ROOT$old$suffix" ]; then continue; fi
    case $(stat -c '%F, %h' "$ROOT$old$suffix") in "regular file, 1" | "regular empty file, 1") continue ;; esac
    warn "$old$suffix is not a plain file with one name: it stays, and what it holds is not sent"
    return
  done
  # The log first: a database without it would be read as older than it is.
  for suffix in -wal -shm ""; do
    if [ ! -e "$ROOT$old$suffix" ]; then continue; fi
    # Its owner first, as long as it lies where nobody but root can exchange it.
    own "$ROOT$old$suffix" "$SEND_USER:$SEND_USER" 0600
    run mv -T "$ROOT$old$suffix" "$ROOT$legacy$suffix"
  done
  report "moved aside: the database of the Go program, to $legacy"
}

write_config() {
  if [ -e "$ROOT$CONFIG_DIR/config.toml" ] || [ -L "$ROOT$CONFIG_DIR/config.toml" ]; then
    say "kept: $CONFIG_DIR/config.toml"
    # Where it is a link, another tool manages what it leads to.
    if [ ! -L "$ROOT$CONFIG_DIR/config.toml" ]; then own "$ROOT$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640; fi
    return
  fi
  is_new=yes
  write_file "$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640 <<'END'
# The configuration of ssh-session-notifier, TOML 1.1. The README explains every key.
# After a change: ssh-session-notifier check, then ssh-session-notifier test.

[host]
# In which time zone times are shown, an IANA name.
timezone = "Etc/UTC"
# What this machine is called in a notification; "%H" is its own name.
name = "%H"

[notification]
# Where notifications go: "discord", "slack", "telegram", "ntfy", "gotify", "pushover", "matrix", "webhook", or "stdout",
# which under systemd is the journal.
service = "stdout"

# [notification.discord]
# webhook_url = "https://discord.com/api/webhooks/ID/TOKEN"

# [notification.slack]
# webhook_url = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"

# [notification.telegram]
# token = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
# chat_id = -1001234567890

# [notification.ntfy]
# topic_url = "https://ntfy.example/my-topic"
# token = "tk_example"

# [notification.gotify]
# server_url = "https://gotify.example"
# token = "AbCdEfGhIjKlMnO"

# [notification.pushover]
# token = "azGDORePK8gMaC0QOYAMyEEuzJnyUi"
# user = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"

# [notification.matrix]
# server_url = "https://matrix.example.org"
# room_id = "!abcdefg:example.org"
# token = "syt_example"

# [notification.webhook]
# url = "https://example.com/hooks/ssh"
# secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# Another route, with a name of its own; as many as you like. Any secret may stand in a file beside this one.
# [routes.oncall]
# service = "ntfy"
# topic_url = "https://ntfy.example/ssh"
# token_file = "/etc/ssh-session-notifier/ntfy.token"
# events = ["open"]
# notify = "unexpected"

[allowlist]
# Addresses and networks whose logins are recorded, but not notified.
ips = []

# All conditions of a rule must hold. "ssh-session-notifier explain" says what a rule does.
# [[allowlist.rules]]
# reason = "backup, OPS-12"
# users = ["backup"]
# ips = ["198.51.100.0/24"]
# expires_at = 2027-01-01T00:00:00Z

# For so long after this host's first login, what is new is told without being urgent.
# [unexpected]
# learning_days = 7

# What keys are called in notifications: fingerprints as ssh-keygen -lf shows them.
# [key_names]
# "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE" = "work laptop"

# How long it is remembered who was here before.
# [history]
# retention_days = 365

# Pinged after each run, so that you hear of it where nothing runs any more: healthchecks.io, or one like it.
# [heartbeat]
# url = "https://hc-ping.com/00000000-0000-0000-0000-000000000000"
END
}

# --- SELinux ----------------------------------------------------------------------------------------------------------

# What the login programs may do with the queue, in CIL. All rules are about one type of our own.
selinux_module() {
  cat <<'END'
; Written by install.sh of ssh-session-notifier.
; The hook runs in the domain of the login program that starts it, and that may write next to nothing.
(type ssh_session_queue_t)
(roletype object_r ssh_session_queue_t)
; So that administrators, backups and relabelling can handle it as any other file.
(typeattributeset file_type ssh_session_queue_t)
(typeattributeset non_security_file_type ssh_session_queue_t)

; The programs whose PAM stack may have the hook. A policy without ssh_server does not take this module.
(typeattribute ssh_session_hook)
(typeattributeset ssh_session_hook ssh_server)
; Fedora's attribute of all login programs; the others lack it.
(optional ssh_session_login_pgm (typeattributeset ssh_session_hook login_pgm))
(optional ssh_session_login (typeattributeset ssh_session_hook local_login_t))

; Make, replace and remove spool files and the database with its log.
(allow ssh_session_hook ssh_session_queue_t (dir (search getattr open read write add_name remove_name)))
; map: SQLite's -shm. link: the hook makes a new database under another name. append: pam_exec's log=.
(allow ssh_session_hook ssh_session_queue_t
  (file (create getattr setattr open read write append lock map link rename unlink)))
; tmpfiles.d makes the directory in /run.
(optional ssh_session_tmpfiles
  (allow systemd_tmpfiles_t ssh_session_queue_t
    (dir (create getattr setattr open read search write add_name relabelfrom relabelto)))
  (allow systemd_tmpfiles_t ssh_session_queue_t (file (create getattr setattr open write relabelfrom relabelto))))
; The path unit. Older policies do not know the permission, and need none.
(optional ssh_session_watch
  (allow init_t ssh_session_queue_t (dir (search getattr watch)))
  (allow init_t ssh_session_queue_t (file (getattr watch))))

(filecon "/var/lib/ssh-session-notifier/queue(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
; Some policies know /run as /var/run.
(filecon "/run/ssh-session-notifier(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
(filecon "/var/run/ssh-session-notifier(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
END
}

# Whether SELinux is on, enforcing or permissive.
has_selinux() { [ -z "$ROOT" ] && [ -e /sys/fs/selinux/enforce ]; }

# What goes wrong here stops no login: where SELinux enforces, logins are then not recorded, and `check` says so.
install_selinux() {
  if ! has_selinux; then return; fi
  if ! command -v semodule >/dev/null || ! command -v restorecon >/dev/null; then
    warn "SELinux is on, but its tools are missing: no login is recorded where it enforces" \
      "install policycoreutils, then run this again"
    return
  fi
  selinux_module >"$work/$NAME.cil"
  loaded=$(loaded_selinux_module)
  if [ "$loaded" = foreign ]; then
    warn "an SELinux module named $NAME is loaded that install.sh did not write" \
      "semodule --remove=$NAME, then run this again"
    return
  elif [ "$loaded" = same ]; then
    say "unchanged: the SELinux module $NAME"
  elif run semodule --install="$work/$NAME.cil" </dev/null; then
    report "loaded: the SELinux module $NAME"
  else
    warn "the SELinux module $NAME cannot be loaded: no login is recorded where SELinux enforces" \
      "see above, then run this again"
    return
  fi
  relabel
}

# same, old or foreign, where a module of this name is loaded; else nothing.
loaded_selinux_module() {
  (
    mkdir -p "$work/loaded"
    # Where SELinux enforces, semodule may write to no other directory here.
    chcon -t semanage_tmp_t "$work/loaded" 2>/dev/null || true
    cd "$work/loaded"
    semodule --cil --extract="$NAME" >/dev/null 2>&1 </dev/null || true
    if [ ! -f "$NAME.cil" ]; then
      # One that cannot be read is not taken for ours.
      if semodule --list-modules </dev/null 2>/dev/null | grep -Eq "^$NAME([[:space:]]|\$)"; then say foreign; fi
    elif ! head -n 1 "$NAME.cil" | grep -q "Written by install.sh of $NAME"; then
      say foreign
    elif cmp -s "$NAME.cil" "$work/$NAME.cil"; then
      say same
    else
      say old
    fi
  )
}

relabel() {
  for path in "$STATE_DIR" "$RUN_DIR"; do
    if [ ! -d "$path" ]; then continue; fi
    run restorecon -R "$path" </dev/null || warn "$path has wrong SELinux labels" "restorecon -R $path"
  done
}

remove_selinux() {
  if ! has_selinux || ! command -v semodule >/dev/null; then return; fi
  selinux_module >"$work/$NAME.cil"
  case $(loaded_selinux_module) in
    same | old) ;;
    foreign)
      say "kept: the SELinux module $NAME, which is not from here"
      return
      ;;
    *) return ;;
  esac
  if run semodule --remove="$NAME" </dev/null; then
    report "removed: the SELinux module $NAME"
    relabel
  else
    warn "the SELinux module $NAME is still loaded" "semodule --remove=$NAME"
  fi
}

# --- the scheduler ----------------------------------------------------------------------------------------------------

# The scheduler of this host, for when no option names one.
find_scheduler() {
  if [ -n "$ROOT" ]; then
    if [ -d "$ROOT/usr/lib/systemd" ] || [ -d "$ROOT/lib/systemd" ]; then say systemd; else say cron; fi
  elif [ -d /run/systemd/system ]; then
    say systemd
  else
    say cron
  fi
}

# The new scheduler first, so that there always is one.
install_scheduler() {
  case $scheduler in
    systemd)
      write_units
      remove_file "$CRON_FILE"
      if [ -n "$ROOT" ]; then return; fi
      if [ -d /run/systemd/system ]; then
        run systemctl daemon-reload
        run systemctl enable --now "$NAME.timer" "$NAME.path"
      else
        run systemctl enable "$NAME.timer" "$NAME.path" ||
          warn "the units are not enabled" "systemctl enable --now $NAME.timer $NAME.path"
      fi
      ;;
    cron)
      write_cron
      remove_units
      ;;
    none)
      remove_units
      remove_file "$CRON_FILE"
      ;;
  esac
}

write_cron() {
  write_file "$CRON_FILE" root:root 0644 <<END
# Delivers pending notifications of SSH logins. What it says goes to the system log.
SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * $SEND_USER $BINARY send 2>&1 | logger -t $NAME -p auth.notice
# For hosts without tmpfiles.d(5): /run is empty after a boot.
@reboot root install -d -o root -g $QUEUE_USER -m 0750 $RUN_DIR && install -d -o $QUEUE_USER -g $QUEUE_USER -m 2750 \
$RUN_DIR/spool && { test -e $RUN_DIR/unrecorded || install -o root -g $QUEUE_USER -m 0640 /dev/null $RUN_DIR/unrecorded; }; \
if command -v restorecon >/dev/null; then restorecon -R $RUN_DIR; fi
END
  if [ -z "$ROOT" ] && ! command -v cron >/dev/null && ! command -v crond >/dev/null; then
    warn "there is neither systemd nor cron here: nothing delivers what is recorded" "install cron, and see that it runs"
  fi
}

write_units() {
  # What the service takes for the root of the file system. Systemd makes the mount points in it.
  make_dir "$STATE_DIR/root" root:root 0755
  write_file "$UNIT_DIR/$NAME.service" root:root 0644 <<END
[Unit]
Description=Deliver notifications of SSH sessions
Wants=network-online.target
After=network-online.target
# Otherwise a burst of logins would stop the path unit for good.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=$BINARY send
User=$SEND_USER
Group=$SEND_USER
# Something is left to retry: the timer comes back.
SuccessExitStatus=75
# A run ends itself after run_deadline_seconds (600).
TimeoutStartSec=15min
Nice=5
# The most that a run may take from the host, several times what it needs.
MemoryMax=512M
TasksMax=64
# A user who fills the memory must not get it killed.
OOMScoreAdjust=-500
# Its memory holds secrets.
LimitCORE=0

# What it sees: of this host what stands here and nothing else, all of it read-only but its own directory. A name with
# a dash may be missing, since distributions differ. A plus sign: below RootDirectory=.
RootDirectory=$STATE_DIR/root
MountAPIVFS=yes
BindReadOnlyPaths=$BINARY /usr/lib -/usr/lib64 -/lib -/lib64 -/etc/ld.so.cache
BindReadOnlyPaths=-$CONFIG_DIR $STATE_DIR/queue -$RUN_DIR
BindPaths=$STATE_DIR/send
# Whom TLS trusts.
BindReadOnlyPaths=-/etc/ssl/certs/ca-certificates.crt -/etc/pki/tls/certs/ca-bundle.crt
BindReadOnlyPaths=-/etc/ssl/ca-bundle.pem -/etc/ssl/cert.pem
# How names become addresses.
BindReadOnlyPaths=-/etc/resolv.conf -/etc/hosts -/etc/nsswitch.conf -/etc/host.conf -/etc/gai.conf
BindReadOnlyPaths=-/run/systemd/resolve -/run/nscd:/var/run/nscd -/run/avahi-daemon:/var/run/avahi-daemon
InaccessiblePaths=-+/sys -+/dev/pts -+/dev/shm -+/dev/mqueue
ReadOnlyPaths=+/run
ReadWritePaths=+$STATE_DIR/send
# Nothing there can be run but itself: no shell, no tool, nothing that it has written.
NoExecPaths=+/ +/run +$STATE_DIR/send +/tmp +/var/tmp
ExecPaths=+$BINARY +/usr/lib -+/usr/lib64 -+/lib -+/lib64
ProtectSystem=strict
ProtectHome=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateIPC=yes
PrivateUsers=yes
ProtectProc=invisible
ProcSubset=pid
UMask=0077
KeyringMode=private
RemoveIPC=yes

# What it may do.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
# AF_UNIX: systemd-resolved and its like.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# The binary is compiled with --jitless, so it needs no memory that is writable and executable.
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @aio @ipc @keyring @memlock @setuid @timer
# It connects, and never listens; it starts threads, and no processes.
SystemCallFilter=~accept accept4 listen execveat fork vfork setns unshare
SystemCallFilter=~kcmp name_to_handle_at personality userfaultfd
SystemCallFilter=pipe pipe2
SystemCallErrorNumber=EPERM
END
  # send itself changes none of these paths.
  write_file "$UNIT_DIR/$NAME.path" root:root 0644 <<END
[Unit]
Description=Deliver notifications as soon as a session is recorded
StartLimitIntervalSec=0

[Path]
PathChanged=$STATE_DIR/queue/session_events.db-wal
PathChanged=$STATE_DIR/queue/spool
PathChanged=$RUN_DIR/spool
PathChanged=$RUN_DIR/unrecorded
# A burst of logins must not stop it for good.
TriggerLimitIntervalSec=0

[Install]
WantedBy=multi-user.target
END
  write_file "$UNIT_DIR/$NAME.timer" root:root 0644 <<END
[Unit]
Description=Retry notifications, and catch what the path unit missed

[Timer]
OnBootSec=1min
OnCalendar=minutely
RandomizedDelaySec=10
AccuracySec=1s

[Install]
WantedBy=timers.target
END
}

remove_units() {
  is_running=''
  if [ -z "$ROOT" ] && [ -d /run/systemd/system ]; then is_running=yes; fi
  removed=''
  for unit in path timer service; do
    if [ ! -e "$ROOT$UNIT_DIR/$NAME.$unit" ]; then continue; fi
    removed=yes
    if [ -n "$is_running" ]; then run systemctl disable --now "$NAME.$unit" || true; fi
  done
  for unit in path timer service; do remove_file "$UNIT_DIR/$NAME.$unit"; done
  if [ -d "$ROOT$STATE_DIR/root" ]; then run rm -rf --one-file-system "$ROOT$STATE_DIR/root"; fi
  if [ -n "$is_running" ] && [ -n "$removed" ]; then run systemctl daemon-reload; fi
}

# --- PAM --------------------------------------------------------------------------------------------------------------

# What awk has to know of a line of PAM: its fields, without its comment.
# shellcheck disable=SC2016 # the dollar signs are for awk
PAM_AWK='
  { text = $0; sub(/#.*/, "", text); fields = split(text, field) }
  function is_session() { return tolower(field[1]) ~ /^-?session$/ }
  function is_include() { return is_session() && tolower(field[2]) ~ /^(include|substack)$/ }
  # A line of pam_first or pam_last, an include of an earlier release, or a hook line written by hand. Each line is
  # judged by itself, so that a missing comment does not delete lines of the administrator.
  function is_ours(  i) {
    if ($0 ~ "^# " name " (begin|end)(:|$)") return 1
    if (is_include()) return field[3] ~ "^(/.*/)?" name "(-last)?$"
    if (!is_session() || text !~ /pam_(exec|env)\.so/) return 0
    for (i = 3; i <= fields; i++) {
      if (field[i] ~ "^(conffile=/etc/" name "/pam_env_(last|retry)\\.conf|log=/run/" name "/unrecorded)$") return 1
      if (text ~ /pam_exec\.so/ && field[i] ~ "^/(.*/)?" name "$") return 1
    }
    return 0
  }
  # A line that brings lines in which are not seen here; an @include is for all phases.
  function is_foreign() {
    if (tolower(field[1]) == "@include") return field[2] !~ /^(.*\/)?common-(auth|account|password)$/
    return is_include() && !is_ours()
  }
  # How many lines it can jump over: [success=2 default=ignore].
  function jump(  control, most) {
    if (!is_session() || !match(text, /^[ \t]*[^ \t]+[ \t]+\[[^]]*/)) return 0
    control = substr(text, RSTART, RLENGTH)
    while (match(control, /=[ \t]*[0-9]+/)) {
      if (substr(control, RSTART + 1, RLENGTH - 1) + 0 > most) most = substr(control, RSTART + 1, RLENGTH - 1) + 0
      control = substr(control, RSTART + RLENGTH)
    }
    return most + 0
  }'

# Not an include, since PAM refuses every login if an included file is missing. Logins go on even if a file that these
# lines name is missing.
PAM_BEGIN="# $NAME begin: do not edit between these lines; \`install.sh --uninstall\` takes them out"
PAM_END="# $NAME end"
PAM_CLEAN="pam_env.so conffile=$CONFIG_DIR/pam_env_last.conf readenv=0 user_readenv=0"

# The first lines of the session stack. No limit is set yet, and the environment holds no variable of the user, unless
# the auth stack has read a ~/.pam_environment; harmful ones are removed. If the hook can't start (a user's certificate
# can make SSH_AUTH_INFO_0 longer than the kernel allows), it runs once more without that variable. If it fails again
# (no memory, no processes, a broken binary), `env` records the login: one small process, a file of at most 1 MiB, and
# never with the user's LD_PRELOAD, since the line is skipped if the one before it fails. Not at the logout, since the
# environment is not clean then, and `env` is not setgid.
pam_first() {
  cat <<END
$PAM_BEGIN
session optional $PAM_CLEAN
session [success=4 default=ignore] pam_exec.so quiet $BINARY queue
session optional pam_env.so conffile=$CONFIG_DIR/pam_env_retry.conf readenv=0 user_readenv=0
session [success=2 default=ignore] pam_exec.so quiet $BINARY queue
session [success=ignore default=1] $PAM_CLEAN
session optional pam_exec.so quiet type=open_session log=$RUN_DIR/unrecorded $LAST_RESORT
$PAM_END
END
}

# The last lines. PAM's environment lasts until the logout, and by here may hold what a user wrote.
pam_last() {
  cat <<END
$PAM_BEGIN
session optional $PAM_CLEAN
$PAM_END
END
}

# Prints a PAM file without the lines of this program.
without_hook() { # FILE
  awk -v name="$NAME" "$PAM_AWK"' !is_ours()' "$1"
}

# Prints it with these lines, at the start and at the end of the session stack. If the stack starts with a
# `pam_selinux close`, they go after that, since it ends the context of sshd itself.
with_hook() { # FILE
  pam_first >"$work/first"
  without_hook "$1" | awk -v name="$NAME" -v first="$work/first" "$PAM_AWK"'
    function put_first(  line) { while ((getline line < first) > 0) print line }
    !done && (is_session() || is_foreign()) {
      done = 1
      behind = text ~ /pam_selinux\.so[ \t](.*[ \t])?close([ \t]|$)/ && !jump()
      if (behind) print
      put_first()
      if (behind) next
    }
    { print }
  '
  pam_last
}

# Says which line of the session stack counts lines that this script takes out or puts in. How far a jump goes in a file
# that is included is not looked at.
crossing_jump() { # FILE
  awk -v name="$NAME" "$PAM_AWK"'
    is_foreign() { left = 0; next }
    !is_session() { next }
    is_ours() && left > 0 { exit }
    is_ours() { next }
    { left = left > 0 ? left - 1 : 0 }
    jump() > left { left = jump(); line = NR }
    END { if (left > 0) print line }
  ' "$1"
}

# Says why a PAM file is not one to edit; nothing if it is.
not_understood() { # FILE
  if [ -L "$1" ]; then say "it is a symbolic link, so another tool manages it"; return; fi
  if [ ! -f "$1" ]; then say "it is not a file"; return; fi
  if grep -q "$(printf '\r')" "$1"; then say "its lines end as on Windows"; return; fi
  # shellcheck disable=SC1003 # a backslash, at the end of a line
  if grep -v '^[[:space:]]*#' "$1" | grep -q '\\[[:space:]]*$'; then say "it has lines that go on in the next one"; return; fi
  if ! without_hook "$1" | grep -Eiq '^[[:space:]]*(-?session[[:space:]]|@include[[:space:]]+([^[:space:]]*/)?common-session)'
  then
    say "it has no session line"
    return
  fi
  line=$(crossing_jump "$1")
  if [ -n "$line" ]; then say "line $line jumps over a place where the hook stands or would stand"; fi
}

# Checks, before anything is changed, that the PAM file of sshd exists and can be edited.
check_pam() {
  if [ ! -e "$ROOT$PAM_DIR/sshd" ] && [ ! -L "$ROOT$PAM_DIR/sshd" ]; then
    mend="install the server of OpenSSH, then run this again"
    if [ -f "$ROOT/usr/lib/pam.d/sshd" ]; then
      mend="cp /usr/lib/pam.d/sshd $PAM_DIR/sshd, which PAM reads in its place, then run this again"
    fi
    die "$PAM_DIR/sshd is not edited: there is none" "$mend"
  fi
  reason=$(not_understood "$ROOT$PAM_DIR/sshd")
  if [ -z "$reason" ]; then return; fi
  say "These lines go before all other session lines of $PAM_DIR/sshd (but after a leading 'pam_selinux.so close'):"
  say ""
  pam_first
  say ""
  say "And these go after all other lines:"
  say ""
  pam_last
  say ""
  die "$PAM_DIR/sshd is not edited: $reason" "run this without --pam, then put the lines above in by hand"
}

install_pam() {
  with_hook "$ROOT$PAM_DIR/sshd" >"$work/edited"
  if cmp -s "$work/edited" "$ROOT$PAM_DIR/sshd"; then
    say "unchanged: $PAM_DIR/sshd"
  else
    replace_pam_file "$PAM_DIR/sshd"
  fi
  warn_of_early_end
}

# Whether a file of sshd's PAM stack contains the hook.
has_hook() {
  for file in $(pam_stack_files); do
    if ! without_hook "$ROOT$file" | cmp -s - "$ROOT$file"; then return 0; fi
  done
  return 1
}

# Where a line can end the session stack with success, the last include may not be reached.
warn_of_early_end() {
  for file in $(pam_stack_files); do
    line=$(awk -v name="$NAME" "$PAM_AWK"'
      is_session() && (tolower(field[2]) == "sufficient" || text ~ /\[[^]]*=[ \t]*done/) { print NR; exit }' "$ROOT$file")
    if [ -z "$line" ]; then continue; fi
    warn "$file:$line can end the session stack early: a user's own variables can then reach the hook at the logout" \
      "make that line required or optional, if you can"
  done
}

# Puts the edited PAM file in the place of the old one, in one step, after a backup, with owner and mode of the old one.
replace_pam_file() { # PATH
  diff -U3 -L "$1" -L "$1, edited" "$ROOT$1" "$work/edited" || true
  if [ -n "$dry_run" ]; then
    say "would edit: $1"
    return
  fi
  backup "$1"
  cp -p "$ROOT$1" "$ROOT$1.$NAME.new"
  cat "$work/edited" >"$ROOT$1.$NAME.new"
  mv -fT "$ROOT$1.$NAME.new" "$ROOT$1"
  if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$1"; fi
  say "edited: $1"
}

write_pam_files() {
  unset_variables SSH_AUTH_INFO_0 | write_file "$CONFIG_DIR/pam_env_retry.conf" root:root 0644
  # LD_* and GLIBC_TUNABLES act on the loader. Even in a setgid program it obeys some of them: those that make it print
  # and exit, or write a file. GCONV_PATH, LOCPATH and MALLOC_* make the last resort load libraries and files, or end
  # it. SSLKEYLOGFILE names a file that the runtime creates before the hook can give up root, ICU_* data that it loads.
  # The others end or hang the runtime at its start. LANG and the like stay, since users rely on them.
  unset_variables LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH LD_TRACE_LOADED_OBJECTS LD_TRACE_PRELINKING LD_ASSUME_KERNEL \
    LD_DEBUG LD_DEBUG_OUTPUT LD_PROFILE LD_PROFILE_OUTPUT LD_SHOW_AUXV GLIBC_TUNABLES GCONV_PATH LOCPATH \
    MALLOC_TOP_PAD_ SSLKEYLOGFILE ICU_DATA ICU_TIMEZONE_FILES_DIR OPENSSL_ia32cap SIMDUTF_FORCE_IMPLEMENTATION \
    NODE_OPTIONS DENO_TOKIO_EVENT_INTERVAL DENO_TOKIO_GLOBAL_QUEUE_INTERVAL DENO_TOKIO_MAX_IO_EVENTS_PER_TICK |
    write_file "$CONFIG_DIR/pam_env_last.conf" root:root 0644
}

# For each variable, a line that sets it and one that unsets it: PAM logs an error for one that was not set.
unset_variables() { # NAME...
  say "# Written by install.sh. A name alone takes the variable out; see pam_env.conf(5)."
  for variable; do
    say "$variable DEFAULT=x"
    say "$variable"
  done
}

# The files that sshd's PAM stack is made of: sshd, and whatever that includes, in any phase.
pam_stack_files() {
  seen=" "
  waiting=sshd
  while [ -n "$waiting" ]; do
    file=${waiting%% *}
    case $waiting in *" "*) waiting=${waiting#* } ;; *) waiting='' ;; esac
    case $seen in *" $file "*) continue ;; esac
    seen="$seen$file "
    case $file in /*) path=$file ;; *) path=$PAM_DIR/$file ;; esac
    if [ ! -f "$ROOT$path" ]; then continue; fi
    say "$path"
    included=$(awk -v name="$NAME" "$PAM_AWK"'
      tolower(field[1]) == "@include" { print field[2] }
      tolower(field[2]) ~ /^(include|substack)$/ { print field[3] }' "$ROOT$path" | tr '\n' ' ')
    waiting="$waiting${waiting:+ }${included% }"
  done
}

# Any number but 0 switches it on; see the source of pam_env. What stands in a comment is none.
READENV='^([^#]*pam_env\.so[^#]*user_readenv=)0*[1-9][0-9]*'

# A user's own ~/.pam_environment reaches every PAM module behind such a line, and the hook at the logout.
fix_pam_env() {
  for file in $(pam_stack_files); do
    if ! grep -Eq "$READENV" "$ROOT$file"; then continue; fi
    if [ -L "$ROOT$file" ]; then
      warn "$file has user_readenv=1, and is a symbolic link: switch it off with the tool that manages it"
      continue
    fi
    if [ -z "$fix_pam_env" ] && ! confirm "$file lets users write PAM's environment (user_readenv=1). Switch that off?"
    then
      warn "$file has user_readenv=1: whoever logs in can write the environment that the hook gets at the logout" \
        "run install.sh --pam --fix-pam-env"
      continue
    fi
    # Over and over, since a line may have it twice.
    sed -E -e :again -e "s/$READENV/\\10/" -e "t again" "$ROOT$file" >"$work/edited"
    replace_pam_file "$file"
  done
}

confirm() { # QUESTION
  if [ -n "$dry_run" ] || [ ! -t 0 ]; then return 1; fi
  printf '%s [y/N] ' "$1"
  read -r answer || answer=''
  case $answer in [yY]*) return 0 ;; *) return 1 ;; esac
}

# Takes the lines of the hook out of the stack; remove_pam_files removes the files that they name.
remove_hook() {
  for unfinished in "$ROOT$PAM_DIR"/*."$NAME.new"; do remove_file "${unfinished#"$ROOT"}"; done
  if [ -f "$ROOT$PAM_DIR/sshd" ]; then
    without_hook "$ROOT$PAM_DIR/sshd" >"$work/edited"
    if ! cmp -s "$work/edited" "$ROOT$PAM_DIR/sshd"; then
      reason=$(not_understood "$ROOT$PAM_DIR/sshd")
      if [ -n "$reason" ]; then
        die "$PAM_DIR/sshd is not edited: $reason" "take the lines with $NAME out by hand, then run this again"
      fi
      without_hook "$ROOT$PAM_DIR/sshd" >"$work/edited"
      # The one thing that awk can't give back is a last line without an end.
      for copy in "$ROOT$CONFIG_DIR/backup/sshd."*; do
        if [ -f "$copy" ] && [ "$(cat "$copy")" = "$(cat "$work/edited")" ]; then
          cat "$copy" >"$work/edited"
          break
        fi
      done
      replace_pam_file "$PAM_DIR/sshd"
    fi
  fi
  includer=$(find_includer)
  if [ -n "$includer" ]; then
    die "$includer still includes the hook" "take the lines with $NAME out by hand, then run this again"
  fi
}

# Prints a PAM file that includes a file of an earlier release: PAM refuses every login if that is missing.
find_includer() {
  for file in "$ROOT$PAM_DIR"/*; do
    case $file in *.dpkg-* | *.rpm* | *.new | *.bak | *.old | *.orig | *~) continue ;; esac
    if [ -f "$file" ] && as_edited "$file" |
      grep -Eq "^[^#]*(include|substack)[[:space:]]+(/[^#[:space:]]*/)?$NAME(-last)?([[:space:]]|#|\$)"
    then
      say "${file#"$ROOT"}"
      return
    fi
  done
}

# Prints a PAM file as it will be after this run; in a dry run, the file itself is not edited.
as_edited() { # FILE
  if [ -n "$dry_run" ] && [ -n "$pam$uninstall" ] && [ "$1" = "$ROOT$PAM_DIR/sshd" ]; then
    without_hook "$1"
  else
    cat "$1"
  fi
}

# Earlier releases had the lines in two files, which sshd's included. They are removed last, since a login that has
# begun may still read them.
remove_old_includes() {
  if [ ! -e "$ROOT$PAM_DIR/$NAME" ] && [ ! -e "$ROOT$PAM_DIR/$NAME-last" ]; then return; fi
  includer=$(find_includer)
  if [ -n "$includer" ]; then
    warn "$includer includes a file of an earlier release: if that is missing, no login works" \
      "run install.sh --pam; if it is another file than sshd's, replace the include with the lines by hand"
    return
  fi
  remove_file "$PAM_DIR/$NAME"
  remove_file "$PAM_DIR/$NAME-last"
}

remove_pam_files() {
  remove_old_includes
  remove_file "$CONFIG_DIR/pam_env_retry.conf"
  remove_file "$CONFIG_DIR/pam_env_last.conf"
}

# --- all of it --------------------------------------------------------------------------------------------------------

install_all() {
  # Before the first change, since it may refuse to go on.
  if [ -n "$pam" ]; then check_pam; fi
  find_binary
  make_users
  make_dirs
  # Before the hook is in the PAM stack.
  install_selinux
  install_binary
  write_config
  write_pam_files
  if [ -n "$pam" ]; then
    install_pam
    fix_pam_env
  fi
  # Behind the PAM edit, so that a hook of the Go program in it writes no more.
  move_legacy_database
  install_scheduler
  install_documents
  remove_old_includes
  if [ -z "$pam" ] && ! has_hook; then
    say ""
    say "nothing is recorded yet: the hook is not in $PAM_DIR/sshd; to put it there, run install.sh --pam"
  elif [ -z "$ROOT$dry_run" ]; then
    say ""
    "$BINARY" check || warn "see the faults above"
  fi
  if [ -n "$is_new" ]; then say "next: say in $CONFIG_DIR/config.toml where notifications go, then run: $NAME test"; fi
}

uninstall_all() {
  remove_hook
  remove_units
  remove_file "$CRON_FILE"
  remove_file "$TMPFILES"
  remove_file "$BINARY"
  # Last: a login that has begun may still run the old lines.
  remove_pam_files
  remove_selinux
  remove_documents
  if [ -z "$purge" ]; then
    say "kept: $CONFIG_DIR and $STATE_DIR (--purge takes them out)"
    return
  fi
  run rm -rf "$ROOT$CONFIG_DIR" "$ROOT$STATE_DIR"
  report "removed: $CONFIG_DIR and $STATE_DIR"
  if [ -n "$ROOT" ]; then return; fi
  run rm -rf --one-file-system "$RUN_DIR"
  # First the user of send, which is a member of the other group.
  for user in "$SEND_USER" "$QUEUE_USER"; do
    if getent passwd "$user" >/dev/null; then
      run userdel "$user" || die "the user $user can't be removed" "see above, then run this again"
      report "removed: the system user $user"
    fi
    if getent group "$user" >/dev/null; then run groupdel "$user"; fi
  done
}

dry_run=''
pam=''
fix_pam_env=''
uninstall=''
purge=''
is_new=''
runs_here=yes
binary=''
scheduler=''
while [ $# -gt 0 ]; do
  case $1 in
    --pam) pam=yes ;;
    --fix-pam-env) pam=yes fix_pam_env=yes ;;
    --binary)
      [ $# -ge 2 ] || { usage >&2; die "--binary needs a file" "" 64; }
      binary=$2
      shift
      ;;
    --scheduler=systemd | --scheduler=cron | --scheduler=none) scheduler=${1#*=} ;;
    --dry-run) dry_run=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) uninstall=yes purge=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      usage >&2
      die "unknown option $1" "see above" 64
      ;;
  esac
  shift
done

umask 022
# After a plain su, the PATH may lack where useradd and its like are.
PATH=$PATH:/usr/sbin:/sbin
# Any bytes may stand in a comment of a PAM file.
export LC_ALL=C
if [ -n "$ROOT" ]; then check_root; fi
if [ -z "$ROOT" ] && [ "$(id -u)" -ne 0 ]; then die "this must run as root" "sudo ./install.sh" 77; fi
[ "$(uname -s)" = Linux ] || die "this works on Linux only"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
: "${scheduler:=$(find_scheduler)}"
if [ -n "$uninstall" ]; then uninstall_all; else install_all; fi
