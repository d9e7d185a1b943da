#!/bin/sh
# Makes the small Debian root that the images of kube-proxy and calico-node share: unpacked packages, which are not configured, and
# busybox for the rest. It is much smaller than a minimal Debian, and faster to import.
# usage: build-image-root.sh TAR SUITE PACKAGE,… SOURCES [APT-OPTION…]
set -eu
tar=$1 suite=$2 packages=$3 sources=$4
shift 4

count=$#
while [ "$count" -gt 0 ]; do
	option=$1
	shift
	set -- "$@" "--aptopt=${option%%=*} \"${option#*=}\""
	count=$((count - 1))
done

# Unpacking does not run iptables' postinst, which would make the links below (nft, Debian's default).
# shellcheck disable=SC2016 # mmdebstrap gives each hook its $1: the root filesystem
printf '%s\n' "$sources" | mmdebstrap --mode=root --variant=extract --format=tar --include="$packages" "$@" \
	--extract-hook='for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
		ln -s xtables-nft-multi "$1/usr/sbin/$name"; done' \
	--extract-hook='mkdir -p "$1/tmp" "$1/run/bird" "$1/usr/local/bin" && chroot "$1" /bin/busybox --install -s /usr/local/bin' \
	--extract-hook='test -e "$1/bin/sh" || ln -s busybox "$1/bin/sh"' \
	--extract-hook='rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/usr/share/perl* \
		"$1"/usr/lib/x86_64-linux-gnu/perl* "$1"/usr/lib/x86_64-linux-gnu/gconv' \
	"$suite" "$tar" -
