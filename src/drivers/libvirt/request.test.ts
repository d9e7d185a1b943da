import { expect, test } from "vitest";
import { emulatedVm, exampleVm } from "../../../tests/fixtures/vm.ts";
import { exampleRequest } from "../../../tests/fixtures/vmRequest.ts";
import { vmRequest } from "./request.ts";

test("a request survives JSON", () => {
	for (const definition of [exampleVm, emulatedVm, { ...exampleVm, network: { dhcp: true } as const }]) {
		const request = { ...exampleRequest, definition };
		expect(vmRequest.parse(JSON.parse(JSON.stringify(request)))).toEqual(request);
	}
});

test("the folder is normalized, because its name is compared", () => {
	expect(vmRequest.parse({ ...exampleRequest, directory: "/srv//vm/" }).directory).toBe("/srv/vm");
});

test.each([
	["a name that is not a label", { name: "gw_1" }],
	["a name with a path in it", { name: "../gw-1" }],
	["an image by a relative path", { image: { ...exampleVm.image, source: "debian.qcow2" } }],
	["an image with blanks", { image: { ...exampleVm.image, source: "/a b" } }],
	["an image with quotes", { image: { ...exampleVm.image, source: 'http://h/a"' } }],
	["a user name in a URL", { image: { ...exampleVm.image, source: "https://me:secret@images.example.org/a" } }],
	["a short checksum", { image: { ...exampleVm.image, sha256: "abc" } }],
	["a broken bridge", { bridge: "br0; reboot" }],
	["a command line of two lines", { boot: { kernel: "/k", initrd: "/i", commandLine: "a\nb" } }],
	[
		"a broken address",
		{
			network: {
				dhcp: false,
				addresses: [{ address: { text: "10.0.0.0.1", family: 4, bits: "" }, prefixLength: 24 }],
				nameservers: [],
			},
		},
	],
])("%s is refused", (_, change) => {
	const request = { ...exampleRequest, definition: { ...exampleVm, ...change } };
	expect(vmRequest.safeParse(request).success).toBe(false);
});
