// Pulumi loads a policy pack by require(), and would compile TypeScript its own way.
require("tsx/cjs");
require("./pack.ts");
