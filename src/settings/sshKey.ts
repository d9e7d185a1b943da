import ssh2 from "ssh2";
import { failure, type Result, success } from "../core/values/result.ts";

/** Reads a private key for SSH, in OpenSSH's form or PEM, without a passphrase. Problems never repeat a part of the key. */
export function parseSshKey(text: string): Result<string> {
	const parsed = ssh2.utils.parseKey(text);
	if (parsed instanceof Error) {
		return /passphrase/.test(parsed.message)
			? failure("has a passphrase; give the key to an agent (ssh-add) and set agent: true, or remove the passphrase")
			: failure(`is not a private key for SSH (${parsed.message})`);
	}
	const isPrivate = [parsed].flat().every((key) => key.isPrivateKey());
	return isPrivate ? success(text) : failure("is a public key; name the private one, without .pub");
}
