import pytest

from aggregator.formats.html_text import plain_text


@pytest.mark.parametrize(
    ("shown", "tex"),
    [
        ("<mfrac><mi>x</mi><mn>2</mn></mfrac>", r"\frac{x}{2}"),
        (
            "<msup><mi>a</mi><mn>2</mn></msup><mo>+</mo><msup><mi>b</mi><mn>10</mn></msup>",
            "a^2+b^{10}",
        ),
        ("<msub><mi>x</mi><mrow><mi>i</mi><mo>+</mo><mn>1</mn></mrow></msub>", "x_{i+1}"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        (
            (
                "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi>"
                "</munderover><msub><mi>x</mi><mi>i</mi></msub>"
            ),
            "∑_{i=1}^n x_i",
        ),
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x+1}"),
        ("<mroot><mi>y</mi><mn>3</mn></mroot>", r"\sqrt[3]{y}"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "sin x"),
        ("<mi>a</mi><mi>b</mi>", "ab"),
        ("<mi>x</mi><mphantom><mi>y</mi></mphantom>", "x"),
        ("<semantics><mi>x</mi><annotation encoding='e'>no</annotation></semantics>", "x"),
        (
            (
                "<mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"
                "<mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable>"
            ),
            r"a & b \\ c & d",
        ),
        ("<mfrac><mi>x</mi></mfrac>", "x"),
    ],
)
def test_mathml_without_its_tex_is_written_as_tex(shown, tex):
    assert plain_text(f"<p>So <math>{shown}</math> is.</p>") == f"So \\({tex}\\) is."


def test_a_formula_that_shows_nothing_is_none():
    assert plain_text("<p>So <math><mspace></mspace></math> is.</p>") == "So is."


def test_what_a_formula_brings_along_wins_over_what_it_shows():
    brought = '<math alttext="x/2"><mfrac><mi>x</mi><mn>2</mn></mfrac></math>'

    assert plain_text(brought) == r"\(x/2\)"
