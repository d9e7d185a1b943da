import { printable } from "../values/printable.ts";
import { failure, type Result, success } from "../values/result.ts";

/** A Kubernetes release, without its patch level. */
export interface KubernetesVersion {
	readonly major: number;
	readonly minor: number;
}

/** How many minor versions a kubelet may be behind its API server. https://kubernetes.io/releases/version-skew-policy/#kubelet */
const KUBELET_BEHIND = 3;

const MAJOR = String.raw`([1-9]\d{0,2})`;
const MINOR = String.raw`(0|[1-9]\d{0,2})`;
/** What may follow a patch level. Examples: `-gke.7`, `-rc.1`, `+k3s1`. */
const SUFFIX = String.raw`[-+][\w.+-]{1,60}`;
const VERSION = new RegExp(String.raw`^v?${MAJOR}\.${MINOR}(?:\.\d{1,5}(?:${SUFFIX})?)?$`);

/** Reads `1.34`, `1.34.4` or `v1.34.4`, and a patch level with a suffix (`v1.34.4-gke.7`, `v1.35.0-rc.1`, `v1.34.4+k3s1`). */
export function parseKubernetesVersion(text: string): Result<KubernetesVersion> {
	const [, major, minor] = VERSION.exec(text) ?? [];
	return major === undefined || minor === undefined
		? failure(`${printable(text)} is not a Kubernetes version such as v1.34.4 or 1.34`)
		: success({ major: Number(major), minor: Number(minor) });
}

/**
 * Checks whether a kubelet may work with an API server: it must not be newer, nor more than three minor versions older.
 *
 * @returns the kubelet's version, or why it is refused, with both versions and what to do.
 */
export function checkSkew(kubelet: string, apiServer: string): Result<KubernetesVersion> {
	const node = parseKubernetesVersion(kubelet);
	const server = parseKubernetesVersion(apiServer);
	if (!node.ok || !server.ok) {
		return failure(
			...(node.ok ? [] : node.problems.map((problem) => `the kubelet's version: ${problem}`)),
			...(server.ok ? [] : server.problems.map((problem) => `the API server's version: ${problem}`)),
		);
	}
	const { major, minor } = server.value;
	const behind = node.value.major === major ? minor - node.value.minor : undefined;
	if (behind !== undefined && behind >= 0 && behind <= KUBELET_BEHIND) return success(node.value);
	const newer = node.value.major > major || (behind !== undefined && behind < 0);
	const rule = newer
		? "must not be newer than its API server"
		: `must not be more than ${KUBELET_BEHIND} minor versions older than its API server`;
	return failure(
		`kubelet ${kubelet} does not fit the API server, which is ${apiServer}: a kubelet ${rule}; set kubernetes.version to "${major}.${minor}" or leave it out, and if kubelet is installed already, install that version`,
	);
}

/** The first minor version whose kubeadm reads kubeadm.k8s.io/v1beta4, which `renderJoinConfiguration` writes. */
const KUBEADM_MINOR = 31;

/** Checks whether this kubeadm can join. @returns its version, or why it is refused. */
export function checkKubeadm(kubeadm: string): Result<KubernetesVersion> {
	const version = parseKubernetesVersion(kubeadm);
	if (!version.ok) return version;
	const { major, minor } = version.value;
	if (major > 1 || minor >= KUBEADM_MINOR) return version;
	return failure(
		`kubeadm ${kubeadm} does not read a JoinConfiguration of kubeadm.k8s.io/v1beta4, which 1.${KUBEADM_MINOR} and later do; ` +
			`if the cluster is 1.${KUBEADM_MINOR} or newer, set kubernetes.version to its version; otherwise update the cluster first`,
	);
}
