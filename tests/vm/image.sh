#!/bin/sh
# Builds the system that the virtual machine (vm.ts) boots: a disk image of Debian with systemd, sshd, SELinux and audit,
# its kernel, and a login key. The program is not installed. Needs root, debootstrap, e2fsprogs and ssh-keygen.
#
# usage: image.sh DIRECTORY SUITE   (bookworm, trixie)
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
out=$1
suite=$2
root=$out/root

mkdir -p "$out"
# If the host lacks the archive's key, as another Debian release may, debootstrap reports it.
debootstrap --variant=minbase --include=\
auditd,dbus,initramfs-tools,iproute2,libpam-systemd,linux-image-cloud-amd64,openssh-server,policycoreutils,\
selinux-policy-default,sqlite3,systemd,systemd-sysv,udev \
  "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$out/debootstrap.log" 2>&1 || {
  tail -n 20 "$out/debootstrap.log" >&2
  exit 1
}

# --- the system -------------------------------------------------------------------------------------------------------

echo vm >"$root/etc/hostname"
echo "127.0.0.1 localhost vm" >"$root/etc/hosts"
: >"$root/etc/fstab"
: >"$root/etc/resolv.conf"
# Empty, so that systemd creates the machine ID at the first boot.
: >"$root/etc/machine-id"
cat >"$root/etc/systemd/system/vm-network.service" <<END_OF_FILE
[Unit]
Before=network.target
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link set eth0 up
ExecStart=/sbin/ip address add 10.0.2.15/24 dev eth0
ExecStart=/sbin/ip address add 10.0.2.16/24 dev eth0
ExecStart=/bin/echo the network is up
StandardOutput=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
END_OF_FILE
# The tests run commands through an sshd without PAM, so that these are not sessions to be notified about. It has its own
# address, because SELinux allows sshd no other port.
cat >"$root/etc/systemd/system/control.socket" <<END_OF_FILE
[Socket]
ListenStream=10.0.2.16:22
FreeBind=yes
Accept=yes
[Install]
WantedBy=sockets.target
END_OF_FILE
cat >"$root/etc/systemd/system/control@.service" <<END_OF_FILE
[Service]
ExecStart=-/usr/sbin/sshd -i -o UsePAM=no
StandardInput=socket
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
END_OF_FILE
chroot "$root" systemctl --quiet enable vm-network.service control.socket
# A replacement for systemd in a test that boots many times: sshd, the sshd for commands, and send as cron would run it.
# The initramfs has mounted /dev, /proc, /run and /sys.
cat >"$root/usr/sbin/small-init" <<END_OF_FILE
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev/pts /run/sshd
mount -t devpts devpts /dev/pts
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip address add 10.0.2.16/24 dev eth0
[ ! -e /usr/lib/tmpfiles.d/ssh-session-notifier.conf ] || systemd-tmpfiles --create ssh-session-notifier.conf
/usr/sbin/sshd
/usr/sbin/sshd -f /dev/null -o ListenAddress=10.0.2.16 -o UsePAM=no -o AuthorizedKeysFile=/etc/ssh/test_keys
echo the network is up
while true; do
  flock /run/send.lock setpriv --reuid=ssh-session-notifier --regid=ssh-session-notifier --init-groups \\
    ssh-session-notifier send
  sleep 4
done >/dev/null 2>&1
END_OF_FILE
chmod 0755 "$root/usr/sbin/small-init"
# Units that do work at boot which no test needs. The machine has no network but to the test.
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service
sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"

# --- users and sshd ---------------------------------------------------------------------------------------------------

ssh-keygen -q -t ed25519 -N '' -C vm -f "$out/key"
install -m 0644 "$out/key.pub" "$root/etc/ssh/test_keys"
cat >"$root/etc/ssh/sshd_config.d/vm.conf" <<END_OF_FILE
AuthorizedKeysFile /etc/ssh/test_keys
ListenAddress 10.0.2.15
UseDNS no
MaxStartups 200
END_OF_FILE
rm -f "$root"/etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C vm -f "$root/etc/ssh/ssh_host_ed25519_key"
echo "vm $(cat "$root/etc/ssh/ssh_host_ed25519_key.pub")" >"$out/known_hosts"
# alice, and users that log in only once, so that the name identifies the login.
{
  echo "alice:x:1000:1000::/home/alice:/bin/sh"
  for number in $(seq 1 9999); do echo "user$number:x:$((2000 + number)):1000::/home/alice:/bin/sh"; done
} >>"$root/etc/passwd"
echo "users-of-vm:x:1000:" >>"$root/etc/group"
cut -d: -f1 "$root/etc/passwd" | grep -E '^(alice|user[0-9]+)$' | sed 's/$/:*:20000:0:99999:7:::/' >>"$root/etc/shadow"
install -d -o 1000 -g 1000 -m 0755 "$root/home/alice"

# --- kernel and disk --------------------------------------------------------------------------------------------------

# Only the drivers for the disk and eth0, to boot fast without hardware support.
printf '%s\n' virtio_pci virtio_blk virtio_net >>"$root/etc/initramfs-tools/modules"
printf '%s\n' MODULES=list COMPRESS=gzip >"$root/etc/initramfs-tools/conf.d/vm"
chroot "$root" update-initramfs -u >/dev/null 2>&1
cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp "$root"/boot/initrd.img-* "$out/initrd.img"
rm -rf "${root:?}"/boot/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/*
# In a separate namespace, so that the mount ends with it.
# shellcheck disable=SC2016 # $1 is for the inner shell
unshare --mount sh -c 'mount -t proc proc "$1/proc" &&
  chroot "$1" setfiles -F -e /proc /etc/selinux/default/contexts/files/file_contexts /' sh "$root" >/dev/null
mke2fs -q -t ext4 -E lazy_itable_init=0 -d "$root" "$out/disk.img" 2G
rm -rf "$root"
