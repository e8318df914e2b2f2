// Upgrades the service `PLUGIN_NAME`: pins what runs, sets the new image by its digest, deploys it, and sees that it is up.
import { deploymentOf, deployments, published, services } from "lockstep:plugin/railway@0.1.0";
import { deploy, setImage } from "lockstep:plugin/railway-effects@0.1.0";

const SERVICE = "PLUGIN_NAME";
const named = { tag: "named", val: SERVICE };

const request = (access, why) => ({ capability: "railway", name: SERVICE, access, paths: [], why });

// What an exported function throws is its failure.
const permanent = (code, message) => ({ tag: "permanent", val: { code, message, extra: [] } });

const refusal = (id, title, remedy) => ({
  id,
  severity: { tag: "refusal" },
  title,
  evidence: [],
  remedy,
  source: undefined,
  mendedBy: [],
});

const step = (id, title, why, effects, more) => ({
  id,
  title,
  why,
  effects,
  drive: { tag: "listed" },
  reverses: [],
  undo: { tag: "nothing" },
  loss: undefined,
  gates: [],
  needs: [],
  rounds: 1,
  soak: undefined,
  expected: 1000n,
  outage: [],
  ifLeft: undefined,
  limit: 600000n,
  extra: [],
  ...more,
});

// A version sorts by the numbers in its tag; a tag without one moves.
const version = (text, digest) => {
  const order = (text.match(/\d+/g) ?? []).map(BigInt);
  return { text, order, floating: order.length === 0, digest };
};

const isOlder = (one, other) => {
  for (let index = 0; index < Math.min(one.order.length, other.order.length); index += 1) {
    if (one.order[index] !== other.order[index]) return one.order[index] < other.order[index];
  }
  return false;
};

// Takes `repository:tag@digest` apart; a colon before the last slash belongs to a port.
const image = (reference) => {
  const [name, digest] = reference.split("@");
  const colon = name.lastIndexOf(":");
  const isTag = colon > name.lastIndexOf("/");
  return {
    repository: isTag ? name.slice(0, colon) : name,
    tag: isTag ? name.slice(colon + 1) : "latest",
    digest,
  };
};

export const upgrade = {
  describe: () => ({
    name: SERVICE,
    version: "0.1.0",
    components: [SERVICE],
    requests: [
      request("read", "looks at the service, what runs of it, and images"),
      request("set-image", "sets the image, pinned to a digest"),
      request("deploy", "starts it"),
    ],
    rules: [],
    after: [],
    extra: [],
  }),

  plan: (target) => {
    const service = services().find((one) => one.name === SERVICE);
    if (!service?.image) throw permanent("plugin:service", `there is no \`${SERVICE}\` with an image here`);
    const runs = deployments(named, 10).find((one) => one.status.tag === "success");
    const is = image(service.image);
    const current = version(is.tag, runs?.digest);
    const findings = [];
    if (target.desired === undefined) {
      findings.push(refusal("version", "no version is named", `name one: ${SERVICE}@VERSION`));
    }
    const wanted = target.desired ?? is.tag;
    const found = published(`${is.repository}:${wanted}`);
    const desired = version(wanted, found?.digest);
    if (isOlder(desired, current)) {
      findings.push(refusal("older", `${wanted} is older than ${is.tag}, which runs`, "name a newer one"));
    }
    if (!found) {
      findings.push(
        refusal("image", `${wanted} of \`${SERVICE}\` is not there to pull`, "look which tags its registry has"),
      );
    }
    const before = `${is.repository}:${is.tag}@${runs?.digest}`;
    if (!runs?.digest || published(before)?.digest !== runs.digest) {
      findings.push(
        refusal("pin", `what \`${SERVICE}\` runs is not there to pull`, "without it there is no way back"),
      );
    }
    const steps = [];
    const isThere = found?.digest === runs?.digest;
    const isRefused = findings.length > 0;
    if (!isThere && !isRefused) {
      if (is.digest !== runs.digest) {
        setImage("pin", named, before);
        const why = "a tag that moved would start another version at the next deploy";
        steps.push(step("pin", "Pin the image to the digest that runs", why, ["pin"], {
          ifLeft: "nothing: no service is deployed",
        }));
      }
      setImage("image", named, `${is.repository}:${wanted}@${found.digest}`);
      deploy("deploy", named, { tag: "configured" });
      const title = `Start ${wanted} of \`${SERVICE}\``;
      steps.push(step("upgrade", title, "it is the version that is wanted", ["image", "deploy"], {
        undo: { tag: "restore" },
        outage: [{ service: SERVICE, kind: { tag: "all" }, length: 0n }],
        ifLeft: "the new version is up, or on its way by itself",
      }));
    }
    const parameters = [["before", before]];
    if (found) parameters.push(["digest", found.digest]);
    return { current, desired, findings, steps, undo: [], watches: [], uncovered: [], parameters, extra: [] };
  },

  observe: () => ({ tag: "ready", val: [] }),

  apply: (call) => {
    throw permanent("plugin:step", `the host performs \`${call.step}\``);
  },

  check: (call) => {
    const parameter = (name) => call.parameters.find(([known]) => known === name)?.[1];
    if (call.step === "pin") {
      const set = services().find((one) => one.name === SERVICE)?.image;
      if (set === parameter("before")) return { tag: "done", val: [] };
      return { tag: "failed", val: `\`${SERVICE}\` is set to ${set}` };
    }
    if (call.step !== "upgrade") throw permanent("plugin:step", `there is no step \`${call.step}\``);
    const made = deploymentOf("deploy");
    if (!made || made.status.tag === "in-progress") {
      const note = `the deployment of \`${SERVICE}\` is on its way`;
      return { tag: "pending", val: { after: 1000n, note, done: undefined, total: undefined, memo: [] } };
    }
    if (made.status.tag !== "success") {
      return { tag: "failed", val: `the deployment of \`${SERVICE}\` is ${made.status.tag}` };
    }
    const wanted = parameter("digest");
    if (made.digest !== undefined && made.digest !== wanted) {
      return { tag: "failed", val: `\`${SERVICE}\` runs ${made.digest}, and was to run ${wanted}` };
    }
    return { tag: "done", val: [] };
  },

  probe: (watch) => {
    throw permanent("plugin:watch", `there is no watch \`${watch}\``);
  },
};
