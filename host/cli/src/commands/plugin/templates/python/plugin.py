"""Upgrades the service `PLUGIN_NAME`: pins what runs, sets the new image by its digest, deploys it, and sees that it is up."""

import re

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import upgrade
from wit_world.imports import railway, railway_effects, types

SERVICE = "PLUGIN_NAME"
NAMED = types.ServiceRef_Named(SERVICE)


def request(access, why):
    return upgrade.Request(capability="railway", name=SERVICE, access=access, paths=[], why=why)


def permanent(code, message):
    """What an exported function raises is its failure."""
    return Err(types.Failure_Permanent(types.Problem(code=code, message=message, extra=[])))


def refusal(name, title, remedy):
    return upgrade.Finding(
        id=name,
        severity=upgrade.Severity_Refusal(),
        title=title,
        evidence=[],
        remedy=remedy,
        source=None,
        mended_by=[],
    )


def step(name, title, why, effects, **more):
    usual = {
        "drive": upgrade.Drive_Listed(),
        "reverses": [],
        "undo": upgrade.Undo_Nothing(),
        "loss": None,
        "gates": [],
        "needs": [],
        "rounds": 1,
        "soak": None,
        "expected": 1000,
        "outage": [],
        "if_left": None,
        "limit": 600000,
        "extra": [],
    }
    return upgrade.Step(id=name, title=title, why=why, effects=effects, **{**usual, **more})


def version(text, digest):
    """A version sorts by the numbers in its tag; a tag without one moves."""
    order = [int(number) for number in re.findall(r"\d+", text)]
    return upgrade.Version(text=text, order=order, floating=not order, digest=digest)


def parts(reference):
    """Takes `repository:tag@digest` apart; a colon before the last slash belongs to a port."""
    name, _, digest = reference.partition("@")
    path, _, tag = name.rpartition(":")
    if not path or "/" in tag:
        path, tag = name, "latest"
    return path, tag, digest or None


def configured():
    found = [service for service in railway.services() if service.name == SERVICE and service.image]
    if not found:
        raise permanent("plugin:service", f"there is no `{SERVICE}` with an image here")
    return found[0].image


class Upgrade(exports.Upgrade):
    """The plugin."""

    def describe(self):
        return upgrade.Description(
            name=SERVICE,
            version="0.1.0",
            components=[SERVICE],
            requests=[
                request("read", "looks at the service, what runs of it, and images"),
                request("set-image", "sets the image, pinned to a digest"),
                request("deploy", "starts it"),
            ],
            rules=[],
            after=[],
            extra=[],
        )

    def plan(self, target):
        repository, tag, pinned = parts(configured())
        is_up = railway.DeploymentStatus_Success
        up = [one for one in railway.deployments(NAMED, 10) if isinstance(one.status, is_up)]
        runs = up[0].digest if up else None
        current = version(tag, runs)
        findings = []
        if target.desired is None:
            findings.append(refusal("version", "no version is named", f"name one: {SERVICE}@VERSION"))
        wanted = target.desired or tag
        found = railway.published(f"{repository}:{wanted}")
        digest = found.digest if found else None
        desired = version(wanted, digest)
        if desired.order and desired.order < current.order:
            title = f"{wanted} is older than {tag}, which runs"
            findings.append(refusal("older", title, "name a newer one"))
        if digest is None:
            title = f"{wanted} of `{SERVICE}` is not there to pull"
            findings.append(refusal("image", title, "look which tags its registry has"))
        before = f"{repository}:{tag}@{runs}"
        back = railway.published(before) if runs else None
        if back is None or back.digest != runs:
            title = f"what `{SERVICE}` runs is not there to pull"
            findings.append(refusal("pin", title, "without it there is no way back"))
        steps = []
        if digest != runs and not findings:
            if pinned != runs:
                railway_effects.set_image("pin", NAMED, before)
                why = "a tag that moved would start another version at the next deploy"
                left = "nothing: no service is deployed"
                title = "Pin the image to the digest that runs"
                steps.append(step("pin", title, why, ["pin"], if_left=left))
            railway_effects.set_image("image", NAMED, f"{repository}:{wanted}@{digest}")
            railway_effects.deploy("deploy", NAMED, railway_effects.DeploySource_Configured())
            steps.append(
                step(
                    "upgrade",
                    f"Start {wanted} of `{SERVICE}`",
                    "it is the version that is wanted",
                    ["image", "deploy"],
                    undo=upgrade.Undo_Restore(),
                    outage=[upgrade.Outage(service=SERVICE, kind=upgrade.OutageKind_All(), length=0)],
                    if_left="the new version is up, or on its way by itself",
                )
            )
        parameters = [("before", before)] + ([("digest", digest)] if digest else [])
        return upgrade.Draft(
            current=current,
            desired=desired,
            findings=findings,
            steps=steps,
            undo=[],
            watches=[],
            uncovered=[],
            parameters=parameters,
            extra=[],
        )

    def observe(self, call, memo):
        return upgrade.Observation_Ready([])

    def apply(self, call):
        raise permanent("plugin:step", f"the host performs `{call.step}`")

    def check(self, call, memo):
        parameters = dict(call.parameters)
        if call.step == "pin":
            image = configured()
            if image == parameters["before"]:
                return upgrade.Progress_Done([])
            return upgrade.Progress_Failed(f"`{SERVICE}` is set to {image}")
        if call.step != "upgrade":
            raise permanent("plugin:step", f"there is no step `{call.step}`")
        made = railway.deployment_of("deploy")
        if made is None or isinstance(made.status, railway.DeploymentStatus_InProgress):
            note = f"the deployment of `{SERVICE}` is on its way"
            return upgrade.Progress_Pending(
                upgrade.Pending(after=1000, note=note, done=None, total=None, memo=[])
            )
        if not isinstance(made.status, railway.DeploymentStatus_Success):
            return upgrade.Progress_Failed(f"the deployment of `{SERVICE}` did not come up")
        if made.digest not in (None, parameters.get("digest")):
            return upgrade.Progress_Failed(f"`{SERVICE}` runs {made.digest}")
        return upgrade.Progress_Done([])

    def probe(self, watch, call):
        raise permanent("plugin:watch", f"there is no watch `{watch}`")
