"""What TimeInv with a LoRA is compared with: other published ways, and itself without one of its parts (AaS
Table 2, Fig. 6).

All go through one code path, `TimeInvLearner`; a method is no more than the settings in which it differs.
"""

from __future__ import annotations

from typing import Any

from storyanim.config import PersonalizeSettings, Settings
from storyanim.errors import UsageError

# Weights that are learned as they are take a tenth of a LoRA's rate, as in the paper (1e-5 against 1e-4).
_WHOLE = 0.1
_PUBLISHED = {"static_depth": False}
_UNTOLD: dict[str, Any] = {"initializer_words": (), "appearance_phrases": ()}
METHODS: dict[str, dict[str, Any]] = {
    "timeinv_lora": {},
    "textual_inversion": _PUBLISHED | {"table_rows": "one", "lora_rank": 0},                      # arXiv 2208.01618
    "dreambooth": _PUBLISHED | {"table_rows": "none", "weights": "unet"},                         # arXiv 2208.12242
    "custom_diffusion": _PUBLISHED | {"table_rows": "one", "weights": "cross_attention"},         # arXiv 2212.04488
    "no_timeinv": {"table_rows": "one"},
    "no_lora": {"lora_rank": 0},
    "no_static_depth": {"static_depth": False},
    "no_regularisation": {"prior_loss_weight": 0.0},
    "knots": {"table_rows": "knots"},
    "all_timesteps": {"inference_timesteps_only": False},
}
BASELINES = ("timeinv_lora", "textual_inversion", "dreambooth", "custom_diffusion")
# as published: the noun to start from, and what is worn is not said
UNTOLD = tuple(f"untold_{method}" for method in BASELINES)
METHODS |= {untold: METHODS[method] | _UNTOLD for untold, method in zip(UNTOLD, BASELINES, strict=True)}
ABLATIONS = ("no_timeinv", "no_lora", "no_static_depth", "no_regularisation")


def settings_of(method: str, settings: Settings) -> Settings:
    """Return the settings with which a method learns and draws. Raises UsageError for an unknown name."""
    if method not in METHODS:
        raise UsageError(f"there is no method {method!r}", hint=f"known are {', '.join(METHODS)}")
    changes, ours = METHODS[method], settings.personalize
    if changes.get("weights", "lora") != "lora":
        changes = changes | {"lora_learning_rate": ours.lora_learning_rate * _WHOLE}
    wanted = PersonalizeSettings.model_validate(ours.model_dump() | changes)
    return settings.model_copy(update={"personalize": wanted})
