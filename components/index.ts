export { ClusterFacts, type ClusterFactsArgs } from "./clusterFacts.ts";
export { GatewayMachine, type GatewayMachineArgs } from "./gatewayMachine.ts";
export { GatewayNode, type GatewayNodeArgs } from "./gatewayNode.ts";
export { PhysicalServer, type PhysicalServerArgs } from "./physicalServer.ts";
export { RouteSurvey, type RouteSurveyArgs } from "./routeSurvey.ts";
export { planServers, type ServerPlansArgs } from "./serverPlans.ts";
