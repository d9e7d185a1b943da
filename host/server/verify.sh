# shellcheck shell=sh disable=SC2034,SC2154
# --- the machine's own view after the change ---

fields() { sed -n "s/^$2 //p" "$1"; }
addresses_of() { timeout 3 getent ahosts "$1" 9>&- | awk '!seen[$1]++ { print $1 }'; }

# outside_names: prints the names of verify-outside that resolve now.
outside_names() {
	for name in $OUTSIDE; do
		now
		[ "$now" -lt "$deadline" ] || return 0
		[ -z "$(addresses_of "$name")" ] || echo "$name"
	done
}

# until_deadline COMMAND…: repeats a check until it holds or the time is nearly up: resolvers need a moment to start, and a DHCP
# client may renew its lease in the middle of this.
until_deadline() {
	while :; do
		now
		[ "$now" -lt "$deadline" ] || { say "the time for the verification is over (rollback-after $ROLLBACK_AFTER)"; return 1; }
		"$@" && return 0
		now
		[ "$now" -lt "$deadline" ] || return 1
		sleep 1
		put_back
	done
}

resolves_inside() {
	found=$(addresses_of "$1")
	[ -n "$found" ] || return 1
	shift
	in_prefixes "$*" "$(echo "$found" | join ' ')"
}
resolves() { [ -n "$(addresses_of "$1")" ]; }
answers() { said=$(ping -n -c 1 -W 2 "$1" 2>&1 9>&-); }
# why_silent: prints what ping said besides its statistics: a router's message, or why it could not even send.
why_silent() {
	said=$(printf '%s\n' "$said" | grep -e '^From ' -e '^ping' -e 'connect:' | tail -n 1)
	echo "${said:+ ($said)}"
}

# dns_answers PROTOCOL SERVER NAME: whether the nameserver itself answers without error, past every cache (RFC 1035, section 4).
# cat sends the query in one piece. The shell would send it line by line, and a newline (10) is in it as the length of "kubernetes".
dns_answers() {
	message='PG\001\000\000\001\000\000\000\000\000\000'
	length=17
	labels=$3.
	while [ -n "$labels" ]; do
		label=${labels%%.*}
		labels=${labels#*.}
		octal ${#label}
		message="$message$octal$label"
		length=$((length + 1 + ${#label}))
	done
	message=$message'\000\000\001\000\001'
	skip=0
	if [ "$1" = tcp ]; then
		octal $((length / 256)) && high=$octal
		octal $((length % 256))
		message="$high$octal$message"
		skip=2
	fi
	# shellcheck disable=SC2059 # a format by contract: octal escapes and labels without a percent sign
	printf "$message" >"$WORK/query"
	# shellcheck disable=SC2016 # bash's own arguments
	reply=$(timeout 3 bash -c 'exec 3<>"/dev/$0/$1/53" && cat "$2" >&3 && head -c 6 <&3' "$1" "$2" "$WORK/query" 2>"$WORK/unasked" 9>&- |
		od -An -v -t x1 -j $skip | tr -d ' \n')
	case $reply in
	5047[89abcdef]??0*) ;;
	*) return 1 ;;
	esac
}
# why_unanswered: prints what came instead of a good answer. The last digit of the flags is the response code (RFC 1035, section 4.1.1).
why_unanswered() {
	case $reply in
	5047[89abcdef]???*)
		reply=${reply#???????}
		case $reply in
		2*) echo ' (it answers SERVFAIL: it cannot look that up itself)' ;;
		5*) echo ' (it answers REFUSED)' ;;
		*) echo " (it answers with the error code ${reply%"${reply#?}"})" ;;
		esac
		;;
	'')
		said=$(tail -n 1 "$WORK/unasked")
		echo "${said:+ ($said)}"
		;;
	*) echo " (the reply is not a nameserver's: $reply)" ;;
	esac
}
octal() { octal="\\$(($1 / 64))$(($1 / 8 % 8))$(($1 % 8))"; }

nameservers_answer() {
	name=$(sed -n 's/^verify-name \([A-Za-z0-9._-]*\) .*/\1/p' "$WORK/desired" | head -n 1)
	[ -n "$name" ] || return 0
	if ! command -v bash >/dev/null; then
		say 'no bash on this server: the nameserver was not asked directly'
		return
	fi
	for server in $(fields "$WORK/desired" nameserver); do
		for protocol in udp tcp; do
			until_deadline dns_answers $protocol "$server" "$name" ||
				{ say "the nameserver $server does not answer on port 53 by $protocol$(why_unanswered)"; return 1; }
		done
	done
}

# verify: makes the cheapest checks first. Says which check failed, and for which name or address.
verify() {
	paths_unchanged || return 1
	nameservers_answer || return 1
	for name in $outside_before; do
		until_deadline resolves "$name" || { say "$name resolved before and no longer does"; return 1; }
	done
	sed -n 's/^verify-\(name\|pods\) /\1 /p' "$WORK/desired" >"$WORK/checks" || return 1
	while read -r kind name prefixes; do
		# shellcheck disable=SC2086 # a list of prefixes
		until_deadline resolves_inside "$name" $prefixes || {
			say "$name does not resolve to addresses in $prefixes (got: $(echo "${found:-nothing}" | join ' '))"
			[ -n "$found" ] || say "$(owner_hint)"
			return 1
		}
		[ "$kind" = pods ] || continue
		if ! command -v ping >/dev/null; then
			say "no ping on this server: the pods of $name were not probed"
			continue
		fi
		for address in $found; do
			until_deadline answers "$address" || { say "$address, a pod of $name, does not answer$(why_silent)"; return 1; }
			echo "$address" >>"$WORK/probed"
		done
	done <"$WORK/checks"
}
owner_hint() {
	case $method in
	none) echo 'dns.method is none, so that something else has to resolve the names of the cluster here' ;;
	dnsmasq) echo 'the nameserver of the cluster was asked; look at what dnsmasq made of its answer: journalctl -u dnsmasq' ;;
	*) echo "$method resolves the names here" ;;
	esac
}

# paths_unchanged: whether the paths to the operator, the nameservers in use and the SSH logins are as before. $WORK/paths has those.
paths_unchanged() {
	while IFS= read -r line; do
		path_now=$(path_to "${line%%: *}")
		[ "$path_now" = "$line" ] || { say "the path to ${line%%: *} changed: before '${line#*: }', now '${path_now#*: }'"; return 1; }
	done <"$WORK/paths"
}
note_paths() {
	# shellcheck disable=SC2046,SC2086 # a list of addresses
	path_to $OPERATOR $(while read -r _ address _; do echo "$address"; done <"$WORK/kept") >"$WORK/paths"
}

# say_unprobed_routes: names the routes behind which no pod was probed, so that people can have pods there verified, too.
say_unprobed_routes() {
	[ -s "$WORK/probed" ] || return 0
	awk -v stack="$STACK" "$PREFIXES"'
		FILENAME == ARGV[1] { b = network($1); for (l = 1; l <= length(b); l++) probed[substr(b, 1, l)]; next }
		$2 == stack && !(network($1) in probed) { n++; if (n <= 8) list = list " " $1 }
		END { if (n) print list (n > 8 ? " and " n - 8 " more" : "") }' "$WORK/probed" "$WORK/owners" >"$WORK/unprobed"
	[ ! -s "$WORK/unprobed" ] || say "no pod was probed behind$(cat "$WORK/unprobed")"
}
