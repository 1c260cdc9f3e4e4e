// Owns: `ocibuild verify`: who signed what, as a table, and whether that is enough.

import { join, resolve } from 'node:path';
import { fingerprintOf } from '../../oci/signature/key.ts';
import type { Tally } from '../../oci/signature/quorum.ts';
import { readDigests } from '../digests/digest-list.ts';
import { BuildError } from '../errors.ts';
import { placeNameOf } from '../recipe/recipe.ts';
import type { Tree } from '../recipe/types.ts';
import {
  archiveImages,
  documentImage,
  layoutImages,
  type Naming,
  recipeFolders,
  recipeImages,
  type Subject,
} from '../signing/subjects.ts';
import {
  judgeRelease,
  judgeSubjects,
  openSession,
  type ReleaseVerdict,
  remember,
  requireNoOlder,
  type Session,
  type Verdict,
} from '../signing/verify.ts';
import type { Command, CommandContext } from './command.ts';
import { tableText } from './table.ts';
import { optionalTree, requireTree } from './trees.ts';

export const command: Command = {
  name: 'verify',
  summary: 'check who signed an image, a recipe or a whole tree',
  usage: `[NAME… | oci:DIR | oci-archive:FILE | FILE]
NAME is a recipe of the tree: the images digests.txt lists for it. oci:DIR is an OCI layout,
oci-archive:FILE the same as a tar, FILE a manifest or an image index. Nothing means every recipe and the newest release. Exit 1 when the quorum is not met, with a table of who signed
what. A quorum is of manifests, so that a new platform voids nobody's signature; who signed the image index, which says
what belongs together, is shown beside it, and needed with --index.
The policy is the tree's trust.toml, or better one of your own, outside the tree that is judged: --policy FILE.`,
  flags: {
    policy: { summary: 'the policy, instead of trust.toml of the tree', value: 'FILE' },
    reference: { summary: 'the name oci:DIR or FILE must have been signed for', value: 'NAME[:TAG]' },
    signatures: { summary: 'where the signatures lie (signatures/ of the tree)', value: 'DIR' },
    state: { summary: 'where releases seen are remembered ($XDG_STATE_HOME/ocibuild/trust/…)', value: 'FILE' },
    index: { summary: 'the image index needs the quorum, too' },
    recipe: { summary: 'verify who signed the recipes themselves' },
    json: { summary: 'as {"met","policy","subjects","release"}' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, cwd, stdout, stderr, env } = context;
    const now = new Date();
    const tree = optionalTree(context);
    const signatures = signaturesOf(context, tree);
    const policy = args.text('policy');
    const state = args.text('state');
    const session = await openSession({
      tree,
      policyFile: policy === undefined ? undefined : resolve(cwd, policy),
      signatures,
      stateFile: state === undefined ? undefined : resolve(cwd, state),
      env,
      now,
    });
    for (const warning of session.policy.warnings) stderr.write(`warning: ${warning}\n`);
    if (session.isOwn && session.state.policy === undefined) {
      stderr.write('warning: the policy is the tree’s own, and is believed the first time; better: --policy FILE\n');
    }
    const { subjects, scope } = subjectsOf(context, tree, session, signatures);
    if (scope === 'part') requireNoOlder(session, signatures);
    const verdicts = await judgeSubjects(subjects, session.policy, signatures, now);
    const release = scope === 'tree' ? await judgeRelease(requireTree(context), session, signatures, now) : undefined;
    const isMet =
      verdicts.every(({ part, tally }) => tally.isMet || !isNeeded(part, verdicts, args.is('index'))) &&
      (release === undefined || (release.tally.isMet && release.differences.length === 0));
    if (args.is('json')) stdout.write(`${JSON.stringify(jsonOf(session, verdicts, release, isMet), undefined, 2)}\n`);
    else stdout.write(textOf(session, verdicts, release, isMet, scope === 'tree'));
    if (isMet && tree !== undefined) remember(session, release?.release);
    return isMet ? 0 : 1;
  },
};

/** An index alone is needed: there is nothing else to go by. */
function isNeeded(part: string, verdicts: readonly Verdict[], wantsIndex: boolean): boolean {
  return part !== 'index' || wantsIndex || verdicts.every((one) => one.part === 'index');
}

function signaturesOf({ args, cwd }: CommandContext, tree: Tree | undefined): string {
  const given = args.text('signatures');
  if (given !== undefined) return resolve(cwd, given);
  if (tree !== undefined) return join(tree.directory, 'signatures');
  throw new BuildError('USAGE', 'there are no signatures to look at', { want: '--signatures DIR, or a tree' });
}

function subjectsOf(
  context: CommandContext,
  tree: Tree | undefined,
  { policy }: Session,
  signatures: string,
): { readonly subjects: readonly Subject[]; readonly scope: 'tree' | 'part' | 'image' } {
  const { args, cwd } = context;
  const naming: Naming = { policy, signatures, reference: args.text('reference') };
  const [first, ...more] = args.operands;
  const [, form, path] = /^(oci|oci-archive):(.*)$/.exec(first ?? '') ?? [];
  const isRecipe = first !== undefined && tree?.has(resolveName(tree, first)) === true;
  // Where there is no tree, there are no names.
  const isFile = first !== undefined && !isRecipe && (tree === undefined || /[./]/.test(first));
  if (form !== undefined || isFile) {
    if (more.length > 0) throw new BuildError('USAGE', 'one layout or file at a time', { got: more.join(' ') });
    const images = form === undefined ? documentImage : form === 'oci' ? layoutImages : archiveImages;
    return { subjects: images(resolve(cwd, path ?? first!), naming), scope: 'image' };
  }
  const here = requireTree(context);
  if (naming.reference !== undefined) {
    throw new BuildError('USAGE', '--reference is for oci:DIR and files', { hint: 'the name of a recipe is known' });
  }
  const names = args.operands.map((operand) => here.resolve(operand));
  if (args.is('recipe')) {
    return { subjects: recipeFolders(here, names.length === 0 ? here.names() : names), scope: 'part' };
  }
  const list = readDigests(here);
  const layoutOf = (name: string): string => join(here.directory, 'out', placeNameOf(here.recipe(name)));
  const everything = [...new Set((list?.lines ?? []).map(({ name }) => name))];
  if (names.length === 0 && everything.length === 0) {
    throw new BuildError('CHECK_FAILED', 'the tree lists no digests, so there is nothing to verify', {
      hint: '`ocibuild digests` writes digests.txt',
    });
  }
  const subjects = recipeImages(here, list, names.length === 0 ? everything : names, policy, layoutOf);
  return { subjects, scope: names.length === 0 ? 'tree' : 'part' };
}

function resolveName(tree: Tree, operand: string): string {
  try {
    return tree.resolve(operand);
  } catch (error) {
    if (error instanceof BuildError) return operand;
    throw error;
  }
}

/** What came from files of others must not steer a terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function tallyLine(tally: Tally): string {
  const { signers, count, missingGroups, isMet } = tally;
  const missing = missingGroups.length === 0 ? '' : `, nobody of ${missingGroups.join(', ')}`;
  return `${signers.length} of ${count}${missing}: ${isMet ? 'met' : 'not met'}`;
}

function textOf(
  { policy }: Session,
  verdicts: readonly Verdict[],
  release: ReleaseVerdict | undefined,
  isMet: boolean,
  isWhole: boolean,
): string {
  const parts = verdicts.map(
    ({ title, part, wanted, tally }) =>
      `${plain(title)}  ${part} ${wanted.digest}\n  as ${plain(wanted.name)}  ${tallyLine(tally)}\n${ballotTable(tally)}`,
  );
  if (release !== undefined) {
    parts.push(
      `release ${release.release.serial}  ${release.release.digest}  ${tallyLine(release.tally)}\n` +
        ballotTable(release.tally) +
        release.differences.map((line) => `  differs: ${plain(line)}\n`).join(''),
    );
  } else if (isWhole) parts.push('no release was ever signed\n');
  const { count, signers, groups } = policy.quorum;
  const demand = `${count} of ${signers.length} signers${groups.length === 0 ? '' : `, of ${groups.join(', ')} each`}`;
  parts.push(`policy ${policy.file}, serial ${policy.serial}, ${policy.digest}: ${demand}\n`);
  return `${parts.join('')}${isMet ? 'met' : 'not met'}\n`;
}

function ballotTable(tally: Tally): string {
  const rows = tally.ballots.map(({ path, signer, fingerprint, state, message }) => [
    `  ${plain(path.slice(path.lastIndexOf('/') + 1))}`,
    signer?.name ?? '-',
    fingerprint ?? '-',
    state === 'counts' ? 'counts' : `${state === 'again' ? 'counted before' : 'refused'}: ${plain(message)}`,
  ]);
  return rows.length === 0 ? '  no signatures\n' : tableText(rows);
}

function tallyJson(tally: Tally) {
  return {
    met: tally.isMet,
    want: tally.count,
    signers: tally.signers.map(({ name }) => name),
    missingGroups: tally.missingGroups,
    signatures: tally.ballots.map(({ path, signer, fingerprint, state, refusal, message }) => ({
      path,
      signer: signer?.name ?? null,
      fingerprint: fingerprint ?? null,
      state,
      refusal: refusal ?? null,
      message,
    })),
  };
}

function jsonOf(
  { policy }: Session,
  verdicts: readonly Verdict[],
  release: ReleaseVerdict | undefined,
  met: boolean,
): unknown {
  const { file, serial, digest, repository, quorum } = policy;
  const signers = quorum.signers.map(({ name, key, groups }) => ({ name, fingerprint: fingerprintOf(key), groups }));
  return {
    met,
    policy: { file, serial, digest, repository, quorum: quorum.count, groups: quorum.groups, signers },
    subjects: verdicts.map(({ title, part, wanted, tally }) => {
      return { title, part, name: wanted.name, digest: wanted.digest, ...tallyJson(tally) };
    }),
    release:
      release === undefined
        ? null
        : {
            serial: release.release.serial,
            digest: release.release.digest,
            differences: release.differences,
            ...tallyJson(release.tally),
          },
  };
}
