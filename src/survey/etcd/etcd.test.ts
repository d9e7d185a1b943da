import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type ExampleEtcd, exampleCertificates, exampleEtcd } from "../../../tests/fixtures/etcd.ts";
import { type EtcdAccess, type EtcdPair, readKeys } from "./etcd.ts";

const certificates = exampleCertificates();
const { ca, otherCa, client, server, stranger } = certificates;
const NOBODY = "https://127.0.0.1:1";

/** Spied on from the start, because Node warns only once. */
const warned = vi.spyOn(process, "emitWarning");

let etcd: ExampleEtcd;
let kept: () => readonly EtcdPair[];
const good = (): EtcdAccess => ({ endpoints: [etcd.endpoint], ca: ca.cert, client });

beforeAll(async () => {
	etcd = await exampleEtcd(server, ca.cert, () => kept());
});
afterAll(() => etcd.stop());
beforeEach(() => {
	kept = () =>
		["/a/1", "/a/2", "/a0", "/b/1", "/c/1"].map((key) => ({ key, value: key === "/a/1" ? "" : `of ${key}` }));
});

/** The reason why this etcd cannot be read, without its address. */
async function reason(access: Partial<EtcdAccess>): Promise<string> {
	const { endpoints, ...rest } = { ...good(), ...access };
	const error: unknown = await readKeys({ endpoints, ...rest }, ["/a/"]).catch((thrown: unknown) => thrown);
	return error instanceof Error ? error.message.replace(`${endpoints[0]}: `, "") : expect.fail("it could be read");
}

describe("keys", () => {
	test("are those with one of the prefixes, with values, also empty ones", async () => {
		expect(await readKeys(good(), ["/a/", "/c/", "/d/"])).toEqual([
			{ key: "/a/1", value: "" },
			{ key: "/a/2", value: "of /a/2" },
			{ key: "/c/1", value: "of /c/1" },
		]);
	});

	test("are read from the first endpoint that answers, and only from that", async () => {
		expect(await readKeys({ ...good(), endpoints: [NOBODY, etcd.endpoint, etcd.endpoint] }, ["/b/"])).toEqual([
			{ key: "/b/1", value: "of /b/1" },
		]);
	});

	test("may exceed gRPC's default limit", async () => {
		kept = () => Array.from({ length: 50_000 }, (_, index) => ({ key: `/a/${index}`, value: "x".repeat(100) }));
		expect(await readKeys(good(), ["/a/"])).toHaveLength(50_000);
	});

	test("Node does not warn of an address as a server's name", async () => {
		await readKeys(good(), ["/a/"]);
		expect(warned).not.toHaveBeenCalled();
	});
});

describe("an etcd that cannot be read says why", () => {
	test.each<[string, () => Partial<EtcdAccess>, string]>([
		["another CA", () => ({ ca: otherCa.cert }), "its certificate is not signed by the CA in the settings"],
		["no CA at all", () => ({ ca: "" }), "its certificate is not signed by the CA in the settings"],
		["no client's certificate", () => ({ client: undefined }), "it asks for a client's certificate"],
		["a certificate of another CA", () => ({ client: stranger }), "it ended the connection; look for the client's"],
		[
			"a key of another certificate",
			() => ({ client: { cert: client.cert, key: stranger.key } }),
			"the client's certificate and key do not belong together",
		],
		["a refused connection", () => ({ endpoints: [NOBODY] }), '"connect ECONNREFUSED 127.0.0.1:1"'],
		[
			"another name than its own",
			() => ({ endpoints: [etcd.endpoint.replace("127.0.0.1", "localhost")] }),
			`"Hostname/IP does not match certificate's altnames: `,
		],
	])("%s", async (_, access, why) => {
		expect(await reason(access())).toContain(why);
	});

	test("a user without permission", async () => {
		kept = () => {
			throw new Error("etcdserver: permission denied");
		};
		expect(await reason({})).toBe(
			"the client's user may not read Calico's keys; give its role the prefix /calico/ to read",
		);
	});

	test("etcd's message is made safe for a terminal", async () => {
		kept = () => {
			throw new Error("\u001b[2J gone");
		};
		expect(await reason({})).toBe('"\\u001b[2J gone"');
	});

	test("each endpoint has its own reason, and no key is repeated", async () => {
		const said = await reason({ endpoints: [NOBODY, etcd.endpoint], ca: otherCa.cert });
		expect(said).toMatch(/^"connect ECONNREFUSED 127\.0\.0\.1:1"; https:\S+: its certificate is not signed by/);
		expect(said).not.toContain("PRIVATE KEY");
	});

	describe("another service than etcd", () => {
		let other: Server;
		const listen = (answer: string) =>
			new Promise<string>((resolve) => {
				other = createServer((socket) => {
					socket.on("error", () => {});
					if (answer !== "") socket.end(answer);
				});
				other.listen(0, "127.0.0.1", () => {
					const address = other.address();
					resolve(`https://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
				});
			});
		afterAll(() => other.close());

		test("plain HTTP", async () => {
			expect(await reason({ endpoints: [await listen("HTTP/1.1 400 Bad Request\r\n\r\n")] })).toBe(
				"it does not speak TLS",
			);
			other.close();
		});

		test("a service that does not answer", async () => {
			expect(await reason({ endpoints: [await listen("")] })).toBe("it did not answer within 5 s");
		}, 10_000);
	});
});
