#!/bin/sh
# pod-gateway: makes this machine the gateway node, by kubeadm. A kubeadm JoinConfiguration comes on standard input, so that its
# token is never in a file, an argument or an environment.
#
#   join-node.sh state CA_HASH…  prints "joined", "other" (a node of another cluster) or "free"; changes nothing
#   join-node.sh join            joins
#
# CA_HASH is "sha256:" and the hash of the cluster CA's public key, as in kubeadm's --discovery-token-ca-cert-hash.
# Needs a container runtime, kubeadm, kubelet and openssl. Exit codes: 0 done, 1 failed.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
SYSCTL_FILE=/etc/sysctl.d/90-pod-gateway.conf
MODULES_FILE=/etc/modules-load.d/pod-gateway.conf
# The values before, for reset-node.sh: forwarding may have been on for somebody else's sake.
SYSCTLS_BEFORE=/var/lib/pod-gateway-sysctls.before

ca_hash() {
	sed -n 's/^ *certificate-authority-data: //p' /etc/kubernetes/kubelet.conf | base64 -d |
		openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum | sed 's/ .*//; s/^/sha256:/'
}

state() {
	if [ ! -e /etc/kubernetes/kubelet.conf ]; then
		echo free
	else
		case " $* " in
		*" $(ca_hash) "*) echo joined ;;
		*) echo other ;;
		esac
	fi
}

# Forwarding for the servers' packets. Their replies go from the node straight to the server, so this machine sees one direction
# only: strict reverse-path filtering would drop such packets, and so would kube-proxy's rule for packets that conntrack calls
# invalid, which it leaves out where conntrack is liberal (pkg/proxy/iptables, kubernetes#74839; calico#7901 is the same drop elsewhere). And no ICMP
# redirects: they would teach servers a next hop past the gateway, gone stale when the block moves.
sysctls() {
	cat <<-'EOF'
		# Written by pod-gateway: this machine forwards between physical servers and pods.
		net.ipv4.ip_forward = 1
		net.ipv6.conf.all.forwarding = 1
		net.ipv4.conf.all.rp_filter = 2
		net.ipv4.conf.default.rp_filter = 2
		net.ipv4.conf.all.send_redirects = 0
		net.ipv4.conf.default.send_redirects = 0
		net.netfilter.nf_conntrack_tcp_be_liberal = 1
	EOF
	for interface in /sys/class/net/*; do
		interface=${interface##*/}
		case $interface in lo | cali* | veth* | tunl* | docker* | *.*) continue ;; esac
		printf 'net.ipv4.conf.%s.rp_filter = 2\nnet.ipv4.conf.%s.send_redirects = 0\n' "$interface" "$interface"
	done
}

join() {
	for tool in kubeadm kubelet sysctl; do
		command -v $tool >/dev/null || {
			echo "there is no $tool on this machine; install a container runtime, kubeadm and kubelet of the cluster's version" >&2
			return 1
		}
	done
	# The conntrack setting is there only once the module is; at boot, modules come before sysctls.
	echo nf_conntrack >$MODULES_FILE || return 1
	modprobe -q nf_conntrack 2>/dev/null
	if [ ! -e $SYSCTLS_BEFORE ]; then
		sysctls | sed -n 's/ = .*//p' | xargs sysctl -e >"$SYSCTLS_BEFORE.new" && mv "$SYSCTLS_BEFORE.new" $SYSCTLS_BEFORE || return 1
	fi
	sysctls >"$SYSCTL_FILE.new" && mv "$SYSCTL_FILE.new" "$SYSCTL_FILE" && sysctl -q -e -p "$SYSCTL_FILE" >&2 || return 1
	systemctl --quiet enable kubelet 2>/dev/null
	# Through a pipe: where standard input is a socket, /dev/stdin cannot be opened.
	cat | timeout 240 kubeadm join --config /dev/stdin >&2
}

case ${1:-} in
state)
	shift
	state "$@"
	;;
join) join ;;
*)
	sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$0" >&2
	exit 1
	;;
esac
