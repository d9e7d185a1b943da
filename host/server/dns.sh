# shellcheck shell=sh disable=SC2034,SC2154
# --- names: who decides what resolv.conf says, and what each of them is told ---

# Each owner has a file of its own in dns/, which answers the same verbs:
#   OWNER_fits      refuses, with a way out, where this owner would not do here what it says
#   OWNER_plan      plans the files that it reads, from ZONES, NAMESERVERS, SEARCHES and $WORK/names
#   OWNER_unwanted  plans that none of these is there
#   OWNER_service   sets $unit to the one that has to read them anew; empty where there is none
#   OWNER_reload    makes it read them; with "undo", also where an earlier try left the service dead
#   OWNER_drift     prints what, beside files, is not as it is to be, and OWNER_mend puts that right
#   OWNER_release   takes back what, beside files, was done
#   OWNER_shared    whether it can keep several stacks' names apart
OWNERS='resolved networkmanager dnsmasq resolvconf none'

# active UNIT: whether it runs. All that this script asks of is asked for at once, and remembered until ACTIVE is emptied.
ACTIVE=
see_units() {
	ACTIVE=' '
	# shellcheck disable=SC2086 # a list of units
	set -- systemd-resolved NetworkManager dnsmasq $UNITS
	for state in $(systemctl is-active "$@" 2>/dev/null); do
		[ "$state" != active ] || ACTIVE="$ACTIVE${1:-} "
		[ $# -eq 0 ] || shift
	done
	[ $# -eq 0 ] || cannot 'systemd does not say which services run (systemctl is-active)'
}
active() {
	[ -n "$ACTIVE" ] || see_units
	case $ACTIVE in *" $1 "*) ;; *) return 1 ;; esac
}
lies_in() { case $1 in "$2"/*) ;; *) return 1 ;; esac }
# Who owns resolv.conf is made out by the shell alone: a command that fails is not an answer.
# names ADDRESS: whether resolv.conf, without our block, has that nameserver.
names() {
	[ -r $RESOLV_CONF ] || return 1
	looked_for=$1
	in_block=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		"$BLOCK_BEGIN"*) in_block=1 ;;
		"$BLOCK_END"*) in_block= ;;
		esac
		[ -z "$in_block" ] || continue
		set -f
		# shellcheck disable=SC2086 # words
		set -- ${line#"$HELD_BACK"}
		set +f
		[ "${1:-}" != nameserver ] || [ "${2:-}" != "$looked_for" ] || return 0
	done <$RESOLV_CONF
	return 1
}

# The decision table (cf. Tailscale's net/dns/manager_linux.go) sets $owner: by who runs, where the link leads and what the file
# says. What we wrote ourselves does not count, so that it can be asked at any time. Split DNS where the owner can do it.
dns_owner() {
	link=$TARGET
	# Why it cannot tell is not for /dev/null.
	[ -n "$ACTIVE" ] || see_units
	if active systemd-resolved && { lies_in "$link" /run/systemd/resolve || names 127.0.0.53 || names 127.0.0.54; }; then
		owner=resolved
	elif active NetworkManager && { lies_in "$link" /run/NetworkManager || networkmanager_wrote; }; then
		owner=networkmanager
	elif active dnsmasq && { names 127.0.0.1 || names 127.0.1.1 || names ::1; }; then
		owner=dnsmasq
	else
		owner=resolvconf
	fi 2>/dev/null
}

# dns_method: sets $method to the method to use for $METHOD ("auto", or what the settings force).
dns_method() {
	method=$METHOD
	if [ "$method" = auto ]; then dns_owner && method=$owner; fi
}

# A second stack's names go where they can be kept apart from the first one's.
guard_names() {
	"${method}_fits"
	[ "$method" != none ] || return 0
	for file in $OTHERS; do
		value_of stack "$file"
		other=$value
		stack_folder "$other"
		[ -f "$folder/method" ] || folder=$STATE
		other_method=
		[ ! -f "$folder/method" ] || read -r other_method <"$folder/method" || :
		case $other_method in '' | none) continue ;; esac
		[ "$other_method" = "$method" ] ||
			refuse "the stack $other has its names here by $other_method, this one by $method; set dns.method to $other_method or none"
		"${method}_shared" ||
			refuse "the stack $other has its names here by $method, which cannot keep two clusters' names apart;" \
				"set dns.method to none for this server in the stack $STACK, or take $other off it"
	done
	[ -n "$OTHERS" ] || return 0
	awk -v mine="$STACK" '
		$1 != "domain" && $1 != "reverse-zone" { next }
		$2 == mine { own[$3] = 1; next }
		{ other[$3] = $2 }
		END { for (zone in own) if (zone in other) print "the zone " zone " is also that of the stack " other[zone] }
	' "$WORK/names" >"$WORK/problems" || refuse 'the zones of the stacks could not be compared (awk failed)'
	[ ! -s "$WORK/problems" ] || refuse "$(cat "$WORK/problems")"
}

# plan_names: every owner's files, of which those of $server_method are wanted.
plan_names() {
	for owner in $OWNERS; do
		if [ "$owner" = "$server_method" ]; then "${owner}_plan"; else "${owner}_unwanted"; fi || return 1
	done
}

# reload_service UNIT [undo]: has a service read its files anew, if it runs, within a time limit, and without the lock, which a
# command that hangs would keep. One that we ourselves left dead is started by an undo.
reload_service() {
	verb=try-restart
	if [ -n "${2:-}" ]; then
		verb=restart
		timeout 5 systemctl reset-failed "$1" 2>/dev/null 9>&-
	fi
	timeout -k 2 $RELOAD_LIMIT systemctl "$verb" "$1" >&2 9>&- ||
		{ say "$1 did not take its configuration within $RELOAD_LIMIT s (systemctl status $1)"; return 1; }
}
