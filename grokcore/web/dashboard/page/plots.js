// Two plots of the last hour, drawn as SVG in pixels of their own width: bars, and a line with a
// band. The pointer or the arrow keys choose a minute; both plots mark it, and the readouts show
// its values.

import { byId, clock, counted, measured, say, whole } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 148;
const MARGIN = { top: 8, right: 8, bottom: 22, left: 44 };

export class Plots {
  constructor() {
    this.minutes = [];
    this.chosen = null;
    this.plots = [
      new Plot("requests", drawRequests, describeRequests, sumRequests),
      new Plot("latency", drawLatency, describeLatency, sumLatency),
    ];
    for (const plot of this.plots) plot.attend((index) => this.choose(index));
    new ResizeObserver(() => this.draw()).observe(byId("requests-plot"));
  }

  /** Show these minutes, oldest first. */
  show(minutes) {
    this.minutes = minutes;
    this.draw();
  }

  /** Mark a minute; null marks none. */
  choose(index) {
    const last = this.minutes.length - 1;
    this.chosen = index === null || last < 0 ? null : Math.min(Math.max(index, 0), last);
    for (const plot of this.plots) plot.mark(this.minutes, this.chosen);
  }

  draw() {
    for (const plot of this.plots) plot.draw(this.minutes);
    this.choose(this.chosen);
  }
}

/** One plot: its frame, its marker, and its reader's input. */
class Plot {
  constructor(name, drawMarks, describeMinute, sumUp) {
    this.box = byId(`${name}-plot`);
    this.readout = byId(`${name}-readout`);
    this.drawMarks = drawMarks;
    this.describeMinute = describeMinute;
    this.sumUp = sumUp;
    this.marker = shape("rect", { class: "marker", y: MARGIN.top, height: HEIGHT - MARGIN.top - MARGIN.bottom });
    this.index = null;
    this.count = 0;
    const { box } = this;
    box.tabIndex = 0;
    box.setAttribute("role", "slider");
    box.setAttribute("aria-labelledby", `${name}-title`);
    box.setAttribute("aria-readonly", "true");
    box.setAttribute("aria-valuemin", "0");
  }

  attend(choose) {
    const { box } = this;
    const point = (event) => {
      const x = event.clientX - box.getBoundingClientRect().left;
      choose(Math.floor((x - MARGIN.left) / this.step()));
    };
    box.addEventListener("pointermove", point);
    box.addEventListener("pointerdown", point);
    box.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && choose(null));
    box.addEventListener("blur", () => choose(null));
    box.addEventListener("keydown", (event) => this.onKey(event, choose));
  }

  onKey(event, choose) {
    const at = this.index ?? this.count;
    const goals = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.count - 1, PageUp: at - 10, PageDown: at + 10 };
    if (event.key === "Escape") choose(null);
    else if (event.key in goals) choose(goals[event.key]);
    else return;
    event.preventDefault();
  }

  step() {
    return (this.box.clientWidth - MARGIN.left - MARGIN.right) / Math.max(this.count, 1);
  }

  draw(minutes) {
    this.count = minutes.length;
    const width = this.box.clientWidth;
    if (width < 2 * (MARGIN.left + MARGIN.right)) return; // not laid out yet; the observer calls again
    const area = { width, left: MARGIN.left, right: width - MARGIN.right, bottom: HEIGHT - MARGIN.bottom, step: this.step() };
    const svg = shape("svg", { width, height: HEIGHT, "aria-hidden": "true" });
    svg.append(...timeAxis(minutes, area), this.marker, ...this.drawMarks(minutes, area));
    this.box.replaceChildren(svg);
    this.box.setAttribute("aria-valuemax", String(Math.max(this.count - 1, 0)));
  }

  mark(minutes, index) {
    this.index = index;
    const text = index === null ? this.sumUp(minutes) : `${clock(minutes[index].at)}  ${this.describeMinute(minutes[index])}`;
    say(this.readout, text);
    this.readout.classList.toggle("chosen", index !== null);
    this.box.setAttribute("aria-valuenow", String(index ?? Math.max(this.count - 1, 0)));
    this.box.setAttribute("aria-valuetext", text);
    this.marker.setAttribute("visibility", index === null ? "hidden" : "visible");
    this.marker.setAttribute("x", String(MARGIN.left + (index ?? 0) * this.step()));
    this.marker.setAttribute("width", String(Math.max(this.step(), 1)));
  }
}

// Requests ----------------------------------------------------------------------------------------

function drawRequests(minutes, area) {
  const most = Math.max(...minutes.map((minute) => minute.requests), 0);
  if (!most) return nothing("No request in the last hour", area);
  const scale = valueScale(most, true);
  const bar = (index, from, to, kind) =>
    shape("rect", {
      class: kind,
      x: area.left + index * area.step + area.step * 0.12,
      width: area.step * 0.76,
      y: scale.y(to, area),
      height: scale.y(from, area) - scale.y(to, area),
    });
  const bars = minutes.flatMap(({ requests, errors }, index) => [
    ...(errors ? [bar(index, 0, errors, "bar-error")] : []),
    ...(requests > errors ? [bar(index, errors, requests, "bar")] : []),
  ]);
  return [...valueAxis(scale, area, whole), ...bars];
}

function describeRequests({ requests, errors }) {
  return `${counted(requests, "request")}, ${counted(errors, "error")}`;
}

function sumRequests(minutes) {
  const requests = minutes.reduce((sum, minute) => sum + minute.requests, 0);
  const errors = minutes.reduce((sum, minute) => sum + minute.errors, 0);
  return `${counted(requests, "request")} in the last hour, ${counted(errors, "error")}`;
}

// Time to first event -----------------------------------------------------------------------------

function drawLatency(minutes, area) {
  const runs = measuredRuns(minutes);
  if (!runs.length) return nothing("No answer began in the last hour", area);
  const scale = valueScale(Math.max(...runs.flat().map(({ p50, p95 }) => Math.max(p50, p95))), false);
  const x = (index) => area.left + (index + 0.5) * area.step;
  const at = (points, key) => points.map((point) => `${x(point.index)},${scale.y(point[key], area)}`);
  return [
    ...valueAxis(scale, area, (value) => `${value} s`),
    ...runs.map((run) => shape("polygon", { class: "band", points: widened(run, at, area).join(" ") })),
    ...runs.map((run) => shape("polyline", { class: "median", points: at(run, "p50").join(" ") })),
    ...runs.flat().map((point) => shape("circle", { class: "dot", cx: x(point.index), cy: scale.y(point.p50, area), r: 1.8 })),
  ];
}

/**
 * Runs of consecutive minutes with answers, so that no line is drawn across minutes without data.
 */
function measuredRuns(minutes) {
  const runs = [];
  let run = null;
  minutes.forEach((minute, index) => {
    if (minute.first_p50_s === null) {
      run = null;
      return;
    }
    if (run === null) runs.push((run = []));
    run.push({ index, p50: minute.first_p50_s, p95: minute.first_p95_s ?? minute.first_p50_s });
  });
  return runs;
}

/** The corners of a run's band; the band of a single minute is as wide as the minute. */
function widened(run, at, area) {
  const half = 0.3;
  const points = run.length > 1 ? run : [-half, half].map((by) => ({ ...run[0], index: run[0].index + by }));
  return [...at(points, "p95"), ...at(points, "p50").reverse()];
}

function describeLatency({ first_p50_s: p50, first_p95_s: p95 }) {
  return p50 === null ? "no answer began" : `median ${measured(p50)}, 95 % within ${measured(p95 ?? p50)}`;
}

function sumLatency(minutes) {
  const last = minutes.findLast((minute) => minute.first_p50_s !== null);
  return last ? `${clock(last.at)}  ${describeLatency(last)}` : "";
}

// Axes --------------------------------------------------------------------------------------------

/** A scale from 0 to a round number; with *integral*, no step is below 1. */
function valueScale(most, integral) {
  const power = 10 ** Math.floor(Math.log10(most));
  const rough = [1, 2, 5, 10].map((times) => (times * power) / 2).find((step) => step * 3 >= most);
  const step = integral ? Math.max(1, Math.ceil(rough)) : rough;
  const top = Math.max(1, Math.ceil(most / step - 1e-9)) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
  return { ticks, y: (value, area) => area.bottom - (value / top) * (area.bottom - MARGIN.top) };
}

function valueAxis(scale, area, word) {
  return scale.ticks.flatMap((value) => {
    const y = Math.round(scale.y(value, area)) + 0.5;
    return [
      shape("line", { class: value ? "grid" : "axis", x1: area.left, x2: area.right, y1: y, y2: y }),
      shape("text", { class: "value", x: area.left - 6, y: y + 4 }, word(value)),
    ];
  });
}

/** A label each quarter of an hour of the reader's clock. */
function timeAxis(minutes, area) {
  const quarters = minutes.map(({ at }, index) => ({ at, index })).filter(({ at }) => new Date(at * 1000).getMinutes() % 15 === 0);
  return quarters.flatMap(({ at, index }) => {
    const x = Math.round(area.left + (index + 0.5) * area.step) + 0.5;
    const near = x < area.left + 14 ? "start" : x > area.right - 14 ? "end" : "middle";
    return [
      shape("line", { class: "axis", x1: x, x2: x, y1: area.bottom + 1, y2: area.bottom + 5 }),
      shape("text", { class: "time", x, y: HEIGHT - 5, "text-anchor": near }, clock(at)),
    ];
  });
}

function nothing(text, area) {
  const y = area.bottom + 0.5;
  return [
    shape("line", { class: "axis", x1: area.left, x2: area.right, y1: y, y2: y }),
    shape("text", { class: "nothing", x: (area.left + area.right) / 2, y: HEIGHT / 2 - 4, "text-anchor": "middle" }, text),
  ];
}

function shape(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}
