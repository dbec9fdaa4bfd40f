// Copies the vendored scripts and draws the icon sprite from the pinned packages. `make assets` runs it.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;

const COPIES = [
  ["htmx.org", "dist/htmx.min.js", "static/vendor/htmx.min.js"],
  ["idiomorph", "dist/idiomorph-ext.min.js", "static/vendor/idiomorph-ext.min.js"],
  ["axe-core", "axe.min.js", "tests/browser/vendor/axe.min.js"],
];
mkdirSync("static/vendor", { recursive: true });
mkdirSync("tests/browser/vendor", { recursive: true });
for (const [name, file, target] of COPIES) copyFileSync(`node_modules/${name}/${file}`, target);

const ICONS = `
archive arrow-down arrow-left arrow-right arrow-right-left arrow-up book-open bot check check-check chevron-down chevron-left
chevron-right chevron-up circle circle-alert circle-check circle-help circle-play circle-x clock code copy corner-up-left
download ellipsis external-link eye file-json flag git-branch git-fork hand headset history hourglass house image inbox
info key-round keyboard languages layers link list list-checks lock log-in log-out mail map-pin megaphone menu
message-circle message-square message-square-dashed message-square-text mic monitor moon mouse-pointer-click
panel-right paperclip pencil phone play plug plus refresh-cw rocket rotate-ccw route save search send settings shield
smartphone star sticky-note sun tag timer trash-2 triangle-alert undo-2 unlink upload user user-check user-plus user-round
users variable wifi wifi-off workflow x zap`.trim().split(/\s+/);

const ALIASES = { "circle-help": "circle-question-mark" };
const symbols = ICONS.map((name) => {
  let source;
  try {
    source = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
  } catch {
    source = readFileSync(`node_modules/lucide-static/icons/${ALIASES[name]}.svg`, "utf8");
  }
  const inner = source.replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "");
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
});
writeFileSync(
  "static/icons.svg",
  `<svg xmlns="http://www.w3.org/2000/svg">\n<!-- Lucide ${version("lucide-static")}, ISC licence -->\n${symbols.join("\n")}\n</svg>\n`,
);

writeFileSync(
  "static/vendor/VERSIONS",
  [...COPIES.map(([name, , target]) => `${name} ${version(name)} -> ${target}`),
    `lucide-static ${version("lucide-static")} -> static/icons.svg`,
    `tailwindcss ${version("tailwindcss")} -> static/css/app.css`].join("\n") + "\n",
);
