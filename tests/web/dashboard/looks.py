"""Sizes and colours in which the status page is looked at, and what a program can see of its
faults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["DESK", "FAINT", "LOOKS", "PHONE", "SIZES", "THEMES"]

PHONE = (360, 740)
DESK = (1440, 900)

SIZES = {"phone": PHONE, "tablet": (820, 1100), "desk": DESK, "narrow": (320, 640)}
"""Windows, in pixels."""

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

LOOKS = (Path(__file__).parent / "looks.js").read_text(encoding="utf-8")
"""Texts that are cut, covered or alone on a line, and whatever sticks out."""

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
  const clear = (element) => {
    let share = 1;
    for (let at = element; at; at = at.parentElement) share *= Number(getComputedStyle(at).opacity);
    return share;
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
    && !element.closest(".unseen")
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.flatMap((element) => {
    const style = getComputedStyle(element);
    const [text, back] = [parse(element.closest("svg") ? style.fill : style.color), parse(ground(element))];
    const share = clear(element);
    const mixed = text.slice(0, 3).map((part, index) => part * share + back[index] * (1 - share));
    const [one, other] = [shine(`rgb(${mixed.join()})`), shine(`rgb(${back.slice(0, 3).join()})`)];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    return contrast < 4.5 ? [`faint ${contrast.toFixed(2)}: ${element.className} ${element.textContent.slice(0, 40)}`] : [];
  });
}"""
"""Texts that stand out from their ground by less than WCAG AA asks for (4.5 to 1)."""
