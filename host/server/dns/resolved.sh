# shellcheck shell=sh disable=SC2034,SC2154
# --- names: systemd-resolved ---

RESOLVED_FILE=/etc/systemd/resolved.conf.d/pod-gateway.conf

resolved_fits() {
	active systemd-resolved || refuse 'dns.method is resolved, but systemd-resolved does not run here'
	# It treats its global nameservers as equals: it would ask each of them for the cluster's names and for all others.
	ours=" $NAMESERVERS $(sed -n 's/^DNS=//p' $RESOLVED_FILE 2>/dev/null) "
	others=
	# It may run and still not answer: its client may be in another package, or D-Bus may be gone.
	said=$(timeout 5 resolvectl dns 2>&1 9>&-) ||
		refuse "systemd-resolved runs here and cannot be asked (resolvectl dns: ${said:-no answer within 5 s});" \
			"mend that, or set dns.method to none"
	for server in $(printf '%s\n' "$said" | sed -n 's/^Global: *//p'); do
		server=${server%%[#%]*}
		case $ours in *" $server "*) continue ;; esac
		# Nameservers from a resolv.conf that is now a link to its own file do not count: it forgets them at its next start.
		! lies_in "$TARGET" /run/systemd/resolve || resolved_is_told "$server" || continue
		others="$others $server"
	done
	[ -z "$others" ] ||
		refuse "systemd-resolved has global nameservers (${others# }), from which it cannot keep the cluster's apart;" \
			"give them to a link (DNS= in its .network file, nameservers in netplan), or set dns.method to resolvconf or none"
	# Programs would not ask systemd-resolved: glibc would ask the nameservers of this list in turn, the cluster's first.
	if lies_in "$(readlink -f $RESOLV_CONF)" /run/systemd/resolve && ! names 127.0.0.53 && ! names 127.0.0.54 &&
		! grep -q '^hosts:.*resolve' /etc/nsswitch.conf 2>/dev/null; then
		refuse "$RESOLV_CONF leads to systemd-resolved's list of nameservers and not to its stub, so that programs ask past it;" \
			"link it to /run/systemd/resolve/stub-resolv.conf, or set dns.method to none"
	fi
}

resolved_is_told() {
	cat /etc/systemd/resolved.conf /etc/systemd/resolved.conf.d/*.conf /run/systemd/resolved.conf.d/*.conf \
		/usr/lib/systemd/resolved.conf.d/*.conf 2>/dev/null | grep "^[[:blank:]]*DNS[[:blank:]]*=" | grep -qF "$1"
}

resolved_plan() {
	want names $RESOLVED_FILE
	routing=
	for zone in $ZONES; do routing="$routing ~$zone"; done
	domains="$SEARCHES$routing"
	[ -n "$SEARCHES" ] || domains=${domains# }
	{ header && printf '[Resolve]\nDNS=%s\nDomains=%s\n' "$NAMESERVERS" "$domains"; } >"$want"
}
resolved_unwanted() { want_none names $RESOLVED_FILE; }
resolved_service() { unit=systemd-resolved; }
resolved_reload() {
	reload_service systemd-resolved "${1:-}" || return 1
	[ ! -e $RESOLVED_FILE ] || resolved_mend
}
resolved_shared() { return 1; }

# resolved_runs: looks anew, unlike active. D-Bus starts it for any call (resolvectl), so a call while an admin stops it would cancel
# the stop. Exit code 3 or 4: it does not run (systemctl(1)).
resolved_runs() { timeout 5 systemctl is-active systemd-resolved >/dev/null 2>&1 9>&-; }

# Our nameservers have to be global ones. systemd-resolved asks the global nameservers and those of links for every name that no
# domain claims, and a dead gateway would then delay every "no such name". So links with nameservers claim all names (the routing
# domain ~.). The cluster's domains are longer and still come to us (resolvectl(1), systemd-resolved.service(8)).
resolved_drift() {
	unclaimed_links | sed 's/ .*//;s/.*/~ link &: its nameservers are asked for every name but those of the cluster/'
}

# unclaimed_links: prints the links that have to claim all names, each with its domains: "LINK DOMAIN…". Prints none if a link claims
# all names without us, as a VPN's may: then the global nameservers are not asked for them, and a claim on another link would send the
# VPN's names there. With "ours" as the argument: prints the links that we claimed, if such a VPN is up.
unclaimed_links() {
	resolved_runs
	case $? in
	0) ;;
	3 | 4) return 0 ;;
	*) return 1 ;;
	esac
	claimed_links=
	if [ -s "$LINKS" ]; then while read -r link _; do claimed_links="$claimed_links $link"; done <"$LINKS"; fi
	{
		timeout 5 resolvectl dns && echo next && timeout 5 resolvectl default-route && echo next && timeout 5 resolvectl domain
	} 2>/dev/null 9>&- | awk -v ours="$claimed_links" -v which="${1:-}" '
		BEGIN { count = split(ours, list, " "); for (i = 1; i <= count; i++) own[list[i]] }
		/^next$/ { part++; link = ""; next }
		/^Link [0-9]+ \(/ { link = $3; gsub(/[():]/, "", link); sub(/^Link [0-9]+ \([^)]*\):? */, "") }
		/^Global/ { link = ""; next }
		link == "" || $0 == "" { next }
		part == 0 { sub(/^ */, ""); if ($0 != "" && !has[link]++) order[++n] = link }
		part == 1 { if ($0 ~ /yes/) routes[link] = 1 }
		part == 2 { for (i = 1; i <= NF; i++) { domains[link] = domains[link] " " $i; if ($i == "~.") claimed[link] = 1 } }
		END {
			for (link in claimed) if (!(link in own)) foreign = 1
			if (which == "ours") { for (link in claimed) if (foreign && (link in own)) print link; exit }
			for (i = 1; i <= n; i++) if (routes[order[i]] && !claimed[order[i]] && !foreign) print order[i] domains[order[i]]
		}'
}

# Notes which links we claim before it claims them. It does not note their other domains, because people change them.
resolved_mend() {
	unclaimed_links ours >"$WORK/overclaimed" || return 1
	[ ! -s "$WORK/overclaimed" ] || resolved_release '' "$WORK/overclaimed"
	unclaimed_links >"$WORK/unclaimed" || return 1
	[ -s "$WORK/unclaimed" ] || return 0
	{ cat "$LINKS" "$WORK/unclaimed" 2>/dev/null | sed 's/ .*//' | sort -u; } >"$WORK/links" && put_text "$LINKS" <"$WORK/links" || return 1
	while read -r link domains; do
		# shellcheck disable=SC2086 # a list of domains
		timeout 5 resolvectl domain "$link" $domains '~.' 9>&- || say "the domains of the link $link could not be set"
	done <"$WORK/unclaimed"
}

# resolved_release [KEPT [OF]]: ends the claim to all names of the links that we claimed (or that the file OF lists), except those that
# the file KEPT lists.
resolved_release() {
	[ -s "${2:-$LINKS}" ] || return 0
	runs=
	! resolved_runs || runs=1
	while read -r link _; do
		if [ -n "${1:-}" ] && grep -qxF "$link" "$1"; then continue; fi
		[ -n "$runs" ] || { forget_claim "$link" && continue; }
		claimed='' kept=''
		for domain in $(timeout 5 resolvectl domain "$link" 2>/dev/null 9>&- | sed 's/^Link [^:]*: *//'); do
			if [ "$domain" = '~.' ]; then claimed=1; else kept="$kept $domain"; fi
		done
		# shellcheck disable=SC2086 # a list of domains; an empty word stands for an empty list
		[ -z "$claimed" ] || timeout 5 resolvectl domain "$link" ${kept:-''} 2>/dev/null 9>&-
	done <"${2:-$LINKS}"
	return 0
}

# forget_claim LINK: the same while systemd-resolved does not run, because a call to it would start it. The domains of a link wait for
# its next start: with systemd-networkd if that manages the link, otherwise in a file.
forget_claim() {
	read -r index 2>/dev/null <"/sys/class/net/$1/ifindex" || return 0
	timeout 5 busctl --auto-start=no call org.freedesktop.network1 /org/freedesktop/network1 org.freedesktop.network1.Manager \
		SetLinkDomains 'ia(sb)' "$index" 0 >/dev/null 2>&1 9>&-
	[ ! -e "/run/systemd/resolve/netif/$index" ] || sed -i '/^DOMAINS=/s/~\.//' "/run/systemd/resolve/netif/$index"
	return 0
}
