import { z } from "zod";
import { DNS_METHODS, ROUTE_MODES, VERIFY_MODES } from "../core/plan/site.ts";
import { etcd } from "./etcdSchema.ts";
import {
	address,
	domainName,
	hostAddress,
	hostAddress6,
	hostKey,
	httpsOrigin,
	kubernetesMinor,
	label,
	labels,
	prefix,
	repository,
	seconds,
	share,
	taint,
	text,
} from "./fields.ts";
import { ssh } from "./sshSchema.ts";

/** A driver, as far as the settings know it: its name, and the keys that a gateway has with it. */
export interface KnownDriver {
	readonly name: string;
	readonly driver: { readonly settings: z.ZodRawShape };
}

/** Where a gateway names no driver: the machine is there already. */
export const DEFAULT_DRIVER = "existing";

/** Where a gateway's kubeadm and kubelet come from. */
export const SOFTWARE_SOURCES = ["packages", "preinstalled"] as const;

/** Where the routes of a plan come from. */
export const ROUTE_SOURCES = ["live", "locked"] as const;

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
		kubeconfig: text
			.optional()
			.describe(
				"Contents of a kubeconfig, as a secret: pulumi config set --secret --path. Debug logs show it; a file they do not.",
			),
		context: text.optional().describe("Context in the kubeconfig. Default: its current context."),
		calicoEtcd: etcd
			.optional()
			.describe(
				"Calico's etcd, where its datastoreType is etcdv3: its records of pod blocks are read there. Default: Calico's data is in the Kubernetes API.",
			),
		apiServer: httpsOrigin("https://10.200.0.10:6443")
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

const machine = {
	name: label.describe("Name of the machine; the names of its resources come from it, so that renaming replaces them."),
	ssh: ssh.optional().describe("What differs from pod-gateway:ssh for this machine."),
};

const kubernetes = z
	.strictObject({
		source: z
			.enum(SOFTWARE_SOURCES)
			.default("packages")
			.describe(
				"packages: what is missing of containerd, kubeadm and kubelet is installed with apt. preinstalled: it is all there. Default: packages.",
			),
		version: kubernetesMinor
			.optional()
			.describe('Minor version of kubeadm and kubelet to install. Default: the cluster\'s own. Example: "1.34"'),
		repository: repository
			.default("https://pkgs.k8s.io/core:/stable:/v{minor}/deb/")
			.describe("Flat apt repository; {minor} stands for the version. Default: the Kubernetes project's."),
		repositoryKey: text
			.default("https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release.key")
			.describe("The key that signs it: its URL, or the armored key itself. Default: the Kubernetes project's."),
	})
	.describe("The container runtime, kubeadm and kubelet of a gateway.");

const everyGateway = {
	...machine,
	nodeName: domainName.optional().describe("Name of the Node object. Default: name."),
	kubernetes: kubernetes.prefault({}),
	masquerade: z
		.boolean()
		.default(false)
		.describe(
			"Whether pods see the gateway's address, for sites where they have no way back to the servers. Default: false.",
		),
	takeOver: z
		.boolean()
		.default(false)
		.describe("Whether a machine that is a node of another cluster is reset and joined to this one. Default: false."),
	taint: taint
		.prefault("pod-gateway=true:NoSchedule")
		.describe("Taint that keeps pods away, key=value:Effect. Default: pod-gateway=true:NoSchedule."),
	labels: labels
		.default({ "pod-gateway": "true" })
		.describe(
			'Labels of the node; one that it joined with stays there when it is taken off the list. Default: pod-gateway: "true".',
		),
	drainTimeout: seconds(1, 3600).default(120).describe("Seconds until a drain is given up. Default: 120."),
};

/** A gateway has the keys of every gateway and those of its driver. */
function gatewaySchema(drivers: readonly KnownDriver[]) {
	const options = drivers.map(({ name, driver }) => {
		const named = z.literal(name).describe(`What makes the machine: ${drivers.map((one) => one.name).join(", ")}.`);
		return z.strictObject({
			...everyGateway,
			...driver.settings,
			driver: name === DEFAULT_DRIVER ? named.optional() : named,
		});
	});
	return z.discriminatedUnion("driver", options as [z.ZodObject<GatewayShape>, ...z.ZodObject<GatewayShape>[]]);
}

/** What the types know of a gateway: its driver's own keys are known to that driver alone. */
type GatewayShape = typeof everyGateway & { driver: z.ZodOptional<z.ZodLiteral<string>> };

const dnsMethod = z.enum(DNS_METHODS);
const verifyMode = z.enum(VERIFY_MODES);

const server = z.strictObject({
	...machine,
	address: hostAddress.describe("IPv4 or IPv6 address."),
	address6: hostAddress6.optional().describe("IPv6 address, where address is IPv4."),
	hostKey: hostKey.describe("Public host key, ed25519 or ecdsa. Example: ssh-ed25519 AAAA…"),
	dns: z
		.strictObject({
			method: dnsMethod
				.optional()
				.describe("Who on this server is told the nameserver. Default: as in pod-gateway:dns."),
		})
		.optional()
		.describe("What differs from pod-gateway:dns."),
	verify: z
		.strictObject({
			mode: verifyMode
				.optional()
				.describe("What becomes of a change that fails its check on this server. Default: as in pod-gateway:verify."),
		})
		.optional()
		.describe("What differs from pod-gateway:verify."),
});

const routes = z
	.strictObject({
		source: z
			.enum(ROUTE_SOURCES)
			.default("live")
			.describe(
				"live: the gateways' routes as they are. locked: stacks/<env>.routes.json; up refuses when they differ. Default: live.",
			),
		mode: z
			.enum(ROUTE_MODES)
			.default("blocks")
			.describe("blocks: one route per pod block the gateway has. pools: one per pod range. Default: blocks."),
		convergeTimeout: seconds(1, 600)
			.default(60)
			.describe("Seconds for the gateway's routes to come to rest after it joined. Default: 60."),
		maxShrink: share
			.default(0.3)
			.describe(
				"The share of its routes, of either family, that a server may lose in one up, and of the blocks in Calico's records that the gateway may have no route to. More is refused: half a table is no table. 1 lets everything go. Default: 0.3.",
			),
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

/** Everything under `pod-gateway:` in a stack file. @param drivers what a gateway's `driver` may be. */
export function stackFileSchema(drivers: readonly KnownDriver[]) {
	return z.strictObject({
		cluster,
		ssh: ssh.prefault({}),
		gateways: z
			.array(gatewaySchema(drivers))
			.min(1, "is empty; list at least one machine")
			.describe("The machines to become gateways."),
		routes: routes.prefault({}),
		dns: dns.prefault({}),
		verify: verify.prefault({}),
		servers: z
			.array(server)
			.min(1, "is empty; list at least one machine")
			.describe("The machines outside the cluster that are to reach its pods."),
	});
}

export type StackFileSchema = ReturnType<typeof stackFileSchema>;

/** What the schema makes of a stack file. */
export type StackFile = z.output<StackFileSchema>;
