#!/bin/sh
# Makes the disk images of the gateway's VM: a Debian with cloud-init and containerd, whose store has the cluster's images. The images
# have no boot loader; kernel and initial RAM disk are beside them. v1 gets kubelet and kubeadm from a package repository. v2 has them
# already, like an image that a site makes for its nodes. /etc/gateway-image says which one it is. Runs in a private mount and PID
# namespace of the caller: all mounts of this script end with it.
# usage: build-image.sh DIRECTORY SUITE PACKAGE,… SOURCES SETTINGS STORE REPOSITORY QEMU-LOWERDIRS [APT-OPTION…]
#   SETTINGS         file for cloud-init
#   STORE            content for /var/lib/containerd
#   REPOSITORY       folder with the .deb files of kubelet and kubeadm
#   QEMU-LOWERDIRS   layers of a root filesystem that has qemu-img
set -eu
directory=$1 suite=$2 packages=$3 sources=$4 settings=$5 store=$6 repository=$7 lower=$8
shift 8
root=$directory/root

count=$#
while [ "$count" -gt 0 ]; do
	option=$1
	shift
	set -- "$@" "--aptopt=${option%%=*} \"${option#*=}\""
	count=$((count - 1))
done

# The initial RAM disk has only what a virtual machine's disk needs, because an emulated processor unpacks it.
# shellcheck disable=SC2016 # mmdebstrap gives each hook its $1: the root filesystem
printf '%s\n' "$sources" | mmdebstrap --mode=root --variant=minbase --include="$packages" "$@" \
	--dpkgopt=force-unsafe-io \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
	--essential-hook='printf "MODULES=list\nCOMPRESS=lz4\n" >"$1/etc/initramfs-tools/conf.d/virtual-machine"' \
	--essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"' \
	--customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1"/etc/ssh/ssh_host_* "$1/etc/hostname"' \
	--customize-hook=': >"$1/etc/machine-id"; : >"$1/etc/apt/sources.list"' \
	--customize-hook='ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"' \
	--customize-hook='chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-journal-flush.service getty@tty1.service \
		systemd-binfmt.service systemd-pstore.service logrotate.timer cloud-config.service' \
	--customize-hook='chroot "$1" systemctl --quiet enable systemd-networkd.service' \
	"$suite" "$root" -

echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/emulated"
cp "$settings" "$root/etc/cloud/cloud.cfg.d/90-lab.cfg"
# The site has no router that advertises itself. networkd would wait 12 s for one at each boot.
mkdir -p "$root/etc/systemd/network/10-cloud-init-enp1s0.network.d"
printf '[Network]\nIPv6AcceptRA=no\n' >"$root/etc/systemd/network/10-cloud-init-enp1s0.network.d/no-advertisements.conf"
rm -rf "$root/var/lib/containerd"
cp --archive "$store" "$root/var/lib/containerd"
cp "$root"/boot/vmlinuz-* "$directory/vmlinuz"
cp "$root"/boot/initrd.img-* "$directory/initrd"
rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-*

# disk VERSION: makes a disk from the root filesystem as it is now.
disk() {
	echo "$1" >"$root/etc/gateway-image"
	size=$(($(du -s --block-size=1M "$root" | cut -f 1) * 5 / 4 + 256))
	truncate -s "${size}M" "$directory/$1.raw"
	mke2fs -q -t ext4 -L root -d "$root" "$directory/$1.raw"
}
disk v1
mkdir "$root/packages"
cp "$repository"/kubelet_*.deb "$repository"/kubeadm_*.deb "$repository"/kubernetes-cni_*.deb "$root/packages"
chroot "$root" sh -c 'dpkg --install /packages/*.deb && apt-mark hold kubelet kubeadm' >/dev/null
rm -rf "$root/packages"
disk v2
rm -rf "$root"

mkdir "$directory/qemu"
mount -t overlay overlay -o "lowerdir=$lower" "$directory/qemu"
mount --bind "$directory" "$directory/qemu/mnt"
for image in v1 v2; do
	chroot "$directory/qemu" qemu-img convert -f raw -O qcow2 "/mnt/$image.raw" "/mnt/$image.qcow2"
	rm "$directory/$image.raw"
done
umount "$directory/qemu/mnt" "$directory/qemu"
rmdir "$directory/qemu"
cd "$directory"
sha256sum v1.qcow2 v2.qcow2 >SHA256SUMS
chmod -R a+rX .
