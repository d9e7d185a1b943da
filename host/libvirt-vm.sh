#!/bin/sh
# pod-gateway: a gateway's virtual machine on this hypervisor.
#
#   libvirt-vm.sh [--directory DIR] state NAME    prints one line and changes nothing:
#       absent                     there is no such VM
#       foreign                    there is one that pod-gateway did not make
#       unfinished                 there is one of ours that was never marked as ready, or whose disk is gone
#       ready DIGEST INSTANCE-ID   there is one of ours
#   libvirt-vm.sh [--directory DIR] create NAME   makes the VM from the lines on standard input and starts it
#   libvirt-vm.sh [--directory DIR] ready NAME    marks the VM as booted and ready for use
#   libvirt-vm.sh [--directory DIR] start NAME    starts or resumes the VM unless it runs; prints "started" or "running"
#   libvirt-vm.sh [--directory DIR] console NAME  prints the last 40 lines of what the VM wrote to its serial console
#   libvirt-vm.sh [--directory DIR] delete NAME [--keep-image]
#       removes the VM with its disks, and the downloaded images that no VM of ours uses; repeating it is harmless
#
# Everything is kept below DIR/pod-gateway (DIR is /var/lib/libvirt/images by default): NAME/ for a VM, base-SHA256.img for a
# downloaded image. An element in the domain's metadata marks a VM of ours.
#
# Lines that create reads, in any order between the first and the last:
#   pod-gateway-vm 1
#   digest SHA256              what the VM was made from, as `state` gives it back
#   instance-id ID
#   image-source SOURCE        an absolute path on this machine, which is not copied, or an http(s) URL
#   image-sha256 SHA256
#   disk-gib NUMBER
#   bridge NAME
#   emulation yes|no           whether the machine runs without KVM
#   boot-file PATH             a file that has to be here, such as a kernel; any number of these lines
#   file NAME BASE64           domain.xml, user-data, meta-data and network-config
#   end
#
# Needs root (or a member of the group libvirt who may write to DIR), virsh, qemu-img, genisoimage (or mkisofs or xorrisofs),
# iproute2, util-linux's flock and, for a URL, curl or wget. Messages for people go to standard error. Exit codes: 0 done, 1 failed (create
# has removed what it had made), 2 refused before any change.
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

NAMESPACE=urn:pod-gateway:vm
DIRECTORY=/var/lib/libvirt/images
# Seconds to wait for another run, which may be downloading an image.
LOCK_WAIT=900
# Seconds for a download.
DOWNLOAD_LIMIT=1800
NEWLINE='
'

say() { printf 'pod-gateway: %s\n' "$*" >&2; }
refuse() {
	say "refused, nothing was changed: $*"
	exit 2
}
fail() {
	say "$*"
	exit 1
}
usage() {
	sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$0" 2>/dev/null || say 'see the head of libvirt-vm.sh'
}
wrong_usage() {
	usage >&2
	exit 2
}

has() { command -v "$1" >/dev/null; }
one_line() { printf '%s\n' "$1" | paste -s -d ' ' -; }
# works COMMAND…: tries the command before anything is made. It may lack a library, or may not be a program at all.
works() { words=$("$@" 2>&1) || refuse "$1 is here and does not run ($(one_line "$words")); install it anew"; }
# readable WHAT FILE SETTING: tries to read the file.
readable() { words=$(head -c 1 "$2" 2>&1 >/dev/null) || refuse "$1 cannot be read on this hypervisor (${words##*: }); see the setting $3"; }
# matches TEXT PATTERN: whether the whole text matches the extended regular expression.
matches() { printf '%s\n' "$1" | grep -qxE -e "$2"; }
in_virsh() { timeout -k 10 120 virsh --quiet --connect qemu:///system "$@"; }
# ask_virsh …: the same for questions, which a healthy libvirt answers at once.
ask_virsh() { timeout -k 2 20 virsh --quiet --connect qemu:///system "$@"; }

# --- what is there ---

domains() { ask_virsh list --all --name || fail 'libvirt does not answer on this hypervisor (virsh list failed, or took longer than 20 s)'; }
exists() {
	all=$(domains) || exit 1
	case "$NEWLINE$all$NEWLINE" in *"$NEWLINE$NAME$NEWLINE"*) ;; *) return 1 ;; esac
}
is_ours() { ask_virsh metadata "$NAME" --uri $NAMESPACE >/dev/null 2>&1; }
refuse_foreign() {
	! exists || is_ours || refuse "there is a domain $NAME on this hypervisor that pod-gateway did not make; rename the gateway or remove that domain"
}

# Sets FOLDER to the folder of the VM's disk. The settings may have named another folder when the VM was made.
find_folder() {
	FOLDER=$DIRECTORY/pod-gateway/$NAME
	if has virsh && exists && is_ours; then
		disk=$(ask_virsh domblklist "$NAME" | awk '$1 == "vda" { print $2 }')
		case $disk in
		/*/pod-gateway/"$NAME"/disk.qcow2) FOLDER=${disk%/disk.qcow2} ;;
		esac
	fi
	PARENT=${FOLDER%/*}
}

take_lock() {
	# The folder itself is the lock, because it exists before and after us.
	{ [ -r "$DIRECTORY" ] && [ -w "$DIRECTORY" ]; } || refuse "cannot write to $DIRECTORY; this needs root, or a member of the group libvirt who may write there"
	exec 9<"$DIRECTORY"
	flock -n 9 && return
	say 'waiting for another run on this hypervisor'
	flock -w $LOCK_WAIT 9 || fail "another run on this hypervisor still goes on after $LOCK_WAIT s"
}

state() {
	exists || { echo absent; return; }
	is_ours || { echo foreign; return; }
	find_folder
	if [ -e "$FOLDER/disk.qcow2" ] && [ -e "$FOLDER/ready" ] && matches "$(cat "$FOLDER/ready")" '[0-9a-f]{64} [A-Za-z0-9.-]+'; then
		echo "ready $(cat "$FOLDER/ready")"
	else
		echo unfinished
	fi
}

# --- what is to be ---

# Reads standard input into variables. Writes no file, because the user-data hold a private key. If the connection is cut, the last
# line is missing.
read_wanted() {
	DIGEST='' INSTANCE_ID='' SOURCE='' SHA256='' DISK_GIB='' BRIDGE='' EMULATION='' BOOT_FILES='' ENDED=''
	DOMAIN_XML='' USER_DATA='' META_DATA='' NETWORK_CONFIG=''
	read -r first || first=
	[ "$first" = 'pod-gateway-vm 1' ] || refuse "standard input does not begin with 'pod-gateway-vm 1'"
	while read -r key value; do
		[ -z "$ENDED" ] || refuse "there is more on standard input after 'end'"
		case $key in
		digest) DIGEST=$value ;;
		instance-id) INSTANCE_ID=$value ;;
		image-source) SOURCE=$value ;;
		image-sha256) SHA256=$value ;;
		disk-gib) DISK_GIB=$value ;;
		bridge) BRIDGE=$value ;;
		emulation) EMULATION=$value ;;
		boot-file)
			check boot-file "$value" '/[!-~]+'
			BOOT_FILES="$BOOT_FILES $value"
			;;
		file)
			check "file ${value%% *}" "${value#* }" '[A-Za-z0-9+/]+=*'
			case ${value%% *} in
			domain.xml) DOMAIN_XML=${value#* } ;;
			user-data) USER_DATA=${value#* } ;;
			meta-data) META_DATA=${value#* } ;;
			network-config) NETWORK_CONFIG=${value#* } ;;
			*) refuse "there is no file '${value%% *}' to give" ;;
			esac
			;;
		end) ENDED=1 ;;
		*) refuse "this key on standard input is not understood: $key" ;;
		esac
	done
	[ -n "$ENDED" ] || refuse "standard input is cut off: its last line is not 'end'"
	check digest "$DIGEST" '[0-9a-f]{64}'
	check instance-id "$INSTANCE_ID" '[A-Za-z0-9][A-Za-z0-9.-]{0,127}'
	check image-source "$SOURCE" '(/|https?://)[]!#-[^-~]+'
	check image-sha256 "$SHA256" '[0-9a-f]{64}'
	check disk-gib "$DISK_GIB" '[1-9][0-9]{0,5}'
	check bridge "$BRIDGE" '[A-Za-z0-9_.-]{1,15}'
	check emulation "$EMULATION" 'yes|no'
	for one in "domain.xml $DOMAIN_XML" "user-data $USER_DATA" "meta-data $META_DATA" "network-config $NETWORK_CONFIG"; do
		[ -n "${one#* }" ] || refuse "standard input lacks the file ${one% *}"
	done
	domain=$(decode "$DOMAIN_XML") || refuse 'domain.xml is not base64'
	case $domain in
	*'<name>'*'<name>'*) refuse 'domain.xml has more than one name' ;;
	*"<name>$NAME</name>"*) ;;
	*) refuse "domain.xml is not of a domain $NAME" ;;
	esac
	case $domain in *"\"$NAMESPACE\""*) ;; *) refuse 'domain.xml lacks the element that says whose the domain is' ;; esac
	case $domain in *"\"$FOLDER/disk.qcow2\""*) ;; *) refuse "domain.xml has its disk elsewhere than in $FOLDER" ;; esac
}
# check KEY VALUE PATTERN: does not show the value, because a file's may be secret.
check() { matches "$2" "$3" || refuse "the value of $1 on standard input is missing or not valid"; }
decode() { printf '%s' "$1" | base64 -d; }

# Checks what this hypervisor has to have, before anything is made.
check_hypervisor() {
	has qemu-img || refuse 'there is no qemu-img here; install it (Debian: qemu-utils)'
	works qemu-img --version
	ISO_TOOL=
	for tool in genisoimage mkisofs xorrisofs; do
		[ -n "$ISO_TOOL" ] || ! has $tool || ISO_TOOL=$tool
	done
	[ -n "$ISO_TOOL" ] || refuse 'there is neither genisoimage nor mkisofs nor xorrisofs here; install one (Debian: genisoimage)'
	works "$ISO_TOOL" -version
	if ! found=$(ip link show dev "$BRIDGE" type bridge 2>&1) || [ -z "$found" ]; then
		refuse "there is no bridge $BRIDGE on this hypervisor${found:+ ($found)}; see the setting libvirt.bridge and: ip link show type bridge"
	fi
	# Asks libvirt itself whether it can run such a machine: an existing /dev/kvm or QEMU is not enough.
	case $EMULATION in yes) type=qemu next='install QEMU (Debian: qemu-system-x86)' ;; *)
		type=kvm next='switch virtualization on in its firmware, or set libvirt.emulation to true, which is slow' ;;
	esac
	words=$(in_virsh domcapabilities --virttype $type --arch x86_64 --machine q35 2>&1) ||
		refuse "libvirt cannot run a machine of the type $type on this hypervisor ($(one_line "$words")); $next"
	for file in $BOOT_FILES; do readable "the file $file" "$file" libvirt.boot; done
	case $SOURCE in
	/*) readable "the image $SOURCE" "$SOURCE" libvirt.image ;;
	*) has curl || has wget || refuse 'there is neither curl nor wget here to download the image with; install one' ;;
	esac
	[ ! -e "$FOLDER" ] || refuse "$FOLDER is there already; delete the VM first"
}

# --- the image ---

# fingerprint FILE: prints what changes when the file changes, without reading it.
fingerprint() { stat -L -c '%d:%i %s %.9Y' "$1"; }

# verify FILE: checks its checksum, and remembers the result together with the file's fingerprint.
verify() {
	stamp=$PARENT/verified-$SHA256
	before=$(fingerprint "$1") || fail "cannot read the image $1"
	[ ! -e "$stamp" ] || [ "$(cat "$stamp")" != "$before $1" ] || return 0
	say "checking the image's SHA-256"
	found=$(sha256sum <"$1") || fail "cannot read the image $1"
	[ "${found%% *}" = "$SHA256" ] ||
		fail "the image has the SHA-256 ${found%% *} and not $SHA256; see the setting libvirt.image"
	[ "$(fingerprint "$1")" = "$before" ] || fail "the image $1 was changed while it was read"
	printf '%s %s\n' "$before" "$1" >"$stamp"
}

# The tools get the URL on standard input, because it may have a password, which an argument would show.
download() {
	target=$PARENT/base-$SHA256.img
	if [ ! -e "$target" ]; then
		part=$PARENT/base-$SHA256.part
		say 'downloading the image'
		if has curl; then
			size=$(printf 'url = "%s"\n' "$SOURCE" | curl --config - --globoff --silent --location --head --connect-timeout 30 --max-time 60 |
				tr -d '\r' | awk 'tolower($1) == "content-length:" { size = $2 } END { print size + 0 }')
			free=$(df -Pk "$PARENT" | awk 'NR == 2 { print $4 }')
			[ $((${size:-0} / 1024)) -lt "${free:-0}" ] || fail "the image needs $((size / 1048576)) MiB and $PARENT has $((free / 1024)) MiB free"
			printf 'url = "%s"\n' "$SOURCE" |
				curl --config - --globoff --fail --silent --show-error --location --proto '=http,https' --retry 3 --connect-timeout 30 \
					--speed-limit 1000 --speed-time 60 --max-time $DOWNLOAD_LIMIT --output "$part" >&2 || fail 'the image could not be downloaded'
		else
			printf '%s\n' "$SOURCE" | timeout $DOWNLOAD_LIMIT wget --input-file=- --no-verbose --tries=3 --timeout=60 --output-document="$part" >&2 ||
				fail "the image could not be downloaded (exit code $?; 124: not within $DOWNLOAD_LIMIT s)"
		fi
		mv "$part" "$target" || fail "the image could not be kept as $target"
	fi
	# If the check fails, at_exit removes the image, unless another VM of ours uses it.
	verify "$target"
	# QEMU's user has to read it.
	chmod 0644 "$target"
	BASE=$target
}

find_base() {
	case $SOURCE in
	/*)
		# Follows links: a link to the newest image would change while the machine's disk depends on it.
		BASE=$(readlink -f "$SOURCE") || fail "cannot read the image $SOURCE"
		matches "$BASE" '/[!-~]+' || fail "the image's path has blanks in it: $BASE"
		verify "$BASE"
		;;
	*) download ;;
	esac
	printf '%s %s\n' "$SHA256" "$BASE" >"$FOLDER/base"
	information=$(qemu-img info "$BASE") || fail "qemu-img cannot read the image $BASE"
	FORMAT=$(printf '%s\n' "$information" | sed -n 's/^file format: //p')
	size=$(printf '%s\n' "$information" | sed -n 's/^virtual size: .*(\([0-9]*\) bytes).*/\1/p')
	case $FORMAT in
	qcow2 | raw) ;;
	*) fail "the image is of the format ${FORMAT:-unknown}; it has to be qcow2 or raw (qemu-img convert -O qcow2)" ;;
	esac
	# Such an image makes QEMU open any other file of this machine.
	! printf '%s\n' "$information" | grep -E '^ *(backing file|data file):' >/dev/null ||
		fail 'the image refers to another file; it has to be complete by itself (qemu-img convert -O qcow2)'
	matches "$size" '[0-9]+' || fail "qemu-img does not say how large the image $BASE is"
	gib=$(((size + 1073741823) / 1073741824))
	[ "$size" -le $((DISK_GIB * 1073741824)) ] ||
		fail "the image is a disk of $gib GiB, which does not fit into $DISK_GIB GiB; see the setting libvirt.disk"
}

# Removes the downloaded images and remembered checksums that no VM of ours needs, and the folder if it is empty then.
sweep() {
	rm -f "$PARENT"/base-*.part
	for file in "$PARENT"/base-*.img "$PARENT"/verified-*; do
		sha=${file##*/}
		sha=${sha#*-}
		grep -qs -e "^${sha%.img} " "$PARENT"/*/base || rm -f "$file"
	done
	rmdir "$PARENT" 2>/dev/null
	return 0
}

# --- actions ---

seed() {
	mkdir "$FOLDER/seed" &&
		decode "$USER_DATA" >"$FOLDER/seed/user-data" &&
		decode "$META_DATA" >"$FOLDER/seed/meta-data" &&
		decode "$NETWORK_CONFIG" >"$FOLDER/seed/network-config" &&
		$ISO_TOOL -quiet -output "$FOLDER/seed.iso" -volid cidata -joliet -rock "$FOLDER/seed" >&2 &&
		rm -r "$FOLDER/seed"
}

create() {
	DEFINED=
	find_folder
	read_wanted
	refuse_foreign
	check_hypervisor
	! exists || refuse "there is a VM $NAME already; delete it first"
	UNFINISHED=1
	# Other users may pass through, to the files that libvirt gives to QEMU's user, but may not list the folder.
	{ mkdir -p "$FOLDER" && chmod 0711 "$PARENT" "$FOLDER"; } || fail "cannot make $FOLDER"
	find_base
	qemu-img create -q -f qcow2 -F "$FORMAT" -b "$BASE" "$FOLDER/disk.qcow2" "${DISK_GIB}G" >&2 || fail 'the disk could not be made'
	seed || fail 'the seed for cloud-init could not be made'
	decode "$DOMAIN_XML" >"$FOLDER/domain.xml" || fail "cannot write to $FOLDER"
	in_virsh define --validate "$FOLDER/domain.xml" >&2 || fail 'libvirt does not take the domain'
	DEFINED=1
	# libvirt has its own copy from here on: virsh dumpxml.
	rm "$FOLDER/domain.xml"
	echo "$DIGEST $INSTANCE_ID" >"$FOLDER/identity" || fail "cannot write to $FOLDER"
	in_virsh autostart "$NAME" >&2 || fail 'libvirt does not start the VM when the hypervisor boots'
	in_virsh start "$NAME" >&2 || fail "the VM does not start; see also /var/log/libvirt/qemu/$NAME.log"
	UNFINISHED=
	sweep
	say "$NAME is started"
}

at_exit() {
	[ -n "$UNFINISHED" ] || return 0
	[ -z "$DEFINED" ] || remove_domain
	rm -rf "$FOLDER"
	sweep
	say 'what was made is removed again'
}

ready() {
	find_folder
	[ -e "$FOLDER/ready" ] || mv "$FOLDER/identity" "$FOLDER/ready" || fail "pod-gateway made no VM $NAME here that could become ready"
}

start() {
	refuse_foreign
	case $(ask_virsh domstate "$NAME") in
	running)
		echo running
		return
		;;
	paused) in_virsh resume "$NAME" >&2 || fail "$NAME cannot be resumed" ;;
	*) in_virsh start "$NAME" >&2 || fail "$NAME cannot be started; see also /var/log/libvirt/qemu/$NAME.log" ;;
	esac
	echo started
}

console() {
	find_folder
	# virtlogd keeps the older part in console.log.0.
	cat "$FOLDER/console.log.0" "$FOLDER/console.log" 2>/dev/null | tail -n 40
}

remove_domain() {
	case $(ask_virsh domstate "$NAME") in
	'shut off') ;;
	*) in_virsh destroy "$NAME" >&2 || say "$NAME could not be switched off" ;;
	esac
	in_virsh undefine "$NAME" --managed-save --snapshots-metadata --checkpoints-metadata --nvram >&2
}

# Tries every step, even if the one before failed.
delete() {
	failed=0
	find_folder
	if ! has virsh; then
		# shellcheck disable=SC2062 # files and not a pattern; grep gets the pattern on standard input, so as not to find itself
		running=$(printf '%s\n' "$FOLDER/disk.qcow2" | grep -sl -F -f - /proc/[0-9]*/cmdline | head -n 1)
		if [ -n "$running" ]; then
			say "there is no virsh here any more, and $NAME still runs (${running%/cmdline}); install libvirt-clients"
			failed=1
		else
			say 'there is no virsh here any more, and the VM does not run'
		fi
	else
		refuse_foreign
		if exists; then
			remove_domain || {
				say "$NAME could not be removed from libvirt"
				failed=1
			}
		fi
	fi
	# The disk of a machine that may still run stays.
	[ $failed -ne 0 ] || rm -rf "$FOLDER" || failed=1
	[ -n "$KEEP_IMAGE" ] || sweep
	[ $failed -eq 0 ] || fail "not everything of $NAME is removed"
	say "$NAME is removed"
}

UNFINISHED=
if [ "${1:-}" = --directory ]; then
	[ $# -ge 2 ] || wrong_usage
	DIRECTORY=$2
	shift 2
fi
ACTION=${1:-}
NAME=${2:-}
KEEP_IMAGE=
case "$ACTION $#" in
'delete 3')
	[ "$3" = --keep-image ] || wrong_usage
	KEEP_IMAGE=1
	;;
'state 2' | 'create 2' | 'ready 2' | 'start 2' | 'console 2' | 'delete 2') ;;
'help 1' | '--help 1' | '-h 1')
	usage
	exit
	;;
*) wrong_usage ;;
esac
matches "$NAME" '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?' || refuse "'$NAME' is not a name for a VM: at most 63 lower-case letters, digits and hyphens"
matches "$DIRECTORY" '/[A-Za-z0-9_./@+:~-]+' || refuse "'$DIRECTORY' is not an absolute path without blanks"
DIRECTORY=${DIRECTORY%/}
[ -d "$DIRECTORY" ] || refuse "there is no folder $DIRECTORY on this hypervisor; see the setting libvirt.directory"
[ "$ACTION" = delete ] || has virsh || refuse 'there is no virsh here; install libvirt (Debian: libvirt-daemon-system, libvirt-clients)'
# After the connection is cut, nobody reads the messages. The work must go on all the same.
trap '' PIPE
trap at_exit EXIT
trap 'say interrupted; exit 1' HUP INT TERM
case $ACTION in
create | ready | start | delete) take_lock ;;
esac
"$ACTION"
