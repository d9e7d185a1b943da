/**
 * Makes and removes a gateway's virtual machine: `create`, `ensure` and `delete`, each with a request
 * (src/drivers/libvirt/request.ts) as JSON on standard input, and `host-key`. `pulumi up` runs it, and a person can. Progress
 * and warnings go to standard error.
 */
import { Command } from "commander";
import { createVm, ensureVm } from "../src/drivers/libvirt/create.ts";
import { removeVm } from "../src/drivers/libvirt/remove.ts";
import { vmRequest } from "../src/drivers/libvirt/request.ts";
import { report } from "../src/messages/report.ts";
import { makeHostKeyPair } from "../src/remote/hostKeyPair.ts";
import { main } from "./main.ts";
import { readRequest } from "./readRequest.ts";

const request = () => readRequest(vmRequest);

const program = new Command("gateway-vm").description("A gateway's virtual machine on a hypervisor with libvirt.");
program
	.command("create")
	.description("make the VM anew and print its instance id; a request is on standard input")
	.action(async () => {
		process.stdout.write(`${await createVm(await request(), report)}\n`);
	});
program
	.command("ensure")
	.description("make the VM unless it exists as defined, and print its instance id; a request is on standard input")
	.action(async () => {
		process.stdout.write(`${await ensureVm(await request(), report)}\n`);
	});
program
	.command("delete")
	.description("remove the VM; only warn if the hypervisor does not answer; a request is on standard input")
	.action(async () => {
		// Pulumi's command provider sets this variable to the output of `create`.
		await removeVm(await request(), process.env["PULUMI_COMMAND_STDOUT"], report);
	});
program
	.command("host-key")
	.description("print a new SSH host key as JSON: privateKey and publicKey")
	.action(() => {
		process.stdout.write(`${JSON.stringify(makeHostKeyPair())}\n`);
	});

main(program);
