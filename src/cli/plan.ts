// Owns: `ocibuild plan`: the graph, without building anything.

import { lower } from '../graph/lower.ts';
import { planDot, planJson, planText } from '../graph/print.ts';
import type { Command } from './command.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

export const command: Command = {
  name: 'plan',
  summary: 'show what would be built, in which order',
  usage: '[RECIPE… | --all]',
  flags: {
    ...RECIPE_FLAGS,
    json: { summary: 'as {"targets":[{"name","deps","steps"}]}' },
    dot: { summary: "in Graphviz's language" },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args } = context;
    const { requests, finder } = treeRequests(context, { everything: args.operands.length === 0 });
    const graph = lower(requests, finder);
    for (const { message, location } of graph.warnings) {
      const place = location === undefined ? '' : `${location.file}:${location.line}: `;
      context.stderr.write(`${place}warning: ${message}\n`);
    }
    if (args.is('json')) context.stdout.write(`${JSON.stringify(planJson(graph), undefined, 2)}\n`);
    else context.stdout.write(args.is('dot') ? planDot(graph) : planText(graph));
    return 0;
  },
};
