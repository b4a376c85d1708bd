#!/bin/sh
# Installs, upgrades or removes ssh-session-notifier. It can safely be run again at any time.
# Read it before you run it: it runs as root, and --pam edits the PAM files of sshd and other services.
set -eu

NAME=ssh-session-notifier
QUEUE_USER=ssh-session-queue
SEND_USER=ssh-session-notifier
# Like make's DESTDIR: if set, files are installed below it, and no user, unit or cache of this machine is changed.
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
# Debian and its derivatives use the first, others the second. Write both, since a DESTDIR may be for any distribution.
ZSH_COMPLETION_DEBIAN=/usr/share/zsh/vendor-completions/_$NAME
ZSH_COMPLETION=/usr/share/zsh/site-functions/_$NAME
MAN_PAGE=/usr/share/man/man8/$NAME.8
CONFIG_MAN_PAGE=/usr/share/man/man5/$NAME.toml.5
SECURITY_MAN_PAGE=/usr/share/man/man7/$NAME-security.7
# `env` prints the hook's environment. `prlimit` executes it in its own process, so only one process is needed.
LAST_RESORT="/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0"
DENO="npx -y deno@2.9.6"

usage() {
  cat <<END
Usage: ./install.sh [options]

Installs the binary next to this script (./$NAME or ./dist/$NAME),
or builds one if neither exists. Run it as root. Run it again to upgrade.

  --pam            add the hook to /etc/pam.d/sshd, and update it in other PAM files; keeps backups
  --pam=NAME,...   the same for the files of these PAM services, such as sshd,login,su
  --fix-pam-env    like --pam, and set user_readenv=0 in all files of these services' PAM stacks;
                   keeps backups (--pam alone asks first, if run on a terminal)
  --binary FILE    install this binary
  --scheduler=NAME what starts send: systemd, cron or none (default: systemd if it is running, or
                   installed below DESTDIR; otherwise cron)
  --dry-run        show what would be done, and change nothing
  --uninstall      remove everything except configuration, history, backups and system users
  --purge          remove these too
  --help           show this help

Examples:
  ./install.sh --dry-run --pam
  ./install.sh --pam --fix-pam-env
  ./install.sh --pam=sshd,login,su
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

# Runs a command, or prints it in a dry run.
run() {
  if [ -n "$dry_run" ]; then
    say "would run: $*"
  else
    "$@"
  fi
}

# Reports a completed step. In a dry run, `run` has already printed the command.
report() { [ -n "$dry_run" ] || say "$*"; }

# --- files ------------------------------------------------------------------------------------------------------------

# Sets owner, then mode, because a change of owner clears setgid. Changes nothing that is already right.
own() { # PATH OWNER:GROUP MODE
  state=$(stat -c '%U:%G %a' "$1" 2>/dev/null) || state=''
  if [ -z "$ROOT" ] && [ "${state% *}" != "$2" ]; then
    run chown -h "$2" "$1"
    state=''
  fi
  if [ "${state#* }" != "${3#0}" ]; then run chmod "$3" "$1"; fi
}

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
  for path in "$BINARY" "$CONFIG_DIR/backup/sshd" "$STATE_DIR/root/." "$PAM_DIR/sshd" "$UNIT_DIR/$NAME.path" \
    "$CRON_FILE" "$TMPFILES" "$BASH_COMPLETION" "$FISH_COMPLETION" "$ZSH_COMPLETION" "$ZSH_COMPLETION_DEBIAN" \
    "$MAN_PAGE" "$CONFIG_MAN_PAGE" "$SECURITY_MAN_PAGE"; do
    check_way "$ROOT" "$path"
  done
}

# Checks the directories on the path to a file, as far as they exist.
check_way() { # BASE PATH [EXCEPTION: a find expression for directories that others may write to]
  way=$1
  rest=${2#/}
  while :; do
    if [ -L "$way" ]; then die "cannot use DESTDIR: $way is a symbolic link" "use a path without symbolic links"; fi
    if [ ! -d "$way/" ]; then return; fi
    # shellcheck disable=SC2086 # a find expression, to be split into words
    if [ -n "$(find "$way/" -prune \( ! -user 0 ! -user "$(id -u)" -o -perm /022 ${3:-} \))" ]; then
      die "cannot use DESTDIR: $way belongs to another user, or others can write to it" "use a directory of your own"
    fi
    case $rest in */*) ;; *) return ;; esac
    way=$way/${rest%%/*}
    rest=${rest#*/}
  done
}

# Creates a directory. Refuses a link, which an attacker may have created.
make_dir() { # PATH OWNER:GROUP MODE
  if [ -L "$ROOT$1" ]; then die "$1 is a symbolic link" "check where it points and why, then remove it"; fi
  if [ ! -d "$ROOT$1" ]; then run mkdir -p "$ROOT$1"; fi
  if [ -n "$dry_run" ]; then
    own "$ROOT$1" "$2" "$3"
    return
  fi
  # Work from inside the directory: the owner of its parent could replace it with a link just now.
  (
    path=$ROOT$1
    parent=$(cd "${path%/*}/" && pwd -P)
    cd "$path"
    [ "$(pwd -P)" = "${parent%/}/${path##*/}" ] || die "$1 was replaced during installation" "find out who replaced it"
    own . "$2" "$3"
  )
}

# Writes standard input to a file atomically. Keeps a file with the same content.
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
    restore_label "$1"
    say "written: $1"
  fi
}

# Gives a file its SELinux label. A failure must not end the installation half-way.
restore_label() {
  if [ -n "$ROOT" ] || [ ! -e "$1" ] || ! command -v restorecon >/dev/null; then return; fi
  # SELinux does not let restorecon inherit the standard input of write_file.
  restorecon "$1" </dev/null || warn "cannot restore the SELinux label of $1" "restorecon $1"
}

# Removes a file, and the temporary file that a killed run may have left.
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
  # Never overwrite a backup: it may be the only copy of the original file.
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
  # Without a slash, the shell would search the PATH and may find the installed binary.
  case $binary in */*) ;; *) binary=./$binary ;; esac
  if [ -n "$dry_run" ] && [ ! -f "$binary" ]; then return; fi
  [ -f "$binary" ] || die "$binary does not exist or is not a file"
  # Check before running it: the shell runs a file that the kernel cannot execute as a script.
  processor=$(processor_of "$binary")
  if [ -n "$processor" ] && [ "$processor" != "$(uname -m)" ] && [ ! -e "/proc/sys/fs/binfmt_misc/qemu-$processor" ]; then
    [ -n "$ROOT" ] || die "$binary is for $processor, but this is $(uname -m)" "use the binary for this processor"
    warn "$binary is for $processor: it is not tested here, and its completions and manual pages are not installed" \
      "to install them, run install.sh on such a machine, or install an emulator (Debian: qemu-user-binfmt)"
    runs_here=''
    return
  fi
  version=$("$binary" --version 2>&1) ||
    die "cannot run $binary: $version" "use Linux with glibc, on the processor that the binary was built for"
  say "$version"
  case $version in *"for testing only"*) warn "this binary is for testing only, see above" ;; esac
}

# Prints the processor of a binary, as uname -m names it; prints nothing for processors without releases.
processor_of() { # FILE
  case $(od -An -tx1 -N20 "$1" | tr -d ' \n') in
    7f454c46*3e00) say x86_64 ;;
    7f454c46*b700) say aarch64 ;;
  esac
}

build_binary() {
  binary=$here/dist/$NAME
  [ -f "$here/deno.json" ] || die "no binary next to install.sh" "put $NAME there, or run install.sh in a checkout"
  command -v npx >/dev/null || die "no binary here, and no npx to build one" "install Node.js, or use --binary"
  say "no binary next to install.sh: building one"
  (cd "$here" && run $DENO task compile)
}

install_binary() {
  if [ -n "$dry_run" ]; then
    say "would install: $BINARY (root:$SEND_USER, 2750)"
    return
  fi
  mkdir -p "$ROOT${BINARY%/*}"
  cp "$binary" "$ROOT$BINARY.new"
  # Setgid makes the kernel set AT_SECURE, so the loader ignores LD_PRELOAD and similar variables.
  own "$ROOT$BINARY.new" "root:$SEND_USER" 2750
  # Atomic: a login at this moment runs either the old or the new binary.
  mv -fT "$ROOT$BINARY.new" "$ROOT$BINARY"
  restore_label "$BINARY"
  say "installed: $BINARY"
}

# Installs the completions and the manual pages, which the program prints. Nothing depends on them, so a failure is only
# a warning.
install_documents() {
  if [ -z "$runs_here" ]; then return; fi
  install_document "$BASH_COMPLETION" completions bash
  install_document "$ZSH_COMPLETION_DEBIAN" completions zsh
  install_document "$ZSH_COMPLETION" completions zsh
  install_document "$FISH_COMPLETION" completions fish
  install_document "$MAN_PAGE" man 8
  install_document "$CONFIG_MAN_PAGE" man 5
  install_document "$SECURITY_MAN_PAGE" man 7
}

install_document() { # PATH COMMAND...
  document=$1
  shift
  if [ -n "$dry_run" ] && [ ! -f "$binary" ]; then
    say "would write: $document"
  elif is_foreign "$document"; then
    warn "cannot write $document: it exists, and is not from install.sh" "check its origin; remove it if possible"
  elif ! "$binary" "$@" >"$work/document" 2>/dev/null || ! [ -s "$work/document" ]; then
    warn "cannot write $document: the binary does not print it"
  else
    # Not in a condition, where the shell would ignore set -e. /usr/share may be read-only.
    set +e
    (set -e && write_file "$document" root:root 0644 <"$work/document")
    written=$?
    set -e
    [ "$written" -eq 0 ] || warn "cannot write $document, see above"
  fi
}

# Whether the path exists and was not written by this script, whose documents say so in their first lines.
is_foreign() { # PATH
  if [ ! -e "$ROOT$1" ] && [ ! -L "$ROOT$1" ]; then return 1; fi
  if [ -L "$ROOT$1" ] || [ ! -f "$ROOT$1" ]; then return 0; fi
  ! head -n 2 "$ROOT$1" | grep -q "ritten by \`$NAME "
}

remove_documents() {
  for document in "$BASH_COMPLETION" "$ZSH_COMPLETION_DEBIAN" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$MAN_PAGE" \
    "$CONFIG_MAN_PAGE" "$SECURITY_MAN_PAGE"; do
    if is_foreign "$document"; then
      say "kept: $document (not from install.sh)"
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
      report "created: the system user $user"
    fi
  done
  # The group of queue/ has access to nothing else, so the hook cannot read configuration or history.
  case " $(id -Gn "$SEND_USER" 2>/dev/null) " in
    *" $QUEUE_USER "*) ;;
    *) run usermod --append --groups "$QUEUE_USER" "$SEND_USER" ;;
  esac
}

make_dirs() {
  make_dir "$CONFIG_DIR" "root:$SEND_USER" 0750
  # 0751 lets the hook's user reach queue/.
  make_dir "$STATE_DIR" "root:$SEND_USER" 0751
  # The hook switches to the owner of this directory. Setgid: the user of send is in the group, so it can read what the
  # hook writes.
  make_dir "$STATE_DIR/queue" "$QUEUE_USER:$QUEUE_USER" 2750
  make_dir "$STATE_DIR/queue/db" "$QUEUE_USER:$QUEUE_USER" 2750
  make_dir "$STATE_DIR/queue/spool" "$QUEUE_USER:$QUEUE_USER" 2750
  change_queue_group
  make_dir "$STATE_DIR/send" "$SEND_USER:$SEND_USER" 0700
  make_run_dir
}

# Creates the directory in memory: a spool for when the disk is full, and the file of the last resort. After each boot,
# systemd or cron creates it again.
make_run_dir() {
  write_file "$TMPFILES" root:root 0644 <<END
# Part of $NAME: the directory for logins that could not be recorded on disk; see tmpfiles.d(5).
d $RUN_DIR 0750 root $QUEUE_USER -
d $RUN_DIR/spool 2750 $QUEUE_USER $QUEUE_USER -
f $RUN_DIR/unrecorded 0640 root $QUEUE_USER -
END
  if [ -n "$ROOT" ]; then return; fi
  make_dir "$RUN_DIR" "root:$QUEUE_USER" 0750
  make_dir "$RUN_DIR/spool" "$QUEUE_USER:$QUEUE_USER" 2750
  # Only root can write to this directory. Never truncate the file: send remembers how far it has read.
  if [ ! -e "$RUN_DIR/unrecorded" ]; then run install -m 0640 /dev/null "$RUN_DIR/unrecorded"; fi
  own "$RUN_DIR/unrecorded" "root:$QUEUE_USER" 0640
}

# In earlier releases, the files in queue/ had the group of send. Not run as root, because the owner of queue/ may have
# put links there.
change_queue_group() {
  if [ -n "$ROOT" ] || [ ! -d "$STATE_DIR/queue" ]; then return; fi
  if [ -n "$(find "$STATE_DIR/queue" ! -group "$QUEUE_USER" -print -quit 2>/dev/null)" ]; then
    run setpriv --reuid="$QUEUE_USER" --regid="$QUEUE_USER" --clear-groups \
      chgrp --recursive --no-dereference "$QUEUE_USER" "$STATE_DIR/queue" ||
      warn "cannot change the group of all of $STATE_DIR/queue to $QUEUE_USER" "ssh-session-notifier check"
  fi
}

# In earlier releases, the queue database was in queue/ itself. The new hook does not use it; `send` reads it once.
move_old_queue() {
  if [ -n "$ROOT" ]; then return; fi
  # All of them, because `repair` may have been killed between two.
  for path in session_events.db session_events.db-wal session_events.db-shm old_database; do
    if [ -e "$STATE_DIR/queue/$path" ]; then break; fi
    path=
  done
  if [ -z "$path" ]; then return; fi
  run "$BINARY" repair || warn "cannot move the queue database of an earlier release" "ssh-session-notifier repair"
}

# Moves the database of the Go program of the same name, so that `send` delivers its remaining events.
move_legacy_database() {
  old=$STATE_DIR/session_events.db
  legacy=$STATE_DIR/send/legacy.db
  if [ ! -e "$ROOT$old" ] && [ ! -L "$ROOT$old" ]; then return; fi
  if [ -e "$ROOT$legacy" ]; then
    warn "$old is not moved: $legacy already exists"
    return
  fi
  # The user of the Go program could write here until now. A link, or a second name of another file, would make the
  # steps below change the owner of that file.
  for suffix in -wal -shm ""; do
    if [ ! -e "$ROOT$old$suffix" ] && [ ! -L "$ROOT$old$suffix" ]; then continue; fi
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

write_config() {
  if [ -e "$ROOT$CONFIG_DIR/config.toml" ] || [ -L "$ROOT$CONFIG_DIR/config.toml" ]; then
    say "kept: $CONFIG_DIR/config.toml"
    # If it is a link, another tool manages the target.
    if [ ! -L "$ROOT$CONFIG_DIR/config.toml" ]; then own "$ROOT$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640; fi
    return
  fi
  is_new=yes
  write_file "$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640 <<'END'
# Configuration of ssh-session-notifier, in TOML. For every key see: man 5 ssh-session-notifier.toml
# (or: ssh-session-notifier man 5). Each run of send reads this file anew, so a change needs no restart.
# After a change, run: ssh-session-notifier check, then: ssh-session-notifier test

[host]
# The time zone of the times in notifications, an IANA name such as "Pacific/Auckland".
timezone = "Etc/UTC"
# The name of this machine in notifications; "%H" is its host name.
name = "%H"

[notification]
# The service that receives the notifications: "discord", "slack", "teams", "googlechat", "mattermost", "telegram",
# "signal", "ntfy", "gotify", "pushover", "matrix", "email", "pagerduty", "alertmanager", "apprise", "webhook", or "stdout"
# (under systemd, the journal). Uncomment and edit the section of your service below.
service = "stdout"

# [notification.discord]
# webhook_url = "https://discord.com/api/webhooks/ID/TOKEN"

# [notification.slack]
# webhook_url = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"

# [notification.teams]
# webhook_url = "https://ENVIRONMENT.api.powerplatform.com/powerautomate/automations/direct/workflows/ID/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE"

# [notification.googlechat]
# webhook_url = "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN"

# [notification.mattermost]
# webhook_url = "https://mattermost.example/hooks/xxxxxxxxxxxxxxxxxxxxxxxxxx"

# [notification.telegram]
# token = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"
# chat_id = -1001234567890

# [notification.signal]
# server_url = "https://signal.example"
# number = "+15550100001"
# recipients = ["+15550100002"]

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

# Without "server", the mail server of this machine sends the mail.
# [notification.email]
# to = "admin@example.com"

# [notification.pagerduty]
# routing_key = "R0123456789abcdefghijklmnopqrstu"

# [notification.alertmanager]
# server_urls = ["https://alertmanager.example"]
# user = "ssh"
# password = "correct horse battery staple"

# [notification.apprise]
# server_url = "https://apprise.example"
# key = "b0d7f3a1c5e94286"
# tag = "security"

# [notification.webhook]
# url = "https://example.com/hooks/ssh"
# secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# To notify another service too, add a route with a name of your choice. Secrets can be in files in this directory.
# [routes.oncall]
# service = "ntfy"
# topic_url = "https://ntfy.example/ssh"
# token_file = "/etc/ssh-session-notifier/ntfy.token"
# events = ["open"]
# notify = "unexpected"

[allowlist]
# Addresses and networks whose logins and logouts are recorded but not notified.
ips = []
# Files with more of these and of the rules below, for example the same on many hosts.
# files = ["/etc/ssh-session-notifier/allowlist.d/shared.toml"]

# A rule matches if all its conditions hold. To test your rules, run: ssh-session-notifier explain
# [[allowlist.rules]]
# reason = "backup, OPS-12"
# users = ["backup"]
# ips = ["198.51.100.0/24"]
# expires_at = 2027-01-01T00:00:00Z

# Days after this host's first event in which a new user, address or key alone does not make a login urgent.
# [unexpected]
# learning_days = 7

# Names of SSH keys in notifications, by their fingerprints as shown by: ssh-keygen -lf
# [key_names]
# "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE" = "work laptop"

# Days to keep delivered events. Users and addresses seen only in older events count as new again.
# [history]
# retention_days = 365

# A URL to request after each run of send. A monitor such as healthchecks.io alerts you when the requests stop.
# [heartbeat]
# url = "https://hc-ping.com/00000000-0000-0000-0000-000000000000"
END
}

# --- SELinux ----------------------------------------------------------------------------------------------------------

# The policy module in CIL: what the login programs may do with the queue. All rules are about our own type, so
# the module gives no access to other files.
selinux_module() {
  cat <<'END'
; Written by install.sh of ssh-session-notifier.
; The hook runs in the domain of the login program that starts it, which may write almost nothing.
(type ssh_session_queue_t)
(roletype object_r ssh_session_queue_t)
; Administrators, backups and relabelling can handle it like any other file.
(typeattributeset file_type ssh_session_queue_t)
(typeattributeset non_security_file_type ssh_session_queue_t)

; The programs whose PAM stack can contain the hook. A policy without ssh_server rejects this module.
(typeattribute ssh_session_hook)
(typeattributeset ssh_session_hook ssh_server)
; Fedora's attribute for all login programs; other policies do not have it.
(optional ssh_session_login_pgm (typeattributeset ssh_session_hook login_pgm))
(optional ssh_session_login (typeattributeset ssh_session_hook local_login_t))

; Create, replace and remove spool files and the database with its log.
(allow ssh_session_hook ssh_session_queue_t (dir (search getattr open read write add_name remove_name)))
; map: SQLite's -shm. link: the hook creates a new database under another name. append: pam_exec's log=.
(allow ssh_session_hook ssh_session_queue_t
  (file (create getattr setattr open read write append lock map link rename unlink)))
; systemd-tmpfiles creates the directory in /run.
(optional ssh_session_tmpfiles
  (allow systemd_tmpfiles_t ssh_session_queue_t
    (dir (create getattr setattr open read search write add_name relabelfrom relabelto)))
  (allow systemd_tmpfiles_t ssh_session_queue_t (file (create getattr setattr open write relabelfrom relabelto))))
; The path unit. Older policies do not have the watch permission and do not need it.
(optional ssh_session_watch
  (allow init_t ssh_session_queue_t (dir (search getattr watch)))
  (allow init_t ssh_session_queue_t (file (getattr watch))))

(filecon "/var/lib/ssh-session-notifier/queue(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
; Some policies use /var/run for /run.
(filecon "/run/ssh-session-notifier(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
(filecon "/var/run/ssh-session-notifier(/.*)?" any (system_u object_r ssh_session_queue_t ((s0) (s0))))
END
}

# Whether SELinux is enabled, enforcing or permissive.
has_selinux() { [ -z "$ROOT" ] && [ -e /sys/fs/selinux/enforce ]; }

# A failure here blocks no login. In enforcing mode, logins may then not be recorded, and `check` reports it. The policy
# of Debian 12 still lets the hook write to the spool in /run; others may not.
install_selinux() {
  if ! has_selinux; then return; fi
  if ! command -v semodule >/dev/null || ! command -v restorecon >/dev/null; then
    warn "SELinux is on, but its tools are missing: in enforcing mode, logins may not be recorded" \
      "install policycoreutils, then run install.sh again"
    return
  fi
  selinux_module >"$work/$NAME.cil"
  loaded=$(loaded_selinux_module)
  if [ "$loaded" = foreign ]; then
    warn "an SELinux module named $NAME is loaded that install.sh did not write" \
      "semodule --remove=$NAME, then run install.sh again"
    return
  elif [ "$loaded" = same ]; then
    say "unchanged: the SELinux module $NAME"
  elif run semodule --install="$work/$NAME.cil" </dev/null; then
    report "loaded: the SELinux module $NAME"
  else
    warn "the SELinux module $NAME cannot be loaded: in enforcing mode, logins may not be recorded" \
      "fix the error above, then run install.sh again"
    return
  fi
  relabel
}

# Prints same, old or foreign if a module of this name is loaded; otherwise nothing.
loaded_selinux_module() {
  (
    mkdir -p "$work/loaded"
    # In enforcing mode, semodule may only write to a directory of this type.
    chcon -t semanage_tmp_t "$work/loaded" 2>/dev/null || true
    cd "$work/loaded"
    semodule --cil --extract="$NAME" >/dev/null 2>&1 </dev/null || true
    if [ ! -f "$NAME.cil" ]; then
      # A module that cannot be read counts as foreign.
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

# Root walks no directory of another user, which could replace a directory in it with a link meanwhile.
relabel() {
  for path in "$STATE_DIR" "$RUN_DIR" "$RUN_DIR/unrecorded"; do restore_label "$path"; done
  for path in "$STATE_DIR/queue" "$RUN_DIR/spool"; do
    if [ ! -d "$path" ]; then continue; fi
    run setpriv --reuid="$QUEUE_USER" --regid="$QUEUE_USER" --clear-groups restorecon -R "$path" </dev/null ||
      warn "cannot restore the SELinux labels of $path" "ssh-session-notifier check"
  done
}

remove_selinux() {
  if ! has_selinux || ! command -v semodule >/dev/null; then return; fi
  selinux_module >"$work/$NAME.cil"
  case $(loaded_selinux_module) in
    same | old) ;;
    foreign)
      say "kept: the SELinux module $NAME (not from install.sh)"
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

# Prints the default scheduler of this host.
find_scheduler() {
  if [ -n "$ROOT" ]; then
    if [ -d "$ROOT/usr/lib/systemd" ] || [ -d "$ROOT/lib/systemd" ]; then say systemd; else say cron; fi
  elif [ -d /run/systemd/system ]; then
    say systemd
  else
    say cron
  fi
}

# Installs the new scheduler before removing the old one, so that one always runs.
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
          warn "cannot enable the units" "systemctl enable --now $NAME.timer $NAME.path"
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
# Part of $NAME. Delivers pending notifications of SSH logins; its output goes to the system log.
SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * $SEND_USER $BINARY send 2>&1 | logger -t $NAME -p auth.notice
# For hosts without tmpfiles.d(5), because /run is empty after a boot.
@reboot root install -d -o root -g $QUEUE_USER -m 0750 $RUN_DIR && install -d -o $QUEUE_USER -g $QUEUE_USER -m 2750 \
$RUN_DIR/spool && { test -e $RUN_DIR/unrecorded || install -o root -g $QUEUE_USER -m 0640 /dev/null $RUN_DIR/unrecorded; }; \
if command -v restorecon >/dev/null; then restorecon $RUN_DIR $RUN_DIR/spool $RUN_DIR/unrecorded; fi
END
  if [ -z "$ROOT" ] && ! command -v cron >/dev/null && ! command -v crond >/dev/null; then
    warn "there is neither systemd nor cron here: no notification is sent" "install cron and make sure that it runs"
  fi
}

write_units() {
  # The service's root directory. systemd creates the mount points in it.
  make_dir "$STATE_DIR/root" root:root 0755
  write_file "$UNIT_DIR/$NAME.service" root:root 0644 <<END
[Unit]
Description=Deliver notifications of SSH sessions
Wants=network-online.target
After=network-online.target
# With a limit, a burst of logins would stop the path unit permanently.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=$BINARY send
User=$SEND_USER
Group=$SEND_USER
# 75: something remains to be retried; the timer starts the next run.
SuccessExitStatus=75
# A run ends on its own after run_deadline_seconds (default: 600).
TimeoutStartSec=15min
Nice=5
# Several times what a run needs; limits the load on the host.
MemoryMax=512M
TasksMax=64
# A user that fills the memory must not cause it to be killed.
OOMScoreAdjust=-500
# A core dump would contain secrets.
LimitCORE=0

# What it can see: only the paths below, all read-only except its own directory. A dash marks a path that is missing on
# some distributions; a plus sign, a path below RootDirectory=.
RootDirectory=$STATE_DIR/root
MountAPIVFS=yes
BindReadOnlyPaths=$BINARY /usr/lib -/usr/lib64 -/lib -/lib64 -/etc/ld.so.cache
BindReadOnlyPaths=-$CONFIG_DIR $STATE_DIR/queue -$RUN_DIR
BindPaths=$STATE_DIR/send
# CA certificates.
BindReadOnlyPaths=-/etc/ssl/certs/ca-certificates.crt -/etc/pki/tls/certs/ca-bundle.crt
BindReadOnlyPaths=-/etc/ssl/ca-bundle.pem -/etc/ssl/cert.pem
# Place databases.
BindReadOnlyPaths=-/usr/share/GeoIP -/var/lib/GeoIP
# Name resolution.
BindReadOnlyPaths=-/etc/resolv.conf -/etc/hosts -/etc/nsswitch.conf -/etc/host.conf -/etc/gai.conf
BindReadOnlyPaths=-/run/systemd/resolve -/run/nscd:/var/run/nscd -/run/avahi-daemon:/var/run/avahi-daemon
InaccessiblePaths=-+/sys -+/dev/pts -+/dev/shm -+/dev/mqueue
ReadOnlyPaths=+/run
ReadWritePaths=+$STATE_DIR/send
# It can execute only itself: no shell, no tool, no file that it has written.
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
# AF_UNIX: systemd-resolved and similar resolvers.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# The binary is compiled with --jitless, so it needs no writable and executable memory.
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @aio @ipc @keyring @memlock @setuid @timer
# It connects but never listens, and starts threads but no processes.
SystemCallFilter=~accept accept4 listen execveat fork vfork setns unshare
SystemCallFilter=~kcmp name_to_handle_at personality userfaultfd
SystemCallFilter=pipe pipe2
SystemCallErrorNumber=EPERM
END
  # send itself never changes these paths, so it cannot trigger itself.
  write_file "$UNIT_DIR/$NAME.path" root:root 0644 <<END
[Unit]
Description=Deliver notifications as soon as a session is recorded
StartLimitIntervalSec=0

[Path]
PathChanged=$STATE_DIR/queue/db/session_events.db-wal
PathChanged=$STATE_DIR/queue/spool
PathChanged=$RUN_DIR/spool
PathChanged=$RUN_DIR/unrecorded
# A burst of logins must not stop it permanently.
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

# Parses a line of a PAM file: its fields, without its comment.
# shellcheck disable=SC2016 # the dollar signs are for awk
PAM_AWK='
  { text = $0; sub(/#.*/, "", text); fields = split(text, field) }
  function is_session() { return tolower(field[1]) ~ /^-?session$/ }
  function is_include() { return is_session() && tolower(field[2]) ~ /^(include|substack)$/ }
  # A line of pam_first or pam_last, an include of an earlier release, or a hook line written by hand. Each line is
  # judged alone, so that a missing begin or end comment does not delete lines of the administrator.
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
  # A line that includes lines of another file; an @include applies to all phases.
  function is_foreign() {
    if (tolower(field[1]) == "@include") return field[2] !~ /^(.*\/)?common-(auth|account|password)$/
    return is_include() && !is_ours()
  }
  # The most lines that it can skip: [success=2 default=ignore].
  function jump(  control, most) {
    if (!is_session() || !match(text, /^[ \t]*[^ \t]+[ \t]+\[[^]]*/)) return 0
    control = substr(text, RSTART, RLENGTH)
    while (match(control, /=[ \t]*[0-9]+/)) {
      if (substr(control, RSTART + 1, RLENGTH - 1) + 0 > most) most = substr(control, RSTART + 1, RLENGTH - 1) + 0
      control = substr(control, RSTART + RLENGTH)
    }
    return most + 0
  }'

# Not an include, because PAM refuses every login if an included file is missing. Logins still work if a file that these
# lines name is missing.
PAM_BEGIN="# $NAME begin: do not edit between these lines; \`install.sh --uninstall\` removes them"
PAM_END="# $NAME end"
PAM_CLEAN="pam_env.so conffile=$CONFIG_DIR/pam_env_last.conf readenv=0 user_readenv=0"

# The first lines of the session stack. Here no limits are set yet, and the environment has no variables of the user,
# unless the auth stack has read a ~/.pam_environment; harmful variables are removed. If the hook cannot start (a user's
# certificate can make SSH_AUTH_INFO_0 longer than the kernel allows), it runs again without that variable. If it fails
# again (no memory, no processes, a broken binary), `env` records the login: one small process, a file of at most 1 MiB,
# and never with the user's LD_PRELOAD, because its line is skipped if the line before it fails. `env` does not record
# logouts: the environment is not clean then, and `env` is not setgid. seteuid: under su, the real user is the caller,
# who could otherwise end the hook with a signal.
pam_first() {
  cat <<END
$PAM_BEGIN
session optional $PAM_CLEAN
session [success=4 default=ignore] pam_exec.so quiet seteuid $BINARY queue
session optional pam_env.so conffile=$CONFIG_DIR/pam_env_retry.conf readenv=0 user_readenv=0
session [success=2 default=ignore] pam_exec.so quiet seteuid $BINARY queue
session [success=ignore default=1] $PAM_CLEAN
session optional pam_exec.so quiet seteuid type=open_session log=$RUN_DIR/unrecorded $LAST_RESORT
$PAM_END
END
}

# The last lines. PAM keeps its environment until the logout, and by now it may contain variables set by the user.
pam_last() {
  cat <<END
$PAM_BEGIN
session optional $PAM_CLEAN
$PAM_END
END
}

# Prints a PAM file without our lines.
without_hook() { # FILE
  awk -v name="$NAME" "$PAM_AWK"' !is_ours()' "$1"
}

# Prints a PAM file with our lines at the start and the end of the session stack. If the stack starts with
# `pam_selinux close`, the first lines go after it, because it ends the context of sshd itself.
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

# Prints the number of a session line whose jump would cross lines that this script adds or removes. Jumps in included
# files are not checked.
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

# Prints why a PAM file cannot be edited; nothing if it can.
not_understood() { # FILE
  if [ -L "$1" ]; then say "it is a symbolic link, so another tool manages it"; return; fi
  if [ ! -f "$1" ]; then say "it is not a regular file"; return; fi
  if grep -q "$(printf '\r')" "$1"; then say "it has Windows line endings"; return; fi
  # shellcheck disable=SC1003 # a backslash at the end of a line
  if grep -v '^[[:space:]]*#' "$1" | grep -q '\\[[:space:]]*$'; then say "it has continuation lines"; return; fi
  if ! without_hook "$1" | grep -Eiq '^[[:space:]]*(-?session[[:space:]]|@include[[:space:]]+([^[:space:]]*/)?common-session)'
  then
    say "it has no session line"
    return
  fi
  line=$(crossing_jump "$1")
  if [ -n "$line" ]; then say "the jump in line $line crosses the lines of the hook"; fi
}

# Prints the names of the PAM files, without the backups of other tools.
pam_files() {
  for file in "$ROOT$PAM_DIR"/*; do
    case $file in *.dpkg-* | *.rpm* | *.new | *.bak | *.old | *.orig | *~) continue ;; esac
    if [ -f "$file" ]; then say "${file##*/}"; fi
  done
}

# Whether a PAM file is shared by several services. With the hook in it, each job of cron would be a login.
is_shared() { # NAME
  case $1 in
    common-* | system-auth* | system-*login | system-services | password-auth* | postlogin* | other) ;;
    fingerprint-auth* | smartcard-auth* | "$NAME"*) ;;
    *) return 1 ;;
  esac
}

# Prints the services whose files are edited: those that --pam names, and those with our lines.
pam_services() {
  {
    # A removal also finds lines without our comments in sshd's file.
    for service in $pam ${uninstall:+sshd}; do say "$service"; done
    for service in $(pam_files); do
      if is_shared "$service" || [ -L "$ROOT$PAM_DIR/$service" ]; then continue; fi
      if grep -qs "^# $NAME begin" "$ROOT$PAM_DIR/$service"; then say "$service"; fi
    done
  } | sort -u | tr '\n' ' '
}

# Checks that the PAM files of all services exist and can be edited, before anything is changed.
check_pam() {
  services=$(pam_services)
  for service in $services; do check_pam_file "$service"; done
}

check_pam_file() { # SERVICE
  file=$PAM_DIR/$1
  if is_shared "$1"; then
    die "cannot edit $file: several services share it" "name the services, such as --pam=sshd,login"
  fi
  if [ ! -e "$ROOT$file" ] && [ ! -L "$ROOT$file" ]; then
    hint="correct the name, or install the program first (for sshd, the OpenSSH server)"
    if [ -f "$ROOT/usr/lib/pam.d/$1" ]; then
      hint="cp /usr/lib/pam.d/$1 $file, which PAM then uses instead, and run install.sh again"
    fi
    die "cannot edit $file: it does not exist" "$hint"
  fi
  for included in $(pam_stack_files "$1"); do
    included=${included##*/}
    if [ "$included" = "$1" ]; then continue; fi
    case " $services" in *" $included "*)
      die "cannot edit $file: it includes $included, so each session would be recorded twice" \
        "remove $1 from --pam: the hook in $PAM_DIR/$included is enough"
    esac
  done
  reason=$(not_understood "$ROOT$file")
  if [ -z "$reason" ]; then return; fi
  say "Put these lines before all other session lines of $file (but after a leading 'pam_selinux.so close'):"
  say ""
  pam_first
  say ""
  say "Put these lines after all other lines:"
  say ""
  pam_last
  say ""
  die "cannot edit $file: $reason" "run install.sh without --pam, then add the lines above by hand"
}

install_pam() {
  for service in $(pam_services); do
    with_hook "$ROOT$PAM_DIR/$service" >"$work/edited"
    if cmp -s "$work/edited" "$ROOT$PAM_DIR/$service"; then
      say "unchanged: $PAM_DIR/$service"
    else
      replace_pam_file "$PAM_DIR/$service"
    fi
  done
  warn_of_early_end
}

# Whether a PAM file has lines of ours.
has_lines() { ! without_hook "$1" | cmp -s - "$1"; } # FILE

# Whether a file of sshd's PAM stack contains the hook.
has_hook() {
  for file in $(pam_stack_files sshd); do
    if has_lines "$ROOT$file"; then return 0; fi
  done
  return 1
}

# Warns if a line can end the session stack early with success: our last lines then may not run.
warn_of_early_end() {
  for file in $(pam_stack_files "$(pam_services)"); do
    line=$(awk -v name="$NAME" "$PAM_AWK"'
      is_session() && (tolower(field[2]) == "sufficient" || text ~ /\[[^]]*=[ \t]*done/) { print NR; exit }' "$ROOT$file")
    if [ -z "$line" ]; then continue; fi
    warn "$file:$line can end the session stack early: a user's variables can then reach the hook at logout" \
      "if possible, change that line to required or optional"
  done
}

# Shows how a PAM file is edited, with the lines around each change.
show_edit() { # PATH
  if command -v diff >/dev/null; then
    diff -U3 -L "$1" -L "$1, edited" "$ROOT$1" "$work/edited" || true
  else
    say "--- $1"
    cat "$ROOT$1"
    say "+++ $1, edited"
    cat "$work/edited"
  fi
}

# Replaces a PAM file with the edited one, atomically and after a backup, and keeps owner and mode.
replace_pam_file() { # PATH
  show_edit "$1"
  if [ -n "$dry_run" ]; then
    say "would edit: $1"
    return
  fi
  # --purge removes the backups too.
  [ -n "$purge" ] || backup "$1"
  cp -p "$ROOT$1" "$ROOT$1.$NAME.new"
  cat "$work/edited" >"$ROOT$1.$NAME.new"
  mv -fT "$ROOT$1.$NAME.new" "$ROOT$1"
  restore_label "$1"
  say "edited: $1"
}

write_pam_files() {
  unset_variables SSH_AUTH_INFO_0 | write_file "$CONFIG_DIR/pam_env_retry.conf" root:root 0644
  # LD_* and GLIBC_TUNABLES affect the loader. Even in a setgid program it obeys some of them: those that make it print
  # and exit, or write a file. GCONV_PATH, LOCPATH and MALLOC_* make the last resort load libraries and files, or end
  # it. SSLKEYLOGFILE names a file that the runtime creates before the hook can drop root, ICU_* name data that it
  # loads. The others end or hang the runtime at its start. LANG and similar variables stay, because users rely on them.
  unset_variables LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH LD_TRACE_LOADED_OBJECTS LD_TRACE_PRELINKING LD_ASSUME_KERNEL \
    LD_DEBUG LD_DEBUG_OUTPUT LD_PROFILE LD_PROFILE_OUTPUT LD_SHOW_AUXV GLIBC_TUNABLES GCONV_PATH LOCPATH \
    MALLOC_TOP_PAD_ SSLKEYLOGFILE ICU_DATA ICU_TIMEZONE_FILES_DIR OPENSSL_ia32cap SIMDUTF_FORCE_IMPLEMENTATION \
    NODE_OPTIONS DENO_TOKIO_EVENT_INTERVAL DENO_TOKIO_GLOBAL_QUEUE_INTERVAL DENO_TOKIO_MAX_IO_EVENTS_PER_TICK |
    write_file "$CONFIG_DIR/pam_env_last.conf" root:root 0644
}

# Prints two lines per variable: one sets it, one unsets it. PAM would log an error for unsetting an unset variable.
unset_variables() { # NAME...
  say "# Part of $NAME. A name alone unsets the variable; see pam_env.conf(5)."
  for variable; do
    say "$variable DEFAULT=x"
    say "$variable"
  done
}

# Prints the files of the PAM stacks of services: their own, and all that these include, in any phase.
pam_stack_files() { # "SERVICE ..."
  seen=" "
  waiting=$1
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

# Any number except 0 turns it on, see the source of pam_env. Comments do not count.
READENV='^([^#]*pam_env\.so[^#]*user_readenv=)0*[1-9][0-9]*'

# Such a line passes a user's ~/.pam_environment to every later PAM module, and to the hook at logout.
fix_pam_env() {
  for file in $(pam_stack_files "$(pam_services)"); do
    if ! grep -Eq "$READENV" "$ROOT$file"; then continue; fi
    if [ -L "$ROOT$file" ]; then
      warn "$file has user_readenv=1, but is a symbolic link: set user_readenv=0 with the tool that manages it"
      continue
    fi
    if [ -z "$fix_pam_env" ] && ! confirm "$file lets users set PAM's environment (user_readenv=1). Turn this off?"
    then
      warn "$file has user_readenv=1: users can set the environment that the hook gets at logout" \
        "run install.sh --pam --fix-pam-env"
      continue
    fi
    # Repeat, because a line may have it twice.
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

# Removes the hook's lines from all PAM files; remove_pam_files removes the files that these lines name.
remove_hook() {
  for unfinished in "$ROOT$PAM_DIR"/*."$NAME.new"; do remove_file "${unfinished#"$ROOT"}"; done
  hooked=$(for service in $(pam_services); do
    file=$ROOT$PAM_DIR/$service
    if [ -f "$file" ] && has_lines "$file"; then say "$service"; fi
  done)
  for service in $hooked; do
    reason=$(not_understood "$ROOT$PAM_DIR/$service")
    if [ -n "$reason" ]; then
      die "cannot edit $PAM_DIR/$service: $reason" "remove the lines with $NAME by hand, then run install.sh again"
    fi
  done
  for service in $hooked; do
    without_hook "$ROOT$PAM_DIR/$service" >"$work/edited"
    # Only a missing newline at the end of the file cannot be restored by awk; use the backup for that.
    for copy in "$ROOT$CONFIG_DIR/backup/$service."*; do
      if [ -f "$copy" ] && [ "$(cat "$copy")" = "$(cat "$work/edited")" ]; then
        cat "$copy" >"$work/edited"
        break
      fi
    done
    replace_pam_file "$PAM_DIR/$service"
  done
  includer=$(find_includer)
  if [ -n "$includer" ]; then
    die "$includer still includes the hook" "remove the lines with $NAME by hand, then run install.sh again"
  fi
}

# Prints a PAM file that includes a file of an earlier release. PAM refuses every login if an included file is missing.
find_includer() {
  for name in $(pam_files); do
    if as_edited "$name" |
      grep -Eq "^[^#]*(include|substack)[[:space:]]+(/[^#[:space:]]*/)?$NAME(-last)?([[:space:]]|#|\$)"
    then
      say "$PAM_DIR/$name"
      return
    fi
  done
}

# Prints a PAM file as it will be after this run; in a dry run, the file itself is not edited.
as_edited() { # NAME
  if [ -n "$dry_run" ] && [ -n "$pam$uninstall" ]; then
    case " $(pam_services)" in *" $1 "*)
      without_hook "$ROOT$PAM_DIR/$1"
      return
    esac
  fi
  cat "$ROOT$PAM_DIR/$1"
}

# Earlier releases kept the lines in two files that sshd's PAM file included. They are removed last, because a login in
# progress may still read them.
remove_old_includes() {
  if [ ! -e "$ROOT$PAM_DIR/$NAME" ] && [ ! -e "$ROOT$PAM_DIR/$NAME-last" ]; then return; fi
  includer=$(find_includer)
  if [ -n "$includer" ]; then
    warn "$includer includes a file of an earlier release: without that file, no login works" \
      "run install.sh --pam; for a service other than sshd, --pam=SERVICE"
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

# --- main -------------------------------------------------------------------------------------------------------------

install_all() {
  # First, because it may end the installation.
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
  # After the PAM edit, so that a hook of the Go program no longer writes to it.
  move_legacy_database
  move_old_queue
  install_scheduler
  install_documents
  remove_old_includes
  if [ -z "$pam" ] && ! has_hook; then
    say ""
    say "nothing is recorded yet: the hook is not in $PAM_DIR/sshd; to add it, run install.sh --pam"
  elif [ -z "$ROOT$dry_run" ]; then
    say ""
    "$BINARY" check || warn "check found faults, see above"
  fi
  if [ -n "$is_new" ]; then say "next: choose a service in $CONFIG_DIR/config.toml, then run: $NAME test"; fi
}

uninstall_all() {
  remove_hook
  remove_units
  remove_file "$CRON_FILE"
  remove_file "$TMPFILES"
  remove_file "$BINARY"
  # Late, because a login in progress may still run the old lines.
  remove_pam_files
  remove_selinux
  remove_documents
  if [ -z "$purge" ]; then
    say "kept: $CONFIG_DIR and $STATE_DIR (--purge removes them)"
    return
  fi
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
    --pam) pam="$pam sshd" ;;
    --pam=*)
      case ,${1#*=} in
        *[!A-Za-z0-9._,-]* | *,[.-]* | *,,* | *,) die "--pam takes names of PAM services, not \"${1#*=}\"" \
          "separate the names by commas: --pam=sshd,login,su" 64 ;;
      esac
      pam="$pam $(say "${1#*=}" | tr , ' ')"
      ;;
    --fix-pam-env) fix_pam_env=yes ;;
    --binary)
      [ $# -ge 2 ] || { usage >&2; die "--binary requires a file" "" 64; }
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

# Like --pam.
if [ -n "$fix_pam_env" ]; then pam=${pam:-sshd}; fi

umask 022
# After a plain su, the PATH may lack the directories of useradd and similar programs.
PATH=$PATH:/usr/sbin:/sbin
# Comments in PAM files may contain any bytes.
export LC_ALL=C
if [ -n "$ROOT" ]; then check_root; fi
if [ -z "$ROOT" ] && [ "$(id -u)" -ne 0 ]; then die "install.sh must run as root" "sudo ./install.sh" 77; fi
[ "$(uname -s)" = Linux ] || die "install.sh works only on Linux"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
: "${scheduler:=$(find_scheduler)}"
if [ -n "$uninstall" ]; then uninstall_all; else install_all; fi
