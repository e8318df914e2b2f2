"""The smallest plugin in Python: one listed step with one Redis command, and its way back."""

from wit_world import exports
from wit_world.exports import upgrade
from wit_world.imports import redis_effects, types


def _text(word):
    return [types.Piece_Text(word)]


def _version(text, number):
    return upgrade.Version(text=text, order=[number], floating=False, digest=None)


def _step(name, **other):
    step = {
        "id": name,
        "title": f"Python: {name}",
        "why": "to show that the contract is not Rust's",
        "effects": [name],
        "drive": upgrade.Drive_Listed(),
        "reverses": [],
        "undo": upgrade.Undo_Nothing(),
        "gates": [],
        "needs": [],
        "rounds": 1,
        "loss": None,
        "soak": None,
        "expected": 1000,
        "outage": [],
        "if_left": None,
        "limit": 60000,
        "extra": [],
    }
    return upgrade.Step(**{**step, **other})


class Upgrade(exports.Upgrade):
    """The plugin."""

    def describe(self):
        request = upgrade.Request(
            capability="redis", name="redis", access="command", paths=[], why="writes one key"
        )
        return upgrade.Description(
            name="py",
            version="0.1.0",
            components=["py"],
            requests=[request],
            rules=[],
            after=[],
            extra=[],
        )

    def plan(self, target):
        how = ([], types.Times_Once(), types.Proof_Repeatable())
        redis_effects.command("set", "redis", [_text("SET"), _text("lockstep:py"), _text("1")], *how)
        redis_effects.command("del", "redis", [_text("DEL"), _text("lockstep:py")], *how)
        return upgrade.Draft(
            current=_version("1", 1),
            desired=_version(target.desired or "2", 2),
            findings=[],
            steps=[_step("set", undo=upgrade.Undo_Steps(["del"]))],
            undo=[_step("del", reverses=[("del", "set")])],
            watches=[],
            uncovered=[],
            parameters=[],
            extra=[],
        )

    def observe(self, call, memo):
        return upgrade.Observation_Ready([])

    def apply(self, call):
        return []

    def check(self, call, memo):
        return upgrade.Progress_Done([])

    def probe(self, watch, call):
        return upgrade.Sample(verdict=upgrade.Verdict_Pass(), evidence="fine", figure=None, extra=[])
