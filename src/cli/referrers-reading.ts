// Owns: what refers to an image, read from the layout beside its own (out/NAME.referrers): statements and bills of materials.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../oci/digest.ts';
import { parseDocument } from '../../oci/document.ts';
import { IN_TOTO_MEDIA_TYPE, PROVENANCE_TYPE, type Provenance, parseStatement } from '../../oci/in-toto.ts';
import { isManifest } from '../../oci/layout/image.ts';
import { openLayout } from '../../oci/layout/layout.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { SPDX_MEDIA_TYPE } from '../../oci/spdx.ts';

const MAX_DOCUMENT = 64 << 20;

export interface Referrer {
  /** Of the artifact's manifest. */
  readonly digest: Digest;
  /** What it is about. */
  readonly subject: Digest;
  readonly artifactType: string;
  /** Its documents, as they are; undefined for what is no JSON. */
  readonly documents: readonly unknown[];
  /** One line each, for people; not fit to be shown yet. */
  readonly lines: readonly string[];
}

/**
 * The referrers of these manifests and indexes; none where no such layout is. Throws OciError for one that is damaged, which
 * no one may take for provenance that is not there.
 */
export function readReferrers(imageDirectory: string, subjects: readonly Digest[]): readonly Referrer[] {
  const directory = `${imageDirectory.replace(/\/+$/, '')}.referrers`;
  if (!existsSync(join(directory, 'oci-layout'))) return [];
  const layout = openLayout(directory);
  const found: Referrer[] = [];
  for (const descriptor of layout.readIndex()) {
    if (!isManifest(descriptor)) continue;
    const manifest = parseManifest(layout.readBytes(descriptor));
    const about = manifest.subject?.digest;
    if (about === undefined || !subjects.includes(about)) continue;
    const parts = manifest.layers.map((blob) => describe(blob.mediaType, layout.readBytes(blob, MAX_DOCUMENT)));
    found.push({
      digest: descriptor.digest,
      subject: about,
      artifactType: manifest.artifactType ?? manifest.config.mediaType,
      documents: parts.map(({ document }) => document),
      lines: parts.flatMap(({ lines }) => lines),
    });
  }
  return found;
}

function describe(mediaType: string, bytes: Buffer): { document: unknown; lines: readonly string[] } {
  if (mediaType === IN_TOTO_MEDIA_TYPE) {
    const statement = parseStatement(bytes);
    const isProvenance = statement.predicateType === PROVENANCE_TYPE;
    const predicate = statement.predicate as unknown as Provenance;
    return { document: statement, lines: isProvenance ? provenanceLines(predicate) : [statement.predicateType] };
  }
  if (mediaType === SPDX_MEDIA_TYPE) {
    const document = parseDocument(bytes, 'SPDX document');
    const packages = Array.isArray(document['packages']) ? document['packages'].length : 0;
    return {
      document,
      lines: [`${String(document['spdxVersion'])} ${String(document['name'])}, ${packages} packages`],
    };
  }
  if (!/[/+]json$/.test(mediaType)) return { document: undefined, lines: [`${mediaType}, ${bytes.length} bytes`] };
  return { document: parseDocument(bytes, mediaType), lines: [`${mediaType}, ${bytes.length} bytes`] };
}

function provenanceLines({ buildDefinition, runDetails }: Provenance): readonly string[] {
  const { buildType, externalParameters, internalParameters, resolvedDependencies = [] } = buildDefinition;
  const { id, version } = runDetails.builder;
  const versions = Object.entries(version ?? {}).map(([name, text]) => `${name} ${text}`);
  const open = internalParameters?.['openSteps'];
  const lines = [
    `${buildType} ${JSON.stringify(externalParameters)}`,
    `builder ${[id, ...versions].join(', ')}`,
    `${resolvedDependencies.length} resolved dependencies`,
  ];
  if (Array.isArray(open)) lines.push(`${open.length} steps that are not sealed off`);
  return lines;
}
