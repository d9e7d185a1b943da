# shellcheck shell=sh disable=SC2034,SC2154
# --- names: who decides what resolv.conf says, and what each of them is told ---

# Each owner has a file of its own in dns/, which answers the same verbs:
#   OWNER_fits      refuses if this owner cannot do its work here, and says what to do
#   OWNER_plan      plans the files that it reads, from ZONES, NAMESERVERS, SEARCHES and $WORK/names
#   OWNER_unwanted  plans the removal of these files
#   OWNER_service   sets $unit to the service that has to read them again; empty if there is none
#   OWNER_reload    makes the service read them; with "undo", also starts a service that an earlier try left dead
#   OWNER_drift     prints what is not as desired apart from files, and OWNER_mend repairs that
#   OWNER_release   undoes what was done apart from files
#   OWNER_shared    whether it can keep several stacks' names apart
OWNERS='resolved networkmanager dnsmasq resolvconf none'

# active UNIT: whether it runs. One call asks about all units that this script needs. ACTIVE keeps the answer until it is emptied.
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
# The shell alone finds out who owns resolv.conf, because a command that fails is not an answer.
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

# dns_owner: the decision table (cf. Tailscale's net/dns/manager_linux.go). Sets $owner by which services run, where the link leads
# and what the file says. Our own lines do not count, so that it can be called at any time. Owners that can split DNS come first.
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

# guard_names: refuses a second stack's names where they cannot be kept apart from the first one's.
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
			refuse "the stack $other uses $other_method for its names here, and this one $method; set dns.method to $other_method or none"
		"${method}_shared" ||
			refuse "the stack $other uses $method for its names here, which cannot keep two clusters' names apart;" \
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

# plan_names: plans the files of $server_method, and the removal of every other owner's.
plan_names() {
	for owner in $OWNERS; do
		if [ "$owner" = "$server_method" ]; then "${owner}_plan"; else "${owner}_unwanted"; fi || return 1
	done
}

# reload_service UNIT [undo]: makes a service read its files again, if it runs, within a time limit. The command does not get the
# lock, which it would keep if it hung. An undo also starts a service that we ourselves left dead.
reload_service() {
	verb=try-restart
	if [ -n "${2:-}" ]; then
		verb=restart
		timeout 5 systemctl reset-failed "$1" 2>/dev/null 9>&-
	fi
	timeout -k 2 $RELOAD_LIMIT systemctl "$verb" "$1" >&2 9>&- ||
		{ say "$1 did not take its configuration within $RELOAD_LIMIT s (systemctl status $1)"; return 1; }
}
