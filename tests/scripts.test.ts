import { execa } from "execa";
import { expect, inject, test } from "vitest";

test.skipIf(inject("noLab") !== undefined)("shellcheck finds nothing in any script", async () => {
	// The parts of the script for servers are checked together: one part uses what another one sets.
	const { stdout } = await execa("git", ["ls-files", "*.sh", ":!host/server/"]);
	const scripts = stdout.split("\n");
	expect(scripts).toContain("host/server-network.sh");
	const { exitCode, stdout: findings } = await execa("shellcheck", scripts, { reject: false });
	expect(exitCode, findings).toBe(0);
});
