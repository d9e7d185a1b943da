#!/bin/sh
# A fault of the disk that lasts until somebody mends it: disk.sh KIND on|off, inside the sandbox.
PATH=/real-sbin:/usr/bin
set +e
case $1:$2 in
nospace:on)
	dd if=/dev/zero of=/disk/fill bs=64k 2>/dev/null
	dd if=/dev/zero of=/disk/fill2 bs=1k 2>/dev/null
	i=0
	while [ $i -lt 2000 ] && touch "/disk/var/.inode.$i" 2>/dev/null; do i=$((i + 1)); done
	;;
nospace:off) rm -f /disk/fill /disk/fill2 /disk/var/.inode.* ;;
readonly:on) mount -o remount,ro /disk ;;
readonly:off) mount -o remount,rw /disk ;;
immutable:on) find /disk/etc/resolv.conf /disk/var/lib/pod-gateway /disk/usr/local/sbin -exec chattr +i {} + 2>/dev/null ;;
immutable:off) find /disk/etc /disk/var/lib /disk/usr/local -exec chattr -i {} + 2>/dev/null ;;
runfull:on) dd if=/dev/zero of=/run/fill bs=4k 2>/dev/null ;;
runfull:off) rm -f /run/fill ;;
esac
exit 0
