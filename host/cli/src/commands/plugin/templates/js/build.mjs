// Builds plugin.js beside the contract into a component. Arguments: the plugin, the contract's folder, the output.
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [plugin, witPath, output] = process.argv.slice(2);
// Without this the component would import wasi:http, which Lockstep gives to no plugin.
const disableFeatures = ["http", "fetch-event"];
const { component } = await componentize(await readFile(plugin, "utf8"), {
  sourceName: "plugin.js",
  witPath,
  worldName: "upgrader",
  disableFeatures,
});
await writeFile(output, component);
