// Pulumi loads a policy pack with require(), and would compile TypeScript in its own way.
require("tsx/cjs");
require("./pack.ts");
