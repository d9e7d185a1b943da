import { execa } from "execa";
import { expect, inject, test } from "vitest";

test.skipIf(inject("noLab") !== undefined)("every script is clean to shellcheck", async () => {
	// Parts of the script for servers are judged where they are put together: one uses what another sets.
	const { stdout } = await execa("git", ["ls-files", "*.sh", ":!host/server/"]);
	const scripts = stdout.split("\n");
	expect(scripts).toContain("host/server-network.sh");
	const { exitCode, stdout: findings } = await execa("shellcheck", scripts, { reject: false });
	expect(exitCode, findings).toBe(0);
});
