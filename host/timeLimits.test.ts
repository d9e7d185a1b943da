import { describe, expect, test } from "vitest";
import { TIME_LIMITS } from "../src/drivers/libvirt/hypervisor.ts";
import { TIMEOUT } from "../src/node/prepare.ts";
import { hostScript } from "../src/remote/hostScript.ts";

/** The time limits in the script, in seconds, each with the time that it gives a process to end before it kills it. */
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

describe("a script's own time limits together are shorter than the limit of the program, so that the script says what was slow", () => {
	test("preparing a machine, including the wait for apt's lock", () => {
		const own = limits("prepare-node.sh");
		expect(own.length).toBeGreaterThan(8);
		expect(sum(own) + 40 * 3).toBeLessThan(300 + TIMEOUT);
	});

	test("looking at a machine, and joining it", () => {
		expect(sum(limits("join-node.sh", "kubelet_version()", "\njoin()")) + 270).toBeLessThan(300 + 30);
		expect(sum(limits("join-node.sh", "\njoin()"))).toBeLessThan(300 + 270);
	});

	test("resetting it, including the containers that ctr ends", () => {
		expect(sum(limits("reset-node.sh")) + 60).toBeLessThan(300 + 500);
	});

	test("a VM: three questions to libvirt for its state, and at most three more before it acts", () => {
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
