/** The lab's hosts for all other code: boot, stop, look inside. */
export { bootHost } from "./boot.ts";
export { copyIn, type ExecOptions, type ExecResult, exec, inOperator, writeFile } from "./exec.ts";
export { hostDir, isUp, powerOff, stopHost } from "./hostProcess.ts";
export type { HostSpec } from "./hostSpec.ts";
