#!/bin/sh
# Installs packages on top of a root filesystem and keeps only what they add, in DIRECTORY/upper. Runs in a private mount namespace
# of the caller: all mounts of this script end with it.
# usage: build-layer.sh LOWER DIRECTORY "PACKAGE …" "UNIT-NOT-TO-START …" [APT-NAME=VALUE…]
set -eu
lower=$1 directory=$2 packages=$3 idle=$4
shift 4
root=$directory/root
mkdir -p "$directory/upper" "$directory/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" "$root"

mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/var/lib/apt/lists"
mount -t tmpfs tmpfs "$root/var/cache/apt"
[ ! -d /etc/ssl/certs ] || mount --bind -o ro /etc/ssl/certs "$root/etc/ssl/certs"

# During the build, names resolve as on the machine. This is not a bind mount, because systemd-resolved's package replaces the file by
# a link.
cp /etc/resolv.conf "$root/etc/resolv.conf"

# Services must not start in a chroot.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

count=$#
while [ "$count" -gt 0 ]; do
	option=$1
	shift
	set -- "$@" -o "$option"
	count=$((count - 1))
done
chroot "$root" apt-get "$@" update -q
# shellcheck disable=SC2086 # a list of package names
chroot "$root" apt-get "$@" install -q -y --no-install-recommends $packages

rm -f "$root/usr/sbin/policy-rc.d"
for unit in $idle; do
	chroot "$root" systemctl disable --quiet "$unit"
done
[ -L "$root/etc/resolv.conf" ] || rm -f "$root/etc/resolv.conf"
rm -rf "$root"/var/log/*.log "$root"/var/log/apt
