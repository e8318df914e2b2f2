// The smallest plugin in JavaScript: one listed step with one Redis command, and its way back.
import { command } from "lockstep:plugin/redis-effects@0.1.0";

const text = (word) => [{ tag: "text", val: word }];

const step = (id, extra) => ({
  id,
  title: `JavaScript: ${id}`,
  why: "to show that the contract is not Rust's",
  effects: [id],
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
  limit: 60000n,
  extra: [],
  ...extra,
});

const version = (text, number) => ({ text, order: [number], floating: false, digest: undefined });

export const upgrade = {
  describe: () => ({
    name: "js",
    version: "0.1.0",
    components: ["js"],
    requests: [{ capability: "redis", name: "redis", access: "command", paths: [], why: "writes one key" }],
    rules: [],
    after: [],
    extra: [],
  }),
  plan: (target) => {
    const once = { tag: "once" };
    const repeatable = { tag: "repeatable" };
    command("set", "redis", [text("SET"), text("lockstep:js"), text("1")], [], once, repeatable);
    command("del", "redis", [text("DEL"), text("lockstep:js")], [], once, repeatable);
    return {
      current: version("1", 1n),
      desired: version(target.desired ?? "2", 2n),
      findings: [],
      steps: [step("set", { undo: { tag: "steps", val: ["del"] } })],
      undo: [step("del", { reverses: [["del", "set"]] })],
      watches: [],
      uncovered: [],
      parameters: [],
      extra: [],
    };
  },
  observe: () => ({ tag: "ready", val: [] }),
  apply: () => [],
  check: () => ({ tag: "done", val: [] }),
  probe: () => ({ verdict: { tag: "pass" }, evidence: "fine", figure: undefined, extra: [] }),
};
