// One import on the page: its bar, its numbers, and what the person can do about it.

import { call } from "./api.js";
import { follow, hasEnded } from "./follow.js";
import { attempt, complain, fromTemplate, say } from "./page.js";
import { importName, isFile, number, origin, outcome, processed, providerName, sentence, stateName, waiting } from "./words.js";

const PARTS = ["imported", "skipped", "failed"];

/** Where each job's person is asked for consent, as long as this page lives. */
const consentUrls = new Map();

/** Remembers where the person is asked, and opens it. A blocked window does no harm: the card has a link to it. */
export function askForConsent({ job_id: id, authorization_url: url }) {
  consentUrls.set(id, url);
  window.open(url, "_blank", "noopener,noreferrer");
}

export class Card {
  /** `onChange` is called with each new state, `onEnd` when the card is no longer followed by itself. */
  constructor(job, { onChange = () => {}, onEnd = () => {} } = {}) {
    this.element = fromTemplate("card");
    this.id = job.id;
    this.gone = false;
    this.onChange = onChange;
    this.onEnd = onEnd;
    this.#part(".title").id = `title-${job.id}`;
    this.element.setAttribute("aria-labelledby", `title-${job.id}`);
    this.#part(".details").href = `#import=${job.id}`;
    this.#part(".cancel").addEventListener("click", (event) => attempt(event.target, () => this.#cancel()));
    this.#part(".retry").addEventListener("click", (event) => attempt(event.target, () => this.#retry()));
    this.update(job);
  }

  get ended() {
    return hasEnded(this.job);
  }

  /** A file that nobody has begun: nothing moves before that, which may take a day. */
  get idle() {
    return this.job.status === "pending" && isFile(this.job.provider);
  }

  get following() {
    return Boolean(this.abort);
  }

  /** Shows each state from now on, until the end. */
  async follow() {
    if (this.following || this.ended || this.gone) return;
    const { signal } = (this.abort = new AbortController());
    const lost = (text) => (this.#part(".sentence").textContent = text);
    try {
      await follow(this.id, { show: (job) => this.update(job), lost, signal });
    } catch (error) {
      // Nobody may follow it any more: it was erased, or the token no longer serves.
      this.gone = true;
      complain(error);
    }
    if (signal.aborted) return;
    this.abort = null;
    this.onEnd(this);
  }

  leave() {
    this.abort?.abort();
    this.abort = null;
  }

  update(job) {
    this.#tell(this.job, job);
    // A status document lacks what only the list has, and the other way round.
    this.job = { ...this.job, ...job };
    this.element.dataset.status = job.status;
    this.element.dataset.bare = String(waiting(job) || (hasEnded(job) && !processed(job)));
    this.element.dataset.large = String(job.total_contacts >= 100_000);
    this.#part(".title").textContent = providerName(job.provider);
    this.#part(".state").textContent = stateName(job.status);
    this.#part(".origin").textContent = origin(this.job);
    this.#part(".sentence").textContent = sentence(this.job, consentUrls.get(this.id));
    this.#part(".percent").textContent = job.status === "processing" ? `${Math.floor(job.progress_percent)}%` : "";
    this.#showNumbers();
    this.#showMeter();
    this.#showActions();
    this.onChange(this);
  }

  #showNumbers() {
    const { job } = this;
    for (const name of PARTS) this.#part(`.numbers .${name} dd`).textContent = number(job[`${name}_contacts`]);
    this.#part(".numbers .all dd").textContent = number(job.total_contacts);
  }

  #showMeter() {
    const { job } = this;
    const meter = this.#part(".meter");
    for (const name of PARTS) this.#grow(name, job[`${name}_contacts`]);
    this.#grow("rest", Math.max(job.total_contacts - processed(job), job.total_contacts ? 0 : 1));
    meter.setAttribute("role", this.ended ? "img" : "progressbar");
    meter.setAttribute("aria-label", this.ended ? outcome(job) : importName(job.provider));
    const values = this.ended || waiting(job) ? {} : { now: Math.floor(job.progress_percent), text: outcome(job) };
    for (const name of ["now", "text"]) {
      if (name in values) meter.setAttribute(`aria-value${name}`, values[name]);
      else meter.removeAttribute(`aria-value${name}`);
    }
  }

  #grow(name, count) {
    const part = this.#part(`.meter .${name}`);
    part.style.flexGrow = count;
    part.classList.toggle("some", count > 0);
  }

  #showActions() {
    const { job } = this;
    const held = document.activeElement;
    const consent = this.#part(".consent");
    consent.hidden = !(waiting(job) && consentUrls.has(this.id));
    if (!consent.hidden) consent.href = consentUrls.get(this.id);
    const begin = this.#part(".begin");
    begin.hidden = !this.idle;
    begin.href = `#file=${this.id}`;
    this.#part(".details").hidden = this.element.dataset.bare === "true";
    this.#part(".cancel").hidden = this.ended;
    this.#part(".retry").hidden = job.status !== "failed";
    for (const action of this.#actions()) {
      action.setAttribute("aria-label", `${action.textContent}: ${providerName(job.provider)}, ${origin(this.job)}`);
    }
    // Whoever has just used a button that is of no use any more goes on at the next one.
    if (held.hidden && this.#actions().includes(held)) this.#actions().find((action) => !action.hidden)?.focus();
    this.#part("footer").hidden = this.#actions().every((action) => action.hidden);
  }

  /** Speaks at each new status and at each quarter; every contact would be noise. */
  #tell(before, now) {
    if (!before) return;
    const quarter = (job) => Math.floor(job.progress_percent / 25);
    if (before.status === now.status && quarter(before) === quarter(now)) return;
    const name = importName(now.provider);
    say(hasEnded(now) ? `${name}: ${stateName(now.status)}. ${outcome(now)}.`
      : `${name}: ${stateName(now.status)}, ${Math.floor(now.progress_percent)} percent.`);
  }

  async #cancel() {
    this.update(await call(`jobs/${this.id}/cancel`, { method: "POST" }));
  }

  async #retry() {
    const answer = await call(`jobs/${this.id}/retry`, { method: "POST" });
    if (answer.authorization_url) askForConsent(answer);
    this.update(await call(`status/${this.id}`));
    this.follow();
  }

  #actions() {
    return [...this.element.querySelectorAll("footer > *")];
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }
}
