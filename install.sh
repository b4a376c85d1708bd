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
PAM_DIR=/etc/pam.d
UNIT_DIR=/etc/systemd/system
CRON_FILE=/etc/cron.d/$NAME
DENO="npx -y deno@2.9.6"

usage() {
  cat <<END
Usage: ./install.sh [options]

Installs the binary that lies beside this script (./$NAME or ./dist/$NAME),
or builds one where there is none. Run it as root. Repeat it to upgrade.

  --pam            put the hook into /etc/pam.d/sshd, with a backup
  --fix-pam-env    switch user_readenv=1 off wherever sshd's PAM stack has it, with a backup
                   (without it: asks, if there is a terminal)
  --binary FILE    install this binary
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
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'to mend it: %s\n' "$2" >&2
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

# --- files ------------------------------------------------------------------------------------------------------------

# Gives a file its owner, then its mode, since a change of the owner clears setgid.
own() { # PATH OWNER:GROUP MODE
  if [ -z "$ROOT" ]; then run chown -h "$2" "$1"; fi
  run chmod "$3" "$1"
}

# Makes a directory. Not through a link: someone may have put one there.
make_dir() { # PATH OWNER:GROUP MODE
  if [ -L "$ROOT$1" ]; then die "$1 is a symbolic link" "see where it leads and why, then remove it"; fi
  if [ ! -d "$ROOT$1" ]; then run mkdir -p "$ROOT$1"; fi
  own "$ROOT$1" "$2" "$3"
}

# Writes standard input to a file in one step, so that nobody ever reads half of it. Keeps one that is the same.
write_file() { # PATH OWNER:GROUP MODE
  temporary=$(mktemp)
  cat >"$temporary"
  if [ ! -L "$ROOT$1" ] && cmp -s "$temporary" "$ROOT$1"; then
    say "unchanged: $1"
  elif [ -n "$dry_run" ]; then
    say "would write: $1"
  else
    mkdir -p "$(dirname "$ROOT$1")"
    cp "$temporary" "$ROOT$1.new"
    own "$ROOT$1.new" "$2" "$3"
    mv -f "$ROOT$1.new" "$ROOT$1"
    if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$1"; fi
    say "written: $1"
  fi
  rm -f "$temporary"
}

remove_file() { # PATH
  if [ -e "$ROOT$1" ] || [ -L "$ROOT$1" ]; then
    run rm -f "$ROOT$1"
    say "removed: $1"
  fi
}

backup() { # PATH
  copy=$CONFIG_DIR/backup/$(basename "$1").$(date +%Y%m%d%H%M%S)
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
  if [ -n "$dry_run" ] && [ ! -f "$binary" ]; then return; fi
  [ -f "$binary" ] || die "there is no file $binary"
  version=$("$binary" --version 2>&1) ||
    die "$binary does not run here: $version" "it needs Linux with glibc, on the processor that it was built for"
  say "$version"
  case $version in *"for testing only"*) warn "this binary is for testing only, see above" ;; esac
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
  mkdir -p "$(dirname "$ROOT$BINARY")"
  cp "$binary" "$ROOT$BINARY.new"
  # Setgid: the kernel then sets AT_SECURE, and the loader ignores LD_PRELOAD and its like.
  own "$ROOT$BINARY.new" "root:$SEND_USER" 2750
  # In one step: a login in this moment runs the old one or the new one.
  mv -f "$ROOT$BINARY.new" "$ROOT$BINARY"
  if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$BINARY"; fi
  say "installed: $BINARY"
}

make_users() {
  if [ -n "$ROOT" ]; then return; fi
  for user in "$QUEUE_USER" "$SEND_USER"; do
    if ! getent group "$user" >/dev/null; then run groupadd --system "$user"; fi
    if ! getent passwd "$user" >/dev/null; then
      run useradd --system --gid "$user" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"
    fi
  done
}

make_dirs() {
  make_dir "$CONFIG_DIR" "root:$SEND_USER" 0750
  make_dir "$STATE_DIR" "root:$SEND_USER" 0750
  # The hook becomes the owner of this one. Setgid: what it writes there, the group of send can read.
  make_dir "$STATE_DIR/queue" "$QUEUE_USER:$SEND_USER" 2750
  make_dir "$STATE_DIR/queue/spool" "$QUEUE_USER:$SEND_USER" 2750
  make_dir "$STATE_DIR/send" "$SEND_USER:$SEND_USER" 0700
}

# What the Go program of the same name has left to send: `send` takes it over.
move_legacy_database() {
  legacy=$STATE_DIR/send/legacy.db
  if [ ! -f "$ROOT$STATE_DIR/session_events.db" ] || [ -e "$ROOT$legacy" ]; then return; fi
  # The log first: a database without it would be read as older than it is.
  for suffix in -wal -shm ""; do
    if [ -f "$ROOT$STATE_DIR/session_events.db$suffix" ]; then
      # Its owner first, as long as it lies where nobody but root can exchange it.
      own "$ROOT$STATE_DIR/session_events.db$suffix" "$SEND_USER:$SEND_USER" 0600
      run mv -T "$ROOT$STATE_DIR/session_events.db$suffix" "$ROOT$legacy$suffix"
    fi
  done
  say "moved aside: the database of the Go program, to $legacy"
}

write_config() {
  if [ -e "$ROOT$CONFIG_DIR/config.toml" ]; then
    say "kept: $CONFIG_DIR/config.toml"
    own "$ROOT$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640
    return
  fi
  write_file "$CONFIG_DIR/config.toml" "root:$SEND_USER" 0640 <<'END'
# The configuration of ssh-session-notifier, TOML 1.1. The README explains every key.
# After a change: ssh-session-notifier check, then ssh-session-notifier test.

[host]
# In which time zone times are shown, an IANA name.
timezone = "Etc/UTC"
# What this machine is called in a notification; "%H" is its own name.
name = "%H"

[notification]
# Where notifications go: "discord", "ntfy", or "stdout", which under systemd is the journal.
service = "stdout"

# [notification.discord]
# webhook_url = "https://discord.com/api/webhooks/ID/TOKEN"

# [notification.ntfy]
# topic_url = "https://ntfy.example/my-topic"
# token = "tk_..."

[allowlist]
# Addresses and networks whose logins are recorded, but not notified.
ips = []
END
}

# --- the scheduler ----------------------------------------------------------------------------------------------------

install_scheduler() {
  if [ -n "$ROOT" ]; then
    if [ -d "$ROOT/usr/lib/systemd" ] || [ -d "$ROOT/lib/systemd" ]; then write_units; else write_cron; fi
  elif [ -d /run/systemd/system ]; then
    write_units
    remove_file "$CRON_FILE"
    run systemctl daemon-reload
    run systemctl enable --now "$NAME.timer" "$NAME.path"
  else
    write_cron
  fi
}

write_cron() {
  write_file "$CRON_FILE" root:root 0644 <<END
# Delivers pending notifications of SSH logins. What it says goes to the system log.
SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
* * * * * $SEND_USER $BINARY send 2>&1 | logger -t $NAME -p auth.notice
END
}

write_units() {
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

# What it may see and write.
ProtectSystem=strict
ReadWritePaths=$STATE_DIR/send
InaccessiblePaths=-/boot -/opt -/srv -/mnt -/media -/var/log -/var/spool -/var/mail -/etc/pam.d -/etc/ssh
TemporaryFileSystem=/var/lib:ro
BindPaths=$STATE_DIR/send
BindReadOnlyPaths=$STATE_DIR/queue
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
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
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
DevicePolicy=closed
# No MemoryDenyWriteExecute=: the JavaScript engine makes code at run time.
END
  # Two wakers, neither of which send can trigger by what it writes itself.
  write_file "$UNIT_DIR/$NAME.path" root:root 0644 <<END
[Unit]
Description=Deliver notifications as soon as a session is recorded
StartLimitIntervalSec=0

[Path]
PathChanged=$STATE_DIR/queue/session_events.db-wal
PathChanged=$STATE_DIR/queue/spool
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

remove_scheduler() {
  if [ -z "$ROOT" ] && [ -d /run/systemd/system ]; then
    for unit in "$NAME.path" "$NAME.timer" "$NAME.service"; do
      if [ -e "$UNIT_DIR/$unit" ]; then run systemctl disable --now "$unit" || true; fi
    done
  fi
  for unit in path timer service; do remove_file "$UNIT_DIR/$NAME.$unit"; done
  remove_file "$CRON_FILE"
  if [ -z "$ROOT" ] && [ -d /run/systemd/system ]; then run systemctl daemon-reload; fi
}

# --- PAM --------------------------------------------------------------------------------------------------------------

# Prints a PAM file without the lines of this program: the two includes, and a hook line written by hand.
without_hook() { # FILE
  awk -v name="$NAME" '
    /^[ \t]*#/ { print; next }
    tolower($1) ~ /^-?session$/ && $2 == "include" && ($3 == name || $3 == name "-last") { next }
    tolower($1) ~ /^-?session$/ && /pam_exec\.so/ && index($0, name) { next }
    { print }
  ' "$1"
}

# Prints it with the two includes: first and last of the session stack. Only behind a `pam_selinux close` that leads,
# since that ends the context of sshd itself.
with_hook() { # FILE
  without_hook "$1" | awk -v first="session    include      $NAME" -v last="session    include      $NAME-last" '
    function is_session() {
      if (tolower($1) ~ /^-?session$/) return 1
      return tolower($1) == "@include" && $2 !~ /^common-(auth|account|password)$/
    }
    !done && is_session() {
      done = 1
      if (/pam_selinux\.so.*[ \t]close/) { print; print first; next }
      print first
    }
    { print }
    END { print last }
  '
}

# Says why a PAM file is not one to edit; nothing if it is.
not_understood() { # FILE
  if [ ! -e "$1" ]; then say "there is none"; return; fi
  if [ -L "$1" ]; then say "it is a symbolic link, so another tool manages it"; return; fi
  if [ ! -f "$1" ]; then say "it is not a file"; return; fi
  # shellcheck disable=SC1003 # a backslash, at the end of a line
  if grep -v '^[[:space:]]*#' "$1" | grep -q '\\$'; then say "it has lines that go on in the next one"; return; fi
  if ! without_hook "$1" | grep -Eiq '^[[:space:]]*(-?session[[:space:]]|@include[[:space:]]+common-session)'; then
    say "it has no session line"
  fi
}

install_pam() {
  reason=$(not_understood "$ROOT$PAM_DIR/sshd")
  if [ -n "$reason" ]; then
    die "$PAM_DIR/sshd is not edited: $reason" \
      "put 'session include $NAME' first and 'session include $NAME-last' last into the session stack by hand"
  fi
  # First what the includes name: PAM refuses a login where that is missing.
  write_pam_files
  edited=$(mktemp)
  with_hook "$ROOT$PAM_DIR/sshd" >"$edited"
  if cmp -s "$edited" "$ROOT$PAM_DIR/sshd"; then
    say "unchanged: $PAM_DIR/sshd"
  else
    replace_pam_file "$PAM_DIR/sshd" "$edited"
  fi
  rm -f "$edited"
}

# Puts an edited PAM file in the place of the old one, in one step, after a backup, with owner and mode of the old one.
replace_pam_file() { # PATH EDITED
  diff "$ROOT$1" "$2" | sed -n "s|^[<>]|$1: &|p" || true
  if [ -n "$dry_run" ]; then
    say "would edit: $1"
    return
  fi
  backup "$1"
  cp -p "$ROOT$1" "$ROOT$1.$NAME.new"
  cat "$2" >"$ROOT$1.$NAME.new"
  mv -f "$ROOT$1.$NAME.new" "$ROOT$1"
  if [ -z "$ROOT" ] && command -v restorecon >/dev/null; then restorecon "$1"; fi
  say "edited: $1"
}

write_pam_files() {
  write_file "$PAM_DIR/$NAME" root:root 0644 <<END
# First of the session stack of sshd: nothing of the user's is in the environment here, and no limit is set.
# Where the hook can't start (a certificate of the user's can make SSH_AUTH_INFO_0 longer than the kernel takes), that
# variable is taken out, and the hook runs once more.
session [success=2 default=ignore] pam_exec.so quiet $BINARY queue
session optional pam_env.so conffile=$CONFIG_DIR/pam_env_retry.conf readenv=0 user_readenv=0
session optional pam_exec.so quiet $BINARY queue
END
  write_file "$PAM_DIR/$NAME-last" root:root 0644 <<END
# Last of the session stack of sshd: takes out of PAM's environment, which lasts until the logout and may hold what a
# user wrote, what would hurt the hook at the logout.
session optional pam_env.so conffile=$CONFIG_DIR/pam_env_last.conf readenv=0 user_readenv=0
END
  unset_variables SSH_AUTH_INFO_0 | write_file "$CONFIG_DIR/pam_env_retry.conf" root:root 0644
  # The first three are the loader's. SSLKEYLOGFILE: a file that the runtime makes before the hook can give root up.
  # ICU_*: data that it loads. The others end or hang it at its start. LANG and the like stay, since they are the user's.
  unset_variables LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH SSLKEYLOGFILE ICU_DATA ICU_TIMEZONE_FILES_DIR \
    OPENSSL_ia32cap SIMDUTF_FORCE_IMPLEMENTATION DENO_TOKIO_EVENT_INTERVAL DENO_TOKIO_GLOBAL_QUEUE_INTERVAL \
    DENO_TOKIO_MAX_IO_EVENTS_PER_TICK |
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
    included=$(awk '
      tolower($1) == "@include" { print $2 }
      $1 !~ /^#/ && ($2 == "include" || $2 == "substack") { print $3 }' "$ROOT$path" | tr '\n' ' ')
    waiting="$waiting${waiting:+ }${included% }"
  done
}

READENV='^[[:space:]]*[^#[:space:]].*pam_env\.so.*user_readenv=1'

# A user's own ~/.pam_environment reaches every PAM module behind such a line, and the hook at the logout.
fix_pam_env() {
  for file in $(pam_stack_files); do
    if ! grep -Eq "$READENV" "$ROOT$file"; then continue; fi
    if [ -z "$fix_pam_env" ] && ! confirm "$file lets users write PAM's environment (user_readenv=1). Switch that off?"
    then
      warn "$file has user_readenv=1: whoever logs in can write the environment that the hook gets at the logout"
      say "to mend it: run install.sh --pam --fix-pam-env"
      continue
    fi
    edited=$(mktemp)
    sed -E "/$READENV/s/user_readenv=1/user_readenv=0/g" "$ROOT$file" >"$edited"
    replace_pam_file "$file" "$edited"
    rm -f "$edited"
  done
}

confirm() { # QUESTION
  if [ -n "$dry_run" ] || [ ! -t 0 ]; then return 1; fi
  printf '%s [y/N] ' "$1"
  read -r answer
  case $answer in [yY]*) return 0 ;; *) return 1 ;; esac
}

remove_pam() {
  if [ -f "$ROOT$PAM_DIR/sshd" ]; then
    edited=$(mktemp)
    without_hook "$ROOT$PAM_DIR/sshd" >"$edited"
    if ! cmp -s "$edited" "$ROOT$PAM_DIR/sshd"; then
      if [ -L "$ROOT$PAM_DIR/sshd" ]; then
        die "$PAM_DIR/sshd is not edited: it is a symbolic link" "take the lines with $NAME out by hand, then run this again"
      fi
      replace_pam_file "$PAM_DIR/sshd" "$edited"
    fi
    rm -f "$edited"
  fi
  # Only now: PAM refuses a login where an included file is missing.
  for file in "$ROOT$PAM_DIR"/*; do
    if [ -f "$file" ] && grep -Eq "^[^#]*(include|substack)[[:space:]]+$NAME(-last)?[[:space:]]*$" "$file"; then
      die "${file#"$ROOT"} still includes the hook" "take the lines with $NAME out by hand, then run this again"
    fi
  done
  remove_file "$PAM_DIR/$NAME"
  remove_file "$PAM_DIR/$NAME-last"
  remove_file "$CONFIG_DIR/pam_env_retry.conf"
  remove_file "$CONFIG_DIR/pam_env_last.conf"
}

# --- all of it --------------------------------------------------------------------------------------------------------

install_all() {
  find_binary
  make_users
  make_dirs
  install_binary
  write_config
  if [ -n "$pam" ]; then
    install_pam
    fix_pam_env
  fi
  # Behind the PAM edit, so that a hook of the Go program in it writes no more.
  move_legacy_database
  install_scheduler
  if [ -z "$ROOT" ] && [ -z "$dry_run" ]; then
    say ""
    "$BINARY" check || warn "see the faults above"
  fi
  if [ -z "$pam" ]; then say "the hook is not in the PAM stack unless you put it there before: install.sh --pam"; fi
}

uninstall_all() {
  remove_pam
  remove_scheduler
  remove_file "$BINARY"
  if [ -z "$purge" ]; then
    say "kept: $CONFIG_DIR and $STATE_DIR (--purge takes them out)"
    return
  fi
  run rm -rf "$ROOT$CONFIG_DIR" "$ROOT$STATE_DIR"
  say "removed: $CONFIG_DIR and $STATE_DIR"
  if [ -n "$ROOT" ]; then return; fi
  for user in "$QUEUE_USER" "$SEND_USER"; do
    if getent passwd "$user" >/dev/null; then run userdel "$user"; fi
    if getent group "$user" >/dev/null; then run groupdel "$user"; fi
  done
}

dry_run=''
pam=''
fix_pam_env=''
uninstall=''
purge=''
binary=''
while [ $# -gt 0 ]; do
  case $1 in
    --pam) pam=yes ;;
    --fix-pam-env) pam=yes fix_pam_env=yes ;;
    --binary)
      [ $# -ge 2 ] || { usage >&2; die "--binary needs a file" "" 64; }
      binary=$2
      shift
      ;;
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
if [ -z "$ROOT" ] && [ "$(id -u)" -ne 0 ]; then die "this must run as root" "sudo ./install.sh" 77; fi
[ "$(uname -s)" = Linux ] || die "this works on Linux only"
if [ -n "$uninstall" ]; then uninstall_all; else install_all; fi
