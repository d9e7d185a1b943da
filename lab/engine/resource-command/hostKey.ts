/** The one key a host may show: its type, which is also the only one the client offers to accept, and its bytes. */
export interface HostKey {
	readonly type: string;
	readonly blob: Buffer;
}

/**
 * Reads a public key line (`ssh-ed25519 AAAA… comment`), with options before it or not.
 * @throws Error when the line holds no key, or when its bytes are of another type than it says.
 */
export function parseHostKey(line: string): HostKey {
	const words = line.trim().split(/\s+/);
	const at = words.findIndex((word) => /^(ssh|ecdsa|sk)-[\w@.-]+$/.test(word));
	const type = words[at];
	const blob = Buffer.from(words[at + 1] ?? "", "base64");
	if (at < 0 || type === undefined || blob.length < 4) throw new Error("failed to parse host key: ssh: no key found");
	const length = blob.readUInt32BE(0);
	if (blob.subarray(4, 4 + length).toString() !== type) {
		throw new Error("failed to parse host key: ssh: no key found");
	}
	return { type, blob };
}
