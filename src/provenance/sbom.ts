// Owns: what the bill of materials of an image says: SPDX 2.3, made from package.toml down the whole graph. The packages are
// the images and the files they are made from; files inside images are not listed. Nothing in it depends on the machine.
//
// SBOM_VERSION stands in the creator's name.

import { digestOf, hexOf } from '../../oci/digest.ts';
import { native } from '../../oci/profile.ts';
import {
  DOCUMENT_ID,
  type ExtractedLicense,
  licenseField,
  NO_ASSERTION,
  type SpdxDocument,
  type SpdxPackage,
  type SpdxRelationship,
  spdxDocument,
  spdxId,
} from '../../oci/spdx.ts';
import { type ClosureNode, type DistributionPackage, type ImageUse, type PinnedSource, uniqueBy } from './closure.ts';
import { type Made, SBOM_VERSION } from './made.ts';

/** The document about one image. Reads lock files; throws BuildError RECIPE. */
export function sbomOf({ nodes, index, images, version }: Made): SpdxDocument {
  const { target } = nodes.get(index)!;
  const packages = new Map<string, SpdxPackage>();
  const extracted = new Map<string, ExtractedLicense>();
  const relationships: SpdxRelationship[] = [
    { spdxElementId: DOCUMENT_ID, relationshipType: 'DESCRIBES', relatedSpdxElement: imageId(nodes.get(index)!) },
  ];
  const licensed = (text: string): string => {
    const field = licenseField(text);
    if (field.extracted !== undefined) extracted.set(field.expression, field.extracted);
    return field.expression;
  };
  for (const node of nodes.values()) {
    const id = imageId(node);
    packages.set(id, imagePackage(node, images, licensed));
    for (const [input, use] of node.inputs) relationships.push(relationOf(id, imageId(nodes.get(input)!), use));
    const sources = node.sources();
    for (const source of sources) {
      const isOnly = sources.length === 1 && source.package === undefined;
      const other = sourcePackage(source, isOnly ? (node.target.recipe?.license ?? '') : '', licensed);
      packages.set(other.SPDXID, other);
      const relationshipType = source.package === undefined ? 'GENERATED_FROM' : 'CONTAINS';
      relationships.push({ spdxElementId: id, relationshipType, relatedSpdxElement: other.SPDXID });
    }
    for (const { manifest } of node.foreign) {
      const other = foreignPackage(hexOf(manifest));
      packages.set(other.SPDXID, other);
      relationships.push(relationOf(id, other.SPDXID, 'build'));
    }
  }
  return spdxDocument({
    name: target.name,
    creationInfo: {
      created: native.time(target.policy.epoch),
      creators: [`Tool: ocibuild-${version}-sbom-${SBOM_VERSION}`],
    },
    packages: uniqueBy(packages.values(), ({ SPDXID }) => SPDXID),
    relationships: uniqueBy(
      relationships,
      (one) => `${one.spdxElementId} ${one.relationshipType} ${one.relatedSpdxElement}`,
    ),
    ...(extracted.size === 0
      ? {}
      : { hasExtractedLicensingInfos: uniqueBy(extracted.values(), ({ licenseId }) => licenseId) }),
  });
}

/** Names differ in characters that identifiers do not have: then a piece of the name's digest tells them apart. */
function imageId({ target: { name } }: ClosureNode): string {
  return /^[A-Za-z0-9.-]+\/[A-Za-z0-9.-]+$/.test(name)
    ? spdxId('image', name)
    : spdxId('image', name, hexOf(digestOf(name)).slice(0, 8));
}

function relationOf(reader: string, read: string, use: ImageUse): SpdxRelationship {
  if (use === 'base') return { spdxElementId: reader, relationshipType: 'DESCENDANT_OF', relatedSpdxElement: read };
  if (use === 'same') return { spdxElementId: reader, relationshipType: 'COPY_OF', relatedSpdxElement: read };
  if (use === 'content') return { spdxElementId: reader, relationshipType: 'CONTAINS', relatedSpdxElement: read };
  return { spdxElementId: read, relationshipType: 'BUILD_DEPENDENCY_OF', relatedSpdxElement: reader };
}

type Licensed = (text: string) => string;

const UNSAID = { filesAnalyzed: false, licenseConcluded: NO_ASSERTION, copyrightText: NO_ASSERTION } as const;

function checksum(hex: string): NonNullable<SpdxPackage['checksums']> {
  return [{ algorithm: 'SHA256', checksumValue: hex }];
}

/** The image as a package; its checksum is the manifest's digest. */
function imagePackage(node: ClosureNode, images: Made['images'], licensed: Licensed): SpdxPackage {
  const { target } = node;
  const { recipe } = target;
  const isRoot = recipe?.root !== undefined;
  const website = recipe?.website ?? '';
  return {
    SPDXID: imageId(node),
    name: target.name,
    ...(recipe === undefined || recipe.version === '' ? {} : { versionInfo: recipe.version }),
    downloadLocation: NO_ASSERTION,
    ...(/^https?:\S+$/.test(website) ? { homepage: website } : {}),
    checksums: checksum(hexOf(images.get(node.index)!.manifestDigest)),
    licenseDeclared: licensed(recipe?.license ?? ''),
    ...(recipe === undefined || recipe.description === '' ? {} : { summary: recipe.description }),
    primaryPackagePurpose: isRoot ? 'OPERATING_SYSTEM' : 'CONTAINER',
    ...UNSAID,
  };
}

/**
 * A pinned file. What a recipe's only source holds is under the recipe's licence; with several nobody said which has
 * which, and of a distribution's packages nobody said anything.
 */
function sourcePackage(source: PinnedSource, license: string, licensed: Licensed): SpdxPackage {
  const { file, version, digest, locations } = source;
  const hex = hexOf(digest);
  const url = locations.find((location) => /^https?:\S+$/.test(location));
  return {
    SPDXID: spdxId('source', hex, file),
    name: source.package?.name ?? source.name ?? file,
    ...(version === '' ? {} : { versionInfo: version }),
    packageFileName: file,
    downloadLocation: url ?? NO_ASSERTION,
    checksums: checksum(hex),
    ...(locations.length === 0 ? {} : { sourceInfo: `declared locations: ${locations.join(' ')}` }),
    licenseDeclared: licensed(license),
    primaryPackagePurpose: source.package === undefined ? 'SOURCE' : 'INSTALL',
    ...(source.package === undefined ? {} : { externalRefs: [packageUrl(source.package)] }),
    ...UNSAID,
  };
}

const PURL_TYPES = { 'debian-root': 'deb/debian', 'alpine-root': 'apk/alpine' } as const;

function packageUrl({ distribution, name, version, architecture }: DistributionPackage) {
  const [type, encoded] = [PURL_TYPES[distribution], encodeURIComponent(version)];
  return {
    referenceCategory: 'PACKAGE-MANAGER',
    referenceType: 'purl',
    referenceLocator: `pkg:${type}/${encodeURIComponent(name)}@${encoded}?arch=${architecture}`,
  } as const;
}

function foreignPackage(hex: string): SpdxPackage {
  return {
    SPDXID: spdxId('foreign', hex),
    name: `image sha256:${hex}`,
    downloadLocation: NO_ASSERTION,
    checksums: checksum(hex),
    licenseDeclared: NO_ASSERTION,
    primaryPackagePurpose: 'CONTAINER',
    ...UNSAID,
  };
}
