"""What a film needs to know of the language of its words: its code in containers, and how stories end."""

from __future__ import annotations

# Tag → ISO 639-2, and the last words of a story.
_LANGUAGES = {
    "af": ("afr", "Einde"), "ar": ("ara", "النهاية"), "ca": ("cat", "Fi"), "cs": ("ces", "Konec"),
    "da": ("dan", "Slut"), "de": ("deu", "Ende"), "el": ("ell", "Τέλος"), "en": ("eng", "The End"),
    "es": ("spa", "Fin"), "et": ("est", "Lõpp"), "fi": ("fin", "Loppu"), "fr": ("fra", "Fin"),
    "ga": ("gle", "Críoch"), "he": ("heb", "סוף"), "hi": ("hin", "समाप्त"), "hr": ("hrv", "Kraj"),
    "hu": ("hun", "Vége"), "id": ("ind", "Tamat"), "is": ("isl", "Endir"), "it": ("ita", "Fine"),
    "ja": ("jpn", "おわり"), "ko": ("kor", "끝"), "lt": ("lit", "Pabaiga"), "lv": ("lav", "Beigas"),
    "nb": ("nob", "Slutt"), "nl": ("nld", "Einde"), "pl": ("pol", "Koniec"), "pt": ("por", "Fim"),
    "ro": ("ron", "Sfârșit"), "ru": ("rus", "Конец"), "sk": ("slk", "Koniec"), "sl": ("slv", "Konec"),
    "sq": ("sqi", "Fund"), "sv": ("swe", "Slut"), "tl": ("tgl", "Wakas"), "tr": ("tur", "Son"),
    "vi": ("vie", "Hết"), "zh": ("zho", "完"),
}


def iso_639_2(tag: str) -> str:
    """Return a language's code of three letters: "en-gb" → "eng", "und" for one that is not known."""
    return _LANGUAGES.get(tag.lower().split("-")[0], ("und", ""))[0]


def end_words(tag: str) -> str:
    """Return the words of the last card; "" for a language that is not known."""
    return _LANGUAGES.get(tag.lower().split("-")[0], ("", ""))[1]
