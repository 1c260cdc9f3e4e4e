import { expect, test } from 'vitest';
import { digestOf } from '../../oci/digest.ts';
import { encodeManifest, parseManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPE } from '../../oci/media-type.ts';
import { native } from '../../oci/profile.ts';
import { artifactManifest, EMPTY_BYTES, EMPTY_CONFIG } from '../../oci/referrers.ts';

const SUBJECT = {
  mediaType: MEDIA_TYPE.manifest,
  digest: digestOf('image'),
  size: 5,
  platform: { os: 'linux', architecture: 'amd64' },
  annotations: { a: 'b' },
};
const BLOB = { mediaType: 'application/spdx+json', digest: digestOf('{}\n'), size: 3 };

test('an artifact is a manifest with a type, an empty config, and a bare descriptor as its subject', () => {
  const manifest = artifactManifest(SUBJECT, BLOB);
  expect(manifest).toEqual({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: 'application/spdx+json',
    config: EMPTY_CONFIG,
    layers: [BLOB],
    subject: { mediaType: MEDIA_TYPE.manifest, digest: SUBJECT.digest, size: 5 },
  });
  expect(parseManifest(encodeManifest(manifest, native))).toEqual(manifest);
});

test('the empty config is the one of image-spec', () => {
  expect(EMPTY_BYTES.toString()).toBe('{}');
  expect(EMPTY_CONFIG.digest).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
});
