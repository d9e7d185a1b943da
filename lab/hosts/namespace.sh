#!/bin/sh
# Makes a machine's network namespace again, with a cable (a veth, eth0 inside) to the bridge in the hub's namespace. So a machine that
# boots does not find an address, route or rule of its last run, as after a real power cycle.
# usage: namespace.sh NAMESPACE HUB-NAMESPACE PORT MAC
set -eu
namespace=$1 hub=$2 port=$3 mac=$4

ip -n "$hub" link delete "$port" 2>/dev/null || true
ip netns delete "$namespace" 2>/dev/null || true
ip netns add "$namespace"
ip -n "$namespace" link add eth0 address "$mac" type veth peer name "$port" netns "$hub"
ip -n "$hub" link set "$port" master site up
