#!/bin/sh
# pod-gateway: makes this machine the gateway node, by kubeadm. A kubeadm JoinConfiguration comes on standard input, so that its
# token is never in a file, an argument or an environment. prepare-node.sh comes first.
#
#   join-node.sh state NAME CA_HASH…  prints what this machine is, see below; changes nothing
#   join-node.sh join                 joins
#
# NAME is the node's name. CA_HASH is "sha256:" and the hash of the cluster CA's public key, as in kubeadm's
# --discovery-token-ca-cert-hash. `state` prints lines of a key and a value: "machine-id" and the machine's ID; "kubelet" and the
# version of the installed one; "state" and one of
#   free           the machine is not a node
#   joined         it is this cluster's node NAME
#   other-node     it is, or once was, a node of this cluster with another name; "detail" is that name
#   partial        it has the remains of an unfinished join; "detail" says what was found
#   other          it is a node of another cluster; "detail" is that cluster's API server
#   control-plane  it is part of a cluster's control plane; "detail" is a file that shows it
# Waits for a join that is still at work. Needs kubeadm, kubelet, a container runtime and openssl. Exit codes: 0 done, 1 failed.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
LOCK=/run/pod-gateway-node.lock
KUBELET_CONF=/etc/kubernetes/kubelet.conf
CERTIFICATE=/var/lib/kubelet/pki/kubelet-client-current.pem
# An interrupted run of prepare-node.sh leaves here what it had begun to install.
INSTALLING=/var/lib/pod-gateway/installing

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

found() {
	printf 'state %s\n' "$1"
	if [ -n "${2:-}" ]; then printf 'detail %s\n' "$2"; fi
}

# value KEY: a value of kubelet.conf.
value() { sed -n "s/^ *$1: *//p" $KUBELET_CONF | head -n 1; }

# Prints the hash of the CA that kubelet.conf trusts, as kubeadm makes it; nothing if there is none.
ca_hash() {
	data=$(value certificate-authority-data)
	if [ -n "$data" ]; then
		key=$(printf %s "$data" | base64 -d 2>/dev/null | openssl x509 -pubkey -noout 2>/dev/null)
	else
		key=$(openssl x509 -pubkey -noout -in "$(value certificate-authority)" 2>/dev/null)
	fi
	if [ -n "$key" ]; then
		printf '%s\n' "$key" | openssl pkey -pubin -outform DER | sha256sum | sed 's/ .*//; s/^/sha256:/'
	fi
}

# Prints who this machine is by kubelet.conf, as an RFC 2253 subject; nothing if there is no certificate.
client_subject() {
	data=$(value client-certificate-data)
	if [ -n "$data" ]; then
		printf %s "$data" | base64 -d 2>/dev/null
	else
		file=$(value client-certificate)
		cat "${file:-$CERTIFICATE}" 2>/dev/null
	fi | openssl x509 -noout -subject -nameopt RFC2253 2>/dev/null
}

# Prints a file that only a control plane has; nothing on other machines. The same as in reset-node.sh.
control_plane() {
	for file in manifests/kube-apiserver.yaml manifests/kube-controller-manager.yaml manifests/kube-scheduler.yaml manifests/etcd.yaml \
		pki/ca.key pki/sa.key pki/apiserver.key pki/etcd/ca.key; do
		if [ -e "/etc/kubernetes/$file" ]; then
			echo "/etc/kubernetes/$file"
			return
		fi
	done
}

# Prints the version of the kubelet, if prepare-node.sh will keep it.
kubelet_version() {
	if command -v kubelet >/dev/null && ! grep -qs '^kubelet=' $INSTALLING; then
		timeout 20 kubelet --version 2>/dev/null | sed -n 's/^Kubernetes /kubelet /p'
	fi
}

state() {
	name=$1
	shift
	if [ -r /etc/machine-id ]; then printf 'machine-id %s\n' "$(cat /etc/machine-id)"; fi
	kubelet_version
	file=$(control_plane)
	if [ -n "$file" ]; then
		found control-plane "$file"
		return
	fi
	if [ ! -e $KUBELET_CONF ]; then
		for leftover in /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/pki/ca.crt /var/lib/kubelet/config.yaml \
			/var/lib/kubelet/kubeadm-flags.env; do
			if [ -e $leftover ]; then
				found partial "$leftover, but no $KUBELET_CONF"
				return
			fi
		done
		found free
		return
	fi
	command -v openssl >/dev/null || fail "there is no openssl to read $KUBELET_CONF with; install it"
	hash=$(ca_hash)
	case " $* " in
	*" ${hash:-none} "*) ;;
	*)
		if [ -n "$hash" ]; then found other "$(value server)"; else found partial "$KUBELET_CONF without a CA's certificate"; fi
		return
		;;
	esac
	subject=$(client_subject)
	if [ -z "$subject" ]; then
		found partial "$KUBELET_CONF, but no certificate in $CERTIFICATE"
		return
	fi
	holder=$(printf '%s,\n' "$subject" | sed -n 's/.*[=, ]CN=system:node:\([a-z0-9.-]*\),.*/\1/p')
	case $holder in
	"$name") found joined ;;
	'') found partial "the certificate in $KUBELET_CONF is not a node's: ${subject#subject=}" ;;
	*) found other-node "$holder" ;;
	esac
}

join() {
	for tool in kubeadm kubelet; do
		command -v $tool >/dev/null || fail "there is no $tool on this machine; prepare-node.sh comes first"
	done
	# A kubelet that is not enabled works until the next boot; then the node is gone.
	said=$(systemctl --quiet enable kubelet 2>&1) || fail "systemd does not enable kubelet.service: ${said:-it does not say why}"
	# Through a pipe, because /dev/stdin cannot be opened if standard input is a socket.
	cat | timeout -k 10 240 kubeadm join --config /dev/stdin >&2
}

lock() {
	exec 9>"$LOCK"
	flock -w 270 9 || fail "another command of pod-gateway's is still at work on this machine"
}

case ${1:-}:$# in
state:0 | state:1 | state:2) ;;
state:*)
	lock
	shift
	state "$@"
	exit
	;;
join:1)
	lock
	join
	exit
	;;
esac
sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p;}' "$0" >&2
exit 1
