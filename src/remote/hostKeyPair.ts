import ssh2 from "ssh2";
import { type HostKeyPair, parseHostKey } from "../core/values/hostKey.ts";
import { failure, type Result, success } from "../core/values/result.ts";

/**
 * Makes an ed25519 key pair. Both texts are as ssh-keygen writes them, the public one without a comment.
 *
 * ssh2 1.17 drops the leading zeros of a public key (lib/keygen.js), so that one pair of 256 is none: another one is made then.
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
 * @param privateKey in OpenSSH's format or the older PEM ones; no part of it is in a problem's text.
 */
export function publicKeyOf(privateKey: string): Result<string> {
	const key = ssh2.utils.parseKey(privateKey);
	if (key instanceof Error) {
		return /encrypted/i.test(key.message)
			? failure("the private key is protected by a passphrase; give one without (ssh-keygen -p -N '' -f FILE)")
			: failure("this is not a private key in OpenSSH's or PEM format (ssh-keygen -t ed25519 makes one)");
	}
	const one = Array.isArray(key) ? key[0] : key;
	return one?.isPrivateKey()
		? success(`${one.type} ${one.getPublicSSH().toString("base64")}`)
		: failure("this is a public key; the private one is needed");
}
