// Owns: a verdict as one self-contained HTML page: no script, nothing loaded, everything escaped.

import { shownLines } from '../../oci/shown-text.ts';
import { comparisonText, differenceLines, outcomeOf } from './report-text.ts';
import type { ImageVerdict, Verdict } from './verdict.ts';

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; overflow-wrap: anywhere; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { padding: .75rem; overflow-x: auto; border: 1px solid #8886; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .75rem .2rem 0; border-bottom: 1px solid #8884; }
.word { font-weight: 600; white-space: nowrap; }
.good { color: #1a7f37; } .bad { color: #c4261d; } .open { color: #8a6100; }
@media (prefers-color-scheme: dark) { .good { color: #4ac26b; } .bad { color: #ff7b72; } .open { color: #d4a72c; } }
`;

/** The page; the same verdict gives the same bytes. */
export function verdictHtml(verdict: Verdict): string {
  const { images, executed, hits, builds, problems, isReproduced, notPermitted } = verdict;
  const parts = [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${isReproduced ? 'Reproduced' : 'Not reproduced'}</title><style>${STYLE}</style></head><body>`,
    `<h1 class="${isReproduced ? 'good' : 'bad'}">${isReproduced ? 'Reproduced' : 'Not reproduced'}</h1>`,
    `<p>${executed} ops executed, ${hits} cache hits, ${builds} builds.</p>`,
    ...problems.map((problem) => `<p class="bad">${escaped(problem)}</p>`),
    summary(images),
  ];
  if (notPermitted.length > 0) {
    parts.push('<h2>Not varied on this machine</h2><table>');
    for (const { name, reason } of notPermitted) parts.push(row([`<code>${escaped(name)}</code>`, escaped(reason)]));
    parts.push('</table>');
  }
  return `${[...parts, ...images.map(section), '</body></html>'].join('\n')}\n`;
}

function summary(images: readonly ImageVerdict[]): string {
  const rows = images.map((image, position) => {
    const link = `<a href="#image-${position}">${escaped(image.name)}</a>`;
    const cause = image.difference?.cause;
    const why = cause === undefined ? '' : cause.variations.length > 0 ? cause.variations.join(', ') : cause.kind;
    return row([link, word(outcomeOf(image)), escaped(why)]);
  });
  return `<table><tr><th>image</th><th>outcome</th><th>cause</th></tr>\n${rows.join('\n')}\n</table>`;
}

function section(image: ImageVerdict, position: number): string {
  const { name, platform, manifest, comparisons, variations, difference } = image;
  const parts = [
    `<h2 id="image-${position}">${escaped(name)} ${word(outcomeOf(image))}</h2>`,
    `<p>${escaped(platform)} <code>${escaped(manifest)}</code></p>`,
  ];
  if (comparisons.length > 0) {
    parts.push(`<ul>${comparisons.map((one) => `<li>${escaped(comparisonText(one))}</li>`).join('')}</ul>`);
  }
  if (difference !== undefined) parts.push(`<pre>${escaped(differenceLines(difference).join('\n'))}</pre>`);
  if (variations.length > 0) {
    parts.push('<table><tr><th>variation</th><th>kind</th><th>outcome</th><th>witness</th></tr>');
    for (const one of variations) {
      parts.push(row([`<code>${escaped(one.name)}</code>`, one.kind, word(one.outcome), escaped(one.detail)]));
    }
    parts.push('</table>');
  }
  return parts.join('\n');
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

const CLASSES: Readonly<Record<string, string>> = {
  reproduced: 'good',
  survived: 'good',
  different: 'bad',
  changed: 'bad',
  leaked: 'bad',
  leaking: 'bad',
};

function word(text: string): string {
  return `<span class="word ${CLASSES[text] ?? 'open'}">${escaped(text)}</span>`;
}

/** Fit for text and for double-quoted attributes; nothing in it moves a cursor. */
function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return shownLines(text).replace(/[&<>"']/g, (character) => names[character]!);
}
