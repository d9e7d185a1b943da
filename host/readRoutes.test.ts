import { afterEach, beforeEach, expect, test } from "vitest";
import { HostSandbox } from "../tests/fixtures/host.ts";

let machine: HostSandbox;
beforeEach(() => {
	machine = new HostSandbox();
});
afterEach(() => machine.remove());

/** Makes `ip` print `text4` or `text6`, in which $n is the number of its answers so far. */
function ip(text4: string, text6: string): void {
	machine.command(
		"ip",
		`echo . >>$root/n; n=$(wc -l <$root/n)
case $2 in
-4) cat <<EOF
${text4}
EOF
;;
*) cat <<EOF
${text6}
EOF
;;
esac`,
	);
}

const BLOCK = '[{"dst":"10.244.1.64/26","gateway":"10.200.0.12","dev":"eth0","protocol":"bird","flags":[]}]';

test("routes are at rest while a lifetime counts down and router advertisements change the default route", async () => {
	ip(
		BLOCK,
		// Each answer differs, as those of systemd-networkd do on a network with advertisements.
		`[{"dst":"fd00:1::/64","dev":"eth0","protocol":"kernel","metric":256,"expires":$((1800 - n)),"flags":[],"pref":"medium"},{"dst":"fd00:$n::/64","dev":"eth0","protocol":"ra"},{"dst":"default","gateway":"fe80::$n","dev":"eth0","protocol":"ra","expires":$((1800 - n)),"flags":[]}]`,
	);
	const { exitCode, stdout } = await machine.run("read-routes.sh", ["1"]);
	expect(exitCode).toBe(0);
	expect(stdout).toContain(BLOCK);
	// It prints the whole table.
	expect(stdout).toContain('"dst":"default"');
});

test("routes are not at rest while a block comes and goes", async () => {
	ip(BLOCK.replace("1.64", "$n.64"), "[ ]");
	expect(await machine.run("read-routes.sh", ["1"])).toMatchObject({
		exitCode: 1,
		stderr: expect.stringMatching(/^the routes did not come to rest within 1 s$/m),
	});
});

test.each([
	[
		"takes -j and prints text, as iproute2 4.15 does",
		"default via 10.200.0.1 dev eth0 \n10.244.1.64/26 via 10.200.0.12 dev eth0 proto bird",
	],
	["prints nothing", ""],
])("where ip %s, the old route command is asked", async (_, text) => {
	ip(text, text);
	machine.command("route", "echo table");
	const { exitCode, stdout } = await machine.run("read-routes.sh", ["1"]);
	expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "== route -n\ntable" });
});
