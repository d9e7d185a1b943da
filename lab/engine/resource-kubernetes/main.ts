import { serveProvider } from "../protocol/serveProvider.ts";
import { kubernetesProvider } from "./provider.ts";

serveProvider(kubernetesProvider());
