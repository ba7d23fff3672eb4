"""Which clauses are pictures, and of what."""

from __future__ import annotations

import pytest
from planned import narrative

from storyanim.planning.events import Clause, read_clauses
from storyanim.planning.forms import read_manuscript
from storyanim.planning.parse import parse_sentences


def clauses(text: str) -> list[Clause]:
    return [clause for sentence in parse_sentences(read_manuscript(text)) for clause in read_clauses(sentence)]


def words(text: str) -> list[str]:
    return [clause.tokens.text.strip(" ,.;") for clause in clauses(text)]


class TestKinds:
    @pytest.mark.parametrize("text", [
        "The girl opened the door.", "A dog barked at the moon.", "The wolf was chased by the farmer.", "Tom climbs the hill.",
    ])
    def test_deeds_are_events(self, text: str) -> None:
        assert [(clause.kind, clause.negated) for clause in clauses(text)] == [("event", False)]

    @pytest.mark.parametrize("text", [
        "The girl was tired.", "He wanted a dog.", "Tom knew the way.", "There was a house in the wood.", "She loved her garden.",
        "The sun was shining.", "It was a cold night.", "They wished to see the sea.",
        "The fox grew angry.", "His heart was beating.", "You may see him there.",
    ])
    def test_states_are_none(self, text: str) -> None:
        assert [clause.kind for clause in clauses(text)] == ["state"]

    @pytest.mark.parametrize("text", [
        "“Come in,” said the hen.", "“Ha!” laughed Mia.", "The king told them a story.", "“No,” he whispered, “not yet.”",
    ])
    def test_what_is_said_is_speech(self, text: str) -> None:
        assert {clause.kind for clause in clauses(text)} == {"speech"}

    @pytest.mark.parametrize(("text", "doing"), [
        ("“Stop!” shouted Mia, scrambling out after him.", ["scramble"]),
        ("“Good night,” said the old man, closing the door.", ["close"]),
    ])
    def test_what_is_done_while_speaking_is_kept(self, text: str, doing: list[str]) -> None:
        assert [inner.lemma for inner in clauses(text)[0].while_doing] == doing


class TestVerbs:
    @pytest.mark.parametrize(("text", "verb"), [
        ("The bear began to run.", "run"), ("She started singing.", "sing"), ("They went swimming in the lake.", "swim"),
        ("He kept digging.", "dig"), ("The cat managed to climb the tree.", "climb"), ("Luna took a bath.", "bathe"),
        ("He gave a wave.", "wave"), ("The fox, who had agreed to judge, marked the line.", "mark"),
        ("The boy whom the king had sent opened the box.", "open"), ("When the bell rang, the children ran out.", "run"),
        ("Confident he would win, Benny dashed off.", "dash"), ("Seeing nobody there, she lifted the latch.", "lift"),
        ("She had to cross the bridge.", "cross"), ("The bird was allowed to stay.", "stay"), ("I couldn't stop smiling.", "smile"),
        ("“Run!” cried the girl.", "shout"), ("The girl cried.", "cry"), ("In the second lesson we painted a hill.", "paint"),
        ("Ann saw a boy climb the wall.", "climb"), ("Ann saw a letter lying there.", "see"),
    ])
    def test_the_one_that_is_seen(self, text: str, verb: str) -> None:
        assert [clause.lemma for clause in clauses(text)] == [verb]

    @pytest.mark.parametrize("text", [
        "He could not sleep.", "She never opened the box.", "They did not run.", "Nobody came.", "The cat almost fell.",
        "Tom might jump.", "If he had a boat, he would have sailed away.", "She was going to sing.",
    ])
    def test_what_does_not_happen_is_denied(self, text: str) -> None:
        assert any(clause.negated for clause in clauses(text))

    @pytest.mark.parametrize(("text", "verb", "particle"), [
        ("He picked up the shell.", "pick", "up"), ("She sat down.", "sit", "down"),
    ])
    def test_particles_are_kept(self, text: str, verb: str, particle: str) -> None:
        assert [(clause.lemma, clause.particle) for clause in clauses(text)] == [(verb, particle)]

    def test_who_did_it_is_the_subject_of_a_passive(self) -> None:
        clause = clauses("The boat was pushed by a sailor.")[0]
        assert [t.text for t in clause.subjects] == ["sailor"]
        assert [t.text for t in clause.objects] == ["boat"]

    @pytest.mark.parametrize("text", ["A shepherd slept by the window.", "A shepherd waited by the lake.", "A shepherd knelt by the lake."])
    def test_what_one_does_something_beside_is_no_agent(self, text: str) -> None:
        clause = clauses(text)[0]
        assert [t.text for t in clause.subjects] == ["shepherd"]
        assert not clause.objects

    @pytest.mark.parametrize("text", ["An otter swam with a friend.", "A little robot knelt in the yard.", "Three geese knelt beside a river."])
    def test_a_deed_that_the_tree_takes_for_a_noun_has_its_subject(self, text: str) -> None:
        found = [(t.text, t.tag_) for clause in clauses(text) for t in clause.subjects]
        assert found in ([("otter", "NN")], [("robot", "NN")], [("geese", "NNS")])


class TestCuts:
    @pytest.mark.parametrize(("text", "expected"), [
        ("He took the key and opened the gate.", ["He took the key", "and opened the gate"]),
        ("The dog ran; the cat hid under the bed.", ["The dog ran", "the cat hid under the bed"]),
        ("Mia found a boat, pushed it into the water, and rowed to the island.",
         ["Mia found a boat", "pushed it into the water", "and rowed to the island"]),
    ])
    def test_coordinate_deeds_with_words_of_their_own(self, text: str, expected: list[str]) -> None:
        assert words(text) == expected

    @pytest.mark.parametrize("text", [
        "She took flour and water and currants and sugar.", "There, between a lost sock and a puzzle piece, sat a dragon.",
        "When the wolf came, the pigs hid.", "The bear who lived in the wood and ate honey slept.", "He wanted to eat and to sleep.",
        "The king and the queen and all their children danced.", "She knew that he had gone and that he would not come back.",
    ])
    def test_nothing_is_cut_within(self, text: str) -> None:
        assert len(clauses(text)) == 1


def test_who_is_listed_with_an_object_and_acts_begins_a_clause() -> None:
    assert words("I unpacked my bag and a spider crawled out of it.") == ["I unpacked my bag", "and a spider crawled out of it"]
    assert words("I took a cup and a plate.") == ["I took a cup and a plate"]


@pytest.mark.parametrize("text", ["He followed the dog round the pond.", "She wound the rope round the mast."])
def test_round_is_no_verb_behind_another(text: str) -> None:
    assert len(clauses(text)) == 1


@pytest.mark.parametrize(("text", "doer", "verb", "seen"), [
    ("A guard unlocked the door and let the girl in.", "guard", "let", {"girl"}),
    ("The farmer let the dog out.", "farmer", "let", {"dog"}),
    ("The mother let the boy ride the horse.", "boy", "ride", {"horse"}),
])
def test_who_is_let_in_and_who_is_let_do_it(text: str, doer: str, verb: str, seen: set[str]) -> None:
    event = narrative(text).beats[-1].main
    assert event is not None
    assert ([p.noun for phrase in event.subjects for p in phrase.people], event.verb) == ([doer], verb)
    assert {p.noun for phrase in event.objects for p in phrase.people} == seen


@pytest.mark.parametrize(("text", "expected"), [
    ("The horse snorted with fear, kicked the guard from behind, and galloped after him like a storm.", ["snort", "kick", "gallop"]),
    ("He stood up without being asked and lit a lantern.", ["stand", "light"]),
    ("His aunt, the countess, who had been waiting for hours, watched from a window with a cold smile.", ["watch"]),
])
def test_trees_that_spacy_gets_wrong_are_read_all_the_same(text: str, expected: list[str]) -> None:
    assert [clause.lemma for clause in clauses(text)] == expected


@pytest.mark.parametrize(("text", "subject", "verb"), [
    ("At the foot of the ladder lay a rusty anchor.", "anchor", "lie"), ("Out crept a toad.", "toad", "creep out"),
    ("At that moment a farmer's boy, holding a lamp in his hand, looked down.", "boy", "look down"),
    ("Soon children came running from everywhere.", "children", "run"),
])
def test_a_subject_may_stand_behind_its_verb_or_within_a_phrase(text: str, subject: str, verb: str) -> None:
    clause = clauses(text)[0]
    assert [t.text for t in clause.subjects] == [subject]
    assert f"{clause.lemma} {clause.particle}".strip() == verb


@pytest.mark.parametrize(("text", "verb", "thing"), [
    ("The girl let go of the kite.", "let go of", "kite"), ("We watched it float.", "watch", "it"),
    ("The sailor found the chest empty.", "find", "chest"),
])
def test_what_is_seen_or_let_go_is_the_object(text: str, verb: str, thing: str) -> None:
    clause = clauses(text)[0]
    assert (f"{clause.lemma} {clause.particle}".strip(), [t.text for t in clause.objects]) == (verb, [thing])


def test_who_hears_somebody_is_who_is_seen() -> None:
    assert [t.text for t in clauses("Otto heard somebody singing.")[0].subjects] == ["Otto"]


@pytest.mark.parametrize("text", ["Her coat smelled of smoke.", "Picture a castle.", "The climb took three hours."])
def test_what_only_tells_how_it_is_is_a_state(text: str) -> None:
    assert [clause.kind for clause in clauses(text)] == ["state"]
