import { describe, expect, it } from "vitest";
import { logOf } from "../protocol/log.ts";
import { secret, unknown } from "../protocol/values.ts";
import { commandProvider as provider } from "./provider.ts";

const resource = (type: string) => ({ urn: "urn", type, name: "it", log: logOf("urn") });
const local = resource("command:local:Command");
const remote = resource("command:remote:Command");

describe("the command provider", () => {
	it("replaces only for triggers", async () => {
		const olds = { create: "a", triggers: [1], connection: secret({ host: "x" }) };
		const replaced = async (news: object) => (await provider.diff(remote, olds, {}, { ...olds, ...news })).replaces;
		expect(await replaced({ triggers: [2] })).toEqual(["triggers[0]"]);
		expect(await replaced({ create: "b", connection: secret({ host: "y" }) })).toEqual([]);
	});

	it("refuses a remote command without a connection, and unknown inputs", async () => {
		const { failures } = await provider.check(remote, {}, { create: "a", stdn: "b", __defaults: [] });
		expect(failures.map((failure) => failure.property)).toEqual(["connection", "stdn"]);
	});

	it("does not run commands in a preview, and marks outputs as unknown", async () => {
		const { state } = await provider.create(local, { create: "exit 1" }, true);
		expect(state).toEqual({ create: "exit 1", stdout: unknown, stderr: unknown });
		expect(await provider.update(local, "id", {}, { create: "exit 1" }, true)).toMatchObject({ stdout: unknown });
	});

	it("keeps a secret input secret in the state, and runs with its value", async () => {
		const inputs = { create: "cat; echo oops >&2", stdin: secret("s3\n") };
		const { id, state } = await provider.create(local, inputs, false);
		expect(id).toMatch(/^it[0-9a-f]{8}$/);
		expect(state).toEqual({ ...inputs, stdout: "s3", stderr: "oops" });
	});

	it("updates by `update`, otherwise by `create`, with the previous output in the environment unless that is off", async () => {
		const olds = { stdout: "before", stderr: "" };
		const create = 'printf %s "c:$PULUMI_COMMAND_STDOUT"';
		const stdout = async (news: object) =>
			(await provider.update(local, "id", olds, { create, ...news }, false))["stdout"];
		expect(await stdout({})).toBe("c:before");
		expect(await stdout({ update: "echo u" })).toBe("u");
		expect(await stdout({ addPreviousOutputInEnv: false })).toBe("c:");
	});

	it("fails with the status, the command and everything it printed", async () => {
		const run = provider.create(local, { create: "echo out; echo err >&2; exit 3" }, false);
		await expect(run).rejects.toThrow('exit status 3: running "echo out; echo err >&2; exit 3":\n');
	});
});
