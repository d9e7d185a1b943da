import { createHash, X509Certificate } from "node:crypto";
import { z } from "zod";
import { printable } from "../values/printable.ts";
import { parseYaml } from "../values/read.ts";
import { failure, type Result, success } from "../values/result.ts";

/** How a joining node finds the cluster and verifies it. */
export interface ClusterInfo {
	/** The API server's URL. Example: `https://10.200.0.10:6443`. */
	readonly apiServer: string;
	/** The cluster's certificate authorities, PEM. */
	readonly caCertificate: string;
	/** One per certificate in `caCertificate`, for kubeadm's `caCertHashes`. */
	readonly caCertHashes: readonly string[];
}

const kubeconfig = z.object({
	clusters: z.tuple([
		z.object({ cluster: z.object({ server: z.string(), "certificate-authority-data": z.base64() }) }),
	]),
});

/** Reads the key `kubeconfig` of the ConfigMap `cluster-info` in `kube-public`, as kubeadm's discovery does. */
export function parseClusterInfo(yaml: string): Result<ClusterInfo> {
	const parsed = kubeconfig.safeParse(parseYaml(yaml));
	if (!parsed.success) return failure(`cluster-info does not hold a kubeconfig with one cluster: ${printable(yaml)}`);
	const { server, "certificate-authority-data": data } = parsed.data.clusters[0].cluster;
	if (!/^https:\/\/[!-~]+$/.test(server) || !URL.canParse(server)) {
		return failure(`cluster-info: the API server's URL ${printable(server)} is not an https:// URL`);
	}
	const caCertificate = Buffer.from(data, "base64").toString("utf8");
	try {
		const caCertHashes = certificates(caCertificate).map(caCertHash);
		return caCertHashes.length > 0
			? success({ apiServer: server, caCertificate, caCertHashes })
			: failure("cluster-info: certificate-authority-data does not hold a certificate");
	} catch {
		return failure("cluster-info: certificate-authority-data is not a certificate");
	}
}

/**
 * The hash of a certificate's public key in the form of kubeadm's `--discovery-token-ca-cert-hash`: SHA-256 of the subject public
 * key info (RFC 7469).
 *
 * @throws Error if the PEM text is not a certificate.
 */
export function caCertHash(pem: string): string {
	const publicKey = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
	return `sha256:${createHash("sha256").update(publicKey).digest("hex")}`;
}

function certificates(pem: string): readonly string[] {
	return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
