"""Subjects as written on the command line."""

import pytest

from zbench.errors import UsageError
from zbench.subject import kind_of, parse


def test_a_name_may_carry_an_option() -> None:
    """`cpu:generic` is the card cpu with the option generic."""
    subject = parse("card", "cpu:generic")
    assert (subject.name, subject.option, subject.venv) == ("cpu", "generic", None)
    assert subject.label == "cpu:generic"


def test_a_dotted_name_is_module_and_class() -> None:
    """A vendor's card needs no entry point."""
    subject = parse("card", "zbench.cards.cpu:Cpu:generic")
    assert (subject.name, subject.option) == ("zbench.cards.cpu:Cpu", "generic")
    assert subject.load().__name__ == "Cpu"


def test_an_unknown_name_suggests_the_near_miss() -> None:
    """A typing error is one line that says what was meant."""
    with pytest.raises(UsageError, match=r"no fabric 'shn' \(did you mean 'shm'\?\)"):
        parse("fabric", "shn").load()


@pytest.mark.parametrize("spec", ["", ":generic", "cpu@", "a.b"])
def test_malformed_words_are_refused(spec: str) -> None:
    """Nothing is guessed from half a subject."""
    with pytest.raises(UsageError):
        parse("card", spec)


def test_a_directory_that_is_no_environment_is_refused(tmp_path: object) -> None:
    """`cpu@DIR` needs DIR/bin/python."""
    with pytest.raises(UsageError, match="no virtual environment"):
        parse("card", f"cpu@{tmp_path}")


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("cpu", "card"),
        ("numpy", "card"),
        ("cpu:generic", "card"),
        ("shm:ring", "fabric"),
        ("zbench.cards.cpu:Cpu", "card"),
        ("zbench.fabrics.shm:Shm:ring", "fabric"),
    ],
)
def test_the_kind_of_a_subject_is_known_by_its_name_or_class(spec, kind):
    """Who compares two subjects need not say whether they are cards."""
    assert kind_of(spec) == kind


def test_a_name_that_is_both_is_told_by_its_option() -> None:
    """torch computes on devices and connects by backends."""
    pytest.importorskip("torch", reason="the one name that is both is torch's: pip install 'zbench[torch]'")
    kinds = {"torch": "card", "torch:cpu": "card", "torch:cuda:1": "card", "torch:gloo": "fabric"}
    assert {spec: kind_of(spec) for spec in kinds} == kinds


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("shn", "neither a stored run nor a card or fabric (did you mean 'shm'?)"),
        ("zbench.case:Case", "not a subclass of"),
        ("no.such:Thing", "No module named 'no'"),
    ],
)
def test_what_is_neither_card_nor_fabric_is_refused(spec, why):
    """With what it is, or what was meant."""
    with pytest.raises(UsageError) as error:
        kind_of(spec)
    assert why in str(error.value)
