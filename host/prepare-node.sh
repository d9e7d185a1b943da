#!/bin/sh
# pod-gateway: makes this machine ready to become a node by kubeadm and a router for physical servers. It runs again before every
# join, and leaves alone what is as it should be. Standard input has lines of a key and a value:
#
#   source packages|preinstalled   install what is missing, or only check that it is there
#   version 1.34                   minor version of kubelet and kubeadm to install
#   repository URL                 flat apt repository that has them
#   repository-key BASE64          its armored key, or the URL of that key
#   cgroup-driver systemd          or cgroupfs, as the cluster's kubelets use it
#   image-repository HOST/PATH     where the cluster's images come from
#   kubernetes-version v1.34.4     of the cluster's control plane
#   masquerade BASE64              nftables rules for the table pod_gateway_masquerade; without this line the table is removed
#   resolv-conf /etc/resolv.conf   the file that the kubelet gives its pods; it has to exist
#   print-kubelet yes              print the kubelet's version
#
# A line may be missing if its value does not matter or is there already. Prints "changed" or "unchanged", and "kubelet VERSION".
# Messages for people go to standard error. Exit codes: 0 ready, 1 not ready.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
umask 022
LOCK=/run/pod-gateway-node.lock
STATE=/var/lib/pod-gateway
SYSCTL_FILE=/etc/sysctl.d/90-pod-gateway.conf
MODULES_FILE=/etc/modules-load.d/pod-gateway.conf
# The values before us, for reset-node.sh: something else may have needed forwarding.
SYSCTLS_BEFORE=/var/lib/pod-gateway-sysctls.before
APT_KEY=/etc/apt/keyrings/pod-gateway-kubernetes.asc
APT_SOURCE=/etc/apt/sources.list.d/pod-gateway-kubernetes.sources
CONTAINERD_CONFIG=/etc/containerd/config.toml
CONTAINERD_MARK='# Written by pod-gateway for'
RULES=/etc/pod-gateway/masquerade.nft
RULES_UNIT=/etc/systemd/system/pod-gateway-masquerade.service

result=unchanged
work=$(mktemp -d) || exit 1
repository_added=''
trap 'if [ -n "$repository_added" ]; then take_back_repository; fi; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf '%s\n' "$*" >&2; }

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# ends: prints standard input, which is what a command said; if it is long, only its beginning and its end, since either may have the
# reason.
ends() {
	awk '{ line[NR] = $0 } END {
		for (i = 1; i <= NR; i++) { if (NR > 40 && i == 11) { i = NR - 29; print "... " i - 11 " more lines ..." } print line[i] }
	}'
}

has() { command -v "$1" >/dev/null; }

# put FILE TEXT: writes the text to the file; returns 1 if the file has it already.
put() {
	if [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; then return 1; fi
	{ mkdir -p "${1%/*}" && printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; } || fail "$1 cannot be written"
	result=changed
}

source='' version='' repository='' repository_key='' cgroup_driver=systemd image_repository='' kubernetes_version=''
masquerade='' print_kubelet='' resolv_conf=''
while read -r key value; do
	case $key in
	source) source=$value ;;
	version) version=$value ;;
	repository) repository=$value ;;
	repository-key) repository_key=$(printf %s "$value" | base64 -d) || fail "repository-key is not base64" ;;
	cgroup-driver) cgroup_driver=$value ;;
	image-repository) image_repository=$value ;;
	kubernetes-version) kubernetes_version=$value ;;
	masquerade) masquerade=$(printf %s "$value" | base64 -d) || fail "masquerade is not base64" ;;
	resolv-conf) resolv_conf=$value ;;
	print-kubelet) print_kubelet=$value ;;
	'') ;;
	*) fail "unknown setting on standard input: $key" ;;
	esac
done
case $source in
packages | preinstalled) ;;
*)
	sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$0" >&2
	exit 1
	;;
esac
case $version$repository$image_repository$kubernetes_version$cgroup_driver in
*[!a-zA-Z0-9._:/@%+~=,-]*) fail "a setting on standard input has a character that no version, URL or registry has" ;;
esac

# Without this file no pod can start: the node would join and never become ready.
if [ -n "$resolv_conf" ] && [ ! -e "$resolv_conf" ]; then
	fail "the cluster's kubelets give their pods $resolv_conf (kubelet-config: resolvConf), which this machine has not: install" \
		"systemd-resolved here, or change resolvConf in ConfigMap kube-system/kubelet-config; nothing was touched"
fi

exec 9>"$LOCK"
flock -w 300 9 || fail "another command of pod-gateway's is still at work on this machine"

# An interrupted run may have left the commands behind without configured packages.
kubernetes_there() { has kubeadm && has kubelet && ! grep -qs '^kubelet=' $STATE/installing; }

runtime_there() {
	has containerd || [ -S /run/containerd/containerd.sock ] || [ -S /run/crio/crio.sock ] || [ -S /run/cri-dockerd.sock ]
}

# Prints the missing Debian packages, each as NAME or NAME=VERSION.
missing_packages() {
	kubernetes_there || printf '%s\n' "kubelet=$version.*" "kubeadm=$version.*"
	runtime_there || echo containerd
	has modprobe || echo kmod
	has sysctl || echo procps
	has openssl || echo openssl
	if [ -n "$masquerade" ] && ! has nft; then echo nftables; fi
}

# Prints what is missing, in words.
missing_software() {
	for tool in kubeadm kubelet sysctl openssl; do has $tool || printf ' %s,' $tool; done
	runtime_there || printf ' a container runtime (containerd or CRI-O),'
	if [ -n "$masquerade" ] && ! has nft; then printf ' nft (nftables),'; fi
}

# Prints the entry in apt's sources, as FILE:NUMBER, with which somebody else added our repository; nothing if there is none.
# Asks apt, which reads every format of sources.
listed_repository() {
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --no-release-info --format '$(SOURCESENTRY) $(REPO_URI)' 2>/dev/null |
		while read -r entry uri; do
			if [ "${uri%/}" = "${repository%/}" ]; then
				echo "$entry"
				break
			fi
		done
}

# Takes our source back: one that cannot be read, or that has a wrong key, would break every later apt-get update on this machine.
take_back_repository() {
	for file in $APT_KEY $APT_SOURCE; do
		if [ -e "$work/${file##*/}" ]; then mv "$work/${file##*/}" "$file"; else rm -f "$file"; fi
	done
	repository_added=''
}

# Adds the repository to apt's sources. apt rejects two entries for one repository with different keys, and then reads none.
add_repository() {
	if [ -z "$version" ] || [ -z "$repository" ] || [ -z "$repository_key" ]; then
		fail "kubeadm and kubelet are not installed, and no version, repository and repository-key are given"
	fi
	for file in $APT_KEY $APT_SOURCE; do
		if [ -e "$file" ]; then cp -p "$file" "$work/" || fail "$file cannot be read"; fi
	done
	repository_added=yes
	rm -f $APT_SOURCE
	entry=$(listed_repository)
	if [ -n "$entry" ]; then
		rm -f $APT_KEY
		say "apt knows $repository already, by $entry: that entry is used, and its key"
		return
	fi
	case $repository_key in
	http://* | https://* | file:/*)
		timeout 60 /usr/lib/apt/apt-helper -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=2 \
			download-file "$repository_key" "$work/key" >"$work/log" 2>&1 ||
			fail "the apt repository's key cannot be fetched from $repository_key (exit code $?; 124: nothing came within 60 s): $(ends <"$work/log")"
		key_text=$(cat "$work/key")
		;;
	*) key_text=$repository_key ;;
	esac
	case $key_text in
	*'-----BEGIN PGP PUBLIC KEY BLOCK-----'*) ;;
	*) fail "the apt repository's key is not an armored PGP key (-----BEGIN PGP PUBLIC KEY BLOCK-----): $repository_key" ;;
	esac
	put $APT_KEY "$key_text"
	put $APT_SOURCE "# Written by pod-gateway: kubeadm and kubelet.
Types: deb
URIs: $repository
Suites: /
Signed-By: $APT_KEY"
}

# Waits for other programs that use apt, such as those of the first boot. Goes on if only a source other than ours fails.
update_lists() {
	attempt=0
	while
		timeout 300 apt-get -q -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Update::Error-Mode=any \
			update >"$work/log" 2>&1
		status=$?
		[ $status -ne 0 ] && [ $attempt -lt 40 ] && grep -q 'Could not get lock' "$work/log"
	do
		attempt=$((attempt + 1))
		sleep 3
	done
	if [ $status -eq 0 ]; then return 0; fi
	problems=$(grep -E '^(E|W|Err)[: ]' "$work/log" | grep -v 'Some index files failed to download' | sort -u)
	problems=${problems:-$(ends <"$work/log")}
	if [ -n "$repository" ] && printf %s "$problems" | grep -qF "${repository%/}"; then
		fail "apt cannot use the repository $repository (exit code $status):
$problems"
	fi
	say "apt-get update failed (exit code $status), going on with the package lists there are:
$problems"
}

# install PACKAGE…
install() {
	{ mkdir -p $STATE && printf '%s\n' "$@" >$STATE/installing; } || fail "$STATE/installing cannot be written"
	result=changed
	case "$*" in *kubelet=*) add_repository ;; esac
	update_lists
	timeout 300 dpkg --configure -a >"$work/log" 2>&1 || fail "dpkg --configure -a failed (exit code $?; 124: it hung): $(ends <"$work/log")"
	timeout 900 apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@" >"$work/log" 2>&1 ||
		fail "apt-get install $* failed (exit code $?; kubelet and kubeadm come from ${repository:-no repository}):
$(ends <"$work/log")"
	repository_added=''
	case "$*" in *kubelet=*) apt-mark hold kubelet kubeadm >"$work/log" 2>&1 || say "kubelet and kubeadm cannot be held: $(ends <"$work/log")" ;; esac
	rm -f $STATE/installing
}

software() {
	if [ "$source" = packages ] && has apt-get && has dpkg-query; then
		set -f # the version of a package contains a star
		# shellcheck disable=SC2046 # a package a line, none with blanks
		set -- $(missing_packages)
		[ $# -eq 0 ] || install "$@"
		set +f
		return
	fi
	missing=$(missing_software)
	if [ -z "$missing" ]; then return; fi
	if [ "$source" = packages ]; then
		fail "this machine has no apt-get, so nothing can be installed on it; install${missing%,}, and set kubernetes.source: preinstalled"
	fi
	fail "kubernetes.source is preinstalled, but there is no${missing%,} on this machine; install that, or set kubernetes.source: packages"
}

# Whether containerd's configuration is still the one of its package (Debian's containerd, Docker's containerd.io).
packaged_config() {
	has dpkg-query || return 1
	conffile=$(dpkg-query -W -f '${Conffiles}\n' containerd containerd.io 2>/dev/null | sed -n "s|^ $CONTAINERD_CONFIG ||p")
	[ -n "$conffile" ] && [ "$(md5sum <$CONTAINERD_CONFIG)" = "${conffile%% *}  -" ]
}

# Prints what a configuration on standard input says about runc and systemd's cgroups: true, false or nothing.
systemd_cgroup() {
	awk '/^[ \t]*\[.*\][ \t]*$/ { options = /\.containerd\.runtimes\.runc\.options\][ \t]*$/ }
		options && $1 == "SystemdCgroup" { value = $3 }
		END { print value }'
}

# adapted SYSTEMD PAUSE: changes containerd's own defaults, on standard input, to what the cluster needs. containerd 1.x has
# sandbox_image and bin_dir. 2.x has sandbox and bin_dirs, and a bin_dir beside bin_dirs is an error; its image verifier has a bin_dir
# of its own. Some 2.x leave SystemdCgroup out (containerd#12101).
adapted() {
	awk -v systemd="$1" -v pause="$2" '
		function assign(value) { sub(/=.*/, "= " value) }
		/^[ \t]*\[.*\][ \t]*$/ {
			options = /\.containerd\.runtimes\.runc\.options\][ \t]*$/
			cni = /cri.*\.cni\][ \t]*$/
			cri = /io\.containerd\.(grpc\.v1\.cri|cri\.v1\.images)/
			print
			if (options) {
				sub(/\[.*/, "")
				print $0 "  SystemdCgroup = " systemd
			}
			next
		}
		options && $1 == "SystemdCgroup" { next }
		cni && $1 == "bin_dir" && length($3) > 2 { assign("\"/opt/cni/bin\"") }
		cni && $1 == "bin_dirs" { assign("[\"/opt/cni/bin\"]") }
		cri && pause != "" && ($1 == "sandbox_image" || $1 == "sandbox") { assign("\"" pause "\"") }
		{ print }'
}

# Writes containerd's own defaults, with the cluster's cgroup driver and pause image.
containerd_config() {
	case $cgroup_driver in systemd) systemd=true ;; *) systemd=false ;; esac
	mark="$CONTAINERD_MARK: $cgroup_driver cgroups, images of $image_repository $kubernetes_version. Change this line to keep the file."
	if [ -e $CONTAINERD_CONFIG ]; then
		first=''
		IFS= read -r first <$CONTAINERD_CONFIG
		case $first in
		"$mark") if [ "$(systemd_cgroup <$CONTAINERD_CONFIG)" = $systemd ]; then return; fi ;;
		"$CONTAINERD_MARK: "*) ;;
		*)
			if ! packaged_config; then
				if [ "$(timeout 60 containerd config dump 2>/dev/null | systemd_cgroup)" != $systemd ]; then
					say "warning: $CONTAINERD_CONFIG is not pod-gateway's and stays, but it does not say SystemdCgroup = $systemd for runc, and the" \
						"cluster's cgroup driver is $cgroup_driver"
				fi
				return
			fi
			;;
		esac
	fi
	pause=''
	: >"$work/log"
	if [ -n "$image_repository" ] && [ -n "$kubernetes_version" ]; then
		pause=$(timeout 60 kubeadm config images list --image-repository "$image_repository" \
			--kubernetes-version "$kubernetes_version" 2>"$work/log" | grep '/pause:')
	fi
	case $pause in *[!a-zA-Z0-9._:/@-]*) pause='' ;; esac
	if [ -z "$pause" ]; then
		said=$(ends <"$work/log")
		say "kubeadm does not name the pause image of Kubernetes $kubernetes_version: containerd's own stays${said:+; $said}"
	fi
	timeout 60 containerd config default >"$work/default" || fail "containerd config default failed"
	adapted $systemd "$pause" <"$work/default" >"$work/config.toml"
	timeout 60 containerd --config "$work/config.toml" config dump >"$work/dump" 2>"$work/log" ||
		fail "containerd does not take its own defaults with the cluster's settings: $(ends <"$work/log")"
	if [ "$(systemd_cgroup <"$work/dump")" != $systemd ]; then
		fail "containerd's own defaults have no place for runc's SystemdCgroup = $systemd; write $CONTAINERD_CONFIG with that, and" \
			"this program keeps it"
	fi
	text=$(cat "$work/config.toml")
	{ mkdir -p $STATE && : >$STATE/restart-containerd; } || fail "$STATE/restart-containerd cannot be written"
	put $CONTAINERD_CONFIG "$mark
$text"
}

runtime() {
	if [ "$source" = preinstalled ] || ! has containerd; then return; fi
	containerd_config
	if [ -e $STATE/restart-containerd ] && [ -d /run/systemd/system ]; then
		systemctl --quiet enable containerd >"$work/log" 2>&1 || fail "systemd does not enable containerd.service: $(ends <"$work/log")"
		timeout 90 systemctl restart containerd || fail "containerd does not start; see: journalctl -u containerd, and $CONTAINERD_CONFIG"
		result=changed
	fi
	rm -f $STATE/restart-containerd
}

# Loads modules for containers and for kube-proxy in its modes. Modules that the kernel lacks or has built in are not loaded at boot.
modules() {
	set -- overlay nf_conntrack ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh
	for module; do
		if [ ! -d "/sys/module/$module" ]; then
			modprobe -q -a "$@" 2>/dev/null
			break
		fi
	done
	names='# Written by pod-gateway: for containers and kube-proxy.'
	for module; do
		if [ -d "/sys/module/$module" ]; then
			names="$names
$module"
		fi
	done
	put $MODULES_FILE "$names"
}

# Forwards the servers' packets. The replies go from the node straight to the server, so that this machine sees only one direction.
# Strict reverse-path filtering would drop such packets. So would kube-proxy's rule for packets that conntrack calls invalid, which
# kube-proxy leaves out if conntrack is liberal (pkg/proxy/iptables, kubernetes#74839; calico#7901 is the same drop elsewhere).
# ICMP redirects are off: they would teach servers a next hop past the gateway, which is wrong once the block moves.
sysctls() {
	cat <<-'END'
		# Written by pod-gateway: this machine forwards between physical servers and pods.
		net.ipv4.conf.all.rp_filter = 2
		net.ipv4.conf.default.rp_filter = 2
		net.ipv4.conf.all.send_redirects = 0
		net.ipv4.conf.default.send_redirects = 0
		net.netfilter.nf_conntrack_tcp_be_liberal = 1
	END
	for interface in /sys/class/net/*; do
		interface=${interface##*/}
		case $interface in lo | cali* | veth* | tunl* | docker* | kube-* | nodelocaldns | *.*) continue ;; esac
		printf 'net.ipv4.conf.%s.rp_filter = 2\nnet.ipv4.conf.%s.send_redirects = 0\n' "$interface" "$interface"
	done
	# Forwarding comes last: a single redirect, sent before they are off, keeps a server away from a pod for minutes.
	printf 'net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n'
}

router() {
	wanted=$(sysctls)
	if [ ! -e $SYSCTLS_BEFORE ]; then
		printf '%s\n' "$wanted" | sed -n 's/ = .*//p' | xargs sysctl -e >"$SYSCTLS_BEFORE.new" 2>/dev/null
		mv "$SYSCTLS_BEFORE.new" $SYSCTLS_BEFORE || fail "$SYSCTLS_BEFORE cannot be written"
	fi
	put $SYSCTL_FILE "$wanted"
	sysctl -q -e -p $SYSCTL_FILE >&2 || fail "sysctl -p $SYSCTL_FILE failed"
}

masquerading() {
	if [ -z "$masquerade" ]; then
		if [ -e $RULES ] || [ -e $RULES_UNIT ]; then
			systemctl --quiet disable --now "${RULES_UNIT##*/}" 2>/dev/null
			for family in ip ip6; do nft delete table $family pod_gateway_masquerade 2>/dev/null; done
			rm -f $RULES $RULES_UNIT
			systemctl daemon-reload 2>/dev/null
			result=changed
		fi
		return
	fi
	has nft || fail "masquerading needs nft, which is not on this machine; install nftables, or set masquerade: false"
	nft=$(command -v nft)
	unit=''
	put $RULES_UNIT "# Written by pod-gateway.
[Unit]
Description=Servers reach pods under this machine's address (pod-gateway)
Wants=network-pre.target
Before=network-pre.target
# nftables.service flushes every table when it starts, reloads and stops.
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$nft -f $RULES
ExecReload=$nft -f $RULES
ExecStop=-$nft delete table ip pod_gateway_masquerade
ExecStop=-$nft delete table ip6 pod_gateway_masquerade

[Install]
WantedBy=multi-user.target nftables.service" && unit=new && systemctl daemon-reload 2>/dev/null
	printf '%s\n' "$masquerade" >"$work/rules"
	if [ ! -f $RULES ] || [ "$(cat $RULES)" != "$masquerade" ] || ! masquerades; then
		nft -f "$work/rules" >&2 || fail "nft does not take the rules for masquerading"
		put $RULES "$masquerade"
		result=changed
		unit=new
	fi
	if [ -n "$unit" ] && [ -d /run/systemd/system ]; then
		systemctl --quiet enable --now "${RULES_UNIT##*/}" || fail "${RULES_UNIT##*/} does not start"
	fi
}

# Whether one of the tables is loaded. One is enough: only we remove a single one of them.
masquerades() {
	nft list table ip pod_gateway_masquerade >/dev/null 2>&1 || nft list table ip6 pod_gateway_masquerade >/dev/null 2>&1
}

software
runtime
modules
router
masquerading
echo $result
if [ "$print_kubelet" = yes ]; then
	kubelet_version=$(timeout 60 kubelet --version 2>"$work/log") ||
		fail "the kubelet that is installed here does not run: $(ends <"$work/log")"
	echo "kubelet ${kubelet_version##* }"
fi
