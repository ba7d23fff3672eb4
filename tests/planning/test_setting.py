"""Where and when: what sets place, time and weather, and what ends them."""

from __future__ import annotations

import pytest
from planned import narrative, places


def times(text: str) -> list[str]:
    return [beat.setting.time_of_day for beat in narrative(text).beats]


def weathers(text: str) -> list[str]:
    return ["" if beat.setting.indoors else beat.setting.weather for beat in narrative(text).beats]


class TestPlace:
    @pytest.mark.parametrize(("text", "expected"), [
        ("The fox went into the kitchen. He sat down.", ["kitchen", "kitchen"]),
        ("A girl lived in a small cottage. One day she sang a song.", ["small cottage"]),
        ("They reached the old harbour. They sang.", ["old harbour", "old harbour"]),
        ("Mia played on the beach. Mia ran to the forest. She sat down.", ["beach", "forest", "forest"]),
        ("The boys ran home. They slept.", ["home", "home"]),
        ("The king sang before an old church. He danced.", ["old church", "old church"]),
        ("Mia sang in the garden. A robot danced in front of a castle.", ["garden", "castle"]),
        ("Mia sang in the forest. A robot danced outside the house.", ["forest", "forest"]),
        ("The girl talked with Tom before the museum. They laughed.", ["museum", "museum"]),
        ("The wolf ran past a dark forest. A girl danced.", ["dark forest", "dark forest"]),
        ("When they entered the castle, the king bowed. He smiled.", ["castle", "castle"]),
    ])
    def test_is_set_by_being_there(self, text: str, expected: list[str]) -> None:
        assert places(text) == expected

    @pytest.mark.parametrize("text", [
        "The cow jumped over the moon. The dog laughed.", "The bear poured the tea into a cup. He drank.",
        "The boy clung to the side of the boat. He shivered.", "She put the hat on the bed. She laughed.",
        "The boy danced before school. He laughed.", "The fox squeezed under the gate. He looked around.", "He ate a piece of the cake. He laughed.",
    ])
    def test_is_not_set_by_things(self, text: str) -> None:
        assert set(places(text)) == {""}

    @pytest.mark.parametrize("text", [
        "Mia sat in the kitchen. Mia went out. Mia sang.", "Tom was in the barn. Tom left the barn. Tom sang.",
        "Tom slept in the tent. He crept out of the tent. He sang.",
        "# In the kitchen\n\nMia sang.\n\n# Later\n\nMia danced.",
    ])
    def test_ends(self, text: str) -> None:
        assert places(text)[-1] == ""

    @pytest.mark.parametrize(("text", "expected"), [
        # Who comes in was not there; what is fetched from somewhere leaves nobody; a tub of something is no bathtub.
        ("Mia sat in a cave. A fox stepped out.", ["cave", "cave"]),
        ("Mia sat in the hall. Ann fetched some milk from the kitchen.", ["hall", "hall"]),
        ("Mia stood in the yard. Ann put a fish into a tub of water.", ["yard", "yard"]),
        # Stairs that somebody comes down lead to where one is; a ditch holds who fell into it.
        ("Ann cooked in the kitchen. Ben came down the stairs. They ate.", ["kitchen", "stairs", "kitchen"]),
        ("They sat in the park. Leo fell into a ditch. Ann laughed.", ["park", "ditch", "park"]),
        ("Ann sat in the garden. Dad carried Leo upstairs.", ["garden", ""]),
        # What is carried in a cage leaves who carries it where he is.
        ("Ann sat on the beach. She carried a parrot in a cage.", ["beach", "beach"]),
        # Hours later one may be anywhere; a city that is told of is where one is.
        ("Mia sat on the beach.\n\nIn the afternoon she wrote a letter.", ["beach", ""]),
        ("Bo was in the factory. He rolled past the guard and out of the gate. The city was loud. He hid.", ["", "city"]),
    ])
    def test_goes_on_or_ends(self, text: str, expected: list[str]) -> None:
        assert places(text) == expected

    @pytest.mark.parametrize(("text", "expected"), [
        ("The bear sat on the beach. At night he slept in his own bed.", ["beach", "bedroom"]),
        ("Mia stood at the stove. She laughed.", ["kitchen", "kitchen"]),
        ("The captain rowed on. He sang.", ["boat", "boat"]),
        ("Mr. Ode drove the bus. He sang.", ["bus", "bus"]),
        ("They lived by a river. Tom waded into the water. Tom laughed.", ["river", "river"]),
        ("Tom came to an oasis. Tom jumped into the pool. Ann climbed a tree.", ["oasis", "pool", "oasis"]),
        ("Tom slept in a cottage. He lay in bed.", ["cottage", "cottage"]),
    ])
    def test_is_implied_by_what_stands_there(self, text: str, expected: list[str]) -> None:
        assert places(text) == expected

    @pytest.mark.parametrize("text", [
        "Mia sat in the kitchen. On Monday she laughed.", "Mia sat in the kitchen. Two weeks later she laughed.",
        "Mia sat in the kitchen at night. The next morning she laughed.", "Mia sat in the kitchen. Mia danced in the rain.",
        "Mia sat in the kitchen. Mia ran upstairs.",
    ])
    def test_ends_with_its_day_and_out_of_doors(self, text: str) -> None:
        assert places(text) == ["kitchen", ""]

    def test_a_spot_is_left_with_its_paragraph(self) -> None:
        assert places("Tom swam in the lake. Tom sat on the jetty.\n\nTom sang.") == ["lake", "jetty", "lake"]

    @pytest.mark.parametrize("text", [
        "On Wednesday the fox ran.", "The tooth had come out on the boat. The fox ran.", "The fox ran with one hand on the house wall.",
    ])
    def test_days_flashbacks_and_walls_are_none(self, text: str) -> None:
        assert set(places(text)) == {""}

    def test_a_chapter_is_no_place(self) -> None:
        assert places("# Chapter One: The Village\n\nTom sang.") == [""]

    def test_headings_of_scripts(self) -> None:
        text = "INT. COFFEE SHOP - NIGHT\n\nNora smiles.\n\nEXT. PARK - DAY\n\nNora sits down.\n"
        assert [b.setting.words() for b in narrative(text).beats] == ["in the coffee shop, night", "in the park, day"]


class TestTimeAndWeather:
    @pytest.mark.parametrize(("text", "expected"), [
        ("At dawn the boy opened the window. He ate.", ["dawn", "dawn"]),
        ("That night the fox ran. The next morning the fox slept.", ["night", "day"]),
        ("At sunset they sailed. They sang.", ["dusk", "dusk"]),
        ("Every night the cat sang. The cat ran.", ["night", "night"]),
        ("As the sun went down, the fox ran. The moon rose and the fox slept.", ["dusk", "night"]),
        ("The sun was rising. The fox ran.", ["dawn"]), ("The fox ran until the sun set.", [""]),
        ("At six it was dark. The fox ran.", ["night"]), ("As the sun rises, the fox runs.", ["dawn"]), ("The fox counted the stars.", ["night"]),
        ("They sat on the step all night. The sun rose.", ["day"]),
        ("That night Tom walked until the sun rose. Tom slept.", ["night", "day"]),
        ("They talked until midnight. They slept.", ["", "night"]),
        ("By noon they had reached the hill.", ["day"]),
    ])
    def test_time(self, text: str, expected: list[str]) -> None:
        assert times(text) == expected

    @pytest.mark.parametrize(("text", "expected"), [
        ("It was a stormy night. The fox slept in a hole. The next morning the fox ran.", ["storm", ""]),
        ("It rained. The hen ran. The rain stopped. The hen sat.", ["rain", ""]),
        ("The bear poured the porridge into the pots. The bear sat.", ["", ""]),
        ("Tom danced in the rain. Tom ran into the house. Tom went out.", ["rain", "", "rain"]),
        ("“It is raining,” said the hen. The hen ran.", ["", ""]),
        ("Rain beats on the pier. The hen runs.", ["rain"]), ("Rained all day. The hen ran.", ["rain", "rain"]),
        ("There was a storm. The hen hid. When the storm was over, the hen ran.", ["storm", ""]),
        ("It snowed. The hen ran. As the sun rises, the hen sings.", ["snow", "snow"]),
        ("The hen ran through the snow. The hen worked all night. As the sun rises, the hen sings.", ["snow", "snow", ""]),
    ])
    def test_weather(self, text: str, expected: list[str]) -> None:
        assert weathers(text) == expected


class TestWays:
    @pytest.mark.parametrize(("text", "expected"), [
        ("Tom ran up the stairs.", "stairs"), ("Ann walked round the garden twice.", "garden"),
        ("They sat round the kitchen table.", "kitchen"), ("A cat slept on the roof.", "roof"), ("Tom painted the roof.", ""),
    ])
    def test_a_way_is_a_place_whatever_the_tree_calls_it(self, text: str, expected: str) -> None:
        assert places(text) == [expected]

    @pytest.mark.parametrize(("text", "expected"), [
        ("Ann sat in the bus. When the bus crossed the river, Ann sang.", ["bus", "bus"]),        # she rides in it
        ("Tom sat in a hut. Later the van stopped on the bridge.", ["hut", "bridge"]),
        ("Tom walked into the hall. A lamp hung from the ceiling.", ["hall", "hall"]),
        ("Ann came to a lake. She walked straight in.", ["lake", "lake"]),
        ("Ann sat in the kitchen. In spring she built a boat.", ["kitchen", ""]),
        ("Tom stood in the museum. Tom left the museum. Tom sang.", ["museum", "", ""]),
    ])
    def test_vehicles_rooms_and_seasons(self, text: str, expected: list[str]) -> None:
        assert places(text) == expected

    def test_a_spot_knows_what_it_lies_in(self) -> None:
        last = narrative("Ann came to a lake. Ann sat on the jetty.").beats[-1].setting
        assert (last.place, last.around) == ("jetty", "lake")

    def test_who_climbs_in_is_in_the_vehicle_that_was_spoken_of(self) -> None:
        assert places("Ann walked round the garden. She found an old tram. She climbed in and sang.")[-1] == "tram"


class TestStaying:
    """Who is where another goes along or over is by it."""

    @pytest.mark.parametrize(("text", "expected"), [
        ("The fox jumped over the stream. The bear sat down.", ["over", "by"]),
        ("The girl walked along the canal. She sat down.", ["along", "by"]),
        ("The fox slept under the bridge. He woke up.", ["under", "under"]),
    ])
    def test_a_way_is_gone_once(self, text: str, expected: list[str]) -> None:
        assert [beat.setting.preposition for beat in narrative(text).beats] == expected

    def test_another_time_does_not_go_on_to_where_somebody_went(self) -> None:
        text = "Mia walked through the wood to the castle. One morning it was foggy. Mia dropped a cup."
        assert "castle" not in places(text)[1:]


class TestWaysInside:
    @pytest.mark.parametrize(("text", "expected"), [
        ("It rained. The guard walked down the corridor. He sneezed.", ["", ""]),
        ("It rained. The guard walked along the road. He sneezed.", ["rain", "rain"]),
    ])
    def test_who_goes_down_a_corridor_is_indoors(self, text: str, expected: list[str]) -> None:
        assert weathers(text)[-2:] == expected

    def test_who_comes_in_is_no_longer_behind_the_house(self) -> None:
        beats = narrative("The baker fed the ducks behind the shop. At seven the customers came in. A boy bought two buns.").beats
        assert [(beat.setting.preposition, beat.setting.indoors) for beat in beats[1:]] == [("in", True)] * 2

    def test_a_way_home_ends_there(self) -> None:
        assert places("Ida rode her bike home through the park. She fell asleep on the sofa.") == ["park", "home"]


class TestWhereTheStoryGoes:
    @pytest.mark.parametrize(("text", "expected"), [
        # who lives there, and whom one meets at home
        ("There was once a weaver who lived in a tower by the sea. A knock woke him.", ["tower"]),
        ("They rode across the plain until they reached a castle. Ida blew a horn.", ["plain", "castle"]),
        # what was is where nothing is now
        ("Ben sat in the library. Two days ago he had been waiting behind the station. He opened a book.", ["library", "station", "library"]),
        ("The queen stood on the balcony. The thief was locked in the dungeon. The queen waved.", ["balcony", "dungeon", "balcony"]),
        ("He missed the bus. Mia smiled when he came in.", ["", ""]), ("Jo came by after school. They baked a cake.", ["", ""]),
        ("The bear was not in the garden any more. He sang.", [""]),
        ("Snow fell on the roof. A man in a hospital gown sat on the edge.", ["roof"]),
        ("He went down to the millroom. He sat down.", ["millroom", "millroom"]),
    ])
    def test_places_begin_and_end(self, text: str, expected: list[str]) -> None:
        assert places(text) == expected

    def test_a_dark_cave_is_no_night(self) -> None:
        assert set(times("They crept into the cave. It was pitch dark inside. Ida lit a lamp.")) == {""}


def test_who_pours_it_makes_no_rain() -> None:
    assert weathers("The boys filled a bucket. They poured sea water into it.") == ["", ""]
