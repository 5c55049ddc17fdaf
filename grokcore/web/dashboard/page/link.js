// The connection to the server: the key, the ticket for the stream of events, and requests.
//
// EventSource sends no headers, so a single-use ticket takes the place of the key. When a stream
// ends, the browser would reconnect with the used ticket. So the page closes the stream itself, and
// opens a new one with a new ticket.

import { forgotten, remember, remembered } from "./keeping.js";
import { word } from "./language.js";

const RETRY_S = [1, 2, 4, 8, 15];

/** A refusal of the server, with its status and message. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Link {
  /**
   * @param {object} listeners functions to call: status(report); asks(message) when a key is
   *   needed; lost(message, seconds) when the server can't be reached, with the seconds until the
   *   next try
   */
  constructor(listeners) {
    this.listeners = listeners;
    Object.assign(this, remembered());
    this.failures = 0;
    this.source = null;
    this.timer = 0;
  }

  /**
   * Use this key from now on, and open the stream.
   * @param {boolean} keep whether the key is kept when the tab is closed
   */
  use(key, keep) {
    this.key = key;
    this.keep = keep;
    this.open();
  }

  /** Forget the key, here and in the browser's storage, and ask for one. */
  forget() {
    this.close();
    this.key = "";
    forgotten();
    this.listeners.asks("");
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  /** Open a stream of events. */
  async open() {
    this.close();
    const key = this.key;
    try {
      const { ticket } = await this.ask("POST", "status/ticket");
      if (key !== this.key) return; // the key was replaced or forgotten meanwhile
      remember(key, this.keep);
      this.listen(ticket);
    } catch (error) {
      if (key === this.key) this.failed(error);
    }
  }

  listen(ticket) {
    const source = new EventSource(`status/events?ticket=${encodeURIComponent(ticket)}`);
    let heard = false;
    this.source = source;
    source.addEventListener("status", (event) => {
      heard = true;
      this.failures = 0;
      this.listeners.status(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      source.close();
      if (this.source !== source) return;
      if (heard) this.open();
      else this.poll();
    });
  }

  /**
   * Show one report and try again later: no stream arrives, since too many are open or a proxy
   * buffers it.
   */
  async poll() {
    const key = this.key;
    try {
      const report = await this.ask("GET", "status");
      if (key !== this.key) return;
      this.listeners.status(report);
      this.again();
    } catch (error) {
      if (key === this.key) this.failed(error);
    }
  }

  failed(error) {
    if (error.status === 401 || error.status === 403) {
      const wrong = this.key ? error.message : "";
      this.close();
      this.key = "";
      forgotten();
      this.listeners.asks(wrong && error.status === 401 ? word("key_wrong") : wrong);
      return;
    }
    this.listeners.lost(inWords(error), this.again());
  }

  /** Try again later; returns the seconds until then. */
  again() {
    const wait = RETRY_S[Math.min(this.failures, RETRY_S.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.open(), wait * 1000);
    return wait;
  }

  /**
   * Perform an action on a token; returns its answer, with the result in words (`said`).
   * @param {object} [values] what the action needs
   */
  act(key, name, values) {
    return this.ask("POST", `status/tokens/${encodeURIComponent(key)}/${name}`, values);
  }

  /** Ask the server; returns the body of its answer. */
  async ask(method, path, values) {
    const headers = this.key ? { authorization: `Bearer ${this.key}` } : {};
    const body = values === undefined ? undefined : JSON.stringify(values);
    if (body) headers["content-type"] = "application/json";
    const response = await fetch(path, { method, headers, body, cache: "no-store" });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response.status, answer.error?.message ?? word("answered_with", { status: String(response.status) }));
    return answer;
  }
}

/** A fault of a request, for the reader. */
export function inWords(error) {
  return error instanceof Refused ? error.message : word("no_answer");
}
