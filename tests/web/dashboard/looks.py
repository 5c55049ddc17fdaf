"""Sizes and colours in which the status page is looked at, and what is too faint to read."""

from __future__ import annotations

from typing import Any

from attrs import frozen

__all__ = ["DESKTOP", "FAINT", "LOOKS", "PHONE", "Look"]

PHONE = (360, 740)
DESKTOP = (1280, 900)


@frozen
class Look:
    """A window, and a taste."""

    scheme: Any
    size: tuple[int, int]
    name: str


LOOKS = [
    Look(scheme, size, f"{scheme}-{device}")
    for scheme in ("light", "dark")
    for device, size in (("phone", PHONE), ("desktop", DESKTOP))
]

FAINT = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const shine = (colour) => parse(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parse(colour)[3] ?? 1) === 1) return colour;
    }
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.flatMap((element) => {
    const style = getComputedStyle(element);
    const [one, other] = [shine(element.closest("svg") ? style.fill : style.color), shine(ground(element))].sort();
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    return contrast < 4.5 ? [`${contrast.toFixed(2)} ${element.className} ${element.textContent.slice(0, 40)}`] : [];
  });
}"""
"""Texts that stand out from their ground by less than WCAG AA asks for (4.5 to 1)."""
