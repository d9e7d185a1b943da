import { generateKeyPairSync } from "node:crypto";
import ssh2 from "ssh2";
import { describe, expect, test, vi } from "vitest";
import { makeHostKeyPair, publicKeyOf } from "./hostKeyPair.ts";

test("a new pair is in OpenSSH's formats, and its halves belong together", () => {
	const { privateKey, publicKey } = makeHostKeyPair();
	expect(privateKey).toMatch(
		/^-----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+\n-----END OPENSSH PRIVATE KEY-----\n$/,
	);
	expect(publicKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5[A-Za-z0-9+/]+$/);
	expect(publicKeyOf(privateKey)).toEqual({ ok: true, value: publicKey });
	expect(makeHostKeyPair().publicKey).not.toBe(publicKey);
});

test("a pair whose public half lacks its leading zero is replaced by another one", () => {
	const short = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAH8F50aLVLju23qmqilmB6Cam7EnqGhGM20tpARm6n94=";
	const generate = vi.spyOn(ssh2.utils, "generateKeyPairSync");
	generate.mockReturnValueOnce({ private: makeHostKeyPair().privateKey, public: short });
	generate.mockClear();
	expect(makeHostKeyPair().publicKey).not.toBe(short);
	expect(generate).toHaveBeenCalledTimes(2);
	generate.mockRestore();
});

describe("the public half of a private key", () => {
	test("of an older PEM key", () => {
		const { privateKey } = generateKeyPairSync("rsa", {
			modulusLength: 2048,
			privateKeyEncoding: { type: "pkcs1", format: "pem" },
			publicKeyEncoding: { type: "pkcs1", format: "pem" },
		});
		expect(publicKeyOf(privateKey)).toMatchObject({ ok: true, value: expect.stringMatching(/^ssh-rsa AAAA/) });
	});

	test.each([
		[
			"an encrypted key",
			ssh2.utils.generateKeyPairSync("ed25519", { passphrase: "secret", cipher: "aes256-cbc", rounds: 1 }).private,
			"has a passphrase",
		],
		["a public one", makeHostKeyPair().publicKey, "is a public key"],
		["another text", "hello", "not a private key"],
	])("%s is a problem that does not quote it", (_, text, problem) => {
		const result = publicKeyOf(text);
		expect(result).toEqual({ ok: false, problems: [expect.stringContaining(problem)] });
		expect(JSON.stringify(result)).not.toContain(text.slice(0, 40));
	});
});
