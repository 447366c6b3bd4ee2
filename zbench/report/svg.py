"""Make matplotlib's SVG fit to be read aloud, compared byte by byte, and put several times into one page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
PIXELS_PER_POINT = 4 / 3
QUESTION = "question"
"""Id of the group that holds the title inside the picture; a page that has it as a heading leaves it out."""

ElementTree.register_namespace("", SVG)


def finish(raw: str, name: str, title: str, description: str) -> str:
    """A standalone SVG document: title and description for screen readers, every id prefixed with `name`.

    `raw` is what matplotlib wrote. Its metadata go (nothing here needs a namespace of its own), and so
    does its style element, which would leak into the page around an inlined picture.
    """
    root = ElementTree.fromstring(raw)
    for element in root.findall(f"{{{SVG}}}metadata"):
        root.remove(element)
    for defs in root.iter(f"{{{SVG}}}defs"):
        for style in defs.findall(f"{{{SVG}}}style"):
            defs.remove(style)
    root.set("stroke-linejoin", "round")
    root.set("stroke-linecap", "butt")
    for element in root.iter():
        _prefix(element, name)
    root.set("id", name)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for position, (tag, text) in enumerate([("title", title), ("desc", description)]):
        child = ElementTree.Element(f"{{{SVG}}}{tag}")
        child.set("id", f"{name}-title" if tag == "title" else f"{name}-description")
        child.text = text
        child.tail = "\n "
        root.insert(position, child)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _prefix(element: ElementTree.Element, name: str) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set("id", f"{name}-{value}")
        elif key == f"{{{XLINK}}}href":
            del element.attrib[key]
            element.set("href", value.replace("#", f"#{name}-", 1))
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))


def inline(document: str, tokens: dict[str, str], crop: float) -> str:
    """The same picture for the inside of an HTML page.

    In pixels, without XML namespace, without its own title line (`crop` points high), and with every
    colour in `tokens` (hex -> CSS variable) drawn from the page, so that it follows light and dark.
    """
    root = ElementTree.fromstring(document)
    name = root.get("id")
    for parent in root.iter():
        for child in list(parent):
            if child.get("id") == f"{name}-{QUESTION}":
                parent.remove(child)
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    root.set("viewBox", f"0 {crop:g} {width:g} {height - crop:g}")
    root.set("width", f"{width * PIXELS_PER_POINT:.0f}")
    root.set("height", f"{(height - crop) * PIXELS_PER_POINT:.0f}")
    text = ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{SVG}"', "")
    # Only inside style="...": matplotlib writes colours nowhere else, and the words stay untouched.
    return re.sub(r'style="[^"]*"', lambda match: _with_variables(match.group(), tokens), text)


def _with_variables(style: str, tokens: dict[str, str]) -> str:
    return re.sub(
        r"#[0-9a-f]{6}\b",
        lambda match: f"var({tokens[match.group()]})" if match.group() in tokens else match.group(),
        style,
    )
