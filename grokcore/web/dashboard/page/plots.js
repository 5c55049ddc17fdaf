// Two plots of one span of time, drawn as SVG in pixels of their own width: bars, and a line with a
// band. The pointer or the arrow keys choose a point; both plots mark it, and the readouts show its
// values.

import { HEIGHT, MARGIN, nothing, shape, timeAxis, valueAxis, valueScale } from "./axes.js";
import { byId, say } from "./dom.js";
import { clock, day, measured, short, word } from "./language.js";

export class Plots {
  constructor() {
    this.points = [];
    this.span = "1h";
    this.chosen = null;
    this.plots = [
      new Plot("requests", drawRequests, describeRequests, sumRequests),
      new Plot("latency", drawLatency, describeLatency, sumLatency),
    ];
    for (const plot of this.plots) plot.attend((index) => this.choose(index));
    new ResizeObserver(() => this.draw()).observe(byId("requests-plot"));
  }

  /**
   * Show these points, oldest first.
   * @param {string} span "1h", "24h" or "30d"
   */
  show(points, span) {
    this.points = points;
    this.span = span;
    this.draw();
  }

  /** Mark a point; null marks none. */
  choose(index) {
    const last = this.points.length - 1;
    this.chosen = index === null || last < 0 ? null : Math.min(Math.max(index, 0), last);
    for (const plot of this.plots) plot.mark(this.points, this.chosen, this.span);
  }

  draw() {
    for (const plot of this.plots) plot.draw(this.points, this.span);
    this.choose(this.chosen);
  }
}

/** One plot: its frame, its marker, and its reader's input. */
class Plot {
  constructor(name, drawMarks, describe, sumUp) {
    this.box = byId(`${name}-plot`);
    this.readout = byId(`${name}-readout`);
    this.drawMarks = drawMarks;
    this.describe = describe;
    this.sumUp = sumUp;
    this.marker = shape("rect", { class: "marker", y: MARGIN.top, height: HEIGHT - MARGIN.top - MARGIN.bottom });
    this.index = null;
    this.count = 0;
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

  draw(points, span) {
    this.count = points.length;
    const width = this.box.clientWidth;
    if (width < 2 * (MARGIN.left + MARGIN.right)) return; // not laid out yet; the observer calls again
    const area = { width, left: MARGIN.left, right: width - MARGIN.right, bottom: HEIGHT - MARGIN.bottom, step: this.step() };
    const svg = shape("svg", { width, height: HEIGHT, "aria-hidden": "true" });
    svg.append(...timeAxis(points, area, span), this.marker, ...this.drawMarks(points, area));
    this.box.replaceChildren(svg);
    this.box.setAttribute("aria-valuemax", String(Math.max(this.count - 1, 0)));
  }

  mark(points, index, span) {
    this.index = index;
    const text = index === null ? this.sumUp(points) : `${moment(points[index].at, span)} · ${this.describe(points[index])}`;
    say(this.readout, text);
    this.readout.classList.toggle("chosen", index !== null);
    this.box.setAttribute("aria-valuenow", String(index ?? Math.max(this.count - 1, 0)));
    this.box.setAttribute("aria-valuetext", text);
    this.marker.setAttribute("visibility", index === null ? "hidden" : "visible");
    this.marker.setAttribute("x", String(MARGIN.left + (index ?? 0) * this.step()));
    this.marker.setAttribute("width", String(Math.max(this.step(), 1)));
  }
}

function moment(at, span) {
  return span === "30d" ? `${day(at)} ${clock(at)}` : clock(at);
}

// Requests ----------------------------------------------------------------------------------------

function drawRequests(points, area) {
  const most = Math.max(...points.map((point) => point.requests), 0);
  if (!most) return nothing(word("none_requests"), area);
  const scale = valueScale(most, true);
  return [...valueAxis(scale, area, short), ...bars(points, area, (value) => scale.y(value, area))];
}

/** A bar for each point with requests, its failed part below. */
function bars(points, { left, step }, y) {
  const bar = (index, from, to, kind) =>
    shape("rect", { class: kind, x: left + index * step + step * 0.12, width: step * 0.76, y: y(to), height: y(from) - y(to) });
  return points.flatMap(({ requests, errors }, index) => [
    ...(errors ? [bar(index, 0, errors, "bar-error")] : []),
    ...(requests > errors ? [bar(index, errors, requests, "bar")] : []),
  ]);
}

function describeRequests({ requests, errors }) {
  return word("sum_requests", { n: requests, failed: errors });
}

function sumRequests(points) {
  const sum = (name) => points.reduce((total, point) => total + point[name], 0);
  return describeRequests({ requests: sum("requests"), errors: sum("errors") });
}

/** A small plot of bars alone. */
export function sparkline(points, width, height) {
  const most = Math.max(...points.map((point) => point.requests), 1);
  const area = { left: 0, step: width / Math.max(points.length, 1) };
  const svg = shape("svg", { width, height, "aria-hidden": "true", class: "sparkline" });
  svg.append(...bars(points, area, (value) => height - (value / most) * height));
  return svg;
}

// Time to first event -----------------------------------------------------------------------------

function drawLatency(points, area) {
  const runs = measuredRuns(points);
  if (!runs.length) return nothing(word("none_answers"), area);
  const scale = valueScale(Math.max(...runs.flat().map(({ p50, p95 }) => Math.max(p50, p95))), false);
  const x = (index) => area.left + (index + 0.5) * area.step;
  const at = (run, key) => run.map((point) => `${x(point.index)},${scale.y(point[key], area)}`);
  return [
    ...valueAxis(scale, area, (value) => word("unit_s", { n: value })),
    ...runs.map((run) => shape("polygon", { class: "band", points: widened(run, at).join(" ") })),
    ...runs.map((run) => shape("polyline", { class: "median", points: at(run, "p50").join(" ") })),
    ...runs.flat().map((point) => shape("circle", { class: "dot", cx: x(point.index), cy: scale.y(point.p50, area), r: 1.6 })),
  ];
}

/** Runs of consecutive points with answers, so that no line is drawn across points without data. */
function measuredRuns(points) {
  const runs = [];
  let run = null;
  points.forEach((point, index) => {
    if (point.first_p50_s == null) {
      run = null;
      return;
    }
    if (run === null) runs.push((run = []));
    run.push({ index, p50: point.first_p50_s, p95: point.first_p95_s ?? point.first_p50_s });
  });
  return runs;
}

/** The corners of a run's band; the band of a single point is as wide as the point. */
function widened(run, at) {
  const half = 0.3;
  const wide = run.length > 1 ? run : [-half, half].map((by) => ({ ...run[0], index: run[0].index + by }));
  return [...at(wide, "p95"), ...at(wide, "p50").reverse()];
}

function describeLatency({ first_p50_s: p50, first_p95_s: p95 }) {
  if (p50 == null) return word("no_answer_began");
  return p95 == null ? word("median_only", { p50: measured(p50) }) : word("median_most", { p50: measured(p50), p95: measured(p95) });
}

function sumLatency(points) {
  const last = points.findLast((point) => point.first_p50_s != null);
  return last ? describeLatency(last) : "";
}
