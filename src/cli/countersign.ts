// Owns: `ocibuild countersign`: reproduce, then sign what was reproduced. Reproducing happens inside the namespace, in a
// process of its own; keys and gpg stay outside.

import { publishedReference, requirePublish, type SignableImage } from '../build/signable.ts';
import { expectedOf, readDigests } from '../digests/digest-list.ts';
import { BuildError } from '../errors.ts';
import type { Tree } from '../recipe/types.ts';
import type { ImageVerdict, Verdict } from '../reproduce/verdict.ts';
import { SOLVE_FLAGS } from './build-flags.ts';
import type { Command } from './command.ts';
import { runOwn } from './own-command.ts';
import { KEY_FLAGS, openKey, signImages, warnOfStranger } from './sign.ts';
import { RECIPE_FLAGS, requireTree } from './trees.ts';

/** Flags that are handed on as they are. */
const TEXTS = ['platform', 'changed', 'work', 'runtime', 'driver', 'out'] as const;

export const command: Command = {
  name: 'countersign',
  summary: 'build recipes again from nothing, and sign them if they come out the same',
  usage: `RECIPE… | --all | --changed REV
Does what \`ocibuild reproduce\` does, and when every image is what digests.txt says, signs manifest and image index as
\`ocibuild sign\` does. Nothing is signed when anything differs. The release is not signed: that is \`sign --all\`.`,
  flags: {
    ...RECIPE_FLAGS,
    changed: { summary: 'recipes that changed since this git revision, and what is built on them', value: 'REV' },
    ...KEY_FLAGS,
    vary: { summary: 'build once more, in a hostile world' },
    out: { summary: 'compare with images below this folder instead of out/', value: 'DIR' },
    work: { summary: 'a folder for the new store (default: beside the store)', value: 'DIR' },
    distfiles: SOLVE_FLAGS['distfiles']!,
    runtime: SOLVE_FLAGS['runtime']!,
    driver: SOLVE_FLAGS['driver']!,
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout } = context;
    const tree = requireTree(context);
    requirePublish(tree);
    // Asked for before the work, not after it.
    const key = await openKey(context);
    await warnOfStranger(context, tree, key);
    const flags = [
      ...TEXTS.flatMap((name) => (args.has(name) ? [`--${name}`, args.text(name)!] : [])),
      ...args.list('distfiles').flatMap((path) => ['--distfiles', path]),
      ...(['all', 'vary'] as const).filter((name) => args.is(name)).map((name) => `--${name}`),
    ];
    const { status, stdout: text } = await runOwn(context, ['reproduce', '--json', ...flags, ...args.operands], 'read');
    // `nothing has changed` is said in words.
    if (!text.startsWith('{')) {
      stdout.write(text);
      return status;
    }
    const verdict = JSON.parse(text) as Verdict;
    const { verdictText } = await import('../reproduce/report-text.ts');
    stdout.write(verdictText(verdict, false));
    if (status !== 0 || !verdict.isReproduced) return status === 0 ? 1 : status;
    await signImages(context, tree, key, reproduced(tree, verdict));
    return 0;
  },
};

/** What was asked for, each with the digest everybody expects. Throws BuildError CHECK_FAILED for one without. */
function reproduced(tree: Tree, verdict: Verdict): readonly SignableImage[] {
  const list = readDigests(tree);
  const wanted = verdict.images.filter(({ isRequested }) => isRequested);
  if (wanted.length === 0) throw new BuildError('CHECK_FAILED', 'nothing was reproduced, so nothing is signed');
  return wanted.map(({ name, platform, manifest, index }: ImageVerdict) => {
    const expected = expectedOf(list, name, platform)?.digest;
    if (expected !== manifest) {
      throw new BuildError('CHECK_FAILED', `${name} ${platform} is not signed: its digest is not the one expected`, {
        want: expected ?? 'a line in digests.txt, and there is none',
        got: manifest,
        hint: `ocibuild digests ${name}`,
      });
    }
    return { recipe: name, platform, reference: publishedReference(tree, name), index, manifest };
  });
}
