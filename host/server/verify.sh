# shellcheck shell=sh disable=SC2034,SC2154
# --- the machine's own view after the change ---

fields() { sed -n "s/^$2 //p" "$1"; }
addresses_of() { timeout 3 getent ahosts "$1" 9>&- | awk '!seen[$1]++ { print $1 }'; }

# outside_names: those of verify-outside that resolve now.
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
# why_silent: what ping said beside its figures: a router's word, or that it could not even ask.
why_silent() {
	said=$(printf '%s\n' "$said" | grep -e '^From ' -e '^ping' -e 'connect:' | tail -n 1)
	echo "${said:+ ($said)}"
}

# dns_answers PROTOCOL SERVER NAME: whether the nameserver itself answers without error, past every cache (RFC 1035, section 4).
# The query goes out in one piece, by cat: the shell would write it line by line, and 10 is the length of "kubernetes".
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
# why_unanswered: what came instead of a good answer; a code's last digit is the DNS's own (RFC 1035, section 4.1.1).
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
	*) echo " (what came is no answer of a nameserver: $reply)" ;;
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

# verify: the cheapest first. Says what failed, and by which line of the desired state.
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
	none) echo 'dns.method is none: names of the cluster are known here only if something else knows them' ;;
	dnsmasq) echo 'the nameserver of the cluster was asked; look at what dnsmasq made of its answer: journalctl -u dnsmasq' ;;
	*) echo "names are asked by way of $method here" ;;
	esac
}

# paths_unchanged: to the operator, the nameservers in use and whoever is logged in. $WORK/paths has them as they were before.
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

# A route that nothing was asked through is as good as its kind; who reads this may name pods behind it.
say_unprobed_routes() {
	[ -s "$WORK/probed" ] || return 0
	awk -v stack="$STACK" "$PREFIXES"'
		FILENAME == ARGV[1] { b = network($1); for (l = 1; l <= length(b); l++) probed[substr(b, 1, l)]; next }
		$2 == stack && !(network($1) in probed) { n++; if (n <= 8) list = list " " $1 }
		END { if (n) print list (n > 8 ? " and " n - 8 " more" : "") }' "$WORK/probed" "$WORK/owners" >"$WORK/unprobed"
	[ ! -s "$WORK/unprobed" ] || say "no pod was asked behind$(cat "$WORK/unprobed")"
}
