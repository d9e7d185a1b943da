/*
 * The paths of the scripts on other machines. Each script is sent alone and names its paths itself; host/contracts.test.ts
 * compares them with these.
 */

/** The installed script for servers. */
export const INSTALLED = "/usr/local/sbin/pod-gateway-host";

/** The script's state on a server. */
export const STATE = "/var/lib/pod-gateway";

/** The uploaded script if the user is root. Its version is appended. */
export const UPLOADED = "/usr/local/lib/pod-gateway-host";

/** The uploaded script of another user, below the user's home. Its version is appended. */
export const UPLOADED_BY_USER = ".pod-gateway-host";
