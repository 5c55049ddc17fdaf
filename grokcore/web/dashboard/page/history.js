// The history: the last hour of each report, and 24 hours or 30 days that are fetched when the
// reader asks for them, by model, key and token.

import { byId, choice, make, press, say, show } from "./dom.js";
import { short, word } from "./language.js";
import { inWords } from "./link.js";
import { Plots, sparkline } from "./plots.js";

const SPANS = ["1h", "24h", "30d"];
const KINDS = ["models", "keys", "tokens"];
const AT_FIRST = 6;
const FRESH_MS = 120_000;

export class History {
  /** @param {(span: string) => Promise<object>} fetchSpan asks the server for a span */
  constructor(fetchSpan) {
    this.fetchSpan = fetchSpan;
    this.plots = new Plots();
    this.minutes = [];
    this.span = "1h";
    this.kind = "models";
    this.kept = new Map();
    this.everything = false;
    choice(byId("spans"), SPANS, (span) => word(`span_${span}`), (span) => this.choose(span));
    choice(byId("kinds"), KINDS, (kind) => word(`by_${kind}`), (kind) => this.sort(kind));
    byId("more-lines").addEventListener("click", () => {
      this.everything = !this.everything;
      this.draw();
    });
  }

  /** Show the minutes of a report; a longer span is fetched again when it is old. */
  show(minutes) {
    this.minutes = minutes;
    this.draw();
    if (this.span !== "1h") this.load(this.span);
  }

  choose(span) {
    this.span = span;
    this.everything = false;
    this.draw();
    if (span !== "1h") this.load(span);
  }

  sort(kind) {
    this.kind = kind;
    this.everything = false;
    this.draw();
  }

  /** Forget what was fetched: another key may not see it. */
  clear() {
    this.kept.clear();
    this.span = "1h";
  }

  async load(span) {
    const kept = this.kept.get(span);
    if (kept?.loading || (kept && Date.now() - kept.at < FRESH_MS)) return;
    const entry = { ...kept, loading: true, at: Date.now() };
    this.kept.set(span, entry);
    try {
      entry.data = await this.fetchSpan(span);
      entry.fault = "";
    } catch (error) {
      entry.fault = error.status === 404 ? word("no_history") : inWords(error);
    }
    entry.loading = false;
    if (span === this.span) this.draw();
  }

  draw() {
    const kept = this.span === "1h" ? { data: { all: this.minutes } } : this.kept.get(this.span);
    press(byId("spans"), this.span);
    press(byId("kinds"), this.kind);
    say(byId("history-note"), kept?.fault || (kept?.data ? "" : word("loading")));
    this.plots.show(kept?.data?.all ?? [], this.span);
    show(byId("by"), this.span !== "1h" && Boolean(kept?.data));
    if (this.span !== "1h" && kept?.data) this.drawLines(kept.data[this.kind] ?? {});
  }

  drawLines(series) {
    const lines = Object.entries(series)
      .map(([name, points]) => ({ name, points, requests: sum(points, "requests") }))
      .sort((a, b) => b.requests - a.requests);
    const shown = this.everything ? lines : lines.slice(0, AT_FIRST);
    byId("lines").replaceChildren(...shown.map(line));
    show(byId("no-lines"), lines.length === 0);
    show(byId("more-lines"), lines.length > AT_FIRST);
    say(byId("more-lines"), this.everything ? word("fewer") : word("show_all_lines", { n: lines.length }));
    byId("more-lines").ariaExpanded = String(this.everything);
  }
}

function sum(points, name) {
  return points.reduce((total, point) => total + point[name], 0);
}

function line({ name, points, requests }) {
  const tokens = word("tokens_in_out", { in: short(sum(points, "tokens_in")), out: short(sum(points, "tokens_out")) });
  return make(
    "li",
    make("div.line", make("span.name", name), sparkline(points, 120, 20)),
    make("p.quiet", make("span.keep", word("sum_requests", { n: requests, failed: sum(points, "errors") })), " ", make("span.keep", tokens)),
  );
}
