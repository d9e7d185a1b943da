import { failure, type Result, success } from "../core/values/result.ts";
import { conflicts } from "./conflicts.ts";
import { type KeptAddress, keptAddresses } from "./kept.ts";
import type { Authentication, Etcd, SecretSource, Settings, Ssh } from "./model.ts";
import { describeIssues, wording } from "./problems.ts";
import { DEFAULT_DRIVER, type StackFile, type StackFileSchema } from "./schema.ts";
import type { SshBlock } from "./sshSchema.ts";

/**
 * Checks a stack's settings. Returns them with defaults, or every problem in the form
 * `pod-gateway:servers[1].hostKey: PROBLEM; NEXT STEP`.
 *
 * @param raw the settings, by the keys after `pod-gateway:`.
 * @param schema the schema for all drivers.
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>, schema: StackFileSchema): Result<Settings> {
	const parsed = schema.safeParse(raw, { error: wording });
	const problems = [...describeIssues(schema, parsed.error?.issues ?? [], raw), ...conflicts(raw)];
	return parsed.success && problems.length === 0
		? success(complete(parsed.data, keptAddresses(raw)))
		: failure(...problems);
}

function complete(file: StackFile, kept: readonly KeptAddress[]): Settings {
	const { kubeconfigFile, kubeconfig, calicoEtcd, ...cluster } = file.cluster;
	return {
		cluster: {
			...cluster,
			kubeconfig: source(kubeconfigFile, kubeconfig),
			...(calicoEtcd && { calicoEtcd: completeEtcd(calicoEtcd) }),
		},
		ssh: file.ssh,
		gateways: file.gateways.map((gateway) => {
			const { name, driver, ssh, nodeName, taint, labels, drainTimeout, kubernetes, masquerade, takeOver, ...machine } =
				gateway;
			return {
				name,
				taint,
				labels,
				drainTimeout,
				kubernetes,
				masquerade,
				takeOver,
				machine,
				driver: driver ?? DEFAULT_DRIVER,
				nodeName: nodeName ?? name,
				ssh: completeSsh(file.ssh, ssh),
			};
		}),
		routes: file.routes,
		kept,
		dns: { searchDomains: file.dns.searchDomains, reverseZones: file.dns.reverseZones },
		verify: {
			names: file.verify.names,
			pods: file.verify.pods,
			outside: file.verify.outside,
			rollbackAfter: file.verify.rollbackAfter,
		},
		servers: file.servers.map((server) => ({
			...server,
			ssh: completeSsh(file.ssh, server.ssh),
			dns: { method: server.dns?.method ?? file.dns.method },
			verify: { mode: server.verify?.mode ?? file.verify.mode },
		})),
	};
}

function completeEtcd(block: NonNullable<StackFile["cluster"]["calicoEtcd"]>): Etcd {
	const { endpoints, caFile, ca, certFile, cert, keyFile, key } = block;
	const client = { cert: source(certFile, cert), key: source(keyFile, key) };
	return { endpoints, ca: source(caFile, ca), ...((certFile ?? cert) !== undefined && { client }) };
}

/** The source of a text that the settings give as a path or as contents. */
function source(file: string | undefined, contents = ""): SecretSource {
	return file === undefined ? { contents } : { file };
}

/** How to reach a machine. Its own `ssh` block (`here`) overrides the one for all machines (`everywhere`). */
export function completeSsh(everywhere: SshBlock, here: SshBlock = {}): Ssh {
	const bastion = here.bastion ?? everywhere.bastion;
	return {
		user: here.user ?? everywhere.user ?? "root",
		port: here.port ?? everywhere.port ?? 22,
		auth: authentication(here, everywhere),
		connectTimeout: here.connectTimeout ?? everywhere.connectTimeout ?? 15,
		bastion: bastion && {
			address: bastion.address,
			port: bastion.port,
			user: bastion.user,
			hostKey: bastion.hostKey,
			auth: authentication(bastion, here, everywhere),
		},
	};
}

/** The way to authenticate of the first block that has one. */
function authentication(
	...blocks: readonly Pick<SshBlock, "privateKeyFile" | "privateKey" | "agent">[]
): Authentication {
	for (const { privateKeyFile, privateKey, agent } of blocks) {
		if (privateKeyFile !== undefined) return { privateKey: { file: privateKeyFile } };
		if (privateKey !== undefined) return { privateKey: { contents: privateKey } };
		if (agent) return {};
	}
	return {};
}
