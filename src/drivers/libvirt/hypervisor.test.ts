import { describe, expect, test } from "vitest";
import { emulatedVm, exampleVm } from "../../../tests/fixtures/vm.ts";
import { exampleRequest } from "../../../tests/fixtures/vmRequest.ts";
import { parseState, renderInput } from "./hypervisor.ts";
import { digestOf } from "./vm/describe.ts";

describe("the hypervisor's state of a VM", () => {
	test.each(["absent", "foreign", "unfinished"])("%s", (is) => expect(parseState(`${is}\n`)).toEqual({ is }));

	test("ready", () => {
		const digest = digestOf(exampleVm);
		expect(parseState(`ready ${digest} gw-1-abc\n`)).toEqual({ is: "ready", digest, instanceId: "gw-1-abc" });
	});

	test.each(["", "ready\n", "ready abc gw-1\n", `ready ${"a".repeat(64)} gw-1; reboot\n`, "absent\nforeign\n"])(
		"%j is refused",
		(stdout) => expect(() => parseState(stdout)).toThrow("did not answer with a state of the VM"),
	);
});

test("the input of libvirt-vm.sh create", () => {
	const lines = renderInput({ ...exampleRequest, definition: emulatedVm }, "gw-1-abc").split("\n");
	expect(lines.map((line) => line.replace(/^(file \S+) [A-Za-z0-9+/]+=*$/, "$1 BASE64"))).toEqual([
		"pod-gateway-vm 1",
		`digest ${digestOf(emulatedVm)}`,
		"instance-id gw-1-abc",
		"image-source https://images.example.org/debian-12.qcow2",
		`image-sha256 ${emulatedVm.image.sha256}`,
		"disk-gib 8",
		"bridge br0",
		"emulation yes",
		"boot-file /srv/boot/vmlinuz",
		"boot-file /srv/boot/initrd.img",
		"file domain.xml BASE64",
		"file user-data BASE64",
		"file meta-data BASE64",
		"file network-config BASE64",
		"end",
		"",
	]);
});
