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

/** A driver's name, and the keys that it adds to a gateway. */
export interface KnownDriver {
	readonly name: string;
	readonly driver: { readonly settings: z.ZodRawShape };
}

/** The driver of a gateway that does not name one. Its machine exists already. */
export const DEFAULT_DRIVER = "existing";

/** Where a gateway's kubeadm and kubelet come from. */
export const SOFTWARE_SOURCES = ["packages", "preinstalled"] as const;

/** Where the routes of a plan come from. */
export const ROUTE_SOURCES = ["live", "locked"] as const;

/*
 * The keys of a stack file under `pod-gateway:`. The descriptions are the reference documentation: docs/settings.md and the
 * JSON Schema for editors are made from them.
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
				"Contents of a kubeconfig, as a secret: pulumi config set --secret --path. Debug logs show it; they do not show a file's contents.",
			),
		context: text.optional().describe("Context in the kubeconfig. Default: its current context."),
		calicoEtcd: etcd
			.optional()
			.describe(
				"Calico's etcd, if its datastoreType is etcdv3. Its records of pod blocks are read there. Default: Calico keeps its data in the Kubernetes API.",
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
	.describe("The cluster, and how to reach it from here.");

const machine = {
	name: label.describe("Name of the machine. Its resources are named after it, so a new name replaces them."),
	ssh: ssh.optional().describe("Values for this machine that differ from pod-gateway:ssh."),
};

const kubernetes = z
	.strictObject({
		source: z
			.enum(SOFTWARE_SOURCES)
			.default("packages")
			.describe(
				"packages: containerd, kubeadm and kubelet are installed with apt where missing. preinstalled: all of them are there already. Default: packages.",
			),
		version: kubernetesMinor
			.optional()
			.describe('Minor version of kubeadm and kubelet to install. Default: the cluster\'s own. Example: "1.34"'),
		repository: repository
			.default("https://pkgs.k8s.io/core:/stable:/v{minor}/deb/")
			.describe("Flat apt repository; {minor} stands for the version. Default: the Kubernetes project's."),
		repositoryKey: text
			.default("https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release.key")
			.describe("The repository's signing key: its URL, or the armored key itself. Default: the Kubernetes project's."),
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
			"Whether pods see the gateway's address in place of a server's, for sites where pods have no route back to the servers. Default: false.",
		),
	takeOver: z
		.boolean()
		.default(false)
		.describe("Whether to reset a machine that is a node of another cluster and join it to this one. Default: false."),
	taint: taint
		.prefault("pod-gateway=true:NoSchedule")
		.describe("Taint that keeps pods off the node, key=value:Effect. Default: pod-gateway=true:NoSchedule."),
	labels: labels
		.default({ "pod-gateway": "true" })
		.describe(
			'Labels of the node. A label with which the node joined stays on it if you remove it here. Default: pod-gateway: "true".',
		),
	drainTimeout: seconds(1, 3600).default(120).describe("Seconds after which a drain is given up. Default: 120."),
};

/** A gateway's keys: those of every gateway, and those of its driver. */
function gatewaySchema(drivers: readonly KnownDriver[]) {
	const options = drivers.map(({ name, driver }) => {
		const literal = z.literal(name).describe(`What makes the machine: ${drivers.map((one) => one.name).join(", ")}.`);
		return z.strictObject({
			...everyGateway,
			...driver.settings,
			driver: name === DEFAULT_DRIVER ? literal.optional() : literal,
		});
	});
	return z.discriminatedUnion("driver", options as [z.ZodObject<GatewayShape>, ...z.ZodObject<GatewayShape>[]]);
}

/** The statically known keys of a gateway. Only its driver knows the driver's keys. */
type GatewayShape = typeof everyGateway & { driver: z.ZodOptional<z.ZodLiteral<string>> };

const dnsMethod = z.enum(DNS_METHODS);
const verifyMode = z.enum(VERIFY_MODES);

const server = z.strictObject({
	...machine,
	address: hostAddress.describe("IPv4 or IPv6 address."),
	address6: hostAddress6.optional().describe("IPv6 address, if address is IPv4."),
	hostKey: hostKey.describe("Public host key, ed25519 or ecdsa. Example: ssh-ed25519 AAAA…"),
	dns: z
		.strictObject({
			method: dnsMethod
				.optional()
				.describe("Who on this server is told the nameserver. Default: as in pod-gateway:dns."),
		})
		.optional()
		.describe("Values for this server that differ from pod-gateway:dns."),
	verify: z
		.strictObject({
			mode: verifyMode
				.optional()
				.describe("What becomes of a change that fails its check on this server. Default: as in pod-gateway:verify."),
		})
		.optional()
		.describe("Values for this server that differ from pod-gateway:verify."),
});

const routes = z
	.strictObject({
		source: z
			.enum(ROUTE_SOURCES)
			.default("live")
			.describe(
				"live: the gateways' routes as they are now. locked: the routes in stacks/<env>.routes.json; up refuses if the live ones differ. Default: live.",
			),
		mode: z
			.enum(ROUTE_MODES)
			.default("blocks")
			.describe("blocks: one route per pod block that the gateway reaches. pools: one per pod range. Default: blocks."),
		convergeTimeout: seconds(1, 600)
			.default(60)
			.describe("Seconds that the gateway's routes may take to settle after it joined. Default: 60."),
		maxShrink: share
			.default(0.3)
			.describe(
				"The share of its routes of either family that a server may lose in one up, and the share of the blocks in Calico's records that the gateway may lack routes to. A larger loss is refused, because the gateway's table is then probably incomplete. 1 allows any loss. Default: 0.3.",
			),
	})
	.describe("The routes that servers get.");

const dns = z
	.strictObject({
		method: dnsMethod
			.default("auto")
			.describe(
				"Which program on a server gets the nameserver. auto: the owner of resolv.conf. none: DNS is not changed. Default: auto.",
			),
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
			.describe(
				"strict: a change that fails a check is rolled back. warn: it is kept, with a warning. off: it is not checked. Default: strict.",
			),
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
			.describe("Names outside the cluster that must still resolve if they did before. Example: www.example.org"),
		rollbackAfter: seconds(20, 120)
			.default(90)
			.describe("Seconds after which a server undoes a change that was not committed. 20 to 120. Default: 90."),
	})
	.describe("How a server checks a change before it keeps it.");

/** The schema of everything under `pod-gateway:` in a stack file. @param drivers the possible values of a gateway's `driver`. */
export function stackFileSchema(drivers: readonly KnownDriver[]) {
	return z.strictObject({
		cluster,
		ssh: ssh.prefault({}),
		gateways: z
			.array(gatewaySchema(drivers))
			.min(1, "is empty; list at least one machine")
			.describe("The machines that become gateways."),
		routes: routes.prefault({}),
		dns: dns.prefault({}),
		verify: verify.prefault({}),
		servers: z
			.array(server)
			.min(1, "is empty; list at least one machine")
			.describe("The machines outside the cluster that get routes to its pods."),
	});
}

export type StackFileSchema = ReturnType<typeof stackFileSchema>;

/** A stack file's settings after the schema has read them. */
export type StackFile = z.output<StackFileSchema>;
