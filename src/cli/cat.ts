// Owns: `ocibuild cat`: one file of an image, as its layers together have it.

import { rootfsOf } from '../../oci/diff/choose.ts';
import { lookUp, mergeLayers } from '../../oci/diff/rootfs.ts';
import { rawPath } from '../../oci/raw-path.ts';
import { shownLines, shownText } from '../../oci/shown-text.ts';
import { BuildError } from '../errors.ts';
import type { Command } from './command.ts';
import { SUBJECT_HELP, subjectOf } from './subjects.ts';
import { drive, layerOf, platformFlag } from './tree.ts';
import { writeOut } from './write-out.ts';

export const command: Command = {
  name: 'cat',
  summary: 'write a file of an image to standard output',
  usage: `IMAGE PATH\n${SUBJECT_HELP}\nLinks are followed inside the image only. A terminal gets escaped text, anything else the bytes.`,
  flags: {
    layer: { summary: 'of one layer alone, counted from 1 at the bottom', value: 'N', count: true },
    platform: { summary: 'of the image for OS/ARCH, where there are several', value: 'PLATFORM' },
  },
  operands: { min: 2, max: 2 },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout, signal } = context;
    const [operand, path] = args.operands as [string, string];
    const subject = subjectOf(operand, context);
    const platform = platformFlag(context);
    const number = args.count('layer');
    const steps =
      number === undefined
        ? rootfsOf(subject, platform === undefined ? {} : { platform })
        : mergeLayers([layerOf(subject, number, platform)]);
    // Reads every layer to its end, and so checks it: only then is a byte written.
    const root = await drive(steps, signal);
    const found = lookUp(root, rawPath(path));
    if (found === undefined) {
      throw new BuildError('CHECK_FAILED', `${subject.name} has no file ${shownText(path)}`, {
        hint: 'see `ocibuild tree`',
      });
    }
    const { type, open } = found.node.inode;
    if (open === undefined) {
      throw new BuildError('CHECK_FAILED', `${shownText(path)} is no file`, { want: 'a file', got: `a ${type}` });
    }
    const decoder = new TextDecoder();
    for (const chunk of open()) {
      if (signal.aborted) throw signal.reason;
      if (stdout.isTTY === true) await writeOut(stdout, shownLines(decoder.decode(chunk, { stream: true })));
      // The portion is used again for the next one, and a pipe may still hold it.
      else await writeOut(stdout, Buffer.from(chunk));
    }
    return 0;
  },
};
