import { expect, test } from "vitest";
import { address, emulatedVm, exampleVm } from "../../../../tests/fixtures/vm.ts";
import type { VmDefinition } from "./definition.ts";
import { describeVm, digestOf } from "./describe.ts";

test("a VM as lines", () => {
	expect(describeVm(exampleVm)).toMatchInlineSnapshot(`
		[
		  "name gw-1",
		  "image /var/lib/libvirt/images/debian-12.qcow2 sha256:0123456789ab…",
		  "cpus 2",
		  "memory 2048 MiB",
		  "disk 8 GiB",
		  "bridge br0",
		  "mac 52:54:00:10:20:30",
		  "address 10.200.0.20/24 router 10.200.0.1",
		  "nameserver 10.200.0.1",
		  "boot from disk",
		  "processor by KVM",
		]
	`);
	expect(describeVm(emulatedVm)).toMatchInlineSnapshot(`
		[
		  "name gw-1",
		  "image https://images.example.org/debian-12.qcow2 sha256:fedcba987654…",
		  "cpus 2",
		  "memory 2048 MiB",
		  "disk 8 GiB",
		  "bridge br0",
		  "mac 52:54:00:10:20:30",
		  "address 10.200.0.20/24 router 10.200.0.1",
		  "address fd00:200::20/64 router fd00:200::1",
		  "nameserver 10.200.0.1",
		  "nameserver fd00:200::1",
		  "boot kernel /srv/boot/vmlinuz",
		  "boot initrd /srv/boot/initrd.img",
		  "boot command line root=LABEL=root rw console=ttyS0",
		  "processor emulated",
		]
	`);
	expect(describeVm({ ...exampleVm, network: { dhcp: true } })).toContain("address by DHCP");
});

test("every change changes the digest", () => {
	const network = exampleVm.network.dhcp ? undefined : exampleVm.network;
	if (!network) throw new Error("the example has a static address");
	const others: Partial<VmDefinition>[] = [
		{ name: "gw-2" },
		{ image: { ...exampleVm.image, source: "/other" } },
		{ image: { ...exampleVm.image, sha256: exampleVm.image.sha256.replace(/f$/, "0") } },
		{ cpus: 4 },
		{ memory: 4096 },
		{ disk: 9 },
		{ bridge: "br1" },
		{ mac: "52:54:00:10:20:31" },
		{ network: { dhcp: true } },
		{ network: { ...network, nameservers: [] } },
		{ network: { ...network, addresses: [{ address: address("10.200.0.21"), prefixLength: 24 }] } },
		{ boot: emulatedVm.boot },
		{ emulation: true },
	];
	const digests = [{}, ...others].map((other) => digestOf({ ...exampleVm, ...other }));
	expect(new Set(digests).size).toBe(others.length + 1);
	for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
});
