import { describe, expect, test } from "vitest";
import { TIME_LIMITS } from "../src/drivers/libvirt/hypervisor.ts";
import { TIMEOUT } from "../src/node/prepare.ts";
import { hostScript } from "../src/remote/hostScript.ts";

/** The limits that the script sets itself, in seconds, each with what it takes to end what does not want to. */
function limits(script: string, from = "", to = "\0"): readonly number[] {
	const { text } = hostScript(script);
	const begin = text.indexOf(from);
	const end = text.indexOf(to, begin + from.length);
	const part = text.slice(begin, end < 0 ? undefined : end).replace(/^\s*#.*$/gm, "");
	const value = (word: string) =>
		Number(/^\d+$/.test(word) ? word : new RegExp(`^${word.slice(1)}=(\\d+)`, "m").exec(text)?.[1]);
	return [...part.matchAll(/timeout (?:-k (\S+) )?(\$?\w+) |flock -w (\S+) /g)].map(
		([, kill = "0", limit, lock]) => value(kill) + value(limit ?? lock ?? "0"),
	);
}
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe("what a script may take by its own limits is less than what it is given: so it is the script that says what was slow", () => {
	test("preparing a machine, with apt's lock waited for", () => {
		const own = limits("prepare-node.sh");
		expect(own.length).toBeGreaterThan(8);
		expect(sum(own) + 40 * 3).toBeLessThan(300 + TIMEOUT);
	});

	test("looking at a machine, and joining it", () => {
		expect(sum(limits("join-node.sh", "kubelet_version()", "\njoin()")) + 270).toBeLessThan(300 + 30);
		expect(sum(limits("join-node.sh", "\njoin()"))).toBeLessThan(300 + 270);
	});

	test("resetting it, with the containers that ctr ends", () => {
		expect(sum(limits("reset-node.sh")) + 60).toBeLessThan(300 + 500);
	});

	test("a VM: three questions to libvirt for its state, and at most three more until something is done", () => {
		const question = 22;
		const act = 130;
		const lock = 900;
		expect(limits("libvirt-vm.sh", "in_virsh()", "--quiet")).toEqual([act]);
		expect(limits("libvirt-vm.sh", "ask_virsh()", "--quiet")).toEqual([question]);
		expect(3 * question).toBeLessThan(TIME_LIMITS.state);
		expect(3 * question).toBeLessThan(TIME_LIMITS.console);
		expect(lock + 3 * question).toBeLessThan(TIME_LIMITS.ready);
		expect(lock + 3 * question + act).toBeLessThan(TIME_LIMITS.start);
		expect(lock + 7 * question + 2 * act).toBeLessThan(TIME_LIMITS.delete);
		expect(lock + 6 * question + 4 * act + 1800).toBeLessThan(TIME_LIMITS.create);
	});
});
