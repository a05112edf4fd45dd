// Who is signed in: a Supabase user token, kept in this tab only.

const KEY = "everreach-token";
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Fires "change" when somebody signs in or out; `reason` says why the token was given up. */
export const session = new EventTarget();

/** The sentence that asks for a token again, null where there is nothing to explain. */
export let reason = null;

export const token = () => sessionStorage.getItem(KEY);

export function signIn(text) {
  keep(text);
  session.dispatchEvent(new Event("change"));
}

/** Nothing happens where `used` is no longer the token in use: the answer to an old request signs nobody out. */
export function signOut(why = null, used = token()) {
  if (used !== token()) return;
  forget(why);
  session.dispatchEvent(new Event("change"));
}

/**
 * Takes a token out of the address bar. It serves on the visitor's own machine only: elsewhere a link could sign
 * somebody in as its sender, who would then be given their contacts.
 */
export function takeFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (LOOPBACK.has(location.hostname)) keep(found);
  else forget("A link signs you in on your own machine only. Please paste your access token.");
}

function keep(text) {
  const given = text.trim();
  if (!SHAPE.test(given)) return forget("This is no access token: one has three parts with dots between them.");
  reason = null;
  sessionStorage.setItem(KEY, given);
}

function forget(why) {
  reason = why;
  sessionStorage.removeItem(KEY);
}

/** Who the token says it is, for show: the server is what decides. */
export function person() {
  try {
    const [, payload] = token().split(".");
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
    const { email, sub } = JSON.parse(new TextDecoder().decode(bytes));
    return email || `Person ${sub.slice(0, 8)}`;
  } catch {
    return "Signed in";
  }
}
