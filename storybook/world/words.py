"""Every way to say what the world can show: kind -> canonical value -> wordings, the plain one first."""

from __future__ import annotations

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "creature": {
        "bear": ("bear", "teddy bear", "bear cub"),
        "cat": ("cat", "kitten", "kitty"),
        "dog": ("dog", "puppy", "doggy"),
        "rabbit": ("rabbit", "bunny", "hare"),
        "fox": ("fox", "fox cub"),
        "penguin": ("penguin",),
        "mouse": ("mouse", "field mouse"),
        "duck": ("duck", "duckling"),
    },
    "colour": {
        "red": ("red", "scarlet", "crimson"),
        "orange": ("orange", "amber"),
        "yellow": ("yellow", "golden"),
        "green": ("green", "leaf-green"),
        "blue": ("blue", "azure"),
        "purple": ("purple", "violet"),
        "pink": ("pink", "rosy"),
        "brown": ("brown", "chestnut"),
        "white": ("white", "snow-white"),
        "grey": ("grey", "gray", "silver"),
    },
    "accessory": {
        "scarf": ("scarf", "shawl"),
        "hat": ("hat", "cap"),
        "belly patch": ("belly patch", "patch on its belly", "tummy patch"),
        "stripes": ("stripes", "bands"),
    },
    "action": {
        "walking": ("walking", "strolling", "going for a walk", "wandering"),
        "running": ("running", "racing", "dashing", "hurrying"),
        "jumping": ("jumping", "hopping", "leaping", "bouncing"),
        "sitting": ("sitting", "sitting down", "resting on the ground"),
        "sleeping": ("sleeping", "napping", "fast asleep", "dozing"),
        "waving": ("waving", "waving hello", "waving a hand", "saying goodbye"),
        "dancing": ("dancing", "twirling", "dancing happily"),
        "swimming": ("swimming", "paddling", "splashing in the water"),
        "standing": ("standing", "looking around", "standing still", "waiting"),
    },
    "scene": {
        "forest": ("in the forest", "in the woods", "among the trees"),
        "beach": ("on the beach", "at the seaside", "by the sea"),
        "snow": ("in the snow", "on a snowy field", "in a snowy land"),
        "city": ("in the city", "in a town", "on the street"),
        "meadow": ("in a meadow", "in a field of flowers", "on the grass"),
        "lake": ("at the lake", "by a lake", "at the pond"),
        "bedroom": ("in the bedroom", "in a cosy room", "at home"),
        "mountains": ("in the mountains", "below the mountain peaks", "among the mountains"),
    },
    "time_of_day": {
        "day": ("by day", "in the daytime", "during the day", "in the morning"),
        "dusk": ("at dusk", "at sunset", "in the evening"),
        "night": ("at night", "under the moon", "in the dark of night"),
    },
    "weather": {
        "clear": ("in clear weather", "under a clear sky"),
        "rain": ("in the rain", "while it rains", "in rainy weather"),
        "snowfall": ("while snow falls", "as snowflakes fall", "while it is snowing"),
        "fog": ("in the fog", "in the mist", "in foggy weather"),
    },
    "camera": {
        "fixed": ("fixed camera", "static shot"),
        "pan_left": ("the camera pans left", "panning left"),
        "pan_right": ("the camera pans right", "panning right"),
        "approach": ("the camera comes closer", "slowly zooming in"),
    },
}

VERBS = {  # as captions say it -> the verb's stem
    "walking": "walk", "strolling": "stroll", "going": "go", "wandering": "wander",
    "running": "run", "racing": "race", "dashing": "dash", "hurrying": "hurry",
    "jumping": "jump", "hopping": "hop", "leaping": "leap", "bouncing": "bounce",
    "sitting": "sit", "resting": "rest", "sleeping": "sleep", "napping": "nap", "dozing": "doze",
    "waving": "wave", "saying": "say", "dancing": "dance", "twirling": "twirl",
    "swimming": "swim", "paddling": "paddle", "splashing": "splash",
    "standing": "stand", "looking": "look", "waiting": "wait",
}


def present(doing: str, *, plural: bool = False) -> str:
    """"waving a hand" as one does it: "waves a hand", in the plural "wave a hand"; "fast asleep" gets its "is"."""
    first, _, rest = doing.partition(" ")
    if first not in VERBS:
        return f"{'are' if plural else 'is'} {doing}"
    stem = VERBS[first]
    if not plural:
        stem = f"{stem[:-1]}ies" if stem == "hurry" else f"{stem}es" if stem.endswith(("sh", "go")) else f"{stem}s"
    return f"{stem} {rest}".strip()
