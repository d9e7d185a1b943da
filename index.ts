/**
 * Makes a cluster's pods, Services and names reachable from every listed physical server. A gateway joins the cluster and is
 * drained, its routes are gathered, and each server gets routes and a nameserver in one transaction, which it undoes if a check
 * fails.
 */

import * as pulumi from "@pulumi/pulumi";
import {
	ClusterFacts,
	GatewayMachine,
	GatewayNode,
	PhysicalServer,
	planServers,
	RouteSurvey,
} from "./components/index.ts";
import { addressesOf } from "./src/core/values/machine.ts";
import { drivers } from "./src/drivers/registry.ts";
import { clusterProvider } from "./src/kube/provider.ts";
import { readConfig } from "./src/settings/config.ts";
import { readLock } from "./src/stack/lockFile.ts";

const config = readConfig(drivers);
const { cluster } = config;
const lock = config.routes.source === "locked" ? readLock(pulumi.getStack()) : undefined;
const facts = new ClusterFacts("facts", { cluster, lock });
const provider = clusterProvider(cluster);

const gatewayMachines = config.gateways.map((gateway) => ({
	gateway,
	machine: new GatewayMachine(gateway.name, { gateway, reach: config.reach, facts }),
}));
const gatewayNodes = gatewayMachines.map(({ machine }) => machine.nodeName);
const gatewayParts = gatewayMachines.map(({ gateway, machine }) => {
	const { name } = gateway;
	const node = new GatewayNode(name, { gateway, machine, cluster, facts, provider });
	const survey = new RouteSurvey(name, {
		gateway,
		machine,
		node,
		gatewayNodes,
		cluster,
		facts,
		convergeTimeout: config.routes.convergeTimeout,
		// Routes to pools do not depend on the gateway's blocks.
		maxShrink: config.routes.mode === "pools" ? 1 : config.routes.maxShrink,
		lock,
	});
	return { name, machine, node, survey };
});

const planOf = planServers({ config, facts, lock, gateways: gatewayParts });
const nodes = gatewayParts.map(({ node }) => node);
const physicalServers = config.servers.map(
	(server) => new PhysicalServer(server.name, { server, plan: planOf(server.name), gatewayNodes: nodes }),
);

/** Each gateway's node, and its addresses, which are the servers' next hops. */
export const gateways = Object.fromEntries(
	gatewayParts.map(({ name, machine }) => [
		name,
		{
			node: machine.nodeName,
			addresses: machine.nextHop.apply((hop) => addressesOf(hop).map(({ text }) => text)),
		},
	]),
);
/** The cluster's own addresses and names. */
export const ranges = {
	pods: facts.podRanges.apply((prefixes) => prefixes.map(({ text }) => text)),
	services: facts.serviceRanges.apply((prefixes) => prefixes.map(({ text }) => text)),
	nameservers: facts.dnsAddresses.apply((addresses) => addresses.map(({ text }) => text)),
	domain: facts.domain,
};
/** The pod prefixes that each gateway reaches, as texts `PREFIX of NODE`. */
export const podRoutes = gatewayParts.map(({ survey }) =>
	survey.found.apply((routes) => routes.map(({ prefix, node }) => `${prefix.text} of ${node}`)),
);
/** The state that is in force on each server, as one line. */
export const servers = Object.fromEntries(physicalServers.map(({ name, inForce }) => [name, inForce]));
/** Each server's deployment record, as stored on it. */
export const records = Object.fromEntries(physicalServers.map(({ name, record }) => [name, record]));
