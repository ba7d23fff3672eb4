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


WORDS_2: dict[str, dict[str, tuple[str, ...]]] = {  # of the second world
    **WORDS,
    "creature": {
        **WORDS["creature"],
        "girl": ("girl", "young girl", "schoolgirl"),
        "boy": ("boy", "young boy", "schoolboy"),
        "woman": ("woman", "lady", "mother"),
        "man": ("man", "gentleman", "father"),
        "old woman": ("old woman", "grandmother", "granny", "elderly woman"),
        "old man": ("old man", "grandfather", "grandpa", "elderly man"),
        "santa": ("Father Christmas", "Santa Claus", "Santa"),
        "wolf": ("wolf", "wolf cub"),
        "pig": ("pig", "piglet"),
        "bird": ("bird", "songbird"),
        "lion": ("lion",),
        "frog": ("frog", "toad"),
        "horse": ("horse", "foal"),
        "cow": ("cow", "calf"),
        "tortoise": ("tortoise", "turtle"),
        "dragon": ("dragon",),
        "robot": ("robot", "toy robot"),
    },
    "accessory": {
        **WORDS["accessory"],
        "crown": ("crown", "royal crown"),
        "cape": ("cape", "cloak"),
        "bow": ("bow", "ribbon bow"),
    },
    "action": {
        **WORDS["action"],
        "talking": ("talking", "speaking", "chatting", "telling a story"),
        "pointing": ("pointing", "pointing at something", "showing the way"),
        "laughing": ("laughing", "giggling", "laughing out loud"),
        "crying": ("crying", "weeping", "sobbing"),
        "drinking": ("drinking", "drinking from a glass", "having a drink", "sipping a drink"),
        "eating": ("eating", "eating an apple", "having a snack", "munching"),
        "reading": ("reading", "reading a book", "looking at a book"),
        "carrying": ("carrying a box", "carrying a parcel", "bringing a present"),
        "pushing": ("pushing a box", "pushing a crate", "shoving a heavy box"),
        "hugging": ("hugging", "embracing", "cuddling"),
        "playing": ("playing with a ball", "throwing a ball", "playing ball", "catching a ball"),
        "cycling": ("riding a bicycle", "cycling", "riding a bike"),
        "riding": ("riding a horse", "on horseback", "trotting on a pony"),
        "carting": ("riding in a cart", "rolling along in a cart", "riding in a wagon"),
        "falling": ("falling", "tumbling down", "falling down"),
        "flying": ("flying", "soaring through the air", "gliding through the air"),
        "climbing": ("climbing", "climbing a ladder", "climbing up"),
    },
    "scene": {
        **WORDS["scene"],
        "garden": ("in the garden", "in a flower garden", "in the park"),
        "castle": ("before a castle", "in front of the castle", "outside the castle"),
        "road": ("on the road", "along a country road", "on the way"),
        "farm": ("on the farm", "in the farmyard", "by the barn"),
        "winter forest": ("past a snowy forest", "in a snowy forest", "in the winter woods"),
        "sea": ("in a boat at sea", "on the sea in a boat", "out at sea"),
        "palace": ("in a golden palace", "in the corridor of a palace", "in the castle hall"),
        "cave": ("in a cave", "in a dark cave", "in a cavern"),
        "kitchen": ("in the kitchen", "at the kitchen stove"),
        "classroom": ("in the classroom", "at school", "by the blackboard"),
        "shop": ("in the shop", "at the market stall", "in a store"),
        "flower room": ("in a room with flowers and a window", "in the living room",
                        "in a room full of flowers"),
    },
    "time_of_day": {**WORDS["time_of_day"], "dawn": ("at dawn", "at sunrise", "at daybreak")},
    "weather": {**WORDS["weather"], "snowstorm": ("in a snowstorm", "in a blizzard", "in driving snow")},
}
WORDS_2["time_of_day"]["day"] = ("by day", "in the daytime", "during the day")

CLOTHES: dict[str, tuple[str, ...]] = {
    "girl": ("dress", "frock"), "boy": ("jumper", "shirt", "sweater"), "woman": ("dress", "gown"),
    "man": ("shirt", "pullover"),
    "old woman": ("dress", "gown"), "old man": ("pullover", "cardigan", "shirt"),
}
HAIR_STYLES: dict[str, str] = {
    "short": "short", "spiky": "spiky", "bob": "shoulder-length", "long": "long", "ponytail": "a ponytail of",
    "pigtails": "pigtails of",
    "curly": "curly", "afro": "big round", "bun": "a bun of", "balding": "thin",
}

VERBS_2 = {
    **VERBS,
    "talking": "talk", "speaking": "speak", "chatting": "chat", "telling": "tell", "pointing": "point",
    "showing": "show",
    "laughing": "laugh", "giggling": "giggle", "crying": "cry", "weeping": "weep", "sobbing": "sob",
    "drinking": "drink",
    "having": "have", "sipping": "sip", "eating": "eat", "munching": "munch", "reading": "read",
    "carrying": "carry",
    "bringing": "bring", "pushing": "push", "shoving": "shove", "hugging": "hug", "embracing": "embrace",
    "cuddling": "cuddle",
    "playing": "play", "throwing": "throw", "catching": "catch", "riding": "ride", "cycling": "cycle",
    "trotting": "trot",
    "rolling": "roll", "falling": "fall", "tumbling": "tumble", "flying": "fly", "soaring": "soar",
    "gliding": "glide",
    "climbing": "climb",
}


def present(doing: str, *, plural: bool = False) -> str:
    """"waving a hand" as one does it: "waves a hand", in the plural "wave a hand".

    "fast asleep" gets its "is".
    """
    first, _, rest = doing.partition(" ")
    if first not in VERBS_2:
        return f"{'are' if plural else 'is'} {doing}"
    stem = VERBS_2[first]
    if not plural:
        stem = _third_person(stem)
    return f"{stem} {rest}".strip()


def _third_person(stem: str) -> str:
    if stem == "have":
        return "has"
    if stem.endswith("y") and stem[-2] not in "aeo":
        return f"{stem[:-1]}ies"
    return f"{stem}es" if stem.endswith(("sh", "ch", "go")) else f"{stem}s"
