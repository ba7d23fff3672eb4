"""Who is who along a story."""

from __future__ import annotations

import pytest
from planned import deeds, name_of, narrative

from storyanim.artifacts import CastMember
from storyanim.planning.narrative import Person


def person(text: str, called: str) -> Person:
    return next(p for p in narrative(text).people if called in (*p.names, p.noun))


class TestPronouns:
    @pytest.mark.parametrize(("text", "doers"), [
        # Who acted in the last clause, before whom the story names most.
        ("The wolf sat. The wolf ate. The wolf slept. Then a girl came to the den. She opened the door.",
         ["wolf", "wolf", "wolf", "girl", "girl"]),
        ("The king met a tired man. The king waved. He rode home.", ["king", "king", "king"]),
        # A bystander of one clause is nobody's "he".
        ("“Look!” cried a lame man at the gate. One day a little hawk flew over the town. He circled round.",
         ["man", "hawk", "hawk"]),
        ("Tom ran. Tom saw a cow. He waved.", ["Tom", "Tom", "Tom"]),
        # Names and kinship words tell gender.
        ("Emma met Oliver in the park. He waved. She waved back.", ["Emma", "Oliver", "Emma"]),
        ("Mrs. Gray saw Mr. Finch. He bowed. She smiled.", ["Mrs. Gray", "Mr. Finch", "Mrs. Gray"]),
        ("The prince danced with the princess. She laughed.", ["prince", "princess"]),
        # Groups.
        ("The children ran to the tower. They climbed the stairs.", ["child", "child"]),
        ("Rosa and Leo ran. They jumped.", ["Rosa+Leo", "Rosa+Leo"]),
        ("Rosa found a boat with Leo. They sailed away.", ["Rosa", "Rosa+Leo"]),
        # Who is brought in behind the verb, or in a clause before the main one.
        ("There ran across the yard a brown Hen. She clucked.", ["hen", "hen"]),
        ("There came an old Badger to the mill. He sat down.", ["badger", "badger"]),
        ("The hare ate. When the badger was awake, it looked for the hare.", ["hare", "badger"]),
        # A name with a number; a first name that is a hill as well; a dragon may be "it".
        ("Unit 12 was a robot. Unit 12 dug a hole. It went home.", ["Unit 12", "Unit 12"]),
        ("Glen came to the gate. He knocked.", ["Glen", "Glen"]),
        ("A dragon slept in a hole. It spat fire.", ["dragon", "dragon"]),
        # The king's daughter is a princess.
        ("The king's daughter sat by the pond. The princess lost a ring.", ["princess", "princess"]),
        # One person of many words: a relative's other names, what he is besides, and the class that an animal belongs to.
        ("Her mother sang. Tom ate. Then Mum smiled.", ["mother", "Tom", "mother"]),
        ("The grandfather sat down. The old man coughed.", ["grandfather", "grandfather"]),
        ("The pilot sat down. The man coughed.", ["pilot", "pilot"]),
        ("The pilot sat down. The man with the long beard coughed.", ["pilot", "man"]),
        ("Somebody rode a horse. The girl from the bakery sang a song.", ["person", "girl"]),
        ("The pilot sat down. The man with his suitcase coughed.", ["pilot", "pilot"]),
        ("A grandmother came in. The young woman laughed.", ["grandmother", "woman"]),
        ("The swans swam. A dog barked. The birds flew away.", ["swan", "dog", "swan"]),
        ("A duck swam. All the animals clapped.", ["duck", "animal"]),
        ("A neighbour, Mrs Lund, knocked. The next day Mrs Lund came again.", ["Mrs Lund", "Mrs Lund"]),
        # How many there are is nobody; what is done to "it" or "him" where the clause leaves out who does it.
        ("Hundreds of bats flew up.", ["bat"]),
        ("Cars honked at Tom.", [""]),
        ("Pip was a parrot and he talked. Nadia found a boat. She pushed it. It sank.", ["Pip", "Nadia", "Nadia", ""]),
        # Who is seen doing something is the picture; a reader is nobody, and everybody is not the one they look at.
        ("I saw a heron catch a fish. I laughed.", ["heron", "I"]),
        ("Mia saw a letter lying on the mat.", ["Mia"]),
        ("I fell. Everybody looked at me.", ["I", "person"]),
        # One of several; a title that says what somebody is; a relative clause tells whose paws they are.
        ("Tom met some goats. One of them ate a sandwich.", ["Tom", "goat"]),
        ("Mrs Patel wrote on the board. Tom ran. The teacher sat down.", ["Mrs Patel", "Tom", "Mrs Patel"]),
        ("Ben was a boy. Ben hid behind a wall, where a cat was washing her paws. The cat meowed. He laughed.", ["Ben", "cat", "Ben"]),
        ("An old man sat down. The man ate. The man sang. A pigeon landed. He laughed.", ["man", "man", "man", "pigeon", "man"]),
        # Who writes in small letters has names as well.
        ("then kim filmed it. she laughed", ["kim", "kim"]),
        # "Her father" is of the one who may be she, though a crowd was spoken of last.
        ("Yara stood at the gate. The crowd was silent. Her father hid. A nurse hugged him. Yara sang. She sat down.",
         ["Yara", "father", "nurse", "Yara", "Yara"]),
        ("Tomorrow Uncle Ben is coming. Ben sang.", ["Uncle Ben", "Uncle Ben"]),
        # What an animal does is done by it; a thing does nothing.
        ("A hen found a cake. It ran home.", ["hen", "hen"]),
    ])
    def test_mean_who_acts(self, text: str, doers: list[str]) -> None:
        assert [who for who, _ in deeds(text)] == doers

    def test_i_am_one_person_all_along(self) -> None:
        text = "I got up at six. I made coffee. A boy waved. I fed the cat. Took the bus. We rode home."
        story = narrative(text)
        acting = [name_of(p) for beat in story.beats if beat.main for s in beat.main.subjects for p in s.people]
        assert acting.count("I") == 5
        assert sum(p.narrator for p in story.people) == 1

    def test_whom_an_object_is(self) -> None:
        event = narrative("Ben lifted Leo and put him on the wall.").beats[1].main
        assert event is not None
        assert [name_of(p) for phrase in event.objects for p in phrase.people] == ["Leo"]

    def test_who_acts_next_in_a_paragraph_that_opens_with_words_says_them(self) -> None:
        story = '"Go home," said Ann.\n\n"Thirty years." Ben leaned on a stick.\n\nAnn ran away.'
        assert [who for who, _ in deeds(story)] == ["Ann", "Ben", "Ben", "Ann"]

    @pytest.mark.parametrize(("text", "called", "noun"), [
        ("My name is Jonas and I am ten. I ran.", "Jonas", "boy"),
        ("I am eight years old. I sat next to my best friend Mia. Mia laughed.", "Mia", "girl"),
        ("I am forty. I sat next to my best friend Mia. Mia laughed.", "Mia", "friend"),
        ("The butterfly called her sisters.", "butterfly", "butterfly"),
    ])
    def test_what_somebody_is(self, text: str, called: str, noun: str) -> None:
        assert person(text, called).noun == noun

    def test_who_says_a_name_has_it(self) -> None:
        assert person('A nurse waved. "My name\'s Ines," she said. Ines sat down.', "nurse").names == ["Ines"]

    def test_the_sisters_of_a_butterfly_are_butterflies(self) -> None:
        assert {p.noun for p in narrative("A butterfly flew off. The butterfly fetched her sisters.").people} == {"butterfly"}

    def test_them_are_things_that_were_spoken_of_last(self) -> None:
        event = narrative("Ann met Ben. The water ran over the trousers. Ann dried them.").beats[-1].main
        assert event is not None
        assert not any(phrase.people for phrase in event.objects)

    def test_a_thing_is_nobody(self) -> None:
        assert all(p.noun != "jar" for p in narrative("Alice took a jar. The jar was empty. It fell.").people)


    def test_they_in_a_refrain_are_those_who_were_last(self) -> None:
        """Two groups are equally likely where sentences come again."""
        refrain = ("Anna and her brother Tom packed a picnic basket in the kitchen. "
                   "Their mother gave them two apples and a bottle of lemonade. ")
        text = f"{refrain}Tom carried the basket. Anna picked flowers along the way. {refrain}{refrain}They walked down the road."
        last = narrative(text).beats[-1].main
        assert last is not None
        assert len(last.subjects[0].people) > 1


class TestNames:
    @pytest.mark.parametrize(("text", "called", "noun"), [
        ("Pim, the youngest dragon of the land, flew off. Pim slept.", "Pim", "dragon"),
        ("A bear called Bruno ate honey.", "Bruno", "bear"),
        ("There was a girl named Zofia.", "Zofia", "girl"),
        ("Luna the cat took a nap.", "Luna", "cat"),
        ("Old Sam was a sailor. Sam rowed.", "Sam", "sailor"),
        ("Princess Ilse opened the gate.", "Princess Ilse", "princess"),
    ])
    def test_are_apart_from_what_somebody_is(self, text: str, called: str, noun: str) -> None:
        found = [p for p in narrative(text).people if any(called in name for name in p.names)]
        assert [p.noun for p in found] == [noun]

    @pytest.mark.parametrize(("text", "called", "gender"), [
        ("Tom ran.", "Tom", "m"), ("Maria ran.", "Maria", "f"), ("Mrs. Quill ran.", "Mrs. Quill", "f"),
        ("Zub ran. Zub took her bag.", "Zub", "f"), ("Zub ran. Then he sat.", "Zub", "m"),
    ])
    def test_tell_gender(self, text: str, called: str, gender: str) -> None:
        assert person(text, called).gender == gender

    def test_a_name_that_no_list_knows(self) -> None:
        assert deeds("Ziblo found a drum. Ziblo hit the drum. Everybody heard Ziblo.")[0] == ("Ziblo", "find")

    def test_two_of_a_kind_are_two(self) -> None:
        text = "Mama Duck swam. Baby Duck swam after Mama Duck. Mama Duck turned. Baby Duck dived."
        people = [p for p in narrative(text).people if p.noun == "duck"]
        assert sorted(p.acts for p in people) == [2, 2]

    def test_places_are_nobody(self) -> None:
        assert [name_of(p) for p in narrative("Nora flew to Paris. In Paris she bought a hat.").people] == ["Nora"]


class TestActs:
    def test_whom_a_clause_only_mentions_does_nothing(self) -> None:
        text = "Tom jumped over the fence. Tom saw a cow. Tom danced."
        assert {name_of(p): p.acts for p in narrative(text).people} == {"Tom": 3, "cow": 0}

    def test_what_a_clause_leaves_out(self) -> None:
        assert deeds("The fox took the key and opened the gate.") == [("fox", "take"), ("fox", "open")]


class TestCast:
    @pytest.mark.parametrize(("text", "noun", "plays"), [
        ("Tom ran. He met a bear.", "bear", "Tom"), ("A bear ran. Tom waved.", "bear", ""), ("I ran home. A cow slept.", "fox", "I"),
        ("A bunny hopped.", "rabbit", ""), ("He ran. He slept.", "bear", ""),
    ])
    def test_plays_one(self, text: str, noun: str, plays: str) -> None:
        member = CastMember(name="it", noun=noun, token="<it>", plays=plays)
        who = [p for p in narrative(text, member).people if p.member]
        assert len(who) == 1
        assert name_of(who[0]) in {plays, noun, "bunny", "person"}


class TestSomeOfAGroup:
    @pytest.mark.parametrize(("text", "noun", "plural"), [
        ("Three girls sat on a wall. One of the girls sneezed.", "girl", False),
        ("Five boys ran. Two of the boys fell.", "boy", True),
    ])
    def test_is_not_all_of_it(self, text: str, noun: str, plural: bool) -> None:
        last = narrative(text).beats[-1].main
        assert last is not None
        assert [(p.noun, p.plural) for phrase in last.subjects for p in phrase.people] == [(noun, plural)]

    def test_the_eldest(self) -> None:
        assert deeds("Two brothers ran. The eldest fell.")[-1] == ("brother", "fall")
        assert len(narrative("Two brothers ran. The eldest fell. The eldest wept.").people) == 2


def test_a_cue_that_describes_somebody_is_who_was_described() -> None:
    people = narrative("EXT. PARK - DAY\n\nAn OLD WOMAN knits.\n\nOLD WOMAN\nSit down.\n").people
    assert [p.noun for p in people] == ["woman"]


def test_a_noun_with_who_behind_it_is_somebody() -> None:
    assert person("There was a cartmaker who had a dog. The cartmaker sang.", "cartmaker").acts


def test_a_day_before_a_name_is_no_part_of_it() -> None:
    text = "Every Tuesday Ben swept the yard. On Friday Ben and Ida painted the fence."
    assert [p.names for p in narrative(text).people] == [["Ben"], ["Ida"]]


def test_a_noun_that_has_no_form_of_several_is_one() -> None:
    assert not person("The hedgehog looked at them, sneezed, and trotted off into the reeds.", "hedgehog").plural
    assert person("The hedgehogs looked at the sheep.", "hedgehog").plural


def test_who_is_helped_does_it_as_well() -> None:
    beats = narrative("Ben and Ida helped the miller carry the sacks down the hill.").beats
    assert [beat.main.verb for beat in beats if beat.main] == ["carry"]
    assert {p.noun for phrase in beats[0].main.modifiers for p in phrase.people} == {"miller"}     # type: ignore[union-attr]


def test_they_are_all_who_were_there_as_late() -> None:
    text = ("Ben and Ida helped the miller carry the sacks. Ben laughed. Ida sang. A hen looked at them. The miller sold the flour. "
            "They sat on the steps.")
    assert set(deeds(text)[-1][0].split("+")) == {"miller", "Ben", "Ida"}


@pytest.mark.parametrize(("text", "noun"), [
    ("Inspector Vega parked her car. She crouched.", "inspector"), ("Captain Brandt took the letter. He waved.", "captain"),
])
def test_who_has_an_office_is_somebody(text: str, noun: str) -> None:
    assert {p.noun for p in narrative(text).people} == {noun}


def test_two_brothers_are_those_who_are_named_behind_them() -> None:
    text = "Two brothers, Ike and Sam, built a raft. Ike hammered. Sam held the boards. They pushed the raft into the river."
    assert [p.names for p in narrative(text).people] == [["Ike"], ["Sam"]]
    assert set(deeds(text)[0][0].split("+")) == {"Ike", "Sam"}


@pytest.mark.parametrize(("text", "nouns"), [
    ("The boy fell into the duck pond. He laughed.", {"boy"}), ("The class went to the reptile house.", {"class"}),
    ("Her uncle, the duke, drew a sword.", {"duke"}),
    ("Sir Oswin rode into the yard. The knight got off his horse.", {"knight", "horse"}),
    ("Grandma fried some eggs. Ruben laid the table.", {"grandma", "boy"}),
])
def test_what_somebody_is(text: str, nouns: set[str]) -> None:
    assert {p.noun for p in narrative(text).people} == nouns


@pytest.mark.parametrize(("text", "doer"), [
    ("The farmer wrote that his daughter had tamed a squirrel. It sat on the fence.", "squirrel"),
    ("A magpie stole Nora's ring. She chased it across the yard.", "Nora"),
])
def test_who_is_only_mentioned_is_known_by_a_pronoun(text: str, doer: str) -> None:
    assert deeds(text)[-1][0] == doer


@pytest.mark.parametrize(("text", "nouns"), [
    ("Mr Bello opened the window. The headmistress sneezed.", {"person", "headmistress"}),
    ("The wizard raised his staff.", {"wizard"}),
])
def test_who_is_another_and_who_is_nobody(text: str, nouns: set[str]) -> None:
    assert {p.noun for p in narrative(text).people} == nouns


@pytest.mark.parametrize(("noun", "gender"), [("foreman", "m"), ("headmistress", "f")])
def test_trades_tell_a_gender(noun: str, gender: str) -> None:
    assert person(f"The {noun} danced.", noun).gender == gender
