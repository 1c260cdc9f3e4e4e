// Owns: what recipes were before: the digests the tree expects, the images under out/, what the store holds. Reads them,
// changes nothing.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compareWhole } from '../../oci/diff/diff.ts';
import { findingText } from '../../oci/diff/render-text.ts';
import { layoutSubject } from '../../oci/diff/subject.ts';
import { OciError } from '../../oci/errors.ts';
import { resolveImage } from '../../oci/layout/image.ts';
import { openLayout } from '../../oci/layout/layout.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { native } from '../../oci/profile.ts';
import { createFinder, recipeRequest } from '../build/requests.ts';
import type { OpenServices } from '../build/services.ts';
import { type DigestList, digestListPath, expectedOf } from '../digests/digest-list.ts';
import { BuildError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import { createAssembler } from '../image/assemble.ts';
import { fillLayout } from '../image/output.ts';
import { placeNameOf, showPath } from '../recipe/recipe.ts';
import type { Tree } from '../recipe/types.ts';
import { ReadOnlyStore } from '../snapshot/read-only.ts';
import { openSnapshotStore } from '../snapshot/store.ts';
import { NeedsWork } from '../solver/services.ts';
import { solve } from '../solver/solve.ts';
import { describeBuild } from './describe-build.ts';
import { locate } from './locate.ts';
import { type Earlier, earlierDifference } from './reproduce.ts';
import type { Trace, TracedTarget } from './trace.ts';
import type { Difference } from './verdict.ts';

export interface EarlierOptions {
  readonly tree: Tree;
  /** As `--platform` has it. */
  readonly platform: string;
  readonly cwd: string;
  readonly digests: DigestList | undefined;
  /** The caller's store, opened read-only; undefined where there is none. */
  readonly services: OpenServices | undefined;
  /** Absolute; where `run` puts images. */
  readonly out: string;
  /** An empty folder may be made here, and goes again. */
  readonly scratch: string;
}

type Recalled = Pick<Trace, 'ops' | 'targets'>;

/** Gives what an image was before, the expected digest first. */
export function findEarlier(options: EarlierOptions): (image: TracedTarget) => Promise<readonly Earlier[]> {
  return async (image) => {
    // One of the builds of an agreement has no name that anybody could have built before; what they agree on has.
    if (!options.tree.has(image.name)) return [];
    const recalled = await recall(options, image.name);
    const local = written(options, image, recalled);
    return [...expected(options, image), ...(local.length > 0 ? local : stored(options, image, recalled))];
  };
}

function expected({ digests, tree }: EarlierOptions, { name, platform }: TracedTarget): Earlier[] {
  const line = expectedOf(digests, name, platform);
  if (line === undefined) return [];
  const file = showPath(digestListPath(tree));
  return [{ label: file, manifest: line.digest, location: { file, line: line.line } }];
}

/** The image under out/; where the store still has the steps behind it, they are compared, otherwise its layers. */
function written(options: EarlierOptions, image: TracedTarget, recalled: Recalled | undefined): Earlier[] {
  const directory = join(options.out, placeNameOf(options.tree.recipe(image.name)));
  if (!existsSync(join(directory, 'index.json'))) return [];
  const label = showPath(directory);
  let found: ReturnType<typeof resolveImage>;
  try {
    found = resolveImage(openLayout(directory), parsePlatform(image.platform));
  } catch (error) {
    // An image of another platform is no earlier one of this.
    if (error instanceof OciError && error.code === 'PLATFORM_INVALID') return [];
    throw error;
  }
  const { descriptor, manifest, config } = found;
  const target = { diffIds: config.rootfs.diff_ids, config: manifest.config.digest };
  const own = recalled?.targets.find(({ name }) => name === image.name);
  const explain =
    own?.manifest === descriptor.digest
      ? explainSteps(options, label, recalled!, image.name)
      : explainLayers(options, label, directory, image);
  return [{ label, manifest: descriptor.digest, target, explain }];
}

function stored(options: EarlierOptions, image: TracedTarget, recalled: Recalled | undefined): Earlier[] {
  const own = recalled?.targets.find(({ name }) => name === image.name);
  if (own === undefined) return [];
  const label = 'the store';
  return [{ label, manifest: own.manifest, target: own, explain: explainSteps(options, label, recalled!, image.name) }];
}

/** What the caller's store holds of a recipe as it is now; undefined unless all of it is there. */
async function recall({ tree, platform, cwd, services }: EarlierOptions, name: string): Promise<Recalled | undefined> {
  if (services === undefined) return undefined;
  const options = { platform: parsePlatform(platform), cwd };
  try {
    const graph = lower([recipeRequest(tree.recipe(name), options)], createFinder(tree, options));
    const { layout, snapshots } = services;
    const watch = (): void => {};
    const assemble = createAssembler({ graph, layout, snapshots, profile: native, isReadOnly: true, watch });
    return describeBuild(graph, await solve(graph, { ...services, watch }, assemble), layout);
  } catch (error) {
    services.signal.throwIfAborted();
    const isAbsence = error instanceof NeedsWork || error instanceof ReadOnlyStore;
    if (isAbsence || error instanceof BuildError || error instanceof OciError) return undefined;
    throw error;
  }
}

function explainSteps(
  { services }: EarlierOptions,
  label: string,
  recalled: Recalled,
  name: string,
): Earlier['explain'] {
  return async (fresh, store): Promise<Difference> => {
    const snapshots = openSnapshotStore(store, { driver: 'copy', skeleton: join(store, 'skeleton'), readOnly: true });
    const before = { trace: recalled, snapshots: services!.snapshots, idOffset: 0 };
    return earlierDifference(label, locate(before, { trace: fresh, snapshots, idOffset: 0 }, name));
  };
}

const MAX_FINDINGS = 20;

function explainLayers(
  { scratch }: EarlierOptions,
  label: string,
  directory: string,
  image: TracedTarget,
): Earlier['explain'] {
  return async (_fresh, store): Promise<Difference> => {
    const copy = mkdtempSync(join(scratch, 'image-'));
    try {
      fillLayout(
        openLayout(join(store, 'layout')),
        { indexDigest: image.index, manifestDigest: image.manifest },
        join(copy, 'new'),
      );
      const { findings, leftOut } = await compareWhole(
        layoutSubject(label, directory),
        layoutSubject('the new image', join(copy, 'new')),
        { maxFindings: MAX_FINDINGS },
      );
      const details = findings.flatMap((finding) => findingText(finding).trimEnd().split('\n'));
      const more = leftOut === 0 ? [] : [`and ${leftOut} more`];
      return earlierDifference(label, { type: 'image', details: [...details, ...more] });
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  };
}
