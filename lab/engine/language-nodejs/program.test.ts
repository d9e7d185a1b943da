import languageMessages from "@pulumi/pulumi/proto/language_pb.js";
import { expect, it } from "vitest";
import { runnerArgs } from "./program.ts";

it("gives the runner the arguments of the official language host, without empty ones", () => {
	const info = new languageMessages.ProgramInfo();
	info.setRootDirectory("/p");
	info.setProgramDirectory("/p");
	info.setEntryPoint("index.ts");
	const request = new languageMessages.RunRequest();
	request.setInfo(info);
	request.setMonitorAddress("127.0.0.1:1");
	request.setProject("pod-gateway");
	request.setStack("lab");
	request.setParallel(16);
	request.setDryrun(true);
	expect(runnerArgs(request, "127.0.0.1:2").join(" ")).toBe(
		"--monitor 127.0.0.1:1 --engine 127.0.0.1:2 --project pod-gateway --root-directory /p --stack lab --pwd /p " +
			"--parallel 16 --dry-run index.ts",
	);
});
