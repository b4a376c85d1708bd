#!/bin/sh
# Runs systemd in a test host (systemd.ts): as the first process of a pid namespace, in a separate control group and
# without the machine's own units, so that it starts, stops or changes nothing outside the host.
#
# usage, in the namespaces of the host: systemd_setup.sh OWN_DIR
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
own=$1

if [ $$ -ne 1 ]; then
  mkdir -p "$own/cgroup" "$own/no-generators"
  mount -t cgroup2 cgroup2 "$own/cgroup"
  # Remove what the hosts of killed tests left.
  find "$own/cgroup" -mindepth 1 -depth -type d -path '*/ssh-session-notifier-test.*' -mmin +2 \
    -exec rmdir {} + 2>/dev/null || true
  group=$(mktemp -d "$own/cgroup/ssh-session-notifier-test.XXXXXX")
  echo $$ >"$group/cgroup.procs"
  echo "$group" >"$own/group"
  echo $$ >"$own/pid"
  exec unshare --mount --pid --cgroup --fork --kill-child sh "$0" "$own"
fi

mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# These belong to the machine.
rm -f /dev/console /dev/kmsg

rm -rf /etc/systemd/system /run/systemd
mkdir -p /etc/systemd/system /run/systemd/system /run/systemd/journald.conf.d
for unit in basic.target multi-user.target network-online.target paths.target shutdown.target sockets.target \
  sysinit.target timers.target systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
  cp "/lib/systemd/system/$unit" /run/systemd/system/
done
cat >/run/systemd/system/test-host.target <<END
[Unit]
Wants=systemd-journald.service paths.target timers.target
END
cat >/run/systemd/journald.conf.d/test-host.conf <<END
[Journal]
Storage=volatile
RateLimitIntervalSec=0
ReadKMsg=no
Audit=no
END
# The machine's own units; install.sh adds those of the program.
rm -rf /usr/lib/systemd/system
mkdir /usr/lib/systemd/system
exec env -i PATH="$PATH" container=test-host \
  SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:/usr/lib/systemd/system \
  SYSTEMD_GENERATOR_PATH="$own/no-generators" \
  /lib/systemd/systemd --system --unit=test-host.target --log-target=journal --show-status=no
