import * as kubernetes from "@pulumi/kubernetes";
import type { Config } from "./settings/model.ts";

/** The cluster's API for resources. Given the kubeconfig's path where the settings have one, it reads that itself. */
export function clusterProvider({ kubeconfig, context }: Config["cluster"]): kubernetes.Provider {
	const given = kubeconfig.apply((secret) => (typeof secret === "string" ? secret : secret.file));
	return new kubernetes.Provider("cluster", { kubeconfig: given, context });
}
