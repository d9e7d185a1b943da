import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type ApiAnswers, type ExampleApiServer, exampleApiServer } from "../../tests/fixtures/apiServer.ts";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { type ExampleEtcd, exampleCertificates, exampleEtcd } from "../../tests/fixtures/etcd.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { readCalicoBlocks, readExpectedBlocks } from "./blocks.ts";
import type { EtcdPair } from "./etcd/etcd.ts";

const BLOCKS = "/apis/crd.projectcalico.org/v1/blockaffinities";
const POOLS = "/apis/crd.projectcalico.org/v1/ippools";
const BLOCKS_V3 = "/apis/projectcalico.org/v3/blockaffinities";
const POOLS_V3 = "/apis/projectcalico.org/v3/ippools";
const NODES = "/api/v1/nodes";

let server: ExampleApiServer | undefined;

afterEach(() => {
	server?.stop();
	vi.restoreAllMocks();
});

/** A kubeconfig for an API server that answers so; pools are there unless a test says otherwise. */
async function apiServer(byPath: ApiAnswers): Promise<string> {
	server = await exampleApiServer({ [POOLS]: { items: [] }, [POOLS_V3]: 404, [BLOCKS_V3]: 404, ...byPath });
	return server.kubeconfig;
}

const blocks = { items: [{ spec: { cidr: "192.244.32.0/26" } }] };
const nodes = { items: [{ metadata: { name: "ku13-1" } }] };

test("both lists are read in the named context, whatever their items hold", async () => {
	const kubeconfig = await apiServer({ [BLOCKS]: blocks, [NODES]: nodes });
	const { records, notes } = await readCalicoBlocks({ kubeconfig, context: "one" });
	expect(records?.affinities).toEqual(blocks.items);
	expect(records?.nodes).toMatchObject(nodes.items);
	expect(notes).toEqual([]);
});

const pools = { items: [{ spec: { cidr: "192.244.0.0/16" } }] };

test.each<[string, number | object]>([
	["there is no older group", 404],
	["the older group is left over, empty", { items: [] }],
])("native v3 CRDs are read where %s", async (_, older) => {
	const answers = { [BLOCKS]: older, [POOLS]: older, [BLOCKS_V3]: blocks, [POOLS_V3]: pools, [NODES]: nodes };
	const { records, notes } = await readCalicoBlocks({ kubeconfig: await apiServer(answers), context: "one" });
	expect(records).toMatchObject({ affinities: blocks.items, pools: pools.items });
	expect(notes).toEqual([]);
});

test("a cluster without records of Calico gives a note", async () => {
	const answers = { [BLOCKS]: 404, [POOLS]: 404, [NODES]: nodes };
	const { notes } = await readExpectedBlocks({ kubeconfig: await apiServer(answers), context: "one" }, [], []);
	expect(notes).toEqual([expect.stringMatching(/^the cluster does not have records of Calico/)]);
});

test("native v3 CRDs that may not be listed give a note", async () => {
	const answers = { [BLOCKS]: 404, [POOLS]: 404, [BLOCKS_V3]: 403, [POOLS_V3]: 403, [NODES]: nodes };
	const { owners, notes } = await readExpectedBlocks({ kubeconfig: await apiServer(answers), context: "one" }, [], []);
	expect(owners).toBeUndefined();
	expect(notes).toContain(`${unknown}the kubeconfig's user may not list blockaffinities.projectcalico.org`);
});

const unknown = "it is unknown which blocks the gateway should have routes to: ";

test.each<[string, Record<string, object | number>, string[]]>([
	["a cluster without such records", { [BLOCKS]: 404, [NODES]: nodes }, []],
	[
		"a user who may not list blocks",
		{ [BLOCKS]: 403, [NODES]: nodes },
		[`${unknown}the kubeconfig's user may not list blockaffinities.crd.projectcalico.org`],
	],
	[
		"a user who may not list nodes",
		{ [BLOCKS]: blocks, [NODES]: 403 },
		[`${unknown}the kubeconfig's user may not list nodes`],
	],
	[
		"an API server with an error",
		{ [BLOCKS]: 500, [NODES]: nodes },
		[
			`${unknown}the API server answers 500 to «list blockaffinities.crd.projectcalico.org»: "{\\"kind\\":\\"Status\\",\\"code\\":500}"`,
		],
	],
	[
		"an answer that is not a list",
		{ [BLOCKS]: {}, [NODES]: nodes },
		[`${unknown}the answer to «list blockaffinities.crd.projectcalico.org» is not a list`],
	],
])("%s is not an error: the records are unknown", async (_, byPath, notes) => {
	expect(await readCalicoBlocks({ kubeconfig: await apiServer(byPath), context: "one" })).toEqual({ notes });
});

test.each<[string, number, boolean]>([
	["unknown if the records may not be read", 403, false],
	["known to be none if there are no records", 404, true],
])("the owners are %s", async (_, status, known) => {
	const kubeconfig = await apiServer({ [BLOCKS]: status, [POOLS]: status, [NODES]: nodes });
	const { owners } = await readExpectedBlocks({ kubeconfig, context: "one" }, [], []);
	expect(owners).toEqual(known ? new Map() : undefined);
});

test("an API server that does not answer is given up after 10 s", async () => {
	const real = AbortSignal.timeout;
	const limit = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => real.call(AbortSignal, 50));
	const { records, notes } = await readCalicoBlocks({
		kubeconfig: await apiServer({ [NODES]: nodes }),
		context: "one",
	});
	expect(records).toBeUndefined();
	expect(notes.join()).toMatch(
		/cannot list blockaffinities\.crd\.projectcalico\.org: .*: it did not answer within 10 s$/,
	);
	expect(limit).toHaveBeenCalledWith(10_000);
});

test("an API server that refuses connections gives a note, too", async () => {
	const kubeconfig = (await apiServer({})).replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1");
	const { records, notes } = await readCalicoBlocks({ kubeconfig, context: "one" });
	expect(records).toBeUndefined();
	expect(notes.join()).toMatch(/cannot list nodes: .*ECONNREFUSED/);
});

test("a broken kubeconfig is an error that does not quote it", async () => {
	await expect(readCalicoBlocks({ kubeconfig: "token: [secret" })).rejects.toThrow(/^the kubeconfig cannot be read$/);
});

describe("if Calico keeps its data in etcd", () => {
	const { ca, otherCa, client, server: own } = exampleCertificates();
	const podRanges = [must(parsePrefix("192.244.0.0/16"))];
	let etcd: ExampleEtcd;
	let kept: readonly EtcdPair[];

	beforeAll(async () => {
		etcd = await exampleEtcd(own, ca.cert, () => kept);
	});
	afterAll(() => etcd.stop());

	/** Access to a cluster without Calico's custom resources. */
	async function access(trusted: string) {
		const up = { ...nodes.items[0], status: { conditions: [{ type: "Ready", status: "True" }] } };
		const kubeconfig = await apiServer({ [BLOCKS]: 404, [POOLS]: 404, [NODES]: { items: [up] } });
		return { kubeconfig, context: "one", calicoEtcd: { endpoints: [etcd.endpoint], ca: trusted, client } };
	}

	test("blocks and pools are read from etcd, and nodes from the cluster", async () => {
		kept = [
			{ key: "/calico/ipam/v2/host/ku13-1/ipv4/block/192.244.190.128-26", value: '{"state":"confirmed"}' },
			{ key: "/calico/ipam/v2/host/ku13-9/ipv4/block/192.244.9.0-26", value: '{"state":"confirmed"}' },
			{
				key: "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool",
				value: '{"spec":{"cidr":"192.244.0.0/16","natOutgoing":true}}',
			},
			{ key: "/registry/secrets/default/x", value: "nobody's business" },
		];
		const { blocks, owners, pools, notes } = await readExpectedBlocks(await access(ca.cert), podRanges, []);
		expect(blocks.map(({ prefix, node }) => `${prefix.text} of ${node}`)).toEqual(["192.244.190.128/26 of ku13-1"]);
		expect([...(owners?.values() ?? [])]).toEqual(["ku13-1", "ku13-9"]);
		expect(pools).toMatchObject([{ prefix: { text: "192.244.0.0/16" }, natOutgoing: true }]);
		expect(notes).toEqual([]);
	});

	test("another etcd than Calico's does not count as a cluster without blocks", async () => {
		kept = [{ key: "/registry/pods/default/x", value: "" }];
		expect(await readCalicoBlocks(await access(ca.cert))).toEqual({
			notes: [
				`${unknown}cannot read Calico's etcd: ${etcd.endpoint}: does not hold Calico's records; correct calicoEtcd.endpoints`,
			],
		});
	});

	test("an etcd that cannot be read is not an error: the records are unknown", async () => {
		expect(await readCalicoBlocks(await access(otherCa.cert))).toEqual({
			notes: [
				`${unknown}cannot read Calico's etcd: ${etcd.endpoint}: its certificate is not signed by the CA in the settings; correct calicoEtcd.ca or caFile`,
			],
		});
	});
});
