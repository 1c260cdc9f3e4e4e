// Owns: the script that has another builder build an exported recipe. Knows buildah's and docker's command lines.

export interface ExportedImage {
  /** Each way FROM and --from say it. */
  readonly names: readonly string[];
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

/** Where buildah looks first for a name without a registry. A digest cannot be tagged. */
function localName(name: string): string {
  const repository = name.replace(/@.*$/, '');
  return /^([^/]*[.:][^/]*|localhost)\//.test(repository) ? repository : `localhost/${repository}`;
}

/** A POSIX shell script; its one argument names the builder. */
export function exportScript(recipe: ExportedRecipe): string {
  const args = [...recipe.buildArgs].map(([name, value]) => `--build-arg ${quote(`${name}=${value}`)}`);
  const target = recipe.stage === undefined ? [] : [`--target ${quote(recipe.stage)}`];
  const common = [...args, ...target];
  const tag = recipe.name.toLowerCase();
  const loads = recipe.images.flatMap((image) => [
    `  id=$(buildah pull -q oci:images/${image.folder})`,
    ...image.names.map((name) => `  buildah tag "$id" ${quote(localName(name))}`),
  ]);
  const buildah = [
    'buildah bud --layers',
    `--timestamp ${recipe.epoch}`,
    ...common,
    `-t ${quote(tag)} -f Containerfile .`,
  ];
  const contexts = recipe.images.flatMap((image) =>
    image.names.map(
      (name) => `--build-context ${quote(`${name}=oci-layout://images/${image.folder}@${image.digest}`)}`,
    ),
  );
  const docker = ['docker buildx build', ...contexts, ...common, `-t ${quote(tag)} -f Containerfile`];
  return `#!/bin/sh
# Builds ${recipe.name} with a builder that is not ocibuild. Compare the members of the layers, not
# their diffIDs: older buildah (Debian 12 has 1.28) writes the type of a file into tar's mode field
# (040755 for 0755), which gives the same members and other diffIDs.
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
