import { describe, expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { parseHostKey } from "./hostKey.ts";

/** Made for these tests; their private halves were thrown away. */
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D";
const ECDSA =
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAF59G1pAglzL3O5tDW7TEwzMkuuUROKoEJa3bZJyLJiO9FdyytcgQB8/TRp9sbzrG+zScCZTFnw4DdtTTS/ltU=";
const ECDSA_521 =
	"ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFYyeS3sT0v6gFnxetkaQsgvl7Pai6NNaFY6QR040HyBHszjNWQ1j54aMSdM46H0UzBVxlk9P50oPbXnXQO/xu8+AGnNAJAr2mTkWTLvHM3U2lk9rZW0mEzNAI8D5lznWefWUAlC/mcmjHUO0ifuYZ16u8l6NCjCpH3PRjYU7dPaI/IHg==";

describe("parseHostKey", () => {
	test.each([ED25519, ECDSA, ECDSA_521])("accepts %s", (key) => {
		expect(must(parseHostKey(key))).toBe(key);
		expect(must(parseHostKey(` ${key} root@gw-1\n`))).toBe(key);
	});

	test.each([
		["ssh-rsa AAAAB3NzaC1yc2E=", /^is of type ssh-rsa, which current servers do not offer; get it with `ssh-keyscan/],
		["", /^is not an ed25519 or ecdsa public key; get it with/],
		["gw-1", /^is not an ed25519 or ecdsa public key/],
		[`gw-1 ${ED25519}`, /^begins with "gw-1"; leave that out: ssh-ed25519 AAAA/],
		["ssh-ed25519", /^says ssh-ed25519, but the text after it is not such a key/],
		[ED25519.slice(0, -4), /^says ssh-ed25519, but/],
		[`${ED25519}AAAA`, /^says ssh-ed25519, but/],
		[ED25519.replace("AAAA", "AA!AA"), /^says ssh-ed25519, but/],
		[ED25519.replace("ssh-ed25519", "ecdsa-sha2-nistp256"), /^says ecdsa-sha2-nistp256, but/],
		[ECDSA.replace("nistp256", "nistp384"), /^says ecdsa-sha2-nistp384, but/],
	])("refuses %s", (text, problem) => {
		expect(parseHostKey(text)).toEqual({ ok: false, problems: [expect.stringMatching(problem)] });
	});
});
