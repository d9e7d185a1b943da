/** The only key that a host may show: its type, which is also the only one that the client offers, and its bytes. */
export interface HostKey {
	readonly type: string;
	readonly blob: Buffer;
}

/**
 * Reads the line of a public key (`ssh-ed25519 AAAA… comment`), with or without options before it.
 * @throws Error when the line does not have a key, or when the key's bytes have another type than the line says.
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
