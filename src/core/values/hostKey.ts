import { printable } from "./printable.ts";
import { failure, type Result, success } from "./result.ts";

/** An ed25519 key pair in OpenSSH's formats. */
export interface HostKeyPair {
	readonly privateKey: string;
	/** `ssh-ed25519 AAAA…`, without comment. */
	readonly publicKey: string;
}

/** The accepted key types, and the number of key bytes after the names in a public key of that type (RFC 8709, RFC 5656). */
const KEY_BYTES: Readonly<Record<string, number>> = {
	"ssh-ed25519": 32,
	"ecdsa-sha2-nistp256": 65,
	"ecdsa-sha2-nistp384": 97,
	"ecdsa-sha2-nistp521": 133,
};

const HOW =
	"get it with `ssh-keyscan -t ed25519 HOST`, compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` run on the " +
	"machine's own console, and write the part after the host: ssh-ed25519 AAAA…";

/** The problem of a missing host key. The text follows the setting's name. */
export const HOST_KEY_MISSING = `is required, because pod-gateway does not connect to a machine without a pinned key; ${HOW}`;

/**
 * Reads a public host key as in known_hosts without the host, or as in a `.pub` file, and drops its comment. Refuses RSA: a
 * pinned key pins the algorithm, and servers no longer sign with `ssh-rsa` (SHA-1).
 */
export function parseHostKey(text: string): Result<string> {
	const words = text.trim().split(/\s+/);
	const [type = "", base64 = ""] = words;
	if (type === "ssh-rsa" || type === "ssh-dss") {
		return failure(`is of type ${type}, which current servers do not offer; ${HOW}`);
	}
	const keyBytes = KEY_BYTES[type];
	if (keyBytes === undefined) {
		return words[1] !== undefined && words[1] in KEY_BYTES
			? failure(`begins with ${printable(type)}; leave that out: ${words[1]} ${words[2] ?? "AAAA…"}`)
			: failure(`is not an ed25519 or ecdsa public key; ${HOW}`);
	}
	return Buffer.from(base64, "base64").equals(blob(type, base64, keyBytes))
		? success(`${type} ${base64}`)
		: failure(`says ${type}, but the text after it is not such a key and may have been cut; ${HOW}`);
}

/** The valid encoding of this key: each name and the last `keyBytes` bytes, each after its length. Empty if it is not base64. */
function blob(type: string, base64: string, keyBytes: number): Buffer {
	const names = type === "ssh-ed25519" ? [type] : [type, type.replace("ecdsa-sha2-", "")];
	const decoded = Buffer.from(base64, "base64");
	const key = decoded.subarray(-keyBytes);
	const whole = Buffer.concat([...names.map((name) => Buffer.from(name)), key].map(counted));
	return decoded.toString("base64") === base64 ? whole : Buffer.alloc(0);
}

function counted(bytes: Buffer): Buffer {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(bytes.length);
	return Buffer.concat([length, bytes]);
}
