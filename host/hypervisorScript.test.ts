import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderInput } from "../src/drivers/libvirt/hypervisor.ts";
import { HostSandbox } from "../tests/fixtures/host.ts";
import { emulatedVm, exampleVm } from "../tests/fixtures/vm.ts";
import { exampleRequest } from "../tests/fixtures/vmRequest.ts";

let host: HostSandbox;
let directory: string;

beforeEach(() => {
	host = new HostSandbox();
	directory = join(host.root, "var/lib/libvirt/images");
	mkdirSync(directory, { recursive: true });
	host.write("/image.qcow2", "an image");
	for (const tool of ["qemu-img", "genisoimage"]) host.command(tool, `echo ${tool} 7.2`);
	host.command("ip", "echo 3: br0");
	// No domain is there yet.
	host.command("virsh", 'case "$*" in *domcapabilities*) echo "<domainCapabilities>" ;; esac');
});
afterEach(() => host.remove());

const definition = () => ({ ...exampleVm, image: { ...exampleVm.image, source: join(host.root, "image.qcow2") } });
const create = (vm = definition()) =>
	host.run(
		"libvirt-vm.sh",
		["--directory", directory, "create", "gw-1"],
		renderInput({ ...exampleRequest, directory, definition: vm }, "gw-1-abc"),
	);

describe("the script tries the hypervisor's tools before it makes anything, and shows their own words", () => {
	test.each<[string, () => void, RegExp]>([
		[
			"a qemu-img that lacks a library",
			() =>
				host.command("qemu-img", "echo 'qemu-img: error while loading shared libraries: libaio.so.1' >&2; exit 127"),
			/qemu-img is here and does not run \(qemu-img: error while loading .* libaio\.so\.1\); install it anew/,
		],
		[
			"a genisoimage that is another program",
			() => host.command("genisoimage", "echo 'unknown option' >&2; exit 1"),
			/genisoimage is here and does not run \(unknown option\)/,
		],
		[
			// The words of libvirt 9.
			"a /dev/kvm that libvirt cannot use",
			() => {
				host.command(
					"virsh",
					`case "$*" in *domcapabilities*) echo "error: failed to get emulator capabilities
error: invalid argument: the accel 'kvm' is not supported by '/usr/bin/qemu-system-x86_64' on this host" >&2; exit 1 ;; esac`,
				);
			},
			/cannot run a machine of the type kvm .*\(error: failed .*the accel 'kvm' is not supported by .* on this host\); switch/,
		],
		[
			"an ip that does not run",
			() => host.command("ip", "echo 'Cannot open netlink socket: Operation not permitted' >&2; exit 1"),
			/no bridge br0 on this hypervisor \(Cannot open netlink socket: Operation not permitted\)/,
		],
		[
			"no bridge",
			() => host.command("ip", "exit 0"),
			/no bridge br0 on this hypervisor; see the setting libvirt\.bridge/,
		],
	])("%s", async (_, breakIt, words) => {
		breakIt();
		const { exitCode, stderr } = await create();
		expect(stderr).toMatch(words);
		expect(stderr).toContain("refused, nothing was changed");
		expect(exitCode).toBe(2);
		expect(readdirSync(directory)).toEqual([]);
	});

	test.each([
		["a folder", "", "Is a directory"],
		["nothing", "/missing.qcow2", "No such file or directory"],
	])("an image that is %s", async (_, path, words) => {
		const { exitCode, stderr } = await create({
			...definition(),
			image: { ...exampleVm.image, source: host.root + path },
		});
		expect(stderr).toContain(`cannot be read on this hypervisor (${words}); see the setting libvirt.image`);
		expect(exitCode).toBe(2);
	});

	test("a missing QEMU, for an emulated machine", async () => {
		host.command(
			"virsh",
			'case "$*" in *"--virttype qemu"*) echo "error: unable to find any emulator to serve \'x86_64\' architecture" >&2; exit 1 ;; esac',
		);
		const { exitCode, stderr } = await create({ ...emulatedVm, image: definition().image });
		expect(stderr).toMatch(
			/of the type qemu .*unable to find any emulator.*; install QEMU \(Debian: qemu-system-x86\)/,
		);
		expect(exitCode).toBe(2);
	});
});

test("an image that arrives too slowly is given up, with curl's words, and nothing is left", async () => {
	host.command("df", "echo; echo x 1 1 99999999");
	host.command(
		"curl",
		'echo "$*" >>$root/asked; case "$*" in *--head*) exit 0 ;; esac; echo "curl: (28) Operation timed out" >&2; exit 28',
	);
	const image = { ...exampleVm.image, source: "https://images.example.org/debian-12.qcow2" };
	const { exitCode, stderr } = await create({ ...definition(), image });
	expect(stderr).toContain("curl: (28) Operation timed out\npod-gateway: the image could not be downloaded");
	expect(host.read("/asked")).toContain("--max-time 1800 ");
	expect(exitCode).toBe(1);
	expect(readdirSync(directory)).toEqual([]);
});

describe("a hypervisor without virsh", () => {
	const remove = () => host.run("libvirt-vm.sh", ["--directory", directory, "delete", "gw-1"]);

	beforeEach(() => {
		rmSync(join(host.root, "bin/virsh"));
		host.write("/var/lib/libvirt/images/pod-gateway/gw-1/disk.qcow2", "a disk");
	});

	test("keeps the disk of a machine that still runs", async () => {
		host.write(
			"/proc/4711/cmdline",
			`qemu-system-x86_64\0-blockdev\0{"filename":"${directory}/pod-gateway/gw-1/disk.qcow2"}\0`,
		);
		const { exitCode, stderr } = await remove();
		expect(stderr).toContain("gw-1 still runs");
		expect(exitCode).toBe(1);
		expect(readdirSync(join(directory, "pod-gateway/gw-1"))).toEqual(["disk.qcow2"]);
	});

	test("removes one that does not run", async () => {
		expect((await remove()).exitCode).toBe(0);
		expect(readdirSync(directory)).toEqual([]);
	});
});
