import { z } from "zod";
import { DNS_METHODS, ROUTE_MODES, VERIFY_MODES } from "../network/site.ts";
import {
	address,
	apiServer,
	domainName,
	host,
	hostAddress,
	hostAddress6,
	hostKey,
	label,
	labels,
	port,
	prefix,
	seconds,
	taint,
	text,
	user,
} from "./fields.ts";

/*
 * What a stack file says under `pod-gateway:`. The descriptions are the reference documentation: the JSON Schema for editors is
 * made from them.
 */

const cluster = z
	.strictObject({
		kubeconfigFile: text
			.optional()
			.describe(
				"Path of a kubeconfig file; ~ is your home. Exactly one of this and kubeconfig. Example: ~/.kube/config",
			),
		kubeconfig: text.optional().describe("Contents of a kubeconfig, as a secret: pulumi config set --secret --path."),
		context: text.optional().describe("Context in the kubeconfig. Default: its current context."),
		apiServer: apiServer
			.optional()
			.describe(
				"The API server as the gateway reaches it. Default: from cluster-info. Example: https://10.200.0.10:6443",
			),
		podRanges: z.array(prefix).min(1, "is empty").optional().describe("Pod ranges. Default: read from kubeadm-config."),
		serviceRanges: z
			.array(prefix)
			.min(1, "is empty")
			.optional()
			.describe("Service ranges. Default: read from kubeadm-config."),
		dnsAddresses: z
			.array(address)
			.min(1, "is empty")
			.optional()
			.describe("Nameservers of the cluster. Default: the addresses of the Service kube-system/kube-dns."),
		domain: domainName
			.optional()
			.describe("Domain of the cluster. Default: read from kubeadm-config. Example: cluster.local"),
	})
	.describe("The cluster, and how it is reached from here.");

const authentication = {
	privateKeyFile: text
		.optional()
		.describe("Path of an OpenSSH private key; ~ is your home. Example: ~/.ssh/id_ed25519"),
	privateKey: text.optional().describe("An OpenSSH private key, as a secret: pulumi config set --secret --path."),
	agent: z.boolean().optional().describe("Whether the SSH agent at SSH_AUTH_SOCK holds the key. Default: false."),
};

const bastion = z
	.strictObject({
		address: host.describe("Address or name of the bastion."),
		port: port.default(22).describe("TCP port. Default: 22."),
		user: user.default("root").describe("User to log in as. Default: root."),
		hostKey: hostKey.describe("The bastion's public host key, ed25519 or ecdsa."),
		...authentication,
	})
	.describe("A host to connect through. Without a key of its own, the connection's way to authenticate is used.");

const ssh = z
	.strictObject({
		user: user.optional().describe("User to log in as; has to be root or the like. Default: root."),
		port: port.optional().describe("TCP port. Default: 22."),
		...authentication,
		bastion: bastion.optional(),
		connectTimeout: seconds(1, 120).optional().describe("Seconds to wait for a connection. Default: 15."),
	})
	.describe("How machines are reached over SSH. Exactly one of privateKeyFile, privateKey and agent.");

const machine = {
	name: label.describe("Name of the machine; the names of its resources come from it, so that renaming replaces them."),
	address: hostAddress.describe("IPv4 or IPv6 address. A gateway's is also the servers' next hop."),
	address6: hostAddress6.optional().describe("IPv6 address, where address is IPv4."),
	hostKey: hostKey.describe("Public host key, ed25519 or ecdsa. Example: ssh-ed25519 AAAA…"),
	ssh: ssh.optional().describe("What differs from pod-gateway:ssh for this machine."),
};

const gateway = z.strictObject({
	...machine,
	nodeName: domainName.optional().describe("Name of the Node object. Default: name."),
	taint: taint
		.prefault("pod-gateway=true:NoSchedule")
		.describe("Taint that keeps pods away, key=value:Effect. Default: pod-gateway=true:NoSchedule."),
	labels: labels.default({ "pod-gateway": "true" }).describe('Labels of the node. Default: pod-gateway: "true".'),
	drainTimeout: seconds(1, 3600).default(120).describe("Seconds until a drain is given up. Default: 120."),
});

const dnsMethod = z.enum(DNS_METHODS);
const verifyMode = z.enum(VERIFY_MODES);

const server = z.strictObject({
	...machine,
	dns: z.strictObject({ method: dnsMethod.optional() }).optional().describe("What differs from pod-gateway:dns."),
	verify: z.strictObject({ mode: verifyMode.optional() }).optional().describe("What differs from pod-gateway:verify."),
});

const routes = z
	.strictObject({
		mode: z
			.enum(ROUTE_MODES)
			.default("blocks")
			.describe("blocks: one route per pod block the gateway has. pools: one per pod range. Default: blocks."),
		convergeTimeout: seconds(1, 600)
			.default(60)
			.describe("Seconds for the gateway's routes to come to rest after it joined. Default: 60."),
	})
	.describe("The routes that servers get.");

const dns = z
	.strictObject({
		method: dnsMethod
			.default("auto")
			.describe("Who on a server is told the nameserver; auto finds out, none changes nothing. Default: auto."),
		searchDomains: z.array(domainName).default([]).describe("Search domains. Example: default.svc.cluster.local"),
		reverseZones: z
			.boolean()
			.default(true)
			.describe("Whether pod and Service addresses resolve to names. Default: true."),
	})
	.describe("How servers resolve the cluster's names.");

const verify = z
	.strictObject({
		mode: verifyMode
			.default("strict")
			.describe("strict: what fails is rolled back. warn: it is kept, with a warning. off: no check. Default: strict."),
		names: z
			.array(domainName)
			.default([])
			.describe("Names below the cluster's domain that must resolve. Example: web-http.default.svc.cluster.local"),
		pods: z
			.array(domainName)
			.default([])
			.describe(
				"Names of headless Services: every pod behind them must answer a ping. Example: web.default.svc.cluster.local",
			),
		outside: z
			.array(domainName)
			.default([])
			.describe("Names outside the cluster that must not stop resolving. Example: www.example.org"),
		rollbackAfter: seconds(20, 120)
			.default(90)
			.describe("Seconds until a server undoes by itself what was not committed. 20 to 120. Default: 90."),
	})
	.describe("How a server checks a change before it is kept.");

/** Everything under `pod-gateway:` in a stack file. */
export const schema = z.strictObject({
	cluster,
	ssh: ssh.prefault({}),
	gateways: z.array(gateway).min(1, "is empty; list at least one machine").describe("The machines to become gateways."),
	routes: routes.prefault({}),
	dns: dns.prefault({}),
	verify: verify.prefault({}),
	servers: z
		.array(server)
		.min(1, "is empty; list at least one machine")
		.describe("The machines outside the cluster that are to reach its pods."),
});

/** What the schema makes of a stack file. */
export type StackFile = z.output<typeof schema>;
/** The way to authenticate as a stack file writes it. */
export type SshBlock = z.output<typeof ssh>;
