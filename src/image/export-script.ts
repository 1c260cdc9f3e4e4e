// Owns: the script that has another builder build an exported recipe. Knows buildah's and docker's command lines.

export interface ExportedImage {
  /** As FROM and --from say it. */
  readonly name: string;
  /** Below `images/`. */
  readonly folder: string;
  /** Image index. */
  readonly digest: string;
}

export interface ExportedRecipe {
  readonly name: string;
  readonly stage: string | undefined;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly images: readonly ExportedImage[];
}

function quote(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A POSIX shell script; its one argument names the builder. */
export function exportScript(recipe: ExportedRecipe): string {
  const args = [...recipe.buildArgs].map(([name, value]) => `--build-arg ${quote(`${name}=${value}`)}`);
  const target = recipe.stage === undefined ? [] : [`--target ${quote(recipe.stage)}`];
  const common = [...args, ...target];
  const tag = recipe.name.toLowerCase();
  const loads = recipe.images.flatMap((image) => [
    `  id=$(buildah pull -q oci:images/${image.folder})`,
    `  buildah tag "$id" localhost/${quote(image.name)}`,
  ]);
  const buildah = [
    'buildah bud --layers',
    `--timestamp ${recipe.epoch}`,
    ...common,
    `-t ${quote(tag)} -f Containerfile .`,
  ];
  const contexts = recipe.images.map(
    (image) => `--build-context ${quote(`${image.name}=oci-layout://images/${image.folder}@${image.digest}`)}`,
  );
  const docker = ['docker buildx build', ...contexts, ...common, `-t ${quote(tag)} -f Containerfile`];
  return `#!/bin/sh
# Builds ${recipe.name} with a builder that is not ocibuild. What to compare is the members of the
# layers: buildah writes file types into tar's mode field, which is enough for other diffIDs.
#   sh build.sh buildah     buildah of any age that knows --timestamp
#   sh build.sh docker      docker with buildx; writes image.tar
set -eu
cd "$(dirname "$0")"
case "\${1:-buildah}" in
buildah)
${[...loads, `  ${buildah.join(' \\\n    ')}`].join('\n')}
  ;;
docker)
  SOURCE_DATE_EPOCH=${recipe.epoch} ${docker.join(' \\\n    ')} \\
    --output type=oci,dest=image.tar,rewrite-timestamp=true .
  ;;
*)
  echo "unknown builder: $1" >&2
  exit 2
  ;;
esac
`;
}
