import { serveProvider } from "../protocol/serveProvider.ts";
import { commandProvider } from "./provider.ts";

serveProvider(commandProvider);
