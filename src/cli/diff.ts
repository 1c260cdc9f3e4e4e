// Owns: `ocibuild diff`: what two images, layers or directories say differently. Flags and printing only.

import { diff } from '../../oci/diff/diff.ts';
import type { LayerPlace } from '../../oci/diff/finding.ts';
import { findingText, layerText } from '../../oci/diff/render-text.ts';
import type { Command } from './command.ts';
import { openingOf, SUBJECT_HELP } from './subjects.ts';

export const command: Command = {
  name: 'diff',
  summary: 'show where two images differ, down to the byte',
  usage: `A B\n${SUBJECT_HELP}\nExit status: 0 equal, 1 different.`,
  flags: {
    ignore: {
      summary: 'a field that may differ: mtime, mode-type, created, pax.*, compression, …; it is counted, not hidden',
      value: 'FIELD',
      repeatable: true,
    },
  },
  operands: { min: 2, max: 2 },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout } = context;
    const [left, right] = [openingOf(args.operands[0]!, context), openingOf(args.operands[1]!, context)];
    let isEqual = true;
    let layer: LayerPlace | undefined;
    for await (const finding of diff(left, right, { ignore: args.list('ignore') })) {
      if (finding.weight === 'ignored') continue;
      if (finding.weight === 'difference') isEqual = false;
      if (finding.layer !== undefined && !isSameLayer(layer, finding.layer)) stdout.write(layerText(finding.layer));
      layer = finding.layer;
      stdout.write(findingText(finding));
    }
    return isEqual ? 0 : 1;
  },
};

function isSameLayer(one: LayerPlace | undefined, other: LayerPlace): boolean {
  return one?.left?.number === other.left?.number && one?.right?.number === other.right?.number;
}
