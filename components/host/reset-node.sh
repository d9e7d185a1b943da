#!/bin/sh
# pod-gateway: takes the gateway node apart: kubeadm reset, then what that leaves behind (kubeadm#689): CNI configuration,
# kube-proxy's firewall rules, BIRD's routes, our sysctls. Repeating it is harmless. Exit codes: 0 done, 1 kubeadm reset failed.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
SYSCTL_FILE=/etc/sysctl.d/90-pod-gateway.conf
MODULES_FILE=/etc/modules-load.d/pod-gateway.conf
SYSCTLS_BEFORE=/var/lib/pod-gateway-sysctls.before

failed=0
if [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/bootstrap-kubelet.conf ] || [ -e /var/lib/kubelet/config.yaml ]; then
	timeout 180 kubeadm reset --force >&2 || failed=1
fi
rm -rf /etc/cni/net.d/* /var/lib/cni/networks /var/lib/cni/results

# kube-proxy's and Calico's chains alone: rules of others on this machine stay.
for tables in iptables ip6tables; do
	command -v "$tables-save" >/dev/null || continue
	"$tables-save" 2>/dev/null | grep -vE '(KUBE-|cali[-:])' | "$tables-restore" 2>/dev/null
done
if command -v ipvsadm >/dev/null; then ipvsadm --clear; fi
if command -v nft >/dev/null; then
	for table in 'ip kube-proxy' 'ip6 kube-proxy'; do
		# shellcheck disable=SC2086 # family and name are two words
		nft delete table $table 2>/dev/null
	done
fi
for family in 4 6; do ip "-$family" route flush proto bird 2>/dev/null; done
for link in kube-ipvs0 tunl0 vxlan.calico cni0; do ip link delete "$link" 2>/dev/null; done
rm -f $SYSCTL_FILE $MODULES_FILE
if [ -e $SYSCTLS_BEFORE ]; then
	sysctl -q -e -p $SYSCTLS_BEFORE >&2
	rm -f $SYSCTLS_BEFORE
fi
exit $failed
