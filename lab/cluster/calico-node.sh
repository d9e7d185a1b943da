#!/bin/sh
# Does what calico-node does for a node in a cluster with BGP and without an overlay. Writes BIRD's configuration from the API: every
# node is a peer in a full mesh, and this node announces its blocks. Keeps BIRD running. Writes the CNI configuration. If the pool says
# so (natOutgoing), connections of pods to addresses outside the pools get the node's own address. The tables, filters and protocols
# are those of Calico's confd templates (bird.cfg, bird_ipam.cfg, bird_aggr.cfg), in the language of BIRD 2.
# environment: NODE_NAME, and the API's Service address, which every pod gets
# usage: calico-node
set -eu

api=https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT
credentials=/var/run/secrets/kubernetes.io/serviceaccount
calico=/apis/crd.projectcalico.org/v1
as_number=64512
cni=/host/etc/cni/net.d/10-calico.conflist
config=/etc/bird/bird.conf
work=/run/calico

# ask OPTION… URL…: asks the API. curl gets the token on stdin, because everyone on the host can read arguments.
ask() {
	printf 'Authorization: Bearer %s\n' "$(cat "$credentials/token")" |
		curl --silent --show-error --fail --fail-early --cacert "$credentials/ca.crt" --header @- "$@"
}

# fetch: asks for everything in one connection, because an emulated processor is slow at handshakes.
fetch() {
	ask --max-time 5 "$api/api/v1/nodes" --output "$work/nodes" "$api$calico/ippools" --output "$work/pools" \
		"$api$calico/blockaffinities" --output "$work/affinities"
}

# version NAME: prints the version of what was read, from which a watch continues.
version() { jq -r '.metadata.resourceVersion' "$work/$1"; }

# Waits until something of what was read changes, for 20 s at most. Asking again and again would keep an emulated machine busy.
await_change() {
	watch='watch=true&timeoutSeconds=20&resourceVersion'
	rm -f "$work/events"
	mkfifo "$work/events"
	ask --no-buffer --parallel --max-time 21 "$api/api/v1/nodes?$watch=$(version nodes)" \
		"$api$calico/ippools?$watch=$(version pools)" "$api$calico/blockaffinities?$watch=$(version affinities)" \
		>"$work/events" 2>/dev/null &
	head -c 1 <"$work/events" >/dev/null &
	wait $!
}

# Extracts the parts of the configuration from what was read. Fails if nothing has changed since the last time.
evaluate() {
	cat "$work/nodes" "$work/pools" "$work/affinities" >"$work/all.new"
	if cmp -s "$work/all.new" "$work/all"; then return 1; fi
	# The site's pools and sessions are IPv4 only. A node may also have an IPv6 address.
	own=$(jq -r --arg node "$NODE_NAME" '.items[] | select(.metadata.name == $node) | .status.addresses[]
		| select(.type == "InternalIP").address | select(contains(":") | not)' "$work/nodes")
	peers=$(jq -r --arg node "$NODE_NAME" '.items[] | select(.metadata.name != $node) | .status.addresses[]?
		| select(.type == "InternalIP").address | select(contains(":") | not)' "$work/nodes" | sort)
	pools=$(jq -r '.items[].spec | select(.disabled != true).cidr' "$work/pools" | sort)
	masqueraded=$(jq -r '.items[].spec | select(.disabled != true and .natOutgoing == true).cidr' "$work/pools" | sort)
	blocks=$(jq -r --arg node "$NODE_NAME" '.items[].spec
		| select(.node == $node and .state == "confirmed" and .deleted != "true").cidr' "$work/affinities" | sort)
	[ -n "$own" ] && mv "$work/all.new" "$work/all"
}

# Announces each block as a whole, never the routes of its pods. The block's blackhole route drops packets to addresses without a pod,
# which would go in circles otherwise.
bird_config() {
	echo "router id $own;"
	echo 'function calico_aggr() {'
	for block in $blocks; do
		echo "  if net = $block then accept;"
		echo "  if net ~ $block then reject;"
	done
	echo '}'
	echo 'filter calico_export_to_bgp_peers {'
	echo '  calico_aggr();'
	for pool in $pools; do echo "  if net ~ $pool then accept;"; done
	echo '  reject;'
	echo '}'
	echo 'protocol static {'
	echo '  ipv4;'
	for block in $blocks; do echo "  route $block blackhole;"; done
	echo '}'
	cat <<-EOF
		filter calico_kernel_programming {
		  if source = RTS_DEVICE then reject;
		  accept;
		}
		protocol device { scan time 2; }
		protocol direct { ipv4; interface -"cali*", -"veth*", -"kube-ipvs*", "*"; }
		protocol kernel {
		  metric 0;
		  learn;
		  persist;
		  scan time 2;
		  merge paths on;
		  graceful restart;
		  ipv4 { import all; export filter calico_kernel_programming; };
		}
		template bgp bgp_template {
		  local $own as $as_number;
		  multihop;
		  connect delay time 2;
		  connect retry time 5;
		  error wait time 5, 30;
		  graceful restart;
		  ipv4 { gateway recursive; import all; export filter calico_export_to_bgp_peers; add paths on; };
		}
	EOF
	for peer in $peers; do
		echo "protocol bgp Mesh_$(echo "$peer" | tr . _) from bgp_template {"
		echo "  neighbor $peer as $as_number;"
		echo '}'
	done
}

cni_config() {
	# shellcheck disable=SC2086 # one argument per block
	jq -n '{ cniVersion: "0.3.1", name: "k8s-pod-network", plugins: [{ type: "ptp", ipMasq: false, ipam: {
		type: "host-local", ranges: [$ARGS.positional | map({ subnet: . })], routes: [{ dst: "0.0.0.0/0" }] } }] }' \
		--args $blocks
}

# Replaces the content of a chain with Calico's name, in one step.
nat_outgoing() {
	chain=cali-nat-outgoing
	{
		echo '*nat'
		echo ":$chain - [0:0]"
		for pool in $pools; do echo "-A $chain -d $pool -j RETURN"; done
		for pool in $masqueraded; do echo "-A $chain -s $pool -j MASQUERADE"; done
		echo COMMIT
	} | iptables-restore --noflush
	iptables -t nat -C POSTROUTING -j "$chain" 2>/dev/null || iptables -t nat -A POSTROUTING -j "$chain"
}

# Replaces a file in one step, but only if its content changes. Fails if it does not.
replace() {
	cat >"$1.new"
	if cmp -s "$1.new" "$1"; then
		rm "$1.new"
		return 1
	fi
	mv "$1.new" "$1"
}

trap 'exit 0' TERM INT
mkdir -p "$work" /run/bird /etc/bird
bird=
while :; do
	fetched=
	! fetch || fetched=yes
	if [ -n "$fetched" ] && evaluate; then
		if bird_config | replace "$config" && [ -n "$bird" ]; then birdc -s /run/bird/bird.ctl configure; fi
		nat_outgoing
		cni_config | replace "$cni" && echo "CNI configuration written: blocks ${blocks:-none}"
	fi
	if [ -e "$config" ] && { [ -z "$bird" ] || ! kill -0 "$bird" 2>/dev/null; }; then
		bird -f -c "$config" -s /run/bird/bird.ctl &
		bird=$!
	fi
	[ -z "$fetched" ] || await_change
	sleep 1 &
	wait $!
done
