import * as pulumi from "@pulumi/pulumi";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { parseJson } from "../core/values/read.ts";
import { listed, refusal } from "../messages/refusal.ts";
import type { Authentication, Config, Credentials, Etcd, Secret, SecretSource, Settings, Ssh } from "./model.ts";
import { completeSsh, parseSettings } from "./parse.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";
import { type KnownDriver, stackFileSchema } from "./schema.ts";
import { SecretFiles } from "./secretFiles.ts";
import { parseSshKey } from "./sshKey.ts";

/** The prefix of this program's keys in a stack file. */
const NAMESPACE = "pod-gateway:";

/**
 * Reads and checks the stack's settings. The only reader of Pulumi's configuration.
 *
 * @param drivers the possible values of a gateway's `driver`, with the keys of each.
 * @throws pulumi.RunError once, with every problem, before anything is touched.
 */
export function readConfig(drivers: readonly KnownDriver[]): Config {
	const parsed = parseSettings(rawSettings(), stackFileSchema(drivers));
	if (!parsed.ok) throw refused(parsed.problems);
	const files = new SecretFiles();
	const config = withSecrets(parsed.value, files);
	for (const warning of files.warnings) void pulumi.log.warn(warning);
	if (files.problems.length > 0) throw refused(files.problems);
	return config;
}

/** Pulumi passes every value as text: lists and mappings as JSON, plain texts unquoted. */
function rawSettings(): Record<string, unknown> {
	const own = Object.entries(allConfig()).filter(([key]) => key.startsWith(NAMESPACE));
	return Object.fromEntries(own.map(([key, value]) => [key.slice(NAMESPACE.length), parseValue(value)]));
}

function parseValue(value: string): unknown {
	const read = parseJson(value);
	return read === undefined ? value : read;
}

function refused(problems: readonly string[]): pulumi.RunError {
	const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
	return refusal(listed(`${count} in the settings of stack ${pulumi.getStack()}; nothing was touched`, problems));
}

function withSecrets(settings: Settings, files: SecretFiles): Config {
	const secret = (key: string, source: SecretSource, parse?: Parse): Secret => {
		const text = files.read(key, source, parse && { parse });
		return "file" in source ? reference(source) : (pulumi.secret(text) as Secret);
	};
	const credentials = ({ privateKey }: Authentication): Credentials =>
		privateKey ? { privateKey: secret("privateKeyFile", privateKey, parseSshKey) } : {};
	const ssh = ({ auth, bastion, ...rest }: Ssh): Ssh<Credentials> => ({
		...rest,
		auth: credentials(auth),
		bastion: bastion && { ...bastion, auth: credentials(bastion.auth) },
	});
	const certificate = (key: string, source: SecretSource): Secret => {
		const text = files.read(key, source, { open: true, parse: parseCertificates });
		return "file" in source ? reference(source) : (pulumi.output(text) as Secret);
	};
	const etcd = ({ endpoints, ca, client }: Etcd): Etcd<Secret> => ({
		endpoints,
		ca: certificate("caFile", ca),
		client: client && {
			cert: certificate("certFile", client.cert),
			key: secret("keyFile", client.key, parsePrivateKey),
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
			kubeconfig: secret("kubeconfigFile", kubeconfig),
			calicoEtcd: calicoEtcd && etcd(calicoEtcd),
		},
		gateways: gateways.map((gateway) => ({ ...gateway, ssh: ssh(gateway.ssh) })),
		servers: servers.map((server) => ({ ...server, ssh: ssh(server.ssh) })),
	};
}

type Parse = typeof parsePrivateKey;

function reference({ file }: { readonly file: string }): Secret {
	return pulumi.output({ file }) as Secret;
}
