# shellcheck shell=sh
# Functions of all maintainer scripts of the .deb and the .rpm; the build copies them into each script.
set -e

NAME=ssh-session-notifier
QUEUE_USER=ssh-session-queue
SEND_USER=ssh-session-notifier
# shellcheck disable=SC2034 # not every script uses it
UNITS="$NAME.timer $NAME.path"
# dpkg sets DPKG_ROOT if it installs below another directory; then nothing of the running system is changed.
ROOT=${DPKG_ROOT:-}
# After a plain su, the PATH may lack the directories of useradd and similar programs.
PATH=$PATH:/usr/sbin:/sbin

has_entry() { grep -q "^$2:" "$ROOT/etc/$1" 2>/dev/null || { [ -z "$ROOT" ] && getent "$1" "$2" >/dev/null; }; }

# Before the files are unpacked, so that the binary never has another owner: a login during an upgrade runs it. (rpm takes
# the set-group-ID bit off the old one just before it replaces it.)
make_users() {
  for user in "$QUEUE_USER" "$SEND_USER"; do
    has_entry group "$user" || groupadd ${ROOT:+--prefix "$ROOT"} --system "$user"
    has_entry passwd "$user" || useradd ${ROOT:+--prefix "$ROOT"} --system --gid "$user" --home-dir /nonexistent \
      --no-create-home --shell /usr/sbin/nologin "$user"
  done
  # The group of queue/ has access to nothing else, so the hook cannot read configuration or history.
  case "$ROOT $(id -Gn "$SEND_USER" 2>/dev/null) " in
    " "*" $QUEUE_USER "*) ;;
    *) usermod ${ROOT:+--prefix "$ROOT"} --append --groups "$QUEUE_USER" "$SEND_USER" ;;
  esac
}

is_running_systemd() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

# What a boot creates; see tmpfiles.d(5).
make_run_files() {
  [ -z "$ROOT" ] || return 0
  if command -v systemd-tmpfiles >/dev/null; then systemd-tmpfiles --create "$NAME.conf" || :; fi
  # Without systemd. This must not empty a file: send remembers how far it has read.
@RUN_FILES@
}

# Where neither systemd runs nor its tools are installed, cron starts send.
add_cron_line() {
  if is_running_systemd || command -v systemctl >/dev/null || [ -e "$ROOT/etc/cron.d/$NAME" ]; then return 0; fi
  [ -d "$ROOT/etc/cron.d" ] || return 0
  cp "$ROOT/usr/share/$NAME/cron" "$ROOT/etc/cron.d/$NAME.new"
  mv -f "$ROOT/etc/cron.d/$NAME.new" "$ROOT/etc/cron.d/$NAME"
}

# Without the module, SELinux in enforcing mode may stop the hook from recording; check reports that. A login still works.
load_selinux_module() {
  if [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ]; then return 0; fi
  if ! command -v semodule >/dev/null || ! semodule --install="/usr/share/$NAME/$NAME.cil" </dev/null; then
    echo "$NAME: cannot load the SELinux module; run: semodule --install=/usr/share/$NAME/$NAME.cil" >&2
    return 0
  fi
  restorecon "/var/lib/$NAME" "/run/$NAME" "/run/$NAME/unrecorded" </dev/null || :
  # Root walks no directory of another user, which could replace a directory in it with a link meanwhile.
  for path in "/var/lib/$NAME/queue" "/run/$NAME/spool"; do
    setpriv --reuid="$QUEUE_USER" --regid="$QUEUE_USER" --clear-groups restorecon -R "$path" </dev/null || :
  done
}

unload_selinux_module() {
  if [ -n "$ROOT" ] || [ ! -e /sys/fs/selinux/enforce ] || ! command -v semodule >/dev/null; then return 0; fi
  semodule --remove="$NAME" </dev/null || :
}

# Adds lines that this version needs to PAM files that have the hook already. A file that is not understood keeps its
# lines, which work with this version too.
update_pam() { "$ROOT/usr/sbin/$NAME-pam" update || echo "$NAME: run check, which shows what is wrong with PAM" >&2; }

# Before the binary goes. If a file is not understood, its lines stay: logins work without the files that they name.
remove_pam_lines() {
  "$ROOT/usr/sbin/$NAME-pam" remove ||
    echo "$NAME: remove the lines with $NAME from /etc/pam.d by hand; until then, logins work all the same" >&2
}

# The packages edit PAM files only if asked, so on a new host nothing is recorded yet.
say_next_steps() {
  if grep -qs "^[^#]*/usr/sbin/$NAME queue" "$ROOT"/etc/pam.d/*; then return 0; fi
  cat <<END_OF_STEPS
$NAME: nothing is recorded yet. Next, as root:
  1. choose a service in /etc/$NAME/config.toml
  2. send a test notification:         $NAME test
  3. add the hook to /etc/pam.d/sshd:  $NAME-pam --fix-pam-env add
  4. log in once over SSH, then run:   $NAME check
END_OF_STEPS
}
