import { expect, test } from "vitest";
import { COMPONENTS, commandName, commandOf } from "./resources.ts";

const urn = (parent: string, type: string, name: string) => `urn:pulumi:prod::pod-gateway::${parent}$${type}::${name}`;

test("owner and role are read back from a name, also if the server's name ends like a role", () => {
	for (const owner of ["db-1", "my-network", "a-node"]) {
		for (const [parent, role] of [
			[COMPONENTS.physicalServer, "network"],
			[COMPONENTS.physicalServer, "restore"],
			[COMPONENTS.gatewayNode, "node"],
		] as const) {
			const read = commandOf(urn(parent, "command:local:Command", commandName(owner, role)));
			expect(read).toEqual({ owner, role });
		}
	}
});

test.each([
	["another type", urn(COMPONENTS.physicalServer, "command:remote:CopyToRemote", "db-1-network")],
	["another component", urn(COMPONENTS.gatewayMachine, "command:local:Command", "gw-1-network")],
	["another role", urn(COMPONENTS.gatewayNode, "command:local:Command", "gw-1-restore")],
	["a text that is not a URN", "db-1-network"],
])("%s is not a command of this program", (_, text) => {
	expect(commandOf(text)).toBeUndefined();
});
