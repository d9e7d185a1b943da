import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { listed, refusal } from "./refusal.ts";
import type { ReachableMachine } from "./remote/connection.ts";
import { parseCertificates, parsePrivateKey } from "./settings/pem.ts";
import { SecretFiles } from "./settings/secretFiles.ts";
import { parseSshKey } from "./settings/sshKey.ts";
import {
	type Authentication,
	completeSsh,
	type Etcd,
	parseSettings,
	type ReachedThrough,
	type SecretSource,
	type Settings,
	type Ssh,
} from "./settings.ts";

/** How the program logs in: with a key, always secret, or with the agent's where there is none. */
export interface Credentials {
	readonly privateKey?: pulumi.Output<string> | undefined;
}

/** The settings as the program uses them: files read, secrets secret. */
export interface Config extends Settings<Credentials, pulumi.Output<string>> {
	/** How to reach a machine that only a driver knows of, with what it inherits from `pod-gateway:ssh`. */
	reach(machine: ReachedThrough): ReachableMachine;
}

/** The part of a stack file that is this program's: the keys that begin so. */
const NAMESPACE = "pod-gateway:";

/**
 * The stack's settings. The only reader of Pulumi's configuration.
 *
 * @throws pulumi.RunError, one, with everything that is wrong, before anything is touched.
 */
export function readConfig(): Config {
	const parsed = parseSettings(rawSettings());
	if (!parsed.ok) throw refused(parsed.problems);
	const files = new SecretFiles();
	const config = withSecrets(parsed.value, files);
	for (const warning of files.warnings) void pulumi.log.warn(warning);
	if (files.problems.length > 0) throw refused(files.problems);
	return config;
}

/** Pulumi hands every value over as text: lists and mappings are JSON, a plain text stands as it is. */
function rawSettings(): Record<string, unknown> {
	const own = Object.entries(allConfig()).filter(([key]) => key.startsWith(NAMESPACE));
	return Object.fromEntries(own.map(([key, value]) => [key.slice(NAMESPACE.length), parseValue(value)]));
}

function parseValue(value: string): unknown {
	try {
		return JSON.parse(value);
	} catch {
		return value;
	}
}

function refused(problems: readonly string[]): pulumi.RunError {
	const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
	return refusal(listed(`${count} in the settings of stack ${pulumi.getStack()}; nothing was touched`, problems));
}

function withSecrets(settings: Settings, files: SecretFiles): Config {
	const credentials = ({ privateKey }: Authentication): Credentials =>
		privateKey ? { privateKey: pulumi.secret(files.read("privateKeyFile", privateKey, { parse: parseSshKey })) } : {};
	const ssh = ({ auth, bastion, ...rest }: Ssh): Ssh<Credentials> => ({
		...rest,
		auth: credentials(auth),
		bastion: bastion && { ...bastion, auth: credentials(bastion.auth) },
	});
	const certificate = (key: string, source: SecretSource) =>
		pulumi.output(files.read(key, source, { open: true, parse: parseCertificates }));
	const etcd = ({ endpoints, ca, client }: Etcd): Etcd<pulumi.Output<string>> => ({
		endpoints,
		ca: certificate("caFile", ca),
		client: client && {
			cert: certificate("certFile", client.cert),
			key: pulumi.secret(files.read("keyFile", client.key, { parse: parsePrivateKey })),
		},
	});
	const { cluster, gateways, servers } = settings;
	const { kubeconfig, calicoEtcd } = cluster;
	return {
		...settings,
		reach(machine) {
			const reached = { ...machine, ssh: ssh(completeSsh(settings.ssh, machine.ssh)) };
			if (files.problems.length > 0) throw refused(files.problems);
			return reached;
		},
		cluster: {
			...cluster,
			kubeconfig: pulumi.secret(files.read("kubeconfigFile", kubeconfig)),
			calicoEtcd: calicoEtcd && etcd(calicoEtcd),
		},
		gateways: gateways.map((gateway) => ({ ...gateway, ssh: ssh(gateway.ssh) })),
		servers: servers.map((server) => ({ ...server, ssh: ssh(server.ssh) })),
	};
}
