"""The beats of a story as shots: a query to look for footage, and a prompt in the words that the profile's model knows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from storyanim.artifacts import CastMember, Role, Shot, ShotEntity, ShotEvent, Story
from storyanim.config import PlanSettings
from storyanim.planning.beats import read_narrative
from storyanim.planning.casting import Part, actor_of, assign_parts, kind_of, list_roles
from storyanim.planning.entities import deed_of, order_from_left, write_entities, write_events
from storyanim.planning.forms import read_manuscript
from storyanim.planning.inflection import lemma_of_noun
from storyanim.planning.looks import listed
from storyanim.planning.narrative import Beat, Event, Looks, Narrative, Person, Setting
from storyanim.planning.prompt import split_prompt, write_prompt
from storyanim.planning.query import is_time, write_entity_query, write_query
from storyanim.planning.shorten import duration_of
from storyanim.planning.staging import Stage, Staging, goes_along, unique
from storyanim.planning.vocabulary import Actor, Found, Picture, Vocabulary
from storyanim.planning.words import words as lexicon

_POSES = ("sit", "sleep", "swim", "lie")              # that go on until somebody does something else


@dataclass(frozen=True)
class Wording:
    """The words of one shot."""

    query: str
    prompt: str
    people: tuple[Person, ...] = ()                  # whom it shows
    doers: tuple[Person, ...] = ()                   # who act in the story, shown or not
    unsupported_words: tuple[str, ...] = ()
    figures: int = 1                                 # how many the prompt shows
    entities: tuple[ShotEntity, ...] = ()            # who do different things, from the left
    events: tuple[ShotEvent, ...] = ()               # what one does in a row

    @property
    def characters(self) -> tuple[str, ...]:
        """Names of the user's characters in it."""
        return tuple(dict.fromkeys(p.member.name for p in self.people if p.member))


def write_shots(
    narrative: Narrative, vocabulary: Vocabulary | None, settings: PlanSettings, story: Story, cast: Sequence[CastMember]
) -> tuple[list[Shot], tuple[Role, ...]]:
    """Return the shots of a story, one a beat, and who plays in them.

    Args:
        narrative: the story as it is understood.
        vocabulary: what the profile's model can draw; None: any words.
        settings: length of shots, style, how roles are cast.
        story: whose title and text the narrative is of.
        cast: the user's characters; one that would be in no shot is shown where it is only spoken of.

    Raises StoryError when `settings.cast` is "strict" and somebody cannot be drawn.
    """
    parts = assign_parts(narrative, vocabulary, settings.cast, settings.stand_ins) if vocabulary else {}
    worded = word_beats(narrative, vocabulary, parts, settings.style)
    if {m.name for m in cast} - {name for w in worded for name in w.characters}:
        worded = word_beats(narrative, vocabulary, parts, settings.style, crowd=True)
    shots, shown = [], dict[int, list[str]]()
    for number, (beat, words) in enumerate(zip(narrative.beats, worded, strict=True), 1):
        shot = _shot(f"s{number:02d}", story.text[beat.start:beat.end], beat, words, story.title, settings)
        for person in unique([*words.people, *words.doers]):
            shown.setdefault(id(person), []).append(shot.id)
        shots.append(shot)
    return shots, list_roles(narrative, shown, parts, vocabulary)


def _shot(name: str, text: str, beat: Beat, words: Wording, title: str, settings: PlanSettings) -> Shot:
    return Shot(id=name, text=text, query=words.query, prompt=words.prompt, characters=words.characters, figures=words.figures,
                setting=beat.setting.words(), duration_s=duration_of(text, settings), seed=shot_seed(title, text),
                unsupported_words=words.unsupported_words, entities=words.entities, events=words.events)


def shot_seed(title: str, text: str) -> int:
    """Return a shot's seed from its own words, wherever it stands: an edit elsewhere does not touch it."""
    words = " ".join(text.split())
    return int.from_bytes(hashlib.sha256(f"{title}\0{words}".encode()).digest()[:4], "big")


def word_beats(
    narrative: Narrative, vocabulary: Vocabulary | None, parts: Mapping[int, Part], style: str = "", *, crowd: bool = False
) -> list[Wording]:
    """Return the words of each beat.

    Args:
        narrative: the story.
        vocabulary: what can be drawn; None: any words.
        parts: who is drawn as what, of `assign_parts`.
        style: put after prompts of any words.
        crowd: the user's characters are shown where they are only spoken of, too.
    """
    stage, worded = Stage(), []
    writer = _Writer(vocabulary, parts) if vocabulary else None
    for beat in narrative.beats:
        staging = stage.set(beat)
        if crowd:
            members = [p for p in staging.others if p.member]
            staging = replace(staging, partners=(*staging.partners, *members),
                              others=tuple(p for p in staging.others if p not in members))
        if writer:
            worded.append(writer.word(staging, beat))
        else:
            prompt = write_prompt(staging, beat, style)
            entities, events = split_prompt(staging, beat, style, write_entity_query)
            people = [p for p in _people(staging) if p.member is None or p.member.token in prompt]
            worded.append(Wording(write_query(staging, beat.setting), prompt, unique(people), staging.doers,
                                  figures=max(1, len(people)), entities=entities, events=events))
    return worded


def word_sentence(
    text: str, where: str, members: Sequence[CastMember], vocabulary: Vocabulary, parts: Mapping[str, Part]
) -> Wording:
    """Return one picture that a plain sentence tells in the vocabulary's words.

    Args:
        text: "A girl in a red coat runs through a forest at night".
        where: place, time and weather that the sentence may leave out.
        members: the user's characters that are in it.
        vocabulary: what can be drawn.
        parts: name or noun in small letters → how it is drawn in the whole film.
    """
    told = read_narrative(read_manuscript(text), members)
    mains = [beat.main for beat in told.beats if beat.main]
    events = tuple(event for beat in told.beats for event in beat.events)
    setting = _filled(told.beats[-1].setting, where, vocabulary)
    main = next((e for e in mains if e.kind == "event"), mains[0] if mains else None)
    beat = Beat(0, len(text), events, main, setting, told.beats[-1].looks)
    given = assign_parts(told, vocabulary, "auto", {})
    for person in told.people:
        known = (parts[word.lower()] for word in (*person.names, kind_of(person)) if word.lower() in parts)
        if part := next(known, None):
            given[id(person)] = part
    return word_beats(replace(told, beats=(beat,)), vocabulary, given, crowd=True)[0]


def _filled(setting: Setting, where: str, vocabulary: Vocabulary) -> Setting:
    """A setting with what it leaves open from a few words: "forest, night, rain"."""
    known = {kind: vocabulary.find(kind, where) for kind in ("scene", "time_of_day", "weather")}
    place, time, weather = (known[kind].value if known[kind] else "" for kind in known)  # type: ignore[union-attr]
    return Setting(setting.place or place, setting.preposition, setting.time_of_day or time,          # type: ignore[arg-type]
                   setting.weather or weather, setting.indoors)                                       # type: ignore[arg-type]


def _people(staging: Staging) -> tuple[Person, ...]:
    apart = [person for person, _ in staging.meanwhile]
    return (*staging.doers, *staging.partners, *apart, *staging.others) if staging.doers or staging.partners else staging.people


# ── with a vocabulary ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Writer:
    """Puts beats into the words that the model knows."""

    vocabulary: Vocabulary
    parts: Mapping[int, Part]
    doing: dict[int, str] = field(default_factory=dict)          # id of a person → its action in the shot before
    last: tuple[Person, ...] = ()                    # who was drawn in the shot before
    place: str = ""                                  # where that was

    def word(self, staging: Staging, beat: Beat) -> Wording:
        """Return the beat's words."""
        drawn = self._drawn(staging, beat)
        action, is_said = self._action(staging, drawn)
        actors, people = [], []
        for person in drawn:
            does = self._action_of(person, staging, drawn, action)
            actors.append(self._actor(person, beat.looks.get(id(person), person.looks), does))
            people.append(person)
            self.doing[id(person)] = does
        if len(actors) == 1 < self.vocabulary.max_actors and drawn[0].plural and not drawn[0].member:
            actors *= 2                              # "three ducklings": more than one, at least
        self.last = drawn or self.last
        setting = beat.setting
        scene = self._scene(setting)
        indoors = next(iter(self.vocabulary.indoors), "") if setting.indoors else ""
        picture = Picture(tuple(actors), scene.value if scene else indoors, self._value("time_of_day", setting.time_of_day),
                          "" if setting.indoors else self._value("weather", setting.weather), self._camera(beat))
        plain = tuple(Actor(self._plain(p), action=a.action) for p, a in zip(people * len(actors), actors, strict=False))
        prompt = self.vocabulary.say(picture)
        deeds = [self.vocabulary.kinds["action"][a.action].words for a in actors if a.action]         # who reads has a book
        said = frozenset(re.findall(r"\w+", " ".join([prompt, *(word for words in deeds for word in words)])))
        lacking = tuple(word for word in self._unsupported_words(staging, beat, drawn, scene, is_said) if word not in said)
        return Wording(self.vocabulary.say(Picture(plain, picture.scene)), prompt, tuple(people), staging.doers,
                       lacking, max(1, len(actors)), self._entities(people, picture, beat), self._events(picture, beat))

    def _action_of(self, person: Person, staging: Staging, drawn: Sequence[Person], action: str) -> str:
        """What somebody does where the first who is drawn does `action`."""
        if own := deed_of(person, staging):
            found = self._verbs(own)
            return found[0].value if found else self._like(own) or self.vocabulary.default_action
        along = staging.event is not None and goes_along(staging.event, person)
        if person in staging.doers or person is drawn[0] or along:
            return action
        before = self.doing.get(id(person), "")      # who was told to sleep sleeps on, whoever comes
        return before if before in {self._value("action", verb) for verb in _POSES} else self.vocabulary.default_action

    def _entities(self, people: Sequence[Person], picture: Picture, beat: Beat) -> tuple[ShotEntity, ...]:
        """An entity for each figure of a picture in which they do different things."""
        if len(people) != len(picture.actors):
            return ()
        actors = {id(person): actor for person, actor in zip(people, picture.actors, strict=True)}
        ordered = order_from_left(people, beat)
        return write_entities(ordered, beat, [actors[id(p)].action for p in ordered], lambda action: self._say_all(
            replace(picture, actors=tuple(actors[id(p)] for p in ordered)), action), lambda person, action: self.vocabulary.say(
            Picture((Actor(self._plain(person), action=action),), picture.scene)))

    def _events(self, picture: Picture, beat: Beat) -> tuple[ShotEvent, ...]:
        """What all of a picture do in a row."""
        verbs = [self._verbs(step) for step in beat.steps]
        return write_events([found[0].value for found in verbs if found], lambda action: self._say_all(picture, action))

    def _say_all(self, picture: Picture, action: str) -> str:
        return self.vocabulary.say(replace(picture, actors=tuple(replace(a, action=action) for a in picture.actors)))

    def _drawn(self, staging: Staging, beat: Beat) -> tuple[Person, ...]:
        """Who fits into the picture: who act, then who are with them, and whom the clause speaks of where there is room."""
        apart = [person for person, _ in staging.meanwhile]
        together = unique([p for p in (*staging.doers, *staging.partners, *apart) if self._can(p)])
        most = max(self.vocabulary.max_actors, min(len(together), self.vocabulary.max_together))
        if len(together) > most:                     # the user's characters are who the film is about
            together = tuple(sorted(together, key=lambda p: (p.member is None, p in staging.partners)))
        wanted = unique([*together, *(p for p in staging.others if self._can(p))])
        if not wanted and staging.event is not None and staging.event.kind != "heading" and beat.setting.place == self.place:
            wanted = self.last                       # "the step creaked": those are still there who were
        self.place = beat.setting.place
        return wanted[:most]

    def _can(self, person: Person) -> bool:
        return person.member is not None or id(person) in self.parts

    def _actor(self, person: Person, looks: Looks, action: str) -> Actor:
        if person.member:
            return Actor(f"{person.member.token} {person.member.noun}", action=action)
        return actor_of(person, self.parts[id(person)], looks, self.vocabulary, action)

    def _plain(self, person: Person) -> str:
        return person.member.noun if person.member else self.parts[id(person)].creature

    def _action(self, staging: Staging, drawn: Sequence[Person]) -> tuple[str, bool]:
        """The action of the first who is drawn, and whether the verb really says it."""
        rest = self.vocabulary.default_action
        acts = bool(drawn) and drawn[0] in (*staging.doers, *staging.partners)
        if staging.deed is None or not acts:
            before = self.doing.get(id(drawn[0]), rest) if drawn else rest
            watches = staging.deed is not None and bool(drawn) and drawn[0] in self.last
            goes_on = watches or before in {self._value("action", verb) for verb in _POSES}
            return (before if goes_on else rest), staging.deed is None
        found = self._verbs(staging.deed)
        if not found and staging.event is not staging.deed and staging.event is not None:
            found = self._verbs(staging.event)
        if not found:
            return self._like(staging.deed) or rest, False
        best = min(found, key=lambda f: (not f.exact, f.value == rest, f.start))
        return best.value, best.exact

    def _verbs(self, deed: Event) -> list[Found]:
        """What the verb of a clause, or one beside it, means in the vocabulary."""
        speech = deed.tokens.doc.user_data.get("speech", ())
        tokens = [t for t in deed.tokens if t.i not in speech]
        main = [i for i, t in enumerate(tokens) if t.lemma_ == deed.verb and t.pos_ in {"VERB", "AUX"}][:1]
        found = [f for i in main if (f := self.vocabulary.at("action", tokens, i))]
        for verb in () if found else (deed.verb, *(["talk"] if deed.kind == "speech" else [])):
            found = found or [f for f in [self._find("action", verb)] if f]
        return found

    def _like(self, deed: Event) -> str:
        """The action for a verb that nobody knows: who plods up a hill goes, who darns a sock makes something."""
        moves = deed.verb in lexicon("motion") or deed.particle in listed("directions") or any(
            p.preposition in listed("directions") for p in deed.modifiers)
        cries = deed.verb in lexicon("voice")
        return self._value("action", "make" if deed.objects else "go" if moves else "talk" if cries else "")

    def _camera(self, beat: Beat) -> str:
        """What a script says of the camera: "as the camera pans left"."""
        found = (f for event in beat.events for f in self.vocabulary.scan("camera", list(event.tokens)))
        return next((f.value for f in found), "")

    def _scene(self, setting: Setting) -> Found | None:
        """The scene of a setting: who waits outside a house is not in it, and snow that lies is one."""
        if setting.snow_lies and not setting.indoors and (snow := self._find("scene", "snow")):
            return snow
        whole = (self._find("scene", f"{setting.place} with {thing}") for thing in setting.has)      # "a room with flowers"
        found = next((f for f in whole if f and f.exact and f.start == 0), None) or self._find("scene", setting.place)
        found = (found if found and found.exact else None) or self._find("scene", setting.around) or found
        outside = not setting.indoors and setting.preposition in {"outside", "behind", "near", "beside", "by", "in front of", "outside of"}
        return None if found and outside and found.value in self.vocabulary.indoors else found

    def _find(self, kind: str, text: str) -> Found | None:
        return self.vocabulary.find(kind, text) if text else None     # type: ignore[arg-type]

    def _value(self, kind: str, text: str) -> str:
        found = self._find(kind, text)
        return found.value if found else ""

    # ── what cannot be drawn ──

    def _unsupported_words(
        self, staging: Staging, beat: Beat, drawn: Sequence[Person], scene: Found | None, is_said: bool
    ) -> tuple[str, ...]:
        """Nouns, characters and the action that the prompt cannot say."""
        words: list[str] = []
        for event in beat.events:
            for phrase in (*event.subjects, *event.objects, *event.modifiers):
                words += [self._word_of(p) for p in phrase.people if not self._is_shown(p, drawn)]
                if not phrase.people and not is_time(phrase) and not self._says_thing(phrase.head, phrase.text, beat, scene):
                    words.append(phrase.head)
        if scene is not None and not scene.exact:
            words.append(beat.setting.place.rpartition(" ")[2])
        if staging.deed is not None and staging.deed.kind == "event" and staging.deed.verb and not is_said:
            words.append(staging.deed.verb)
        return tuple(dict.fromkeys(word for word in words if len(word) > 2))

    def _is_shown(self, person: Person, drawn: Sequence[Person]) -> bool:
        return person in drawn and (person.member is not None or self.parts[id(person)].exact)

    @staticmethod
    def _word_of(person: Person) -> str:
        return person.names[0] if person.noun == "person" and person.names else kind_of(person)

    def _says_thing(self, head: str, text: str, beat: Beat, shown: Found | None) -> bool:
        """Tell whether the prompt says a thing as place, time, weather or accessory, or it is none to draw."""
        place = self.vocabulary.find("scene", head)
        where = beat.setting.place.rpartition(" ")[2]
        if place and place.exact and (head in {where, lemma_of_noun(where)} or (shown and place.value == shown.value)):
            return True                              # a bed is of the bedroom
        known = any(self._find(kind, text) for kind in ("accessory", "time_of_day", "weather"))
        return known or head == "camera" or not head.isalpha()
