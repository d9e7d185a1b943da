#!/bin/sh
# Makes a minimal Debian root filesystem. Its mounts are in the caller's private mount namespace.
# usage: build-base.sh DIRECTORY SUITE PACKAGE,… SOURCES [APT-OPTION…]
set -eu
directory=$1 suite=$2 packages=$3 sources=$4
shift 4

count=$#
while [ "$count" -gt 0 ]; do
	option=$1
	shift
	set -- "$@" "--aptopt=${option%%=*} \"${option#*=}\""
	count=$((count - 1))
done

# Removes the machine's own apt settings after the build. Does not use fsync, because a broken build is thrown away as a whole.
# shellcheck disable=SC2016 # mmdebstrap gives each hook its $1: the root filesystem
printf '%s\n' "$sources" | mmdebstrap --mode=root --variant=minbase --include="$packages" "$@" \
	--dpkgopt=force-unsafe-io \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
	--customize-hook='rm -f "$1"/etc/ssh/ssh_host_*' \
	--customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' \
	--customize-hook=': > "$1/etc/machine-id"' \
	"$suite" "$directory" -
