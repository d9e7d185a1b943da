import { describe, expect, it } from "vitest";
import { parseHostKey } from "./hostKey.ts";

const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIHwzNDx1vDdKrjrvpYcGvNqOYDKcz4tQTrBwIlHNQ8sH";

describe("parseHostKey", () => {
	it.each([`ssh-ed25519 ${blob}`, `  ssh-ed25519 ${blob} root@gw-1\n`, `no-pty ssh-ed25519 ${blob}`])(
		"reads %j",
		(line) => {
			const key = parseHostKey(line);
			expect(key.type).toBe("ssh-ed25519");
			expect(key.blob.toString("base64")).toBe(blob);
		},
	);

	it.each(["", "ssh-ed25519", blob, `ssh-rsa ${blob}`, "SHA256:abc"])("refuses %j", (line) => {
		expect(() => parseHostKey(line)).toThrow("failed to parse host key");
	});
});
