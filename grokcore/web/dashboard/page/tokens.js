// The list of tokens: chosen by state and words, in an order, in groups. Rows are updated in place,
// so that focus, selection and open questions stay.

import { columnsOf, Names, shareLeft } from "./allowances.js";
import { button, byId, make, place, say, show } from "./dom.js";
import { whole, word, wordOr } from "./language.js";
import { inWords } from "./link.js";
import { TokenRow } from "./token-row.js";
import { connectionName } from "./ways.js";

const STATES = ["invalid", "cooling", "ok", "unknown", "disabled"];
const SHOWN_AT_FIRST = 50;
const SHOWN_ON_PHONES = 30;
const SEARCHED_FROM = 9;
const PHONE_PX = 640;
const DESK_PX = 880;

const ORDERS = {
  attention: null, // the server's
  id: (a, b) => a.id.localeCompare(b.id),
  note: (a, b) => (a.note || "\uffff").localeCompare(b.note || "\uffff"),
  left: (a, b) => least(a) - least(b),
  used: (a, b) => (a.used_ago ?? Infinity) - (b.used_ago ?? Infinity),
};

const GROUPS = { none: null, state: (view) => view.state, tier: (view) => view.tier, egress: (view) => view.egress };

export class Tokens {
  /**
   * @param {(key: string, act: string, values?: object) => Promise<object>} act performs an action,
   *   and returns the token's new row, with the result in words (`said`)
   * @param {(text: string) => void} announce announces the result to screen readers
   */
  constructor(act, announce) {
    Object.assign(this, { act, announce, inWords });
    this.rows = new Map();
    this.headings = new Map();
    this.closed = new Set();
    this.state = "all";
    this.everything = false;
    this.report = null;
    options(byId("sort"), ORDERS, "sort");
    options(byId("group"), GROUPS, "group");
    for (const id of ["find", "sort", "group"]) byId(id).addEventListener("input", () => this.arrange());
    byId("more-tokens").addEventListener("click", () => {
      this.everything = true;
      this.arrange();
    });
    new ResizeObserver(() => this.measure()).observe(byId("tokens-box"));
  }

  /** Show the tokens of a report that arrived at this time (milliseconds). */
  show(report, received) {
    this.report = report;
    this.received = received;
    const present = new Set(report.tokens.rows.map((view) => view.key));
    for (const key of this.rows.keys()) if (!present.has(key)) this.rows.delete(key);
    this.measure(true);
    this.drawChips();
  }

  /** Choose the columns for the width of the list. */
  measure(always = false) {
    if (!this.report) return;
    const { tokens, groups, page_edits: edits = false, egress } = this.report;
    const width = byId("tokens-box").clientWidth;
    const names = new Names(groups);
    const columns = columnsOf(tokens.rows, names, width < PHONE_PX ? 3 : width < DESK_PX ? 2 : 4);
    const same = this.table?.columns.join() === columns.join();
    this.table = { columns, names, edits, addresses: new Map(egress.map((way) => [way.name, way.address])) };
    if (!same) this.drawHeads();
    if (always || !same) this.arrange(true);
  }

  drawHeads() {
    const { columns, names } = this.table;
    byId("heads").replaceChildren(
      head("column_token", "token"),
      headWith(word("note_label"), "note"),
      head("column_state", "condition"),
      ...columns.map((group) => headWith(names.first(group), "allowance")),
      head("column_used", "used"),
    );
  }

  // Selection

  drawChips() {
    const { counts, total } = this.report.tokens;
    const kinds = ["all", ...STATES.filter((state) => counts[state] || state === this.state)];
    const chips = byId("chips");
    if (kinds.join() !== [...chips.children].map((chip) => chip.dataset.state).join()) {
      const focused = document.activeElement?.dataset.state;
      chips.replaceChildren(...kinds.map((kind) => this.chip(kind)));
      if (focused) [...chips.children].find((chip) => chip.dataset.state === focused)?.focus();
    }
    for (const chip of chips.children) {
      const kind = chip.dataset.state;
      say(chip.lastChild, whole(kind === "all" ? total : (counts[kind] ?? 0)));
      chip.ariaPressed = String(kind === this.state);
    }
  }

  chip(kind) {
    const chip = button(`${wordOr("state", kind)} `, () => {
      this.state = this.state === kind ? "all" : kind;
      this.drawChips();
      this.arrange();
    });
    chip.append(make("b"));
    chip.dataset.state = kind;
    return chip;
  }

  /** Put the selected rows into the table; *fresh* ones show a new report. */
  arrange(fresh = false) {
    if (!this.report) return;
    const words = byId("find").value.trim().toLowerCase();
    const wanted = this.report.tokens.rows.filter((view) => (this.state === "all" || view.state === this.state) && fits(view, words));
    const order = ORDERS[byId("sort").value];
    if (order) wanted.sort(order);
    const shown = this.everything ? wanted : wanted.slice(0, byId("tokens-box").clientWidth < PHONE_PX ? SHOWN_ON_PHONES : SHOWN_AT_FIRST);
    place(byId("rows"), this.inGroups(shown, fresh));
    show(byId("more-tokens"), shown.length < wanted.length);
    say(byId("more-tokens"), word("show_all", { n: wanted.length }));
    this.explain(wanted.length);
  }

  /** The elements of these tokens, below headings if there are groups. */
  inGroups(views, fresh) {
    const kind = byId("group").value;
    if (!GROUPS[kind]) return views.flatMap((view) => this.row(view, fresh).elements);
    const groups = new Map();
    for (const view of views) groups.set(GROUPS[kind](view), [...(groups.get(GROUPS[kind](view)) ?? []), view]);
    return [...groups].flatMap(([name, members]) => {
      const shown = this.closed.has(`${kind} ${name}`) ? [] : members.flatMap((view) => this.row(view, fresh).elements);
      return [this.heading(kind, name, members.length), ...shown];
    });
  }

  row(view, fresh) {
    let row = this.rows.get(view.key);
    const isNew = !row;
    if (isNew) this.rows.set(view.key, (row = new TokenRow(view, this)));
    if (isNew || fresh) row.update(view, this.received, this.table);
    return row;
  }

  heading(kind, name, count) {
    const id = `${kind} ${name}`;
    let heading = this.headings.get(id);
    if (!heading) this.headings.set(id, (heading = this.newHeading(id)));
    const toggle = heading.querySelector("button");
    const words = kind === "egress" ? connectionName(name, this.table.addresses.get(name)) : wordOr(kind, name);
    say(toggle, `${words} ${whole(count)}`);
    toggle.ariaExpanded = String(!this.closed.has(id));
    heading.firstChild.colSpan = this.table.columns.length + 4;
    return heading;
  }

  newHeading(id) {
    const toggle = button("", () => {
      if (!this.closed.delete(id)) this.closed.add(id);
      this.arrange();
    });
    toggle.className = "toggle";
    const held = make("th", toggle);
    held.scope = "rowgroup";
    held.setAttribute("role", "rowheader");
    const heading = make("tr.group", held);
    heading.setAttribute("role", "row");
    return heading;
  }

  explain(matches) {
    const { rows, total, counts } = this.report.tokens;
    show(byId("tokens"), matches > 0);
    show(byId("no-tokens"), matches === 0);
    const cutOff = rows.length < total && (this.state === "all" || counts[this.state] > 0);
    say(byId("no-tokens"), word(!total ? "no_token" : cutOff ? "no_match_listed" : "no_match"));
    show(byId("tools"), total >= SEARCHED_FROM);
    show(byId("chips"), total > 1);
    say(byId("tokens-note"), rows.length < total ? word("some_listed", { n: rows.length, all: total }) : "");
  }
}

function options(list, choices, prefix) {
  list.replaceChildren(...Object.keys(choices).map((name) => {
    const option = make("option", word(`${prefix}_${name}`));
    option.value = name;
    return option;
  }));
}

function fits(view, words) {
  return !words || [view.id, view.note, view.tier].some((text) => (text ?? "").toLowerCase().includes(words));
}

/** The least share that is left of a token's allowances. */
function least({ groups }) {
  return Math.min(2, ...groups.map((group) => shareLeft(group) ?? 2));
}

function head(key, name) {
  return headWith(word(key), name);
}

function headWith(words, name) {
  const element = make(`th.${name}`, make("span", words));
  element.scope = "col";
  element.setAttribute("role", "columnheader");
  return element;
}
