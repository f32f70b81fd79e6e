"""What LaTeX shows for a character: the character, a command, or its number where no font has it.

ASCII stands as it is, unless TeX means something by it. Accents and signs are commands, which
mean the same to pdflatex, xelatex and lualatex. Korean, and what Chinese and Japanese characters
its standards have (code page 949), are left to `kotex`.
"""

import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "\N{NO-BREAK SPACE}": "~",
}
_TEXT = {
    "\N{EN DASH}": "textendash",
    "\N{EM DASH}": "textemdash",
    "\N{LEFT SINGLE QUOTATION MARK}": "textquoteleft",
    "\N{RIGHT SINGLE QUOTATION MARK}": "textquoteright",
    "\N{LEFT DOUBLE QUOTATION MARK}": "textquotedblleft",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "textquotedblright",
    "\N{SINGLE LOW-9 QUOTATION MARK}": "quotesinglbase",
    "\N{DOUBLE LOW-9 QUOTATION MARK}": "quotedblbase",
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}": "guilsinglleft",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}": "guilsinglright",
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": "guillemotleft",
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}": "guillemotright",
    "…": "textellipsis",
    "•": "textbullet",
    "·": "textperiodcentered",
    "°": "textdegree",
    "¡": "textexclamdown",
    "¿": "textquestiondown",
    "§": "textsection",
    "¶": "textparagraph",
    "†": "textdagger",
    "‡": "textdaggerdbl",
    "‰": "textperthousand",
    "©": "textcopyright",
    "®": "textregistered",
    "™": "texttrademark",
    "¢": "textcent",
    "£": "textsterling",
    "¥": "textyen",
    "€": "texteuro",
    "¼": "textonequarter",
    "½": "textonehalf",
    "¾": "textthreequarters",
    "¹": "textonesuperior",
    "²": "texttwosuperior",
    "³": "textthreesuperior",
    "ª": "textordfeminine",
    "º": "textordmasculine",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "đ": "dj",
    "Đ": "DJ",
    "ð": "dh",
    "Ð": "DH",
    "þ": "th",
    "Þ": "TH",
    "ŋ": "ng",
    "Ŋ": "NG",
}
_MATHEMATICS = {
    "\N{MINUS SIGN}": "-",
    "±": r"\pm",
    "\N{MULTIPLICATION SIGN}": r"\times",
    "÷": r"\div",
    "¬": r"\neg",
    "µ": r"\mu",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "∞": r"\infty",
    "→": r"\rightarrow",
    "←": r"\leftarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "↔": r"\leftrightarrow",
    "⇒": r"\Rightarrow",
}
# fmt: off
_SMALL = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega",
)
_CAPITAL = (
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)
# fmt: on


def _greek(case: str, name: str) -> str:
    # Unicode spells one letter in its own way.
    spelled = name.upper().replace("LAMBDA", "LAMDA")
    return unicodedata.lookup(f"GREEK {case} LETTER {spelled}")


TABLE = {
    **_SIGNS,
    **{character: rf"\{name}{{}}" for character, name in _TEXT.items()},
    **{character: f"${command}$" for character, command in _MATHEMATICS.items()},
    **{_greek("SMALL", name): rf"$\{name}$" for name in _SMALL},
    **{_greek("CAPITAL", name): rf"$\{name}$" for name in _CAPITAL},
}
"""Characters with a command of their own."""
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING BREVE}": "u",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING DOT BELOW}": "d",
    "\N{COMBINING CEDILLA}": "c",
    "\N{COMBINING OGONEK}": "k",
}
_KOREAN = (("\u3000", "\u33ff"), ("\u4e00", "\u9fff"), ("\uac00", "\ud7a3"), ("\uff00", "\uffef"))
"""Blocks of the characters that `kotex` shows."""


def shown(text: str) -> str:
    """Returns a text as LaTeX shows it; what no font has stands as `[U+0416]`."""
    return "".join(map(_shown, unicodedata.normalize("NFC", text)))


def needs_korean(text: str) -> bool:
    """Returns whether a text holds what `kotex` alone shows."""
    return any(_is_korean(character) for character in text)


def _is_korean(character: str) -> bool:
    if not any(first <= character <= last for first, last in _KOREAN):
        return False
    try:
        character.encode("cp949")
    except UnicodeEncodeError:
        return False
    return True


def _shown(character: str) -> str:
    if character in TABLE:
        return TABLE[character]
    kind = unicodedata.category(character)
    if kind in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    # What nobody sees: marks of direction, joiners, and which form of a sign is meant.
    if kind.startswith("C") or "\ufe00" <= character <= "\ufe0f":
        return ""
    if character.isascii() or _is_korean(character):
        return character
    apart = unicodedata.normalize("NFD", character)
    base, marks = apart[:1], apart[1:]
    if base.isascii() and marks in _ACCENTS:
        return rf"\{_ACCENTS[marks]}{{{base}}}"
    return f"[U+{ord(character):04X}]"
