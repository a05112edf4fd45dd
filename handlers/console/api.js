// One request to the API, and its own sentence where it says no.

import { signOut, token } from "./session.js";

/** Beside the page, so that a prefix that a proxy takes away does no harm. */
const BASE = new URL("../api/v1/contacts/import/", import.meta.url);

/** What went wrong, as a sentence for the person; `status` is 0 where the server could not be reached. */
export class ApiError extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same question may be answered a little later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The API's document. Throws ApiError; a 401 signs out too, and an aborted request throws its AbortError. */
export async function call(path, { method = "GET", signal } = {}) {
  const used = token();
  const response = await ask(path, { method, signal, headers: { Authorization: `Bearer ${used}` } });
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const message = body.message ?? `The server answered ${response.status}.`;
  if (response.status === 401) signOut(message, used);
  throw new ApiError(message, response.status, Number(response.headers.get("Retry-After") ?? 0));
}

/** The websocket of a job; browsers can send the token only as a subprotocol. */
export function socket(id) {
  const url = new URL(`status/${encodeURIComponent(id)}/ws`, BASE);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, ["bearer", token()]);
}

async function ask(path, options) {
  try {
    return await fetch(new URL(path, BASE), { ...options, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached at the moment.");
  }
}
