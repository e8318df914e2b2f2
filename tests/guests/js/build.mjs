// Builds guest.js beside the contract into a component. Arguments: the guest, the contract's folder, the output.
//
// It calls componentize-js itself: the command line of jco 1.35 fails under node 20 before it has read the contract.
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [guest, witPath, output] = process.argv.slice(2);
// Without this the component would import wasi:http, which no host of Lockstep's links.
const disableFeatures = ["http", "fetch-event"];
const { component } = await componentize(await readFile(guest, "utf8"), {
  sourceName: "guest.js",
  witPath,
  worldName: "upgrader",
  disableFeatures,
});
await writeFile(output, component);
