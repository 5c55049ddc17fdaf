// Axes of the plots, as SVG.

import { clock, day } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";
const LABEL_PX = 68;

export const HEIGHT = 96;
export const MARGIN = { top: 6, right: 8, bottom: 20, left: 40 };

/** A new SVG element. */
export function shape(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}

/** A scale from 0 to a round number; with *integral*, no step is below 1. */
export function valueScale(most, integral) {
  const power = 10 ** Math.floor(Math.log10(most));
  const rough = [1, 2, 5, 10].map((times) => (times * power) / 2).find((step) => step * 3 >= most);
  const step = integral ? Math.max(1, Math.ceil(rough)) : rough;
  const top = Math.max(1, Math.ceil(most / step - 1e-9)) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
  return { ticks, y: (value, area) => area.bottom - (value / top) * (area.bottom - MARGIN.top) };
}

export function valueAxis(scale, area, wordOf) {
  return scale.ticks.flatMap((value) => {
    const y = Math.round(scale.y(value, area)) + 0.5;
    return [
      shape("line", { class: value ? "grid" : "axis", x1: area.left, x2: area.right, y1: y, y2: y }),
      shape("text", { class: "value", x: area.left - 6, y: y + 4 }, wordOf(value)),
    ];
  });
}

/** Labels at round times of the reader's clock. */
export function timeAxis(points, area, span) {
  const starts = points.map(({ at }, index) => ({ at, index })).filter(({ at, index }) => index > 0 && part(at, span) !== part(points[index - 1].at, span));
  const every = Math.ceil(starts.length / Math.max(1, Math.floor((area.right - area.left) / LABEL_PX)));
  const first = starts.findIndex(({ index }) => index * area.step >= LABEL_PX / 2);
  const fits = ({ index }) => (points.length - index) * area.step > LABEL_PX / 3;
  return starts.filter((start, place) => place >= first && (place - first) % every === 0 && fits(start)).flatMap(({ at, index }) => {
    const x = Math.round(area.left + (index + 0.5) * area.step) + 0.5;
    return [
      shape("line", { class: "axis", x1: x, x2: x, y1: area.bottom + 1, y2: area.bottom + 5 }),
      shape("text", { class: "time", x, y: HEIGHT - 4 }, span === "30d" ? day(at) : clock(at)),
    ];
  });
}

/** The quarter of an hour, of a day, or the day that a moment lies in. */
function part(at, span) {
  const time = new Date(at * 1000);
  if (span === "1h") return Math.floor(time.getMinutes() / 15);
  return span === "24h" ? Math.floor(time.getHours() / 6) : time.getDate();
}

/** An axis, and these words in place of data. */
export function nothing(words, area) {
  const y = area.bottom + 0.5;
  return [
    shape("line", { class: "axis", x1: area.left, x2: area.right, y1: y, y2: y }),
    shape("text", { class: "nothing", x: (area.left + area.right) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, words),
  ];
}
