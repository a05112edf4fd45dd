// The few things that every part of the page does to it. Text is only ever put in as text.

import { number } from "./words.js";

const element = (id) => document.getElementById(id);

/** A copy of a template's content: its first element. */
export const fromTemplate = (id) => element(`${id}-template`).content.firstElementChild.cloneNode(true);

/** For those who hear the page. */
export function say(text) {
  element("said").textContent = text;
}

/** An error that came of what the person did; it stays until it is closed or something else is done. */
export function warn(text) {
  element("toast-text").textContent = text;
  element("toast").hidden = false;
}

export function hush() {
  element("toast").hidden = true;
}

/**
 * Runs what a button does; a refusal is shown in the API's own sentence. Meanwhile the button does nothing more, but
 * it keeps the focus, which a disabled one would lose.
 */
export async function attempt(button, work) {
  if (button.ariaDisabled === "true") return;
  hush();
  button.ariaDisabled = "true";
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button.ariaDisabled = null;
  }
}

/** Shows what went wrong; a 401 is told by the sign-in form, and an aborted request by nobody. */
export function complain(error) {
  if (error.name !== "AbortError" && error.status !== 401) warn(error.message);
}

/** Fills a `nav` with Previous, the range, and Next; `go` is called with the offset wanted. */
export function showPager(nav, { limit, offset, total }, go) {
  nav.hidden = total <= limit;
  if (!nav.childElementCount) nav.append(element("pager-template").content.cloneNode(true));
  const last = Math.min(offset + limit, total);
  nav.querySelector(".range").textContent = `${number(Math.min(offset + 1, last))} to ${number(last)} of ${number(total)}`;
  turn(nav.querySelector(".previous"), offset > 0, () => go(Math.max(0, offset - limit)));
  turn(nav.querySelector(".next"), last < total, () => go(offset + limit));
}

function turn(button, possible, go) {
  button.disabled = !possible;
  button.onclick = () => attempt(button, go);
}
