// A file on its way to the server: chosen or dropped, and shown as it goes.

import { send } from "./api.js";
import { complain, hush, say } from "./page.js";
import { keep } from "./file.js";
import { bytes } from "./words.js";

const element = (id) => document.getElementById(id);
let sending = null;

element("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) upload(file);
  // The same file, mended, can be chosen again.
  target.value = "";
});
element("upload-stop").addEventListener("click", close);

// The whole page is a place to drop a file: one that misses the zone would take the browser away from here.
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    element("drop").classList.toggle("over", name === "dragover");
    const [file] = name === "drop" ? event.dataTransfer.files : [];
    if (file && element("drop").checkVisibility()) upload(file);
  });
}

/** Gives up what is under way. */
export function close() {
  sending?.abort();
}

async function upload(file) {
  if (sending) return;
  hush();
  sending = new AbortController();
  show(file.name);
  try {
    const seen = await send(`uploads?filename=${encodeURIComponent(file.name)}`, file, { signal: sending.signal, onProgress });
    keep(seen, file.name);
    location.hash = `file=${seen.job_id}`;
  } catch (error) {
    complain(error);
  } finally {
    sending = null;
    show(null);
  }
}

function show(name) {
  const held = document.activeElement;
  element("drop").hidden = name !== null;
  element("upload").hidden = name === null;
  if (name === null) {
    if (held === element("upload-stop")) element("file").focus();
    return;
  }
  element("upload-name").textContent = name;
  element("upload-progress").removeAttribute("value");
  element("upload-share").textContent = "Sending…";
  say(`Sending ${name}.`);
  if (held === element("file")) element("upload-stop").focus();
}

/** The last part is the server's, which reads what has come; a bar that stands at its end would be a lie. */
function onProgress(sent, size) {
  const bar = element("upload-progress");
  const before = bar.value;
  if (sent >= size) bar.removeAttribute("value");
  else bar.value = sent / size;
  element("upload-share").textContent = sent < size ? `${bytes(sent)} of ${bytes(size)}` : "Reading it…";
  if (sent >= size) say("The file has been sent and is being read.");
  else if (Math.floor(before * 4) < Math.floor(bar.value * 4)) say(`${Math.floor(bar.value * 100)} percent sent.`);
}
