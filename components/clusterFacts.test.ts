import * as pulumi from "@pulumi/pulumi";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { endpointOf } from "../src/core/kubeadm/joinConfiguration.ts";
import { parseAddress } from "../src/core/values/address.ts";
import { parsePrefix } from "../src/core/values/prefix.ts";
import type { Config, Secret } from "../src/settings/model.ts";
import {
	type ApiAnswers,
	type ExampleApiServer,
	exampleApiServer,
	KUBE_DNS,
	kubeadmAnswers,
} from "../tests/fixtures/apiServer.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { comesOf, type EngineOptions, type ExampleEngine, exampleEngine } from "../tests/fixtures/engine.ts";
import { exampleCertificates } from "../tests/fixtures/etcd.ts";
import { exampleLock } from "../tests/fixtures/facts.ts";
import { ClusterFacts } from "./clusterFacts.ts";

const { ca } = exampleCertificates();
const answers = kubeadmAnswers(ca.cert);
let server: ExampleApiServer | undefined;
const warn = vi.spyOn(pulumi.log, "warn").mockImplementation(async () => {});

beforeEach(() => void warn.mockClear());
afterEach(() => server?.stop());
afterAll(() => warn.mockRestore());

const everyFact = (facts: ClusterFacts) =>
	pulumi.all([
		facts.podRanges,
		facts.serviceRanges,
		facts.dnsAddresses,
		facts.domain,
		facts.endpoint,
		facts.caCertHashes,
		facts.kubernetesVersion,
	]);

/** Registers the facts of a cluster that answers so. Without answers, nobody can be asked. */
async function registered(
	said: ApiAnswers | undefined,
	own: Partial<Config["cluster"]> = {},
	{ lock, ...options }: EngineOptions & { lock?: typeof exampleLock } = {},
): Promise<{ engine: ExampleEngine; facts: ClusterFacts; read: Promise<unknown> }> {
	const engine = await exampleEngine(options);
	server = said && (await exampleApiServer(said));
	const kubeconfig = pulumi.secret(server?.kubeconfig ?? "no kubeconfig") as Secret;
	let made: { facts: ClusterFacts; read: Promise<unknown> } | undefined;
	await engine.run(() => {
		const facts = new ClusterFacts("facts", { cluster: { kubeconfig, context: "one", ...own }, lock });
		made = { facts, read: comesOf(everyFact(facts)) };
	});
	if (!made) throw new Error("there are no facts");
	// Before the server is stopped.
	await made.read.catch(() => {});
	return { engine, ...made };
}

test("the cluster's facts are read without a resource, and a nameserver of the settings is not read", async () => {
	const dnsAddresses = [must(parseAddress("10.233.0.3"))];
	const { engine, facts } = await registered({ ...answers, [KUBE_DNS]: undefined }, { dnsAddresses });
	const read = pulumi.all([facts.dnsAddresses, facts.kubernetesVersion, facts.podRanges]);
	expect(await comesOf(read)).toMatchObject([dnsAddresses, "1.34", [{ text: "192.244.0.0/16" }]]);
	expect(await pulumi.isSecret(read)).toBe(false);
	expect(engine.resources.map(({ type }) => type)).toEqual(["pod-gateway:index:ClusterFacts"]);
});

test("a state knows the facts by this name, and has nothing of them", async () => {
	const { engine } = await registered(answers);
	expect(engine.of("facts")).toMatchObject({
		urn: "urn:pulumi:lab::pod-gateway::pod-gateway:index:ClusterFacts::facts",
		...{ inputs: {}, outputs: {}, dependencies: [], options: {} },
	});
	expect(engine.everything()).not.toContain("insecure-skip-tls-verify");
});

test("no fact is a secret, though the kubeconfig is one: a preview shows them", async () => {
	const { facts } = await registered(answers);
	expect(await pulumi.isSecret(everyFact(facts))).toBe(false);
	expect(await comesOf(facts.caCertHashes)).toEqual([expect.stringMatching(/^sha256:/)]);
});

test("the settings' word goes before the cluster's", async () => {
	const own = {
		podRanges: [must(parsePrefix("10.1.0.0/16"))],
		serviceRanges: [must(parsePrefix("10.2.0.0/16"))],
		dnsAddresses: [must(parseAddress("10.2.0.10"))],
		domain: "k8s.example.org",
		apiServer: "https://api.example.org:6443",
	};
	const { read } = await registered(answers, own);
	const { apiServer, podRanges, serviceRanges, dnsAddresses, domain } = own;
	expect(await read).toEqual([
		...[podRanges, serviceRanges, dnsAddresses, domain, endpointOf(apiServer)],
		[expect.stringMatching(/^sha256:/)],
		"1.34",
	]);
});

describe("a cluster that is locked", () => {
	test("is not asked in a preview", async () => {
		const { facts } = await registered(undefined, {}, { preview: true, lock: exampleLock });
		expect(await comesOf(facts.podRanges)).toEqual(exampleLock.cluster.podRanges);
		expect(await pulumi.isSecret(everyFact(facts))).toBe(false);
		expect(warn).not.toHaveBeenCalled();
	});

	test("holds no update up that cannot ask it", async () => {
		const { facts } = await registered(undefined, {}, { lock: exampleLock });
		expect(await comesOf(facts.endpoint)).toBe(exampleLock.cluster.endpoint);
		expect(warn).toHaveBeenCalledWith(
			expect.stringMatching(/^the cluster was not compared with the locked one: /),
			facts,
		);
	});

	test("is refused in an update where it is another one, with what is", async () => {
		const { facts } = await registered(undefined, {}, { preview: true, lock: exampleLock });
		server = await exampleApiServer(answers);
		const asked = { context: "one", dnsAddresses: undefined };
		// Pulumi ends the program for what a component's outputs reject with.
		const confirmed = facts["confirmAgainstCluster"](exampleLock.cluster, server.kubeconfig, asked);
		await expect(confirmed).rejects.toThrow(
			/the cluster differs from stacks\/lab\.routes\.json[\s\S]*nothing was touched[\s\S]*\+ "caCertHashes": /,
		);
	});
});
