"""What each family of models can do: what `doctor` prints, and what a run checks before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from storyanim.artifacts import Storyboard
from storyanim.config import Settings
from storyanim.errors import UsageError


@dataclass(frozen=True)
class Capabilities:
    """What a family draws with; each a yes or a no."""

    learned_characters: bool                         # TimeInv's table and LoRA
    pictures_of_characters: bool                     # seen as they are
    structure: bool                                  # depth of footage
    structure_end: bool                              # generate.control_guidance_end below 1
    guidance_interval: bool                          # that begins later than the first step
    regions: bool                                    # entities and events, each with a text of its own
    learned_motions: bool
    long_shots: bool                                 # longer than the frames that are drawn at once
    loras: bool                                      # and a checkpoint, embeddings, another VAE of a person's
    styles: bool = True                              # that a prompt may ask for in words: "watercolour"

    def told(self) -> dict[str, str]:
        """Return them for people, as in {"learned characters": "yes"}."""
        return {field.name.replace("_", " "): "yes" if getattr(self, field.name) else "no" for field in fields(self)}


ANIMATEDIFF = Capabilities(
    learned_characters=True, pictures_of_characters=False, structure=True, structure_end=True, guidance_interval=True,
    regions=True, learned_motions=True, long_shots=True, loras=True)
WITH_IP_ADAPTER = Capabilities(**{**vars(ANIMATEDIFF), "pictures_of_characters": True})
WAN_VACE = Capabilities(
    learned_characters=False, pictures_of_characters=True, structure=True, structure_end=True, guidance_interval=False,
    regions=False, learned_motions=False, long_shots=False, loras=False)
COGVIDEOX_FUN = Capabilities(**{**vars(WAN_VACE), "pictures_of_characters": False})


def capabilities_of(settings: Settings) -> Capabilities:
    """Return what the models of the settings can do."""
    if settings.models.family != "animatediff":
        return {"wan_vace": WAN_VACE, "cogvideox_fun": COGVIDEOX_FUN}[settings.models.family]
    found = ANIMATEDIFF if settings.models.ip_adapter is None else WITH_IP_ADAPTER
    return replace(found, styles=settings.vocabulary is None)


def check_settings(settings: Settings) -> None:
    """Raise UsageError for settings that the family of models cannot follow."""
    can, models = capabilities_of(settings), settings.models
    brought = [name for name in ("base", "loras", "embeddings", "vae", "ip_adapter") if getattr(models, name)]
    asked = [
        (can.learned_characters or not settings.personalize.num_steps, "learns no characters",
         "set personalize.num_steps to 0"),
        (can.pictures_of_characters or bool(settings.personalize.num_steps) or not can.learned_characters,
         "sees no pictures of characters",
         "let them be learned, or name an ip_adapter in the profile's [models]"),
        (can.learned_motions or not settings.motion.files, "takes no learned motions", "leave --motion out"),
        (can.guidance_interval or not settings.generate.guidance_interval[0], "is guided from the first step on",
         "let generate.guidance_interval begin at 0"),
        (can.loras or not brought, f"takes no {', '.join(brought)}", "leave it out of the profile's [models]"),
    ]
    for fine, what, hint in asked:
        if not fine:
            raise UsageError(f"the family {models.family} {what}", hint=hint)
    if settings.plan.style:
        check_style(settings)


def check_style(settings: Settings) -> None:
    """Raise UsageError when the models draw in no style but the one that they were trained on."""
    if not capabilities_of(settings).styles:
        raise UsageError(f"the profile {settings.profile} draws in no style but its own",
                         hint="leave the style out, or take a profile that draws from any words, like sd15")


def check_characters(characters: Sequence[object], settings: Settings) -> None:
    """Raise UsageError for characters that the family neither learns nor sees."""
    can = capabilities_of(settings)
    if characters and not (can.learned_characters or can.pictures_of_characters):
        raise UsageError(f"the family {settings.models.family} knows characters by words alone",
                         hint="leave --character out, or choose another profile")


def shots_beyond(board: Storyboard, settings: Settings) -> list[str]:
    """Return the ids of shots whose entities and events the family cannot keep apart."""
    if capabilities_of(settings).regions:
        return []
    return [shot.id for shot in board.shots if len(shot.entities) > 1 or shot.events]
