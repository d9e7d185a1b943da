import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { setAllConfig, setMocks } from "@pulumi/pulumi/runtime/index.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { exampleCertificates } from "../../tests/fixtures/etcd.ts";
import { drivers } from "../drivers/registry.ts";
import { makeHostKeyPair } from "../remote/hostKeyPair.ts";
import { readConfig } from "./config.ts";
import type { Secret } from "./model.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D";
const folder = mkdtempSync(join(tmpdir(), "pod-gateway-config-"));
const keyFile = join(folder, "id_ed25519");
const key = makeHostKeyPair();

beforeAll(() => {
	setMocks({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) }, "pod-gateway", "lab");
	writeFileSync(keyFile, key.privateKey, { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const warn = vi.spyOn(pulumi.log, "warn").mockImplementation(async () => {});
beforeEach(() => {
	warn.mockClear();
	chmodSync(keyFile, 0o600);
});

/** Sets the configuration in the engine's form: lists and mappings as JSON. */
function configure(settings: Record<string, unknown>) {
	const entries = Object.entries(settings).map(([key, value]) => [
		key,
		typeof value === "string" ? value : JSON.stringify(value),
	]);
	setAllConfig(Object.fromEntries(entries));
}

const good = {
	"pod-gateway:cluster": { kubeconfig: "KUBECONFIG" },
	"pod-gateway:ssh": { privateKeyFile: keyFile },
	"pod-gateway:gateways": [
		{ name: "gw-1", address: "10.200.0.20", hostKey: HOST_KEY, ssh: { privateKey: "KEY IN SETTINGS" } },
	],
	"pod-gateway:servers": [
		{ name: "ps-1", address: "10.200.0.31", hostKey: HOST_KEY },
		{ name: "ps-2", address: "10.200.0.32", hostKey: HOST_KEY, ssh: { agent: true } },
	],
	"kubernetes:context": "somebody else's",
};

function refusal(): string {
	try {
		readConfig(drivers);
	} catch (error) {
		expect(pulumi.RunError.isInstance(error)).toBe(true);
		return (error as Error).message;
	}
	return expect.fail("nothing was refused");
}

/** The value that resources get for a secret, and whether Pulumi treats it as one. */
async function seen(secret: Secret | undefined): Promise<[value: unknown, isSecret: boolean]> {
	if (!secret) throw new Error("there is no secret");
	const value = await new Promise((resolve) => secret.apply(resolve));
	return [value, await pulumi.isSecret(secret)];
}

describe("readConfig", () => {
	test("a secret in the settings is one to Pulumi; for one in a file, resources only get the path", async () => {
		configure(good);
		const { cluster, gateways, servers } = readConfig(drivers);
		expect(await seen(cluster.kubeconfig)).toEqual(["KUBECONFIG", true]);
		expect(await seen(gateways[0]?.ssh.auth.privateKey)).toEqual(["KEY IN SETTINGS", true]);
		expect(await seen(servers[0]?.ssh.auth.privateKey)).toEqual([{ file: keyFile }, false]);
		expect(servers[1]?.ssh.auth).toEqual({});
		expect(warn).not.toHaveBeenCalled();
	});

	test("reads Calico's etcd: its key is a secret, its certificates may be readable by others", async () => {
		const { ca, client } = exampleCertificates();
		const [caFile, certFile] = [join(folder, "ca.crt"), join(folder, "client.crt")];
		writeFileSync(caFile, ca.cert, { mode: 0o644 });
		writeFileSync(certFile, client.cert, { mode: 0o644 });
		const calicoEtcd = { endpoints: ["https://10.200.0.10:2379"], caFile, certFile, key: client.key };
		configure({ ...good, "pod-gateway:cluster": { kubeconfig: "KUBECONFIG", calicoEtcd } });
		const etcd = readConfig(drivers).cluster.calicoEtcd;
		expect(await seen(etcd?.client?.key)).toEqual([client.key, true]);
		expect(await pulumi.isSecret(pulumi.output(etcd))).toBe(true);
		const value = await new Promise((resolve) => pulumi.output(etcd).apply(resolve));
		expect(value).toEqual({
			endpoints: calicoEtcd.endpoints,
			ca: { file: caFile },
			client: { cert: { file: certFile }, key: client.key },
		});
		expect(warn).not.toHaveBeenCalled();
	});

	test("refuses files of another kind, and does not repeat their contents", () => {
		const calicoEtcd = { endpoints: ["https://10.200.0.10:2379"], caFile: keyFile, certFile: keyFile, keyFile };
		configure({ ...good, "pod-gateway:cluster": { kubeconfig: "KUBECONFIG", calicoEtcd } });
		expect(refusal()).toBe(
			"3 problems in the settings of stack lab; nothing was touched:\n" +
				`  1. caFile ${keyFile} is not a certificate in PEM form (-----BEGIN CERTIFICATE-----…)\n` +
				`  2. certFile ${keyFile} is not a certificate in PEM form (-----BEGIN CERTIFICATE-----…)\n` +
				`  3. keyFile ${keyFile} is not a private key in PEM form (-----BEGIN PRIVATE KEY-----…)`,
		);
	});

	test("refuses with all problems in one error, numbered", () => {
		configure({ ...good, "pod-gateway:gateways": "gw-1", "pod-gateway:routes": { mode: "x" } });
		expect(refusal()).toBe(
			"2 problems in the settings of stack lab; nothing was touched:\n" +
				"  1. pod-gateway:gateways: is not a list\n" +
				"  2. pod-gateway:routes.mode: is not one of blocks, pools; choose one",
		);
	});

	test("names every file that cannot be read", () => {
		const missing = join(folder, "missing");
		configure({
			...good,
			"pod-gateway:cluster": { kubeconfigFile: folder },
			"pod-gateway:ssh": { privateKeyFile: missing },
		});
		expect(refusal()).toBe(
			"2 problems in the settings of stack lab; nothing was touched:\n" +
				`  1. kubeconfigFile ${folder} cannot be read (EISDIR); correct the path, or let its owner run this\n` +
				`  2. privateKeyFile ${missing} cannot be read (ENOENT); correct the path, or let its owner run this`,
		);
	});

	test.each([
		["a public key", () => key.publicKey, "is a public key; name the private one, without .pub"],
		["no key", () => "hello", "is not a private key for SSH (Unsupported key format)"],
		[
			"a key with a passphrase",
			() => {
				const file = join(folder, "locked");
				execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "secret", "-f", file]);
				return readFileSync(file, "utf8");
			},
			"has a passphrase; give the key to an agent (ssh-add) and set agent: true, or remove the passphrase",
		],
	])("parses the key, and refuses %s once, before anything is touched", (_, contents, problem) => {
		const file = join(folder, "tried");
		writeFileSync(file, contents(), { mode: 0o600 });
		configure({ ...good, "pod-gateway:ssh": { privateKeyFile: file } });
		expect(refusal()).toBe(
			`1 problem in the settings of stack lab; nothing was touched:\n  1. privateKeyFile ${file} ${problem}`,
		);
	});

	test("warns of a key that others can read", () => {
		chmodSync(keyFile, 0o640);
		configure(good);
		readConfig(drivers);
		expect(warn.mock.calls).toEqual([
			[`privateKeyFile ${keyFile} is readable by other users than its owner; run: chmod 600 ${keyFile}`],
		]);
	});

	test("reads a path below the home directory", () => {
		vi.stubEnv("HOME", folder);
		configure({ ...good, "pod-gateway:ssh": { privateKeyFile: "~/id_ed25519" } });
		expect(() => readConfig(drivers)).not.toThrow();
		vi.unstubAllEnvs();
	});
});
