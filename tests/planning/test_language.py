"""A story in another language is told so; names, nonsense and a foreign sentence leave it English."""

from __future__ import annotations

import pytest

from storyanim.artifacts import Story
from storyanim.errors import StoryError
from storyanim.planning import require_english
from storyanim.planning.language import language_of, other_language


@pytest.mark.parametrize("text", [
    "The bear ran.", "Bruno dances.", "Bruno!", "", "1, 2, 3 🐻",
    "Bear eats honey. Fox jumps fence. Rabbit sleeps. Bear dances. Mimi swims. Fox runs away quickly.",
    "night: bear sleeps\nmorning: bear runs, fox jumps\nnoon: picnic\nevening: dance\nnight: stars, moon, owls",
    "'Twas brillig, and the slithy toves did gyre and gimble in the wabe; all mimsy were the borogoves.",
    "Mia met an old man in Paris. “Je ne sais pas où est la gare,” he said. Mia laughed and took his hand.",
    "INT. APARTMENT - NIGHT\n\nNora opens the door.\n\nNORA\nHola, amigo mío. ¿Qué tal?\n\nShe smiles.\n",
])
def test_english(text: str) -> None:
    assert other_language(text) == ""


@pytest.mark.parametrize(("text", "language"), [
    ("Der kleine Bär lief durch den Wald. Dann schlief er ein, und am Morgen ging er zum See.", "German"),
    ("Un petit ours courait dans la forêt. Ensuite il a nagé dans le lac, et le soir il a dormi.", "French"),
    ("El osito corría por el bosque. Luego se durmió y por la mañana fue al lago.", "Spanish"),
    ("Il piccolo orso correva nella foresta. Poi si addormentò e al mattino andò al lago.", "Italian"),
    ("O ursinho correu pela floresta. Depois adormeceu e de manhã foi até o lago.", "Portuguese"),
    ("De kleine beer rende door het bos. Toen viel hij in slaap en 's ochtends ging hij naar het meer.", "Dutch"),
    ("Den lilla björnen sprang genom skogen. Sedan somnade han, och på morgonen gick han till sjön.", "Swedish"),
    ("Pieni karhu juoksi metsän läpi. Sitten se nukahti, ja aamulla se meni järvelle.", "Finnish"),
    ("Küçük ayı ormanın içinden koştu. Sonra uyudu ve sabah göle gitti.", "Turkish"),
    ("一只小熊在森林里跑。然后它在湖里游泳。晚上它睡着了。", "a language in another script"),
    ("Маленький медведь бежал по лесу.", "a language in another script"),
])
def test_other_languages_are_named(text: str, language: str) -> None:
    assert other_language(text) == language
    with pytest.raises(StoryError, match=f"looks like {language}") as caught:
        require_english(Story(title="t", text=text))
    assert "--planner openai" in caught.value.hint


def test_marks_do_not_count() -> None:
    text = "---\ntitle: Der Bär\nauthor: von und zu dem\nnotes: das ist nicht für die Leser\n---\n\nBruno dances. Mimi swims."
    require_english(Story(title="t", text=text))


@pytest.mark.parametrize(("text", "tag"), [
    ("A bear walked through the forest and came to a lake.", "en"), ("A bear.", "en"), ("", "en"),
    ("Es war einmal ein kleiner Bär, der ging durch den Wald und suchte nach Honig.", "de"),
    ("Había una vez un oso que vivía en el bosque y no tenía miedo de nada.", "es"),
    ("小さな熊が森の中を歩いていました。", "ja"), ("一只小熊走过森林。", "zh"), ("Медведь шёл по лесу.", "ru"), ("הדוב הלך ביער", "he"), ("ดุจดัง", ""),
])
def test_the_tag_of_a_language(text: str, tag: str) -> None:
    assert language_of(text) == tag
