// WCAG 2.2: 4.5 for text, 3 for large text, and 3 for the parts of a drawing that one has to tell apart.

const channels = (color) => color.match(/[\d.]+/g).map(Number);
const light = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);

function behind(element) {
  for (let place = element; place; place = place.parentElement) {
    const color = channels(getComputedStyle(place).backgroundColor);
    if ((color[3] ?? 1) === 1) return color;
  }
  return [255, 255, 255];
}

function ratio(one, other) {
  const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

const problems = [];
for (const element of document.querySelectorAll("body *")) {
  const said = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!said || !element.checkVisibility() || element.closest(".unseen, :disabled")) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
  const found = ratio(channels(style.color), behind(element));
  if (found < least) problems.push(`${element.textContent.trim()}: ${found.toFixed(2)}`);
}
for (const part of document.querySelectorAll(".meter .some:not(.rest)")) {
  const found = ratio(channels(getComputedStyle(part).backgroundColor), behind(part.closest(".card")));
  if (part.checkVisibility() && found < 3) problems.push(`${part.className}: ${found.toFixed(2)}`);
}
return problems;
