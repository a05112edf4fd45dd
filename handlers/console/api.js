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
export async function call(path, options) {
  return (await fetched(path, options)).json().catch(() => ({}));
}

/** The same for what is no document: a file to be kept. */
export async function file(path) {
  return (await fetched(path)).blob();
}

/** Sends a file as the body, and tells how much of it has gone: a fetch cannot. Throws as `call` does. */
export function send(path, body, { signal, onProgress }) {
  const used = token();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", new URL(path, BASE));
    request.setRequestHeader("Authorization", `Bearer ${used}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    request.onload = () => {
      const { status, response } = request;
      if (status === 201) resolve(response);
      else reject(refused(status, response, request.getResponseHeader("Retry-After"), used));
    };
    request.onerror = () => reject(new ApiError("The file did not arrive whole: the server refused it, or cannot be reached."));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

async function fetched(path, { method = "GET", body, signal } = {}) {
  const used = token();
  const headers = { Authorization: `Bearer ${used}` };
  const response = await ask(path, { method, body: body && JSON.stringify(body), signal, headers });
  if (response.ok) return response;
  throw refused(response.status, await response.json().catch(() => null), response.headers.get("Retry-After"), used);
}

function refused(status, body, retryAfter, used) {
  const message = body?.message ?? `The server answered ${status}.`;
  if (status === 401) signOut(message, used);
  return new ApiError(message, status, Number(retryAfter ?? 0));
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
