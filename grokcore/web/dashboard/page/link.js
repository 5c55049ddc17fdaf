// The way to the server: the key, the ticket for the stream of events, and what is asked of a token.
//
// EventSource sends no headers, so a ticket (single use) stands in for the key. The browser would ask again with the used
// one when a stream ends; so the stream is closed then, and a new one opened with a new ticket.

const STORED = "grok2api.key";
const RETRY_S = [1, 2, 4, 8, 15];

/** What the server refused, with its status and its words. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Link {
  /**
   * @param {object} told what to call: status(report), asks(message) when a key is needed, lost(message, seconds) when
   *   there is no way to the server at the moment
   */
  constructor(told) {
    this.told = told;
    this.key = remembered();
    this.failures = 0;
    this.source = null;
    this.timer = 0;
  }

  /** Use this key from now on, and open the stream. */
  use(key) {
    this.key = key;
    this.open();
  }

  /** Forget the key, here and in the tab's storage, and show nothing any more. */
  forget() {
    this.close();
    this.key = "";
    remember("");
    this.told.asks("");
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
      if (key !== this.key) return; // another was given, or it was forgotten, meanwhile
      remember(key);
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
      this.told.status(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      source.close();
      if (this.source !== source) return;
      if (heard) this.open();
      else this.poll();
    });
  }

  /** There was no stream to be had: too many are open, or a proxy holds it back. Show what there is, and try again. */
  async poll() {
    const key = this.key;
    try {
      const report = await this.ask("GET", "status");
      if (key !== this.key) return;
      this.told.status(report);
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
      remember("");
      this.told.asks(wrong && error.status === 401 ? "This key is not one of the server’s." : wrong);
      return;
    }
    this.told.lost(error instanceof Refused ? error.message : "The server does not answer.", this.again());
  }

  /** Try again in a while; returns in how many seconds. */
  again() {
    const wait = RETRY_S[Math.min(this.failures, RETRY_S.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.open(), wait * 1000);
    return wait;
  }

  /** Have something done with a token; returns how the token is then, and what was done (`said`). */
  act(key, name) {
    return this.ask("POST", `status/tokens/${encodeURIComponent(key)}/${name}`);
  }

  async ask(method, path) {
    const headers = this.key ? { authorization: `Bearer ${this.key}` } : {};
    const response = await fetch(path, { method, headers, cache: "no-store" });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response.status, body.error?.message ?? `The server says ${response.status}.`);
    return body;
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return ""; // storage may be shut off
  }
}

function remember(key) {
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // it then lasts as long as the page
  }
}
