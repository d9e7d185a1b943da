import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { SecretText } from "../core/values/secretText.ts";

/** The cluster's API for resources. Given the kubeconfig's path where the settings have one, it reads that itself. */
export function clusterProvider({
	kubeconfig,
	context,
}: {
	readonly kubeconfig: pulumi.Output<SecretText>;
	readonly context?: string | undefined;
}): kubernetes.Provider {
	const given = kubeconfig.apply((secret) => (typeof secret === "string" ? secret : secret.file));
	return new kubernetes.Provider("cluster", { kubeconfig: given, context });
}
