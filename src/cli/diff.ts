// Owns: `ocibuild diff`: what two images, layers or directories say differently. Flags and printing only.

import { dirname, resolve } from 'node:path';
import { diff } from '../../oci/diff/diff.ts';
import { htmlRenderer } from '../../oci/diff/render-html.ts';
import { jsonRenderer } from '../../oci/diff/render-json.ts';
import { textRenderer } from '../../oci/diff/render-text.ts';
import type { Renderer } from '../../oci/diff/renderer.ts';
import { createTally } from '../../oci/diff/tally.ts';
import { openAside, writeAll } from '../../oci/layout/aside.ts';
import { BuildError } from '../errors.ts';
import type { Command } from './command.ts';
import { SUBJECT_HELP, subjectOf } from './subjects.ts';
import { writeOut } from './write-out.ts';

const MAX_TOLD = 1000;

export const command: Command = {
  name: 'diff',
  summary: 'show where two images differ, down to the byte',
  usage: `A B\n${SUBJECT_HELP}\nTwo images, or two layers, are compared as they are stored; otherwise the rootfs each stands for is compared.\nExit status: 0 equal, 1 different.`,
  flags: {
    ignore: {
      summary: 'a field that may differ: mtime, mode-type, created, pax.*, compression, …; it is counted, not told',
      value: 'FIELD',
      repeatable: true,
    },
    max: {
      summary: `tell at most so many findings (default ${MAX_TOLD}), and count the others`,
      value: 'N',
      count: true,
    },
    json: { summary: 'as one JSON document, described in docs/auditing.md' },
    html: { summary: 'write a page that needs nothing else, too', value: 'FILE' },
  },
  operands: { min: 2, max: 2 },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout, cwd, signal } = context;
    const [left, right] = [subjectOf(args.operands[0]!, context), subjectOf(args.operands[1]!, context)];
    const tally = createTally(args.count('max') ?? MAX_TOLD);
    const printer = args.is('json') ? jsonRenderer() : textRenderer();
    const path = args.text('html');
    const page = path === undefined ? undefined : openPage(resolve(cwd, path));
    const outputs: [Renderer, (text: string) => Promise<void>][] = [[printer, (text) => writeOut(stdout, text)]];
    if (page !== undefined) outputs.push([htmlRenderer(), async (text) => page.write(text)]);
    try {
      for (const [renderer, write] of outputs) await write(renderer.begin(left.name, right.name));
      for await (const finding of diff(left, right, { ignore: args.list('ignore'), signal })) {
        if (!tally.take(finding)) continue;
        for (const [renderer, write] of outputs) await write(renderer.finding(finding));
      }
      for (const [renderer, write] of outputs) await write(renderer.end(tally.counts()));
      page?.commit();
    } finally {
      page?.abort();
    }
    return tally.differences === 0 ? 0 : 1;
  },
};

/** Appears when it is whole. Throws BuildError USAGE where no file can be. */
function openPage(path: string): { write(text: string): void; commit(): void; abort(): void } {
  try {
    const file = openAside(dirname(path));
    return {
      write: (text) => writeAll(file.fd, Buffer.from(text, 'utf8')),
      commit: () => file.commit(path),
      abort: file.abort,
    };
  } catch (cause) {
    throw new BuildError('USAGE', `--html ${path} cannot be written`, { got: (cause as Error).message, cause });
  }
}
