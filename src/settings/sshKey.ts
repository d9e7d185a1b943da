import ssh2 from "ssh2";
import { failure, type Result, success } from "../core/values/result.ts";

/** Reads a private key for SSH, OpenSSH's form or PEM, that asks for no passphrase. No problem repeats a part of it. */
export function parseSshKey(text: string): Result<string> {
	const parsed = ssh2.utils.parseKey(text);
	if (parsed instanceof Error) {
		return /passphrase/.test(parsed.message)
			? failure(
					"asks for a passphrase; give the key to an agent (ssh-add) and set agent: true, or take the passphrase off",
				)
			: failure(`is not a private key for SSH (${parsed.message})`);
	}
	const isPrivate = [parsed].flat().every((key) => key.isPrivateKey());
	return isPrivate ? success(text) : failure("is a public key; name the private one, without .pub");
}
