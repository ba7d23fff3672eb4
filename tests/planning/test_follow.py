"""Who is who along a story, and where, when and in what they are."""

from __future__ import annotations

import pytest
from planned import BEAR, shots

from storyanim.artifacts import CastMember, Story
from storyanim.config import PlanSettings
from storyanim.planning import reads_english
from storyanim.planning.rules import RulePlanner
from storybook.vocabulary import make_vocabulary

# ── who is meant ──


@pytest.mark.parametrize(("title", "text", "prompt"), [
    ("My teddy bear goes on holiday", "First he packs. He sees a penguin. He swims.", "a bear swimming in a meadow"),
    ("The diary of a little penguin", "I walked to the lake. I swam.", "a penguin swimming at the lake"),
    ("The fox and the duck", "A cat slept. It ran.", "a cat running in a meadow"),
    ("t", "You are a little duck. It is dark. You swim in the lake.", "a duck swimming at the lake at night"),
    ("t", "A cat saw a dog. It danced in the rain at night.", "a cat dancing in a meadow at night in the rain"),
    ("t", "A cat ran. It started to rain. It swam.", "a cat swimming in a meadow in the rain"),
    ("t", "Leo couldn't sleep. The little bear sat in his bed. Leo danced.", "a bear dancing in the bedroom"),
    ("t", "Leo slept. A bear ran. The little bear sat. Leo danced.", "a bear standing in a meadow"),
    ("t", "A cat sat. Laughing, it jumped.", "a cat jumping in a meadow"),
    ("t", "A cat sat. It kept on dancing.", "a cat dancing in a meadow"),
    ("t", "Daisy, wearing a yellow hat, led the parade. Daisy was a dog.", "a dog with a yellow hat walking in a meadow"),
    ("t", "The camera pans left as the fox runs.", "a fox running in a meadow, the camera pans left"),
    ("t", "Wide shot of a forest. A fox runs.", "a fox running in the forest"),
    ("t", "A DOG RAN ROUND THE LAKE. AT NIGHT IT SLEPT.", "a dog sleeping at the lake at night"),
    ("t", "a dog ran round the lake. at night it slept.", "a dog sleeping at the lake at night"),
    ("t", "Monday: a dog runs.\nTuesday: the dog swims.", "a dog swimming in a meadow"),
    ("t", "Pinga and Lolo, two penguins, swam in the sea. They ran.", "a penguin and a penguin running on the beach"),
    ("t", "Pinga and Lolo, two penguins, swam in the sea. Lolo ran.", "a penguin running on the beach"),
    ("t", "A bear laughed so loudly that all the fish swam away.", "a bear dancing in a meadow"),
    ("t", "A bear was so tired that it fell asleep.", "a bear sleeping in a meadow"),
    ("t", "When the stars came out, a bear was so tired that it fell asleep.", "a bear sleeping in a meadow at night"),
    ("t", "Two kittens, Ink and Snow, lived in the city. Ink ran. Snow danced.", "a cat dancing in the city"),
    ("t", "Two kittens: Ink and Snow. Ink was black and Snow was white. Snow danced.", "a white cat dancing in a meadow"),
    ("t", "A duck led her ducklings. The littlest one, Quill, stopped. Quill danced.", "a duck dancing in a meadow"),
    ("t", "A bear called Bo never smiled. He sat. A bird built a nest on his head. He danced.", "a bear dancing in a meadow"),
    ("t", "One spring day a butterfly landed on a dog.", "a dog standing in a meadow"),
    ("t", "It rained cats and dogs. A mouse ran.", "a mouse running in a meadow in the rain"),
    ("t", "The sun had barely risen when Jo the fox trotted off.", "a fox walking in a meadow"),
    ("t", "The sun had barely risen when Jo, a red fox, trotted off.", "a red fox walking in a meadow"),
    ("t", "A dog saw me. I am a fox. I ran.", "a fox running in a meadow"),
    ("t", "Why did the duck cross the road? She danced.", "a duck dancing in a meadow"),
    ("t", "A cat sat. The sailors danced with the cat.", "a cat dancing in a meadow"),
    ("t", "A cat ran. The farmer found her asleep.", "a cat sleeping in a meadow"),
    ("t", "A cat ran. The farmer saw her dancing.", "a cat dancing in a meadow"),
    ("t", "A cat ran. The farmer saw her.", "a cat standing in a meadow"),
    ("t", "A duck swam. “Too cold for me,” said the fox and trotted off.", "a fox walking in a meadow"),
    ("t", "Little Mouse sat. Big Bear sat. At the beach Big Bear swam.", "a bear swimming on the beach"),
    ("t", "A fox met a dog. In the evening the two friends danced.", "a fox and a dog dancing in a meadow at dusk"),
    ("t", "A cat sat. Three friends ran.", "a cat standing in a meadow"),
    ("t", "A mouse yawned at night.", "a mouse standing in a meadow at night"),
    ("t", "A mouse pulled up its blanket.", "a mouse standing in a meadow"),
    ("t", "Ruby Rabbit hops to the market.", "a rabbit jumping in the city"),
    ("t", "Brown Bear runs in the forest.", "a brown bear running in the forest"),
    ("t", "A bear met Fiona the fox. Fiona danced.", "a fox dancing in a meadow"),
    ("t", "My rabbit Hoppel came along. Hoppel jumped.", "a rabbit jumping in a meadow"),
    ("t", "There were three rabbits, and their names were Flop, Mop and Pip. Pip ran.", "a rabbit running in a meadow"),
    ("t", "A rabbit sat. Her children hopped into the meadow.", "a rabbit jumping in a meadow"),
    ("t", "A rabbit sat. The farmer waved to her sister. Her sister danced.", "a rabbit dancing in a meadow"),
    ("t", "Look, little fox,\nRunning over the hills,", "a fox running in the mountains"),
    ("t", "A fox sat by the lake, Dancing in the rain it laughed.", "a fox sitting at the lake in the rain"),
])
def test_who_is_meant(title: str, text: str, prompt: str) -> None:
    assert RulePlanner(PlanSettings(), make_vocabulary()).plan(Story(title=title, text=text), []).shots[-1].prompt == prompt


@pytest.mark.parametrize("who", ["He", "I"])
def test_who_is_never_named_is_the_one_character_of_the_cast(who: str) -> None:
    text = f"{who} walked through the forest. {who} danced."
    expected = [f"a <bear> bear {doing} in the forest" for doing in ("walking", "dancing")]
    assert [shot.prompt for shot in shots(text, BEAR)] == expected


def test_one_of_a_group_plays_and_not_the_group() -> None:
    found = shots("There were three bears, and their names were Flop, Mop and Pip. Pip ran. Mop slept. Pip swam.", BEAR)
    doing = [shot.prompt.split(" in ")[0] for shot in found[1:]]
    assert doing == ["a <bear> bear running", "a bear sleeping", "a <bear> bear swimming"]
    mop = CastMember(name="mop", noun="bear", token="<mop>")
    named = shots("There were three bears, and their names were Flop, Mop and Pip. Pip ran. Mop slept. Pip swam.", mop)
    assert [shot.characters for shot in named] == [(), (), ("mop",), ()]


def test_who_tells_the_story_is_not_she() -> None:
    cat = CastMember(name="cat", noun="cat", token="<cat>")
    assert shots("A fox ran. I saw her. She danced.", cat)[-1].prompt == "a fox dancing in a meadow"


def test_one_who_takes_his_bear_along_is_not_the_bear() -> None:
    found = shots("I ran to the beach. My bear danced.", BEAR)
    assert [shot.prompt for shot in found] == ["a <bear> bear standing on the beach", "a <bear> bear dancing on the beach"]


@pytest.mark.parametrize("text", ["The birds were singing. The cat sat.", "Bees hummed in the garden, and the cat sat."])
def test_what_sings_around_them_is_nobody(text: str) -> None:
    assert [shot.prompt for shot in shots(text)] == ["a cat sitting in a meadow"]


def test_a_bird_of_the_story_sings() -> None:
    assert shots("A bird sat in the forest. The bird sang.")[-1].prompt == "a duck dancing in the forest"


@pytest.mark.parametrize("text", ["bear swims in the lake", "morning: bear swims in the lake"])
def test_notes_without_articles(text: str) -> None:
    assert shots(text)[0].prompt == "a bear swimming at the lake"


def test_each_of_several_who_act_has_a_shot() -> None:
    found = shots("Bruno was a bear, Mimi was a mouse. In the forest Bruno swam, Mimi danced and both slept.")
    assert [shot.prompt.split(" in ")[0] for shot in found[1:3]] == ["a bear swimming", "a mouse dancing"]


# ── where, when, what is worn ──


@pytest.mark.parametrize(("text", "last"), [
    ("A mouse ran in the city. It ran back home. It danced.", "a mouse dancing in the bedroom"),
    ("A mouse ran in the city. It ran all the way home.", "a mouse running in the city"),
    ("A mouse ran in the city. It went home. At the lake it danced.", "a mouse dancing at the lake"),
    ("A mouse ran in the city. It came home.", "a mouse walking in the bedroom"),
    ("A mouse ran in the city. It went home to sleep.", "a mouse sleeping in the bedroom"),
    ("A mouse ran in the city. It ran inside.", "a mouse running in the bedroom"),
    ("A mouse ran in the city. It looked inside.", "a mouse standing in the city"),
    ("A mouse ran in the city. It found a treasure hidden inside.", "a mouse standing in the city"),
    ("A mouse ran in the city. It walked home alone. It slept.", "a mouse sleeping in the bedroom"),
    ("A mouse ran in the city. It ran home through the woods.", "a mouse running in the forest"),
    ("A mouse ran in the city. It ran home through the woods. It slept.", "a mouse sleeping in the bedroom"),
    ("A mouse ran in the city. It walked home alone.", "a mouse walking in the city"),
    ("A mouse ran in the city. It came home. It ran outside.", "a mouse running in the city"),
    ("A mouse left the ice. It ran.", "a mouse running in the snow"),
    ("A mouse ran in the city. It jumped over a puddle.", "a mouse jumping in the city"),
    ("The lights of the city glowed. A mouse ran.", "a mouse running in the city"),
    ("The city never sleeps. A mouse ran.", "a mouse running in the city"),
    ("Snow fell. A mouse ran.", "a mouse running in a meadow while snow falls"),
    ("Far away, where the mountains touch the sky, there lived a mouse.", "a mouse standing in the mountains"),
    ("A mouse ran in the city. It looked out of its bedroom window.", "a mouse standing in the bedroom"),
    ("A mouse jumped out of bed.", "a mouse jumping in the bedroom"),
    ("A mouse ran in the city. It curled up under its blanket.", "a mouse sleeping in the bedroom"),
    ("A mouse ran in the city. It sat under a blanket of stars.", "a mouse sitting in the city at night"),
    ("A mouse made a snowman. It danced.", "a mouse dancing in the snow"),
    ("A mouse swam in the waves.", "a mouse swimming on the beach"),
    ("A mouse swam in the lake. It went home. It sat on its bed. It hopped out. It danced.", "a mouse dancing at the lake"),
    ("A mouse saw a red scarf. It tied it round its neck. It ran.", "a mouse with a red scarf running in a meadow"),
    ("A mouse found a red scarf. It wears it. It ran.", "a mouse with a red scarf running in a meadow"),
    ("A mouse prowled the streets.", "a mouse walking in the city"),
    ("A mouse danced all night.", "a mouse dancing in a meadow at night"),
    ("It had rained all night. A mouse danced.", "a mouse dancing in a meadow in the rain"),
    ("It was not raining. A mouse danced.", "a mouse dancing in a meadow"),
    ("On Monday it rained and a mouse ran. On Tuesday it danced.", "a mouse dancing in a meadow"),
    ("A mouse neither danced nor sang.", "a mouse standing in a meadow"),
    ("When it got dark, the mouse ran.", "a mouse running in a meadow at night"),
    ("A mouse wore a blue hat. It danced without its hat.", "a mouse dancing in a meadow"),
    ("A mouse never danced without its blue hat. It ran.", "a mouse with a blue hat running in a meadow"),
    ("A mouse found a hat and put it on the bed. It danced.", "a mouse dancing in the bedroom"),
    ("A mouse lived in a dark wood. It ran.", "a mouse running in the forest"),
    ("A mouse ran up the hill until it reached its house. It slept.", "a mouse sleeping in the bedroom"),
    ("A mouse wore a blue hat. The mouse gave the hat to a bear. The bear danced.", "a bear with a blue hat dancing in a meadow"),
    ("A mouse found a blue hat and put it on. It danced.", "a mouse with a blue hat dancing in a meadow"),
    ("A mouse wore a blue hat. It took off the hat. It danced.", "a mouse dancing in a meadow"),
    ("A mouse wore a blue hat. It gave a bear the hat. The mouse danced.", "a mouse dancing in a meadow"),
    ("A mouse wore a blue hat. It waved its hat. It danced.", "a mouse with a blue hat dancing in a meadow"),
    ("The rain fell. Mimi, a mouse, waves at the moon.", "a mouse waving in a meadow at night in the rain"),
])
def test_where_and_when_and_in_what(text: str, last: str) -> None:
    assert shots(text)[-1].prompt == last


@pytest.mark.parametrize(("text", "english"), [
    ("The little bear ran through the forest, and then it slept in its bed at home.", True),
    ("bear, forest, lake, bear swims, bear dances, night, bedroom, bear sleeps, end, bear, fox, fox runs", True),
    ("Der kleine Bär lief durch den Wald. Dann schlief er ein, und am Morgen ging er zum See.", False),
    ("Un petit ours courait dans la forêt. Ensuite il a nagé dans le lac, et le soir il a dormi.", False),
    ("一只小熊在森林里跑。然后它在湖里游泳。晚上它睡着了。", False),
    ("Bruno!", True),
])
def test_whether_a_story_is_english(text: str, english: bool) -> None:
    assert reads_english(text) is english
