import { exampleAccess, exampleVm } from "../vm/examples.ts";
import type { VmRequest } from "./request.ts";

const ssh = { port: 22, user: "root", connectTimeout: 10, privateKey: "the operator's key" };

/** For tests; the keys are none. */
export const exampleRequest: VmRequest = {
	hypervisor: { ...ssh, host: "10.200.0.5", hostKey: "ssh-ed25519 AAAAhypervisor" },
	directory: "/var/lib/libvirt/images",
	definition: exampleVm,
	access: exampleAccess,
	machine: { ...ssh, host: "10.200.0.20", hostKey: "ssh-ed25519 AAAApublic" },
	bootTimeout: 60,
};
