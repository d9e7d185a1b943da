# shellcheck shell=sh disable=SC2034,SC2154
# --- names: dnsmasq ---

DNSMASQ_FILE=/etc/dnsmasq.d/pod-gateway.conf

dnsmasq_fits() {
	active dnsmasq || refuse 'dns.method is dnsmasq, but dnsmasq does not run here'
	[ -d "${DNSMASQ_FILE%/*}" ] ||
		refuse "dnsmasq has no folder ${DNSMASQ_FILE%/*} here; set dns.method to resolvconf or none"
	dnsmasq_reads_folder ||
		refuse "dnsmasq does not read ${DNSMASQ_FILE%/*}: neither its command line nor /etc/dnsmasq.conf names that folder;" \
			"add conf-dir=${DNSMASQ_FILE%/*},*.conf to /etc/dnsmasq.conf, or set dns.method to resolvconf or none"
}

# The folder is an option of dnsmasq. Debian gives it on the command line, other distributions in the file.
dnsmasq_reads_folder() {
	! grep -qs "^[[:blank:]]*conf-dir[[:blank:]]*=[[:blank:]]*${DNSMASQ_FILE%/*}" /etc/dnsmasq.conf || return 0
	pid=$(systemctl show -p MainPID --value dnsmasq 2>/dev/null)
	[ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/cmdline" ] || return 1
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q "${DNSMASQ_FILE%/*}"
}

dnsmasq_plan() {
	want names $DNSMASQ_FILE
	{ header && dnsmasq_lines; } >"$want"
}
# Sends each zone to the nameservers of its own stack. dnsmasq answers reverse queries for private ranges by itself unless it knows
# their nameserver. It drops private answers if stop-dns-rebind is set and the zone is not exempt.
dnsmasq_lines() {
	awk '
		$1 == "nameserver" { servers[$2] = servers[$2] " " $3 }
		$1 == "domain" || $1 == "reverse-zone" { zone[++n] = $3; stack[n] = $2 }
		END {
			for (i = 1; i <= n; i++) {
				count = split(servers[stack[i]], server, " ")
				for (j = 1; j <= count; j++) print "server=/" zone[i] "/" server[j]
				print "rebind-domain-ok=/" zone[i] "/"
			}
		}' "$WORK/names"
}
dnsmasq_unwanted() { want_none names $DNSMASQ_FILE; }
dnsmasq_service() { unit=dnsmasq; }
dnsmasq_reload() { reload_service dnsmasq "${1:-}"; }
dnsmasq_drift() { :; }
dnsmasq_mend() { :; }
dnsmasq_release() { :; }
dnsmasq_shared() { :; }
