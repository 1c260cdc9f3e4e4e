// Owns: a comparison as one page: no script, no network, nothing but this file. Everything that came from a subject goes
// through `escapeHtml`, and the page's own policy forbids whatever could run or be loaded.

import type { Finding, HexWindow, LayerPlace, TextHunk } from './finding.ts';
import { hexLine, isSameLayer, layerText } from './render-text.ts';
import type { Renderer } from './renderer.ts';
import { tallyText } from './tally.ts';

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; display: flex; flex-direction: column; }
#summary { order: -1; font-weight: 600; }
header { order: -2; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
code, pre, td { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
article { border-left: 3px solid #c60; padding: .2rem .8rem; margin: .8rem 0; }
article.note { border-color: #888; }
h3 { font-size: 1rem; margin: 0; }
.kind { font-weight: normal; opacity: .7; }
ol { list-style: none; margin: 0; padding: 0; } ol li { display: inline; } ol li + li::before { content: "\\203a  "; }
table { border-collapse: collapse; } th { text-align: left; padding-right: 1rem; font-weight: normal; opacity: .7; }
pre { margin: .4rem 0; overflow-x: auto; } pre span { display: block; min-height: 1.2em; }
.left { background: #d334; } .right { background: #3a34; }
`;

export function htmlRenderer(): Renderer {
  let layer: LayerPlace | undefined;
  return {
    begin: (left, right) =>
      [
        '<!doctype html>',
        '<html lang="en">',
        '<head>',
        '<meta charset="utf-8">',
        `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
        '<meta name="viewport" content="width=device-width">',
        `<title>${escapeHtml(left)} and ${escapeHtml(right)}</title>`,
        `<style>${STYLE}</style>`,
        '</head>',
        '<body>',
        '<header>',
        '<h1>What differs</h1>',
        `<table><tr><th>left</th><td>${escapeHtml(left)}</td></tr><tr><th>right</th><td>${escapeHtml(right)}</td></tr></table>`,
        '</header>',
        '<main>',
        '',
      ].join('\n'),
    finding(finding) {
      const lines: string[] = [];
      if (!isSameLayer(layer, finding.layer)) {
        layer = finding.layer;
        lines.push(`<h2>${layer === undefined ? 'The image' : escapeHtml(layerText(layer).trimEnd())}</h2>`);
      }
      lines.push(articleOf(finding), '');
      return lines.join('\n');
    },
    end: (tally) => `</main>\n<p id="summary">${escapeHtml(tallyText(tally))}</p>\n</body>\n</html>\n`,
  };
}

function articleOf(finding: Finding): string {
  const { path, level, field, kind, platform, offset, inner, left, right, hex, text, note, weight } = finding;
  const what = field === undefined || field === level ? level : `${level} ${field}`;
  const at = offset === undefined ? '' : `, byte ${offset}`;
  const lines = [
    `<article class="${weight === 'note' ? 'note' : 'difference'}">`,
    `<h3>${path === undefined ? '' : `<code>${escapeHtml(path)}</code> `}${escapeHtml(what + at)} ` +
      `<span class="kind">${escapeHtml(kind)}${platform === undefined ? '' : `, ${escapeHtml(platform)}`}</span></h3>`,
  ];
  if (inner.length > 0) {
    const steps = inner.map((place) => `<li>${escapeHtml(place.kind)} <code>${escapeHtml(place.name)}</code></li>`);
    lines.push(`<ol>${steps.join('')}</ol>`);
  }
  if (text !== undefined) lines.push(hunkOf(text));
  else {
    if (left !== undefined || right !== undefined) lines.push(valuesOf(left, right));
    if (hex !== undefined) lines.push(hexOf(hex.left, hex.right));
  }
  if (note !== undefined) lines.push(`<p>${escapeHtml(note)}</p>`);
  lines.push('</article>');
  return lines.join('\n');
}

function valuesOf(left: string | undefined, right: string | undefined): string {
  const row = (side: string, value: string | undefined): string =>
    `<tr><th>${side}</th><td class="${side}">${value === undefined ? '<i>none</i>' : escapeHtml(value)}</td></tr>`;
  return `<table>${row('left', left)}${row('right', right)}</table>`;
}

function hunkOf({ line, before, left, right, after }: TextHunk): string {
  const show = (lines: readonly string[], side?: 'left' | 'right'): string =>
    lines.map((text) => `<span${side === undefined ? '' : ` class="${side}"`}>${escapeHtml(text)}</span>`).join('');
  return `<p>line ${line}</p><pre>${show(before)}${show(left, 'left')}${show(right, 'right')}${show(after)}</pre>`;
}

function hexOf(left: HexWindow, right: HexWindow): string {
  const rows = Math.ceil(Math.max(left.bytes.length, right.bytes.length) / 32);
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) {
    const [one, other] = [hexLine(left, row), hexLine(right, row)];
    if (one === other) lines.push(`<span>${escapeHtml(one ?? '')}</span>`);
    else {
      if (one !== undefined) lines.push(`<span class="left">${escapeHtml(one)}</span>`);
      if (other !== undefined) lines.push(`<span class="right">${escapeHtml(other)}</span>`);
    }
  }
  return `<pre>${lines.join('')}</pre>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char]!);
}
