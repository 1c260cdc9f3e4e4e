import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../../oci/digest.ts';
import { parseStatement, type ResourceDescriptor } from '../../../oci/in-toto.ts';
import { parseManifest } from '../../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../../oci/media-type.ts';
import { native } from '../../../oci/profile.ts';
import type { SpdxDocument } from '../../../oci/spdx.ts';
import { recipeDigest, treeDigest } from '../../../src/digests/recipe-digest.ts';
import { inputsDigest, sourcesOfAll } from '../../../src/provenance/made.ts';
import { makeReferrers, type Referrers } from '../../../src/provenance/referrers.ts';
import { sbomOf } from '../../../src/provenance/sbom.ts';
import { statementOf } from '../../../src/provenance/statement.ts';
import { openTree } from '../../../src/recipe/tree.ts';
import { spdxFaults } from '../../oci/spdx-schema.ts';
import { FILES, madeIn, makeTree } from './fixture.ts';

const ROOT = join(import.meta.dirname, '../../..');
const { tree, remove } = makeTree();
afterAll(remove);

const statement = (name: string) => statementOf(madeIn(tree, [name]));
const sbom = (name: string) => sbomOf(madeIn(tree, [name]));
const definition = (name: string) =>
  statement(name).predicate['buildDefinition'] as unknown as {
    externalParameters: unknown;
    internalParameters: { openSteps: readonly unknown[] };
    resolvedDependencies: readonly ResourceDescriptor[];
  };
const dependencies = (name: string, kind: string) =>
  definition(name).resolvedDependencies.filter(({ annotations }) => annotations?.['kind'] === kind);
const manifest = (name: string) => ({ sha256: hexOf(digestOf(`manifest ${name}`)) });

describe('provenance', () => {
  test('is about the manifest', () => {
    expect(statement('recipes/app').subject).toEqual([{ name: 'recipes/app', digest: manifest('recipes/app') }]);
  });
  test('says what was asked for', () => {
    expect(definition('recipes/app').externalParameters).toEqual({
      recipe: 'recipes/app',
      platform: 'linux/amd64',
      stage: 'package',
      epoch: 0,
      ownership: 'root',
    });
  });
  test('names every recipe below, with its own digest', () => {
    const names = ['recipes/app', 'recipes/base', 'recipes/data', 'recipes/tool'];
    expect(dependencies('recipes/app', 'recipe').map(({ name, digest }) => [name, digest])).toEqual(
      names.map((name) => [name, { sha256: hexOf(recipeDigest(tree.recipe(name))) }]),
    );
  });
  test('names every image below, and how it is used', () => {
    const images = dependencies('recipes/app', 'image').map(({ name, digest, annotations }) => {
      expect(digest).toEqual(manifest(name!));
      expect(annotations).toMatchObject({ index: digestOf(`index ${name}`), platform: 'linux/amd64' });
      return [name, annotations!['use']];
    });
    expect(images).toEqual([
      ['recipes/base', 'base'],
      ['recipes/data', 'content'],
      ['recipes/tool', 'build'],
    ]);
    expect(dependencies('recipes/user', 'image').map(({ name, annotations }) => [name, annotations!['use']])).toEqual([
      ['recipes/agreed', 'base'],
      ['recipes/agreed from recipes/base', undefined],
      ['recipes/agreed from recipes/tool', undefined],
      ['recipes/base', undefined],
      ['recipes/tool', undefined],
    ]);
  });
  test('names every pinned file, its digest and where it is said to lie', () => {
    const rows = dependencies('recipes/app', 'source').map(({ name, digest, annotations }) => [
      annotations!['recipe'],
      name,
      digest!['sha256']!.slice(0, 1),
      annotations!['locations'],
    ]);
    expect(rows).toEqual([
      ['recipes/app', 'one.txt', '3', []],
      ['recipes/app', 'two.txt', '4', ['two.txt']],
      [
        'recipes/base',
        'base-1.2.tar.gz',
        '1',
        [
          'debian:pool/main/b/base/base-1.2.tar.gz',
          'https://example.org/base-1.2.tar.gz',
          'https://example.net/base-1.2.tar.gz',
        ],
      ],
      ['recipes/tool', 'remote.txt', '2', ['https://example.org/remote.txt']],
    ]);
  });
  test('names every step that was let out, and no other', () => {
    const step = { recipe: 'recipes/app', stage: 'build', file: 'recipes/app/Containerfile' };
    expect(definition('recipes/app').internalParameters.openSteps).toEqual([
      { ...step, line: 3, instruction: 'RUN --network=default wget x', network: 'default', mounts: [] },
      {
        ...step,
        line: 4,
        instruction: expect.stringMatching(/^RUN --mount=type=secret.* make$/),
        network: 'none',
        mounts: ['cache', 'secret'],
      },
    ]);
    expect(definition('recipes/tool').internalParameters.openSteps).toEqual([]);
  });
  test('of an agreement: its recipe once, every build of it', () => {
    expect(dependencies('recipes/agreed', 'recipe').map(({ name }) => name)).toEqual([
      'recipes/agreed',
      'recipes/base',
      'recipes/tool',
    ]);
    const builds = dependencies('recipes/agreed', 'image').filter(({ annotations }) => annotations!['use'] === 'same');
    expect(builds.map(({ name, digest }) => [name, digest])).toEqual([
      ['recipes/agreed from recipes/base', manifest('recipes/agreed')],
      ['recipes/agreed from recipes/tool', manifest('recipes/agreed')],
    ]);
  });
  test('a release lists each source of a recipe once', () => {
    const all = sourcesOfAll([madeIn(tree, ['recipes/app']), madeIn(tree, ['recipes/tool'])]);
    expect(all.map(({ recipe, file }) => `${recipe} ${file}`)).toEqual([
      'recipes/app one.txt',
      'recipes/app two.txt',
      'recipes/base base-1.2.tar.gz',
      'recipes/tool remote.txt',
    ]);
  });
});

describe('the bill of materials', () => {
  const relations = (document: SpdxDocument) =>
    document.relationships.map((one) =>
      `${one.spdxElementId} ${one.relationshipType} ${one.relatedSpdxElement}`.replaceAll(
        /SPDXRef-|-[0-9a-f]{64}/g,
        '',
      ),
    );
  test('every image and file, and what they are to one another', () => {
    expect(relations(sbom('recipes/app'))).toEqual([
      'DOCUMENT DESCRIBES image-recipes-app',
      'image-recipes-app CONTAINS image-recipes-data',
      'image-recipes-app DESCENDANT_OF image-recipes-base',
      'image-recipes-app GENERATED_FROM source-one.txt',
      'image-recipes-app GENERATED_FROM source-two.txt',
      'image-recipes-base GENERATED_FROM source-base-1.2.tar.gz',
      'image-recipes-tool BUILD_DEPENDENCY_OF image-recipes-app',
      'image-recipes-tool DESCENDANT_OF image-recipes-base',
      'image-recipes-tool GENERATED_FROM source-remote.txt',
    ]);
    expect(relations(sbom('recipes/agreed')).filter((line) => line.includes(' COPY_OF '))).toHaveLength(2);
  });
  test('licences: as declared, by reference where they are no expression, none where nobody said', () => {
    const licences = new Map(sbom('recipes/app').packages.map((one) => [one.name, one.licenseDeclared]));
    expect(licences.get('recipes/app')).toBe('GPL-2.0-only WITH Linux-syscall-note');
    expect(licences.get('recipes/tool')).toMatch(/^LicenseRef-/);
    expect(licences.get('recipes/data')).toBe('NOASSERTION');
    // One source: the recipe's licence is its licence. Two: nobody said which has which.
    expect(licences.get('base')).toBe('MIT');
    expect(licences.get('one')).toBe('NOASSERTION');
  });
  test('a download location is a URL or nothing; every declared place is told', () => {
    const source = sbom('recipes/base').packages.find(({ name }) => name === 'base')!;
    expect(source.downloadLocation).toBe('https://example.org/base-1.2.tar.gz');
    expect(source.sourceInfo).toContain('debian:pool/main/b/base/base-1.2.tar.gz');
    expect(sbom('recipes/app').packages.find(({ name }) => name === 'two')!.downloadLocation).toBe('NOASSERTION');
  });
  test('the time is the epoch of the recipe', () => {
    const files = { ...FILES, 'ocibuild.toml': '[tree]\nepoch = 86400\n' };
    const other = makeTree(files);
    try {
      expect(sbomOf(madeIn(other.tree, ['recipes/app'])).creationInfo.created).toBe('1970-01-02T00:00:00Z');
    } finally {
      other.remove();
    }
  });
  test('names that identifiers cannot hold stay apart', () => {
    const text = 'FROM recipes/a_b\nCOPY --from=recipes/a-b /x /\n';
    const other = makeTree({
      'recipes/a_b/Containerfile': 'FROM scratch\nCOPY Containerfile /\n',
      'recipes/a-b/Containerfile': 'FROM scratch\nCOPY Containerfile /x\n',
      'recipes/c/Containerfile': text,
    });
    try {
      const ids = sbomOf(madeIn(other.tree, ['recipes/c'])).packages.map(({ SPDXID }) => SPDXID);
      expect(new Set(ids).size).toBe(3);
    } finally {
      other.remove();
    }
  });
  test.each(tree.names())('%s keeps to the schema', (name) => {
    expect(spdxFaults(JSON.parse(native.encodeJson(sbom(name) as never).toString()))).toEqual([]);
  });
});

describe("this tree's own recipes", () => {
  const own = openTree(ROOT);
  test('there are some', () => expect(own.names().length).toBeGreaterThan(2));
  test.each(own.names())('%s: both documents are sound', (name) => {
    const made = madeIn(own, [name], ROOT);
    expect(spdxFaults(JSON.parse(native.encodeJson(sbomOf(made) as never).toString()))).toEqual([]);
    const { subject } = parseStatement(native.encodeJson(statementOf(made) as never));
    expect(subject).toMatchObject([{ name }]);
  });
});

describe('the artifacts', () => {
  const made = madeIn(tree, ['recipes/app']);
  const referrers = makeReferrers(made);
  test.each(['provenance', 'sbom'] as const)('%s refers to the manifest', (kind) => {
    const descriptor = referrers[kind];
    const artifact = parseManifest(referrers.blobs.get(descriptor.digest)!);
    const subject = { mediaType: MEDIA_TYPE.manifest, digest: digestOf('manifest recipes/app'), size: 400 };
    expect(artifact).toMatchObject({ subject, artifactType: descriptor.artifactType });
    const document = referrers.blobs.get(artifact.layers[0]!.digest)!;
    expect(document.length).toBe(artifact.layers[0]!.size);
    expect(artifact.layers[0]!.mediaType).toBe(descriptor.artifactType);
  });
});

describe('the same bytes', () => {
  const bytes = ({ provenance, sbom: bill }: Referrers): readonly string[] => [provenance.digest, bill.digest];
  const want = bytes(makeReferrers(madeIn(tree, ['recipes/app'])));

  test('whatever else is built with it, in whichever order', () => {
    const names = ['recipes/app', 'recipes/agreed', 'recipes/tool', 'recipes/data', 'recipes/user'];
    expect(bytes(makeReferrers(madeIn(tree, names)))).toEqual(want);
    expect(bytes(makeReferrers(madeIn(tree, ['recipes/app', ...names.slice(1).reverse()])))).toEqual(want);
  });
  test('wherever the tree lies, wherever it is looked at from, whatever its umask', () => {
    const other = makeTree();
    try {
      chmodSync(join(other.tree.directory, 'recipes/app/Containerfile'), 0o600);
      expect(bytes(makeReferrers(madeIn(other.tree, ['recipes/app'], tmpdir())))).toEqual(want);
      expect(bytes(makeReferrers(madeIn(other.tree, ['recipes/app'], '/')))).toEqual(want);
    } finally {
      other.remove();
    }
  });
  test('hold no path, host or time of this machine', () => {
    const text = Buffer.concat([...makeReferrers(madeIn(tree, ['recipes/app'])).blobs.values()]).toString();
    expect(text).not.toContain(tree.directory);
    expect(text).not.toContain(tmpdir());
    expect(text).not.toMatch(new RegExp(`${new Date().getFullYear()}-\\d\\d-`));
  });
});

describe('what decides whether they are written anew', () => {
  const changes: readonly (readonly [string, string, string])[] = [
    ['a file of the recipe', 'recipes/app/two.txt', 'two\n'],
    ['a file of what it is made from', 'recipes/tool/patch', 'patched again\n'],
    ['a licence', 'recipes/base/package.toml', FILES['recipes/base/package.toml']!.replace('MIT', 'ISC')],
    ['the tree', 'ocibuild.toml', '[tree]\nownership = "keep"\n'],
  ];
  const before = inputsDigest(madeIn(tree, ['recipes/app']));
  test.each(changes)('%s', (_, path, text) => {
    const other = makeTree({ ...FILES, [path]: text });
    try {
      expect(inputsDigest(madeIn(other.tree, ['recipes/app']))).not.toBe(before);
    } finally {
      other.remove();
    }
  });
  test('an image, and the builder', () => {
    const made = madeIn(tree, ['recipes/app']);
    const images = new Map(
      [...made.images].map(([at, image]) => [at, { ...image, manifestDigest: digestOf('other') }]),
    );
    expect(inputsDigest({ ...made, images })).not.toBe(before);
    expect(inputsDigest({ ...made, version: '0.0.1' })).not.toBe(before);
  });
  test('not a recipe it does not need, nor the place of the tree', () => {
    const other = makeTree({ ...FILES, 'recipes/more/Containerfile': 'FROM scratch\n' });
    const moved = `${other.tree.directory}-moved`;
    renameSync(other.tree.directory, moved);
    try {
      expect(inputsDigest(madeIn(openTree(moved), ['recipes/app']))).toBe(before);
    } finally {
      renameSync(moved, other.tree.directory);
      other.remove();
    }
  });
});

/** Digests of what the fixture gives: a change of one is a change of format. */
function goldenText(): string {
  const documents = ['recipes/app', 'recipes/user'].flatMap((name) => {
    const referrers = makeReferrers(madeIn(tree, [name]));
    return (['provenance', 'sbom'] as const).flatMap((kind) => {
      const { digest } = referrers[kind];
      const [document] = parseManifest(referrers.blobs.get(digest)!).layers;
      return [`${document!.digest} ${kind} of ${name}`, `${digest} manifest of the ${kind} of ${name}`];
    });
  });
  const digests = [
    `${recipeDigest(tree.recipe('recipes/app'))} recipe digest of recipes/app`,
    `${treeDigest(tree)} tree digest`,
  ];
  const head =
    '# What provenance, bill of materials and recipe digests of fixture.ts come to. Written by scripts/update-golden.sh.';
  return `${[head, ...documents, ...digests].join('\n')}\n`;
}

test('the formats are those of golden.txt', () => {
  const file = join(import.meta.dirname, 'golden.txt');
  if (process.env['OCIBUILD_UPDATE_GOLDEN'] === '1') writeFileSync(file, goldenText());
  expect(goldenText()).toBe(readFileSync(file, 'utf8'));
});
