#!/bin/sh
# pod-gateway: turns the gateway node back into a plain machine: runs kubeadm reset, then removes what that leaves behind
# (kubeadm#689): CNI configuration, kube-proxy's firewall rules, BIRD's routes, our sysctls and our masquerading. If kubeadm is
# missing, fails or hangs, this script does its part, as well as it can. Packages and the container runtime's configuration stay.
# Repeating it is harmless. It never touches a control plane.
# Exit codes: 0 this machine is not a node any more (warnings are on standard error), 1 it still is.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
LOCK=/run/pod-gateway-node.lock
SYSCTL_FILE=/etc/sysctl.d/90-pod-gateway.conf
MODULES_FILE=/etc/modules-load.d/pod-gateway.conf
SYSCTLS_BEFORE=/var/lib/pod-gateway-sysctls.before
RULES=/etc/pod-gateway/masquerade.nft
RULES_UNIT=/etc/systemd/system/pod-gateway-masquerade.service

say() { printf '%s\n' "$*" >&2; }

# ends: prints standard input, which is what a command said; if it is long, only its beginning and its end, since either may have the
# reason.
ends() {
	awk '{ line[NR] = $0 } END {
		for (i = 1; i <= NR; i++) { if (NR > 40 && i == 11) { i = NR - 29; print "... " i - 11 " more lines ..." } print line[i] }
	}'
}

has() { command -v "$1" >/dev/null; }

# Prints the files that make a machine a node, or half of one.
traces() {
	for file in /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/pki/ca.crt \
		/var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env; do
		if [ -e "$file" ]; then echo "$file"; fi
	done
}

# Prints a file that only a control plane has; nothing on other machines. The same as in join-node.sh.
control_plane() {
	for file in manifests/kube-apiserver.yaml manifests/kube-controller-manager.yaml manifests/kube-scheduler.yaml manifests/etcd.yaml \
		pki/ca.key pki/sa.key pki/apiserver.key pki/etcd/ca.key; do
		if [ -e "/etc/kubernetes/$file" ]; then
			echo "/etc/kubernetes/$file"
			return
		fi
	done
}

# Removes the configurations in /etc/cni/net.d that a cluster's network wrote, and what its plugins noted about their pods. Those of
# other programs, such as podman, stay.
cni() {
	for file in /etc/cni/net.d/*; do
		case ${file##*/} in
		*.cilium_bak) continue ;; # a file of another program, which Cilium put aside
		*calico* | *canal* | *flannel* | *cilium* | *weave* | *kuberouter* | *kube-router* | *antrea* | *kindnet* | *kube-ovn* | \
			*ovn-kubernetes* | *multus* | *whereabouts*) ;;
		*) continue ;;
		esac
		if [ -f "$file" ]; then
			network=$(grep -o '"name": *"[A-Za-z0-9_][A-Za-z0-9_.-]*"' "$file" | head -n 1 | sed 's/"$//; s/.*"//')
			if [ -n "$network" ]; then rm -rf "/var/lib/cni/networks/$network" "/var/lib/cni/results/$network"-*; fi
		fi
		rm -rf "$file"
	done
}

# Does what kubeadm reset does on a worker: https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-reset/
without_kubeadm() {
	timeout 60 systemctl --quiet disable --now kubelet 2>/dev/null
	if has crictl; then
		timeout 60 crictl rmp --all --force >/dev/null 2>&1 || say "pods may still run here: crictl rmp --all --force failed"
	elif has ctr && [ -S /run/containerd/containerd.sock ]; then
		enough=$(($(date +%s) + 60))
		for container in $(timeout 10 ctr --namespace k8s.io containers list --quiet 2>/dev/null); do
			if [ "$(date +%s)" -gt $enough ]; then
				say "containers may still run here: ctr did not end all of them within 60 s"
				break
			fi
			timeout 10 ctr --namespace k8s.io tasks delete --force "$container" >/dev/null 2>&1
			timeout 10 ctr --namespace k8s.io containers delete "$container" >/dev/null 2>&1
		done
	fi
	# In reverse order, so that the innermost mounts go first.
	sed -n 's|^[^ ]* \(/var/lib/kubelet/[^ ]*\) .*|\1|p' /proc/mounts | sort -r | while read -r mountpoint; do
		umount -l "$(printf %b "$mountpoint")" 2>/dev/null
	done
	rm -rf /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/pki
	if grep -q ' /var/lib/kubelet/' /proc/mounts; then
		say "something is still mounted in /var/lib/kubelet, which stays; restart this machine"
		rm -rf /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /var/lib/kubelet/pki
	else
		rm -rf /var/lib/kubelet/*
	fi
}

exec 9>"$LOCK"
flock -w 270 9 || {
	say "another command of pod-gateway's is still at work on this machine"
	exit 1
}

own=$(control_plane)
if [ -n "$own" ]; then
	say "this machine is part of a cluster's control plane ($own), which this script never resets; nothing was touched"
	exit 1
fi
# The copy of the CA, if the cluster keeps it in a folder that kubeadm reset does not know.
ca_file=$(sed -n 's|^ *clientCAFile: *"\{0,1\}\(/etc/kubernetes/[A-Za-z0-9._/-]*\)"\{0,1\} *$|\1|p' /var/lib/kubelet/config.yaml 2>/dev/null | head -n 1)
if [ -n "$(traces)" ]; then
	if ! has kubeadm; then
		say "there is no kubeadm on this machine: what it would have reset is removed without it"
		without_kubeadm
	else
		output=$(timeout -k 10 150 kubeadm reset --force 2>&1)
		status=$?
		if [ $status -ne 0 ]; then
			say "kubeadm reset failed (exit code $status; 124: it hung); this script does its part: $(printf '%s\n' "$output" | ends)"
		fi
		if [ $status -ne 0 ] || [ -n "$(traces)" ]; then without_kubeadm; fi
	fi
fi
case $ca_file in '' | *..*) ;; *) rm -f "$ca_file" ;; esac
cni

# Removes only the chains of kube-proxy and Calico. Rules of other programs on this machine stay.
for tables in iptables ip6tables; do
	has "$tables-save" || continue
	"$tables-save" 2>/dev/null | grep -vE '(KUBE-|cali[-:])' | "$tables-restore" 2>/dev/null
done
if has ipvsadm; then
	ipvsadm --clear
elif [ -r /proc/net/ip_vs ] && [ "$(wc -l </proc/net/ip_vs)" -gt 3 ]; then
	say "the kernel keeps kube-proxy's IPVS services until this machine is restarted: there is no ipvsadm to remove them"
fi
if has nft; then
	for table in 'ip kube-proxy' 'ip6 kube-proxy' 'ip pod_gateway_masquerade' 'ip6 pod_gateway_masquerade'; do
		# shellcheck disable=SC2086 # family and name are two words
		nft delete table $table 2>/dev/null
	done
fi
if [ -e $RULES_UNIT ]; then
	timeout 30 systemctl --quiet disable --now "${RULES_UNIT##*/}" 2>/dev/null
	rm -f $RULES_UNIT
	timeout 30 systemctl daemon-reload 2>/dev/null
fi
rm -f $RULES
for family in 4 6; do ip "-$family" route flush proto bird 2>/dev/null; done
for link in kube-ipvs0 tunl0 vxlan.calico cni0; do ip link delete "$link" 2>/dev/null; done
rm -f $SYSCTL_FILE $MODULES_FILE
if [ -e $SYSCTLS_BEFORE ]; then
	sysctl -q -e -p $SYSCTLS_BEFORE >&2
	rm -f $SYSCTLS_BEFORE
fi
left=$(traces)
if [ -n "$left" ]; then
	say "this machine still has $left"
	exit 1
fi
