import ssh2 from "ssh2";
import { type HostKeyPair, parseHostKey } from "../core/values/hostKey.ts";
import { failure, type Result, success } from "../core/values/result.ts";

/**
 * Makes an ed25519 key pair in the formats of ssh-keygen, the public key without a comment.
 *
 * ssh2 1.17 drops leading zeros of a public key (lib/keygen.js), which breaks one pair of 256. A broken pair is replaced by
 * another one.
 */
export function makeHostKeyPair(): HostKeyPair {
	for (;;) {
		const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519");
		const own = publicKeyOf(privateKey);
		if (own.ok && own.value === publicKey && parseHostKey(publicKey).ok) return { privateKey, publicKey };
	}
}

/**
 * The public half of a private key, as a line of authorized_keys without a comment.
 *
 * @param privateKey in OpenSSH's format or an older PEM format. Problems never repeat a part of it.
 */
export function publicKeyOf(privateKey: string): Result<string> {
	const key = ssh2.utils.parseKey(privateKey);
	if (key instanceof Error) {
		return /encrypted/i.test(key.message)
			? failure("the private key has a passphrase; remove it (ssh-keygen -p -N '' -f FILE)")
			: failure("the text is not a private key in OpenSSH's or PEM format (ssh-keygen -t ed25519 makes one)");
	}
	const one = Array.isArray(key) ? key[0] : key;
	return one?.isPrivateKey()
		? success(`${one.type} ${one.getPublicSSH().toString("base64")}`)
		: failure("the text is a public key; give the private one");
}
