// One job as it moves: by websocket, by long-poll where that cannot be had, and on after every break.

import { call, socket } from "./api.js";

const ENDS = new Set(["completed", "failed", "cancelled"]);
const WAIT_SECONDS = 20; // How long a poll waits for a change; what lies between us and the server allows that.
const PAUSE_MS = 2000; // Between two polls: one person may ask 60 times a minute.
const REOPEN_MS = 1000; // Before a websocket is opened again that has served until now.
const RETRY_MS = 4000;

export const hasEnded = (job) => ENDS.has(job.status);

/**
 * Calls `show` with each state until the job has ended, and `lost` with a sentence while the server is away. Throws
 * what will not pass: the ApiError of a job that is gone, or of a token that no longer serves.
 */
export async function follow(id, { show, lost, signal }) {
  let known = null;
  const see = (job) => {
    if (known && job.version < known.version) return;
    known = job;
    show(job);
  };
  for (let refusals = 0; ; ) {
    refusals = (await overSocket(id, see, signal)) ? 0 : refusals + 1;
    if (signal.aborted || (known && hasEnded(known))) return;
    // The answer to a plain request also says what a websocket cannot: that the token has expired, or the limit is met.
    const query = refusals && known ? `?since=${known.version}&wait=${WAIT_SECONDS}` : "";
    const trouble = await once(`status/${encodeURIComponent(id)}${query}`, see, lost, signal);
    if (signal.aborted || (known && hasEnded(known))) return;
    await pause(trouble || (refusals ? PAUSE_MS : REOPEN_MS), signal);
  }
}

/** One look; resolves to how many milliseconds of trouble are ahead, which is none where it was answered. */
async function once(path, see, lost, signal) {
  try {
    see(await call(path, { signal }));
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    if (!error.passing) throw error;
    lost(error.message);
    return Math.max(RETRY_MS, error.retryAfter * 1000);
  }
}

/** Resolves when the websocket has closed, with whether it had opened. */
function overSocket(id, see, signal) {
  return new Promise((resolve) => {
    const line = socket(id);
    const leave = () => line.close();
    let opened = false;
    line.onopen = () => (opened = true);
    line.onmessage = (message) => see(JSON.parse(message.data));
    line.onclose = () => {
      signal.removeEventListener("abort", leave);
      resolve(opened);
    };
    signal.addEventListener("abort", leave);
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
