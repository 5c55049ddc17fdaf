// The status page: it draws each report, and handles the key.

import { byId, make, say, show } from "./dom.js";
import { Edits } from "./edits.js";
import { drawFailures } from "./failures.js";
import { drawFigures } from "./figures.js";
import { drawFirst, isNew } from "./first.js";
import { drawHead, drawHeadline } from "./head.js";
import { History } from "./history.js";
import { drawLanes } from "./lanes.js";
import { speak, word } from "./language.js";
import { Link } from "./link.js";
import { drawModels } from "./models.js";
import { tick, until } from "./times.js";
import { Tokens } from "./tokens.js";
import { drawValues, drawWays } from "./ways.js";

speak();
const link = new Link({ status: onStatus, asks: onKeyNeeded, lost: onLost });
const history = new History((span) => link.ask("GET", `status/history?span=${span}`));
const tokens = new Tokens((key, act, values) => link.act(key, act, values), (text) => say(byId("said"), text));
const edits = new Edits((path, values) => link.ask("POST", path, values));
let known = false;

/** Most tokens with which all fits on one screen of a desk. */
const FEW = 8;

function onStatus(report) {
  const received = Date.now();
  const fresh = isNew(report);
  known = true;
  show(byId("asking"), false);
  show(byId("board"), true);
  show(byId("forget"), Boolean(link.key));
  show(byId("notice"), false);
  byId("board").classList.toggle("fresh", fresh);
  byId("board").classList.toggle("many", report.tokens.total > FEW);
  document.body.classList.remove("stale");
  drawHead(report, received, fresh);
  show(byId("first"), fresh);
  if (fresh) drawFirst(report);
  edits.allow(Boolean(report.page_edits), fresh);
  drawFigures(report);
  drawLanes(report, received);
  tokens.show(report, received);
  drawModels(report.models);
  history.show(report.minutes);
  drawFailures(report, received);
  drawWays(report.egress, received);
  drawValues(report, received);
}

/** Ask for a key; *wrong* is the fault of the last one, if there was one. */
function onKeyNeeded(wrong) {
  known = false;
  history.clear();
  show(byId("board"), false);
  show(byId("forget"), false);
  show(byId("notice"), false);
  show(byId("asking"), true);
  drawHeadline("locked");
  say(byId("key-wrong"), wrong);
  byId("key").setAttribute("aria-invalid", String(Boolean(wrong)));
  byId("key").focus();
}

function onLost(message, seconds) {
  drawHeadline("lost");
  document.body.classList.add("stale");
  const again = make("span");
  until(again, Date.now() + seconds * 1000, "next_try", "trying");
  byId("notice").replaceChildren(message, " ", known ? `${word("figures_old")} ` : "", again);
  show(byId("notice"), true);
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  say(byId("key-wrong"), "");
  link.use(byId("key").value.trim(), byId("key-keep").checked);
  byId("key").value = "";
});

byId("forget").addEventListener("click", () => link.forget());

setInterval(tick, 1000);
link.open();
