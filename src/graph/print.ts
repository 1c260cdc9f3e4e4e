// Owns: the graph as people and programs read it, for `ocibuild plan`.

import type { Json } from '../../oci/json.ts';
import { type Graph, isLayerOp, type Op } from './op.ts';

/** Ops of each target by its name, in order: what `steps` counts. */
function opsByTarget(graph: Graph): ReadonlyMap<string, readonly Op[]> {
  const found = new Map<string, Op[]>(graph.targets.map((target) => [target.name, []]));
  for (const op of graph.ops) {
    if (isLayerOp(op) || op.kind === 'root') found.get(op.label.target)?.push(op);
  }
  return found;
}

/**
 * `{"targets":[{"name","deps":[…],"steps"}]}`; dependencies stand before what needs them. An agreement has `"agree": true`:
 * its deps must all give one image, and it has no steps of its own.
 */
export function planJson(graph: Graph): Json {
  const ops = opsByTarget(graph);
  return {
    targets: graph.targets.map((target) => ({
      name: target.name,
      deps: target.dependencies.map((index) => graph.targets[index]!.name).sort(),
      steps: ops.get(target.name)!.length,
      ...(target.members === undefined ? {} : { agree: true }),
    })),
  };
}

/** One block a target: its name and what it needs, then its steps, each with file and line. */
export function planText(graph: Graph): string {
  const ops = opsByTarget(graph);
  const blocks = graph.targets.map((target) => {
    const deps = target.dependencies.map((index) => graph.targets[index]!.name).sort();
    const verb = target.members === undefined ? 'needs' : 'is the one image of';
    const head = deps.length === 0 ? target.name : `${target.name}  ${verb} ${deps.join(', ')}`;
    const steps = ops.get(target.name)!.map((op) => {
      const { stage, text, location } = op.label;
      return `  ${stage}  ${oneLine(text)}  (${location.file}:${location.line})`;
    });
    return [head, ...steps].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}

/** Targets and their needs in Graphviz's language. */
export function planDot(graph: Graph): string {
  const lines = graph.targets.flatMap((target) => [
    `  ${JSON.stringify(target.name)};`,
    ...target.dependencies.map(
      (index) => `  ${JSON.stringify(target.name)} -> ${JSON.stringify(graph.targets[index]!.name)};`,
    ),
  ]);
  return `digraph recipes {\n${lines.join('\n')}\n}\n`;
}

/** The first line of an instruction, cut to 100 characters. */
function oneLine(text: string): string {
  const line = text.split('\n', 1)[0]!.trim();
  return line.length > 100 || line.length < text.trim().length ? `${line.slice(0, 99)}…` : line;
}
