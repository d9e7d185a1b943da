/*
 * Where the scripts keep things on other machines. The scripts are sent alone, so that each names its paths itself; host/contracts.test.ts
 * compares them.
 */

/** The script for servers, as a deployment installs it. */
export const INSTALLED = "/usr/local/sbin/pod-gateway-host";

/** Its state on a server. */
export const STATE = "/var/lib/pod-gateway";

/** The script as it is brought to a server, before its version: in root's case. */
export const UPLOADED = "/usr/local/lib/pod-gateway-host";

/** The same for another user, in their home. */
export const UPLOADED_BY_USER = ".pod-gateway-host";
