// The models: those that were asked in the last hour, and those that can't be answered.

import { byId, make, outdated, say, show, state } from "./dom.js";
import { word, wordOr } from "./language.js";

const AT_FIRST = 5;

let everything = false;

/** Show the models of a report; nothing if it has none. */
export function drawModels(models = []) {
  show(byId("models"), models.length > 0);
  const first = models.filter((model) => model.asked > 0).slice(0, AT_FIRST);
  const few = first.length ? first : models.slice(0, AT_FIRST);
  const shown = everything ? models : few;
  if (!outdated(byId("model-rows"), [shown, models.length])) return;
  byId("model-rows").replaceChildren(...shown.map(row));
  const more = byId("more-models");
  show(more, few.length < models.length);
  say(more, everything ? word("fewer") : word("more_models", { n: models.length }));
  more.ariaExpanded = String(everything);
  more.onclick = () => {
    everything = !everything;
    drawModels(models);
  };
}

function row({ name, state: condition, why, asked, failed, usable_tokens: usable }) {
  const use = [
    !asked ? word("model_not_asked") : failed ? word("model_failed", { n: failed, asked }) : word("model_asked", { n: asked }),
    usable == null ? "" : word("model_tokens", { n: usable }),
  ];
  const words = wordOr("model", condition);
  const dot = state(condition, make("span.unseen", words));
  const bad = condition === "failing" || condition === "unanswerable";
  return make(
    "li",
    make("p.line", make("span.name", dot, name), make("span.quiet", use.filter(Boolean).join(" · "))),
    bad ? make("p.why", why ? word("model_why", { state: words, why }) : words) : null,
  );
}
