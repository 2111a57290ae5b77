"""Which charset bytes are in that nobody declares, by how common the characters would be.

Every charset makes some text of any bytes. In the right one most of it are the few characters
that every text of that language is full of.
"""

import re
from collections.abc import Iterator

_LONGEST = 65_536
"""Bytes that are looked at."""
_ENOUGH = 0.25

_HAN = (  # the most frequent characters, simplified and traditional
    "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对"
    "可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面"
    "公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情"
    "部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少"
    "關並化並於這個國來說們為時會後過學對發無開見經頭從動兩長樣現將與進實點種聲話兒問機給幾業間門電東氣"
    "体网博客站更章论内容数据技术系统设计服务"
    "體網部落格覽類應該讓當還沒著從麼聽灣請"
)
_HANGUL = (
    "이다는을의에가고하지한로은도를기사인어자시해스서아리나대정일그부있수보제전라상주들만게원구여장"
    "니안으년과성오와비신공트세관무선조개소화요미동경마실위식내유진교민방중당생회용문적"
)
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжюшцщэ"
_WEIGHTS: dict[str, float] = {
    **dict.fromkeys(_HAN + _HANGUL, 1.0),
    **dict.fromkeys(_CYRILLIC, 1.0),
    **dict.fromkeys("，。、！？：；（）「」『』“”《》…·－　", 0.5),
}
_IN_LATIN_WORD = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")

EAST_ASIAN = ("gb18030", "cp950", "cp932", "euc_jp", "cp949")
_CYRILLIC_CHARSETS = ("koi8-r", "cp1251")


def _weight(character: str) -> float:
    code = ord(character)
    if 0x3041 <= code <= 0x30FE:  # noqa: PLR2004 kana
        return 1.0
    if 0xFF61 <= code <= 0xFF9F or 0xE000 <= code <= 0xF8FF:  # noqa: PLR2004 half-width; private
        return -1.0
    if 0x2500 <= code <= 0x25FF or 0x80 <= code <= 0x9F or code == 0xFFFD:  # noqa: PLR2004 boxes
        return -1.0
    if 0x410 <= code <= 0x42F:  # noqa: PLR2004 a text of capitals is in another charset
        return -0.2
    return _WEIGHTS.get(character, 0.0)


def plausibility(text: str) -> float:
    """How common the characters beyond ASCII are: 0 or less for nonsense, half for most texts."""
    foreign = [character for character in text[:_LONGEST] if character > "\x7f"]
    if not foreign:
        return 0.0
    # An accent of a Latin word is a Cyrillic letter in other charsets.
    misplaced = len(_IN_LATIN_WORD.findall(text[:_LONGEST]))
    return (sum(map(_weight, foreign)) - 2 * misplaced) / len(foreign)


def guess(document: bytes) -> str | None:
    """Python's name of the charset, or None where no one convinces."""
    ranked = sorted(_ranked(document[:_LONGEST]), reverse=True)
    if ranked and ranked[0][0] >= _ENOUGH:
        return ranked[0][1]
    return None


def _ranked(sample: bytes) -> Iterator[tuple[float, str]]:
    for name in (*EAST_ASIAN, *_CYRILLIC_CHARSETS):
        text = sample.decode(name, "replace")
        score = plausibility(text)
        if name in {"gb18030", "cp949"}:  # they hold kana, too, which their languages do not use
            score -= 2 * _share_of_kana(text)
        yield score, name


def _share_of_kana(text: str) -> float:
    foreign = [character for character in text if character > "\x7f"]
    kana = sum("\u3041" <= character <= "\u30fe" for character in foreign)
    return kana / len(foreign) if foreign else 0.0
