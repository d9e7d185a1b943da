/**
 * Makes a cluster's pods, Services and names reachable from every listed physical server: a gateway joins the cluster and is
 * drained, its routes are gathered, and each server gets routes and a nameserver in one safe transaction.
 */
import * as pulumi from "@pulumi/pulumi";
import { ClusterFacts } from "./components/clusterFacts.ts";
import { clusterProvider } from "./components/clusterProvider.ts";
import { readConfig } from "./components/config.ts";
import { GatewayNode } from "./components/gatewayNode.ts";
import { GatewayVm } from "./components/gatewayVm.ts";
import { readLock } from "./components/lock.ts";
import { addressesOf } from "./components/network/machine.ts";
import { PhysicalServer } from "./components/physicalServer.ts";
import { RouteSurvey } from "./components/routeSurvey.ts";
import { planServers } from "./components/serverPlans.ts";

const config = readConfig();
const { cluster } = config;
const lock = config.routes.source === "locked" ? readLock(pulumi.getStack()) : undefined;
const facts = new ClusterFacts("facts", { cluster, lock });
const provider = clusterProvider(cluster);

const gatewayVms = config.gateways.map((gateway) => ({
	gateway,
	vm: new GatewayVm(gateway.name, { gateway, reach: config.reach, facts }),
}));
const gatewayNodes = gatewayVms.map(({ vm }) => vm.nodeName);
const gatewayParts = gatewayVms.map(({ gateway, vm }) => {
	const { name } = gateway;
	const node = new GatewayNode(name, { gateway, vm, cluster, facts, provider });
	const survey = new RouteSurvey(name, {
		gateway,
		vm,
		node,
		gatewayNodes,
		cluster,
		facts,
		convergeTimeout: config.routes.convergeTimeout,
		// Routes to pools are pushed whole, whatever the gateway has.
		maxShrink: config.routes.mode === "pools" ? 1 : config.routes.maxShrink,
		lock,
	});
	return { name, vm, node, survey };
});

const planOf = planServers({ config, facts, lock, gateways: gatewayParts });
const nodes = gatewayParts.map(({ node }) => node);
const physicalServers = config.servers.map(
	(server) => new PhysicalServer(server.name, { server, plan: planOf(server.name), gatewayNodes: nodes }),
);

/** The machines that are the servers' next hops, and the nodes they are. */
export const gateways = Object.fromEntries(
	gatewayParts.map(({ name, vm }) => [
		name,
		{ node: vm.nodeName, addresses: vm.machine.apply((machine) => addressesOf(machine).map(({ text }) => text)) },
	]),
);
/** The cluster's own addresses and names. */
export const ranges = {
	pods: facts.podRanges.apply((prefixes) => prefixes.map(({ text }) => text)),
	services: facts.serviceRanges.apply((prefixes) => prefixes.map(({ text }) => text)),
	nameservers: facts.dnsAddresses.apply((addresses) => addresses.map(({ text }) => text)),
	domain: facts.domain,
};
/** What the gateways reach by way of other hosts: `PREFIX of NODE` each. */
export const podRoutes = gatewayParts.map(({ survey }) =>
	survey.found.apply((routes) => routes.map(({ prefix, node }) => `${prefix.text} of ${node}`)),
);
/** What is in force on each server, in one line. */
export const servers = pulumi
	.all(physicalServers.map(({ name, inForce }) => inForce.apply((text) => [name, text] as const)))
	.apply((entries) => Object.fromEntries(entries));
/** Who deployed what on each server, and when: the record that is there, too. */
export const records = pulumi
	.all(physicalServers.map(({ name, record }) => record.apply((entry) => [name, entry] as const)))
	.apply((entries) => Object.fromEntries(entries));
