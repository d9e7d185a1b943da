#!/bin/sh
# Makes a fault of the disk, or ends it: disk.sh KIND on|off, or disk.sh scarce|runscarce BLOCKS. Runs inside the sandbox.
PATH=/real-sbin:/usr/bin
set +e
# leave FOLDER SIZE BLOCKS: fills the disk, then shortens the file that fills it, so that BLOCKS blocks of SIZE bytes are free.
leave() {
	dd if=/dev/zero of="$1/fill" bs=64k 2>/dev/null
	dd if=/dev/zero of="$1/fill2" bs=1k 2>/dev/null
	size=$(stat -c %s "$1/fill")
	truncate -s $((size - $2 * $3)) "$1/fill"
}
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
scarce:off) rm -f /disk/fill /disk/fill2 ;;
runfull:off | runscarce:off) rm -f /run/fill /run/fill2 ;;
scarce:*) leave /disk 1024 "$2" ;;
runscarce:*) leave /run 4096 "$2" ;;
esac
exit 0
