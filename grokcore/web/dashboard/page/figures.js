// The figures on top: usable tokens, requests under way, and the last hour.

import { byId, make, outdated } from "./dom.js";
import { whole, word } from "./language.js";

/** Show the figures of a report. */
export function drawFigures({ tokens, minutes, open, waiting }) {
  const usable = (tokens.counts.ok ?? 0) + (tokens.counts.unknown ?? 0);
  const requests = total(minutes, "requests");
  const errors = total(minutes, "errors");
  if (!outdated(byId("figures"), [usable, tokens.total, requests, errors, open, waiting])) return;
  byId("figures").replaceChildren(
    figure(word("part_of", { part: usable, whole: tokens.total }), word("figure_usable")),
    figure(whole(open), waiting ? word("figure_waiting", { n: waiting }) : word("figure_open")),
    figure(whole(requests), word("figure_requests")),
    figure(whole(errors), errors ? word("figure_share", { percent: percent(errors / requests) }) : word("figure_errors")),
  );
}

function total(minutes, name) {
  return minutes.reduce((sum, minute) => sum + minute[name], 0);
}

function percent(share) {
  return (share * 100).toFixed(share < 0.1 ? 1 : 0);
}

function figure(value, words) {
  return make("div", make("dt", words), make("dd", value));
}
