import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { SecretText } from "../core/values/secretText.ts";

/** The Kubernetes provider for resources. If the settings give the kubeconfig's path, the provider reads the file itself. */
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
