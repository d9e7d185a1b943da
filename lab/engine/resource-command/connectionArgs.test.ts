import { describe, expect, it } from "vitest";
import { isSecret, secret, unknown } from "../protocol/values.ts";
import { checkConnection, connectionOf } from "./connectionArgs.ts";

describe("a connection", () => {
	it("gets its defaults, as does the bastion, and is secret as a whole", () => {
		const { value, failures } = checkConnection({ host: "h", user: "u", proxy: { host: "b" } });
		expect(failures).toEqual([]);
		expect(isSecret(value)).toBe(true);
		expect(connectionOf(value)).toEqual({
			host: "h",
			user: "u",
			port: 22,
			dialErrorLimit: 10,
			perDialTimeout: 15,
			proxy: { host: "b", user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 },
		});
	});

	it("is refused for an unknown property, without showing its value", () => {
		const { failures } = checkConnection(secret({ host: "h", privatKey: "PRIVATE", proxy: { port: 1 } }));
		expect(failures.map((failure) => failure.property)).toEqual(["connection.privatKey", "connection.proxy.host"]);
		expect(JSON.stringify(failures)).not.toContain("PRIVATE");
	});

	it("may be unknown in a preview", () => {
		expect(checkConnection(secret(unknown)).failures).toEqual([]);
	});
});
