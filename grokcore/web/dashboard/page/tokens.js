// The table of tokens. Rows are updated in place, so that focus, selection and open questions stay.

import { byId, counted, make, say, show, since, timeless, until, whole } from "./words.js";

const STATES = ["invalid", "cooling", "ok", "unknown", "disabled"];
const SHOWN_AT_FIRST = 50;
const RESULT_MS = 12000;

export class Tokens {
  /**
   * @param {(key: string, act: string) => Promise<object>} act performs an action, and returns the
   *   token's new row, with the result in words (`said`)
   * @param {(text: string) => void} announce announces the result to screen readers
   */
  constructor(act, announce) {
    this.act = act;
    this.announce = announce;
    this.rows = new Map();
    this.state = "all";
    this.everything = false;
    this.table = { rows: [], counts: {}, total: 0 };
    byId("find").addEventListener("input", () => this.arrange());
    byId("more-tokens").addEventListener("click", () => {
      this.everything = true;
      this.arrange();
    });
  }

  /** Show *tokens* of a report that arrived at this time (milliseconds). */
  show(tokens, received) {
    this.table = tokens;
    const present = new Set(tokens.rows.map((view) => view.key));
    for (const [key, row] of this.rows) {
      if (present.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    for (const view of tokens.rows) this.row(view).update(view, received);
    this.drawChips();
    this.arrange();
  }

  row({ key, id }) {
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = new Row(id, (act) => this.perform(row, key, act))));
    return row;
  }

  async perform(row, key, act) {
    row.busy(act);
    try {
      const view = await this.act(key, act);
      row.update(view, Date.now());
      this.result(row, view.said, "done");
    } catch (error) {
      this.result(row, error.message || "The server does not answer.", "failed");
    } finally {
      row.busy("");
    }
  }

  result(row, text, kind) {
    row.report(text, kind);
    this.announce(`Token ${row.id}: ${text}`);
  }

  // Selection

  drawChips() {
    const { counts, total } = this.table;
    const kinds = ["all", ...STATES.filter((state) => counts[state] || state === this.state)];
    const chips = byId("chips");
    if (chips.children.length !== kinds.length || kinds.some((kind, index) => chips.children[index].dataset.state !== kind)) {
      const focused = document.activeElement?.dataset.state;
      chips.replaceChildren(...kinds.map((kind) => this.chip(kind)));
      if (focused) [...chips.children].find((chip) => chip.dataset.state === focused)?.focus();
    }
    for (const chip of chips.children) {
      const kind = chip.dataset.state;
      say(chip.lastChild, whole(kind === "all" ? total : (counts[kind] ?? 0)));
      chip.setAttribute("aria-pressed", String(kind === this.state));
    }
  }

  chip(kind) {
    const chip = make("button.chip", `${kind} `, make("b"));
    chip.type = "button";
    chip.dataset.state = kind;
    chip.addEventListener("click", () => {
      this.state = this.state === kind ? "all" : kind;
      this.drawChips();
      this.arrange();
    });
    return chip;
  }

  /** Put the selected rows into the table, in the server's order. */
  arrange() {
    const words = byId("find").value.trim().toLowerCase();
    const wanted = this.table.rows.filter((view) => (this.state === "all" || view.state === this.state) && fits(view, words));
    const shown = this.everything ? wanted : wanted.slice(0, SHOWN_AT_FIRST);
    place(byId("rows"), shown.map((view) => this.rows.get(view.key).element));
    const more = byId("more-tokens");
    show(more, shown.length < wanted.length);
    say(more, `Show all ${whole(wanted.length)}`);
    this.explain(wanted.length);
  }

  explain(matches) {
    const { rows, total, counts } = this.table;
    show(byId("tokens"), matches > 0);
    show(byId("no-tokens"), matches === 0);
    const cutOff = rows.length < total && counts[this.state] > 0;
    say(byId("no-tokens"), !total ? NO_TOKENS : cutOff ? NOT_LISTED : "No token matches.");
    show(byId("find"), total > 5);
    show(byId("chips"), total > 0);
    const cut = `${whole(rows.length)} of ${whole(total)} are shown, those that need attention first.`;
    say(byId("tokens-note"), rows.length < total ? cut : "");
  }
}

const NOT_LISTED = "No token that is shown matches; others may.";
const NO_TOKENS = "There is no token yet. Add one with: python3 grok2api.py tokens add";

function fits(view, words) {
  return !words || [view.id, view.note, view.tier].some((text) => (text ?? "").toLowerCase().includes(words));
}

/**
 * Give *parent* exactly these children, in this order, and move only those that are out of place.
 */
function place(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

// One row -----------------------------------------------------------------------------------------

class Row {
  constructor(id, perform) {
    this.id = id;
    this.perform = perform;
    this.groups = new Map();
    this.confirming = false;
    this.tier = make("span.tier");
    this.note = make("p.note");
    this.stateWord = make("span.state");
    this.back = make("span.back");
    this.why = make("p.why");
    this.allowances = make("ul.allowances");
    this.flight = make("p");
    this.used = make("p.quiet");
    this.way = make("p.quiet");
    this.acts = make("div.acts");
    this.outcome = make("p.outcome");
    this.element = this.build();
  }

  build() {
    const head = cell("th", "token", make("code", this.id), " ", this.tier, this.note);
    head.scope = "row";
    const row = make(
      "tr",
      head,
      cell("td", "condition", make("p", this.stateWord, " ", this.back), this.why),
      cell("td", "left", this.allowances),
      cell("td", "use", this.flight, this.used, this.way),
      cell("td", "doing", this.acts, this.outcome),
    );
    row.setAttribute("role", "row");
    return row;
  }

  /** Show the token's state at that time (milliseconds). */
  update(view, received) {
    this.view = view;
    say(this.tier, view.tier);
    this.tier.dataset.tier = view.tier;
    say(this.note, view.note ?? "");
    this.element.dataset.state = view.state;
    this.stateWord.dataset.state = view.state;
    say(this.stateWord, view.state);
    say(this.why, view.why ?? "");
    if (view.back_in == null) timeless(this.back, "");
    else until(this.back, received + view.back_in * 1000, "back in ");
    say(this.flight, view.in_flight ? `${whole(view.in_flight)} under way` : "");
    if (view.used_ago == null) timeless(this.used, "not used yet");
    else since(this.used, received - view.used_ago * 1000, "used ");
    say(this.way, view.egress === "direct" ? "" : view.egress);
    this.updateGroups(view.groups, received);
    if (!this.confirming) this.drawActs();
  }

  updateGroups(groups, received) {
    const present = new Set(groups.map((group) => group.group));
    for (const name of this.groups.keys()) if (!present.has(name)) this.groups.delete(name);
    for (const group of groups) {
      if (!this.groups.has(group.group)) this.groups.set(group.group, new Group(group.group));
      this.groups.get(group.group).update(group, received);
    }
    place(this.allowances, groups.map((group) => this.groups.get(group.group).element));
  }

  // Actions

  drawActs() {
    const wanted = sensibleActs(this.view);
    const names = [...this.acts.children].map((button) => button.dataset.act);
    if (names.join() === wanted.join()) return;
    const focused = this.acts.contains(document.activeElement) ? document.activeElement.dataset.act : "";
    this.acts.replaceChildren(...wanted.map((act) => this.button(LABELS[act], act, () => this.begin(act))));
    if (focused) (this.acts.querySelector(`[data-act="${focused}"]`) ?? this.acts.firstChild)?.focus();
  }

  begin(act) {
    if (act === "disable") this.confirm();
    else this.perform(act);
  }

  /** Ask within the row; Escape and "Keep" cancel. */
  confirm() {
    this.confirming = true;
    const question = make("span.question", "Disable it?");
    const yes = this.button("Disable", "confirm", () => this.decide(true));
    const no = this.button("Keep", "keep", () => this.decide(false));
    yes.classList.add("danger");
    question.id = `question-${this.id}`;
    no.setAttribute("aria-describedby", question.id); // the focus goes to this button
    this.acts.replaceChildren(question, yes, no);
    this.acts.onkeydown = (event) => event.key === "Escape" && this.decide(false);
    no.focus();
  }

  decide(agreed) {
    this.confirming = false;
    this.acts.onkeydown = null;
    this.drawActs();
    this.acts.lastChild?.focus();
    if (agreed) this.perform("disable");
  }

  button(label, act, onClick) {
    const button = make("button", label);
    button.type = "button";
    button.dataset.act = act;
    button.setAttribute("aria-label", `${label} token ${this.id}`);
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") onClick();
    });
    return button;
  }

  /**
   * Show that an action is under way; an empty *act* ends this. (A disabled button would lose the
   * focus.)
   */
  busy(act) {
    for (const button of this.acts.children) button.setAttribute("aria-disabled", String(Boolean(act)));
    this.element.setAttribute("aria-busy", String(Boolean(act)));
    if (act) this.report(DOING[act], "doing");
  }

  /** Show the result of an action for some seconds. */
  report(text, kind) {
    clearTimeout(this.timer);
    say(this.outcome, text);
    this.outcome.dataset.kind = kind;
    if (kind !== "doing") this.timer = setTimeout(() => say(this.outcome, ""), RESULT_MS);
  }
}

/** The actions that make sense for a token in its state; none for one that its file disables. */
function sensibleActs(view) {
  if (view.state === "disabled") return view.switched_off ? ["enable"] : [];
  const held = view.state !== "ok" && view.state !== "unknown";
  const short = view.groups.some((group) => group.cooling_for != null || group.used_up || group.spent);
  return held || short ? ["check", "clear", "disable"] : ["check", "disable"];
}

const LABELS = { check: "Check", clear: "Clear", disable: "Disable", enable: "Enable" };
const DOING = { check: "asking Grok …", clear: "clearing …", disable: "disabling …", enable: "enabling …" };

function cell(tag, name, ...children) {
  const element = make(`${tag}.${name}`, ...children);
  element.setAttribute("role", tag === "th" ? "rowheader" : "cell");
  return element;
}

/** A token's remaining allowance for one group of models. */
class Group {
  constructor(name) {
    this.name = make("span.group", name);
    this.name.title = name;
    this.bar = make("span.meter", make("i"));
    this.bar.setAttribute("aria-hidden", "true");
    this.left = make("span.amount");
    this.when = make("span.when");
    this.element = make("li", this.name, this.bar, this.left, this.when);
  }

  update(group, received) {
    const known = group.left != null && group.total;
    const share = known ? Math.min(1, Math.max(0, group.left / group.total)) : 0;
    this.element.dataset.level = level(group, known, share);
    this.bar.firstChild.style.width = `${share * 100}%`;
    say(this.left, known ? `${whole(group.left)}/${whole(group.total)}` : group.cooling_for == null ? "not known" : "–");
    if (group.cooling_for != null) until(this.when, received + group.cooling_for * 1000, "back in ");
    else if (group.reset_in != null) until(this.when, received + group.reset_in * 1000, "full in ");
    else timeless(this.when, "");
  }
}

function level(group, known, share) {
  if (group.cooling_for != null || group.used_up || group.spent) return "none";
  if (!known) return "unknown";
  return share < 0.2 ? "low" : "fine";
}

/** The number of usable tokens, in words. */
export function usable({ counts, total }) {
  const good = (counts.ok ?? 0) + (counts.unknown ?? 0);
  return { good: whole(good), of: `of ${counted(total, "token")}` };
}
