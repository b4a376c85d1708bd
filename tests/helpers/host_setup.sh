#!/bin/sh
# The first process of a test host (host.ts): sets up the host in its own mount namespace, prints "ready PID" (its PID
# outside) and ends when its stdin is closed. That happens even if the test process is killed; the kernel then ends
# all other processes in the pid namespace and removes the mounts.
#
# usage: unshare --mount --propagation private --pid --fork --kill-child host_setup.sh OWN_DIR [ROOT]
# By default, the host has the files of this machine, and the users and directories of the program. With ROOT, it has the
# files in that directory, and the program is not installed.
set -eu
# Outside a separate pid namespace, this would change the machine.
[ $$ -eq 1 ] || { echo "not the first process of a namespace" >&2; exit 64; }
PATH=/usr/sbin:/usr/bin:/sbin:/bin
own=$1
root=${2:-}
state=/var/lib/ssh-session-notifier
read -r outer_pid _ </proc/self/stat

if [ -n "$root" ]; then
  mount -t tmpfs -o mode=0755 tmpfs /run
  mkdir -p /run/upper /run/work /run/root
  mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay /run/root
  cd /run/root
  mkdir -p dev/pts dev/shm
  for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
  done
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  # For umount.
  mount -t proc proc proc
  pivot_root . mnt
  umount -l /mnt
  echo "127.0.0.1 localhost" >/etc/hosts
fi

# The upper layers are on a tmpfs: a temporary directory would remain after a kill, and in a container it is itself on
# an overlay, which the kernel refuses as an upper layer.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/sshd "$own"
# In a container this file is a separate mount, which the overlay over /etc hides.
cat /etc/hosts >"$own/hosts"
for dir in /etc /var /usr/sbin /usr/share /usr/lib/systemd /usr/lib/sysusers.d /usr/lib/tmpfiles.d /home /root /tmp /dev
do
  layer=$own/layers$dir
  mkdir -p "$layer/upper" "$layer/work"
  chown --reference="$dir" "$layer/upper"
  chmod --reference="$dir" "$layer/upper"
  mount -t overlay -o "lowerdir=$dir,upperdir=$layer/upper,workdir=$layer/work" overlay "$dir"
done
cat "$own/hosts" >/etc/hosts
mount -t proc proc /proc
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
# The socket of the machine's syslog: tests must not write to it.
rm -f /dev/log

# If the program is installed on this machine, some of this exists already.
for file in passwd group shadow; do
  grep -Ev '^(alice|bob|ssh-session-queue|ssh-session-notifier):' "/etc/$file" >"$own/$file"
  cat "$own/$file" >"/etc/$file"
done
rm -rf "$state" /etc/ssh-session-notifier /usr/sbin/ssh-session-notifier
rm -f /usr/lib/systemd/system/ssh-session-notifier.*
# For `check`, which expects a cron daemon for the line in /etc/cron.d. It never runs the line.
[ -n "$root" ] || [ -e /usr/sbin/cron ] || ln -s /bin/false /usr/sbin/cron

# Name, uid and gid, home, shell, password hash, and other members of the group. systemd allocates ids from 61184 up.
add_account() {
  echo "$1:x:$2:$2::$3:$4" >>/etc/passwd
  echo "$1:x:$2:${6:-}" >>/etc/group
  echo "$1:$5:20000:0:99999:7:::" >>/etc/shadow
}
# Each password is NAME-password, hashed by: openssl passwd -6 -salt NAME
# shellcheck disable=SC2016 # the dollar signs belong to the hashes
{
  add_account alice 61101 /home/alice /bin/sh '$6$alice$QvczzzdmWOZPp.qJ7XF73Omegj1g6YQxfmPXB3QhuVblSP6sYxDCh2Z3rRg9YCB6Jo5O.2Ay84yfyfOM5pomF/'
  add_account bob 61102 /home/bob /bin/sh '$6$bob$kZHvBwgZR8PfUjGB5QZ7IDINWFaqVYF.ULz9KJcRUp.CIO417VoAy9utX.B6/4p7fD2w334xJ6LWl4iHJEMsJ.'
}
if [ -z "$root" ]; then
  add_account ssh-session-queue 61111 /nonexistent /usr/sbin/nologin '!*' ssh-session-notifier
  add_account ssh-session-notifier 61112 /nonexistent /usr/sbin/nologin '!*'
fi

for name in host alice bob; do
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$own/$name.key"
done
for name in alice bob; do
  rm -rf "/home/${name:?}"
  install -d -o "$name" -g "$name" -m 0700 "/home/$name" "/home/$name/.ssh"
  install -o "$name" -g "$name" -m 0600 "$own/$name.key.pub" "/home/$name/.ssh/authorized_keys"
done

# For the ssh client.
echo "test-host $(cat "$own/host.key.pub")" >"$own/known_hosts"
cat >"$own/askpass" <<'END'
#!/bin/sh
echo "$TEST_HOST_PASSWORD"
END
chmod 0755 "$own/askpass"

# For sshd, which gets its port and a test's options as arguments.
cat >"$own/sshd_config" <<END
ListenAddress 127.0.0.1
HostKey $own/host.key
PidFile $own/sshd.pid
LogLevel VERBOSE
UsePAM yes
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UseDNS no
MaxStartups 200
END

if [ -z "$root" ]; then
  queue=ssh-session-queue send=ssh-session-notifier
  install -d -o root -g $send -m 0750 /etc/ssh-session-notifier
  install -d -o root -g $send -m 0751 "$state"
  install -d -o $queue -g $queue -m 2750 "$state/queue" "$state/queue/db" "$state/queue/spool"
  install -d -o $send -g $send -m 0700 "$state/send"
  install -d -o root -g $queue -m 0750 /run/ssh-session-notifier
  install -d -o $queue -g $queue -m 2750 /run/ssh-session-notifier/spool
  install -o root -g $queue -m 0640 /dev/null /run/ssh-session-notifier/unrecorded
fi

# Some sandboxes refuse this write even to root, and pam_loginuid, `required`, then fails each login.
if ! sh -c 'echo 61101 >/proc/self/loginuid' 2>/dev/null; then
  sed -i /pam_loginuid/d /etc/pam.d/sshd /etc/pam.d/login
fi

echo "ready $outer_pid"
# Not "exec cat": the wait also reaps the orphans that the first process inherits.
exec 3<&0
cat <&3 >/dev/null &
wait $!
